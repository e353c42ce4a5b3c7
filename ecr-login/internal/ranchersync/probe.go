package ranchersync

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"ecr-credential-helper/ecr-login/token"
)

// ErrTokenRefused is in the chain of the error when a registry refuses a token.
var ErrTokenRefused = errors.New("the registry refuses the token")

// Prober tries a token against the registry that it is for. An error that wraps
// [ErrTokenRefused] is final; any other leaves it open whether the token works.
type Prober interface {
	Probe(ctx context.Context, host, user string, password token.Password) error
}

// HTTPProber asks a registry's /v2/ over HTTPS.
type HTTPProber struct {
	// Client makes the request; its timeout and proxy are the caller's choice.
	Client *http.Client
}

const probeTimeout = 15 * time.Second

// Probe sends one request. Redirects are not followed, so that the token goes
// nowhere else.
func (p HTTPProber) Probe(ctx context.Context, host, user string, password token.Password) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+host+"/v2/", http.NoBody)
	if err != nil {
		return fmt.Errorf("the registry %s cannot be asked: %w", host, err)
	}
	req.SetBasicAuth(user, password.Reveal())
	client := *p.Client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("the registry %s could not be tried: %w", host, err)
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	switch resp.StatusCode {
	case http.StatusOK:
		return nil
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Errorf("%w: %s answers %d", ErrTokenRefused, host, resp.StatusCode)
	default:
		return fmt.Errorf("the registry %s could not be tried: it answers %d", host, resp.StatusCode)
	}
}
