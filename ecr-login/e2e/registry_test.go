//go:build linux

package e2e_test

import (
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"

	"ecr-credential-helper/ecr-login/internal/awstest"
)

// toBackend hands requests on to the real registry. It is told the name that
// the client used, for its answers lead there.
func (w *world) toBackend() (http.Handler, error) {
	pool, err := w.aws.CertPool()
	if err != nil {
		return nil, err
	}
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "https", Host: backend})
			r.Out.Host = r.In.Host
			r.SetXForwarded()
		},
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}},
		ErrorLog:  log.New(io.Discard, "", 0),
	}, nil
}

// publicRegistry is public.ecr.aws: everybody may pull, with a bearer token,
// which is to be had without a password or for one that ECR Public has issued.
type publicRegistry struct {
	aws   *awstest.Server
	inner http.Handler

	mu     sync.Mutex
	tokens map[string]bool // whether a password was given for it
	tally  publicTally
}

// publicTally counts what was opened by tokens of both kinds.
type publicTally struct{ known, anonymous int }

func (p *publicRegistry) counts() publicTally {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tally
}

func (p *publicRegistry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.TrimSuffix(r.URL.Path, "/") == "/token" {
		p.token(w, r)
		return
	}
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	p.mu.Lock()
	known, issued := p.tokens[token]
	switch {
	case issued && known:
		p.tally.known++
	case issued:
		p.tally.anonymous++
	}
	p.mu.Unlock()
	if !issued {
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="https://%s/token/",service="%[1]s",scope="aws"`, public))
		http.Error(w, `{"errors":[{"code":"UNAUTHORIZED"}]}`, http.StatusUnauthorized)
		return
	}
	r.Header.Del("Authorization")
	p.inner.ServeHTTP(w, r)
}

func (p *publicRegistry) token(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		http.Error(w, "", http.StatusNotFound)
		return
	}
	user, password, given := r.BasicAuth()
	if given {
		t, _ := p.aws.Issued(password)
		if t.Service != "ecr-public" || !p.aws.Valid(user, password) {
			http.Error(w, `{"errors":[{"code":"DENIED"}]}`, http.StatusUnauthorized)
			return
		}
	}
	token := rand.Text()
	p.mu.Lock()
	if p.tokens == nil {
		p.tokens = map[string]bool{}
	}
	p.tokens[token] = given
	p.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{"token": token}) // a client that is gone has lost interest
}

// visitors remembers requests for the sake of whoever has to explain a failure.
type visitors struct {
	mu    sync.Mutex
	lines []string
}

func (v *visitors) watch(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kind, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		host, path, agent := r.Host, r.URL.Path, r.UserAgent()
		rec := &statusRecorder{ResponseWriter: w}
		h.ServeHTTP(rec, r)
		v.mu.Lock()
		defer v.mu.Unlock()
		v.lines = append(v.lines, fmt.Sprintf("%d %s %s%s auth=%q %s", rec.status, r.Method, host, path, kind, agent))
	})
}

func (v *visitors) last(n int) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return strings.Join(v.lines[max(0, len(v.lines)-n):], "\n")
}

type statusRecorder struct {
	http.ResponseWriter
	status int
}

func (r *statusRecorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

func (r *statusRecorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
