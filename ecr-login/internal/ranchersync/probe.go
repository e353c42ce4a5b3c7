package ranchersync

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"ecr-credential-helper/ecr-login/registry"
	"ecr-credential-helper/ecr-login/token"
)

// ErrTokenRefused is in the chain of the error when a registry refuses a token.
var ErrTokenRefused = errors.New("the registry refuses the token")

// Prober tries a token against the registry that it is for. An error that wraps
// [ErrTokenRefused] is final; any other leaves it open whether the token works.
type Prober interface {
	Probe(ctx context.Context, host, user string, password token.Password) error
}

// HTTPProber asks a registry's /v2/ over HTTPS, and the public registry's token
// service, for that is where it takes passwords
// (https://distribution.github.io/distribution/spec/auth/token/).
type HTTPProber struct {
	// Client makes the request; its timeout and proxy are the caller's choice.
	Client *http.Client
}

const probeTimeout = 15 * time.Second

// Probe sends one request, or two to the public registry. Redirects are not
// followed, so that the token goes nowhere else.
func (p HTTPProber) Probe(ctx context.Context, host, user string, password token.Password) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	address := "https://" + host + "/v2/"
	if r, err := registry.Parse(host); err == nil && r.Service == registry.Public {
		status, challenge, err := p.get(ctx, host, address, nil)
		if err != nil {
			return err
		}
		if status != http.StatusUnauthorized {
			return odd(host, status)
		}
		service, ok := tokenService(challenge, host)
		if !ok {
			return fmt.Errorf("the registry %s could not be tried: it does not say where it takes passwords", host)
		}
		address = service
	}
	status, _, err := p.get(ctx, host, address, func(r *http.Request) { r.SetBasicAuth(user, password.Reveal()) })
	if err != nil {
		return err
	}
	switch status {
	case http.StatusOK:
		return nil
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Errorf("%w: %s answers %d", ErrTokenRefused, host, status)
	default:
		return odd(host, status)
	}
}

func odd(host string, status int) error {
	return fmt.Errorf("the registry %s could not be tried: it answers %d", host, status)
}

// get sends a request and returns the answer's status, and how it wants to be
// asked instead.
func (p HTTPProber) get(ctx context.Context, host, address string, prepare func(*http.Request)) (status int, challenge string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return 0, "", fmt.Errorf("the registry %s cannot be asked: %w", host, err)
	}
	if prepare != nil {
		prepare(req)
	}
	client := *p.Client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Do(req)
	if err != nil {
		return 0, "", fmt.Errorf("the registry %s could not be tried: %w", host, err)
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	return resp.StatusCode, resp.Header.Get("WWW-Authenticate"), nil
}

// tokenService reads a challenge such as
// Bearer realm="https://public.ecr.aws/token/",service="public.ecr.aws"
// and returns the URL to ask. A service on another host is not asked.
func tokenService(challenge, host string) (string, bool) {
	parameters, bearer := strings.CutPrefix(challenge, "Bearer ")
	values := map[string]string{}
	for parameter := range strings.SplitSeq(parameters, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(parameter), "=")
		values[name] = strings.Trim(value, `"`)
	}
	u, err := url.Parse(values["realm"])
	if !bearer || err != nil || u.Scheme != "https" || !strings.EqualFold(u.Host, host) || u.User != nil {
		return "", false
	}
	query := u.Query()
	query.Set("service", values["service"])
	u.RawQuery = query.Encode()
	return u.String(), true
}
