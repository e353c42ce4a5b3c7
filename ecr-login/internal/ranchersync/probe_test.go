package ranchersync_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"ecr-credential-helper/ecr-login/internal/ranchersync"
	"ecr-credential-helper/ecr-login/token"
)

// publicRegistry answers as public.ecr.aws does: no password at /v2/, only at
// the token service that its challenge names.
type publicRegistry struct {
	challenge string
	status    int // of the token service
	asked     []string
}

func (p *publicRegistry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	user, password, _ := r.BasicAuth()
	p.asked = append(p.asked, strings.TrimSpace(r.Host+r.URL.RequestURI()+" "+user+" "+password))
	switch {
	case r.URL.Path == "/v2/" && user != "":
		w.WriteHeader(http.StatusBadRequest)
	case r.URL.Path == "/v2/":
		w.Header().Set("WWW-Authenticate", p.challenge)
		w.WriteHeader(http.StatusUnauthorized)
	default:
		w.WriteHeader(p.status)
	}
}

func TestThePublicRegistryIsTriedWhereItTakesPasswords(t *testing.T) {
	t.Parallel()
	const good = `Bearer realm="https://public.ecr.aws/token/",service="public.ecr.aws",scope="aws"`
	for name, tt := range map[string]struct {
		challenge string
		status    int
		says      string // empty: the token is good
		refused   bool
	}{
		"a good token":             {good, 200, "", false},
		"a bad token":              {good, 401, "the registry refuses the token: public.ecr.aws answers 401", true},
		"a broken service":         {good, 500, "could not be tried: it answers 500", false},
		"a service elsewhere":      {`Bearer realm="https://evil.example.com/token",service="x"`, 200, "does not say where it takes passwords", false},
		"a service without TLS":    {`Bearer realm="http://public.ecr.aws/token/",service="x"`, 200, "does not say where", false},
		"a service with a user":    {`Bearer realm="https://a@public.ecr.aws/token/"`, 200, "does not say where", false},
		"a challenge of no use":    {`Basic realm="https://public.ecr.aws/token/"`, 200, "does not say where", false},
		"no challenge":             {"", 200, "does not say where", false},
		"a challenge that is junk": {`Bearer realm="%zz,,=`, 200, "does not say where", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			public := &publicRegistry{challenge: tt.challenge, status: tt.status}
			srv := httptest.NewTLSServer(public)
			defer srv.Close()
			transport := &http.Transport{
				TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // the name in the certificate is another
				DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
					return (&net.Dialer{}).DialContext(ctx, network, srv.Listener.Addr().String())
				},
			}
			defer transport.CloseIdleConnections()
			prober := ranchersync.HTTPProber{Client: &http.Client{Transport: transport}}
			err := prober.Probe(t.Context(), "public.ecr.aws", "AWS", token.NewPassword("the-token"))
			switch {
			case tt.says == "" && err != nil, tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says)):
				t.Errorf("it says %v", err)
			case errors.Is(err, ranchersync.ErrTokenRefused) != tt.refused:
				t.Errorf("is it refused? %v", err)
			}
			want := []string{"public.ecr.aws/v2/"}
			if tt.challenge == good {
				want = append(want, "public.ecr.aws/token/?service=public.ecr.aws AWS the-token")
			}
			if !slices.Equal(public.asked, want) {
				t.Errorf("asked %q", public.asked)
			}
		})
	}
}
