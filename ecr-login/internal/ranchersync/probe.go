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
		challenged, err := p.get(ctx, host, address, nil)
		if err != nil {
			return err
		}
		if challenged.StatusCode != http.StatusUnauthorized {
			return odd(host, challenged)
		}
		service, ok := tokenService(challenged.Header.Get("WWW-Authenticate"), host)
		if !ok {
			return fmt.Errorf("the registry %s could not be tried: it does not say where it takes passwords", host)
		}
		address = service
	}
	answer, err := p.get(ctx, host, address, func(r *http.Request) { r.SetBasicAuth(user, password.Reveal()) })
	if err != nil {
		return err
	}
	switch answer.StatusCode {
	case http.StatusOK:
		return nil
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Errorf("%w: %s answers %d", ErrTokenRefused, host, answer.StatusCode)
	default:
		return odd(host, answer)
	}
}

func odd(host string, answer *http.Response) error {
	return fmt.Errorf("the registry %s could not be tried: it answers %d", host, answer.StatusCode)
}

// get sends a request and returns the answer without its body.
func (p HTTPProber) get(ctx context.Context, host, address string, prepare func(*http.Request)) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("the registry %s cannot be asked: %w", host, err)
	}
	if prepare != nil {
		prepare(req)
	}
	client := *p.Client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("the registry %s could not be tried: %w", host, err)
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	return resp, nil
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
