// Package ociregistry is a private Amazon ECR registry on loopback: an
// in-memory OCI registry behind the Basic authentication of ECR, which opens
// only to passwords that a fake AWS has issued.
package ociregistry

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"

	"ecr-credential-helper/ecr-login/internal/awstest"
)

const (
	readHeaderTimeout = 30 * time.Second

	unauthorizedBody = `{"errors":[{"code":"UNAUTHORIZED","message":"%s"}]}` + "\n"
)

// Registry is the registry, an http.Handler. Create it with New, Start or
// StartTLS; the zero value is not usable.
type Registry struct {
	aws   *awstest.Server
	inner http.Handler

	mu     sync.Mutex
	tally  Tally
	scheme string
	addr   string
	srv    *http.Server
	served chan struct{}
}

// Tally counts requests by the outcome of their authentication.
type Tally struct {
	// Accepted carried a valid password.
	Accepted int
	// Refused carried a wrong one.
	Refused int
	// Anonymous carried none and were challenged.
	Anonymous int
}

// New returns a registry that does not listen, for example for
// awstest.Server.HandleHost with IsHost.
func New(aws *awstest.Server) *Registry {
	return Guard(aws, registry.New(registry.Logger(log.New(io.Discard, "", 0))))
}

// Guard is New with another registry behind the authentication: inner is handed
// the requests that carried a valid password, without it.
func Guard(aws *awstest.Server, inner http.Handler) *Registry {
	return &Registry{aws: aws, inner: inner}
}

// Start returns a registry that speaks plain HTTP on a free port of 127.0.0.1,
// which container clients accept for loopback.
func Start(aws *awstest.Server) (*Registry, error) {
	return New(aws).listen("http", nil)
}

// StartTLS returns a registry that speaks HTTPS on a free port of 127.0.0.1
// with a certificate of the authority of aws.
func StartTLS(aws *awstest.Server) (*Registry, error) {
	cfg, err := aws.TLSConfig()
	if err != nil {
		return nil, err
	}
	return New(aws).listen("https", cfg)
}

func (g *Registry) listen(scheme string, cfg *tls.Config) (*Registry, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listening for the registry: %w", err)
	}
	g.scheme, g.addr = scheme, l.Addr().String()
	if cfg != nil {
		l = tls.NewListener(l, cfg)
	}
	g.srv = &http.Server{Handler: g, ReadHeaderTimeout: readHeaderTimeout, ErrorLog: log.New(io.Discard, "", 0)}
	g.served = make(chan struct{})
	go func() {
		defer close(g.served)
		// Serve returns only once Close has shut the listener.
		_ = g.srv.Serve(l)
	}()
	return g, nil
}

// Host is the host:port of the registry as image names have it; empty when it
// does not listen.
func (g *Registry) Host() string { return g.addr }

// URL is the address of the registry without a trailing slash; empty when it
// does not listen.
func (g *Registry) URL() string {
	if g.addr == "" {
		return ""
	}
	return g.scheme + "://" + g.addr
}

// Close stops listening and cuts what is under way. It may be called more than
// once.
func (g *Registry) Close() error {
	if g.srv == nil {
		return nil
	}
	err := g.srv.Close()
	<-g.served
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// Tally returns the counts so far.
func (g *Registry) Tally() Tally {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.tally
}

// IsHost reports whether a host name, lower case and without port, is that of a
// private ECR registry.
func IsHost(host string) bool {
	_, ok := regionOf(host)
	return ok
}

// regionOf takes <account>.dkr.ecr[-fips].<region>.<suffix> and the dual-stack
// <account>.dkr-ecr[-fips].<region>.<suffix> apart.
func regionOf(host string) (string, bool) {
	labels := strings.Split(host, ".")
	if len(labels) < 4 || len(labels[0]) != 12 || strings.Trim(labels[0], "0123456789") != "" {
		return "", false
	}
	switch labels[1] {
	case "dkr-ecr", "dkr-ecr-fips":
		return labels[2], true
	case "dkr":
		if labels[2] == "ecr" || labels[2] == "ecr-fips" {
			return labels[3], true
		}
	}
	return "", false
}

// ServeHTTP authenticates and hands on to the registry.
func (g *Registry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
	user, password, given := r.BasicAuth()
	problem := ""
	if !given {
		problem = "authentication required"
	} else {
		problem = g.problem(r, user, password)
	}
	g.mu.Lock()
	switch {
	case problem == "":
		g.tally.Accepted++
	case given:
		g.tally.Refused++
	default:
		g.tally.Anonymous++
	}
	g.mu.Unlock()
	if problem != "" {
		refuse(w, r, problem)
		return
	}
	// What the registry behind never needs to see, it shall not see.
	r.Header.Del("Authorization")
	g.inner.ServeHTTP(w, r)
}

// problem says what is wrong with a user and password; empty when they open
// this registry. A token opens the registries of its region only.
func (g *Registry) problem(r *http.Request, user, password string) string {
	t, issued := g.aws.Issued(password)
	if user != awstest.TokenUser || !issued || t.Service != "ecr" {
		return "authentication required"
	}
	if !g.aws.Valid(user, password) {
		return "Your authorization token has expired. Reauthenticate and try again."
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if region, ok := regionOf(strings.ToLower(host)); ok && region != t.Region {
		return "authorization token is not for this region"
	}
	return ""
}

func refuse(w http.ResponseWriter, r *http.Request, message string) {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Basic realm="%s://%s/",service="ecr.amazonaws.com"`, scheme, r.Host))
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(http.StatusUnauthorized)
	// A failed write means that the client went away: there is no one to tell.
	_, _ = fmt.Fprintf(w, unauthorizedBody, message)
}
