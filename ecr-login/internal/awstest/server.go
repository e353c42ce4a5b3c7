// Package awstest is a small AWS on loopback: Amazon ECR and ECR Public, STS,
// the SSO portal and its token service, sign-in, the EC2 instance metadata
// service and the container credentials endpoint, all speaking the protocols
// that the real services speak.
//
// It exists so that tests and the demo can use the real AWS SDK, unmodified,
// over a real socket. Signatures are verified against secrets that the fake
// knows, wrong requests get the error that AWS would give, every request is
// recorded, and faults can be injected per operation.
//
// Nothing here imports testing: an ordinary program may run it.
package awstest

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"time"
)

const (
	defaultAccount      = "111122223333"
	defaultPartition    = "aws"
	defaultTokenLife    = 12 * time.Hour
	defaultSessionLife  = time.Hour
	defaultPasswordSize = 2300
	maxRequestBody      = 4 << 20
	readHeaderTimeout   = 30 * time.Second
)

// Options shape a Server. The zero value is a usable AWS.
type Options struct {
	// Account owns users whose name is given without an ARN. Default
	// "111122223333".
	Account string
	// Partition is the partition of ARNs made up by the server. Default "aws".
	Partition string
	// Regions are the only regions a signature may be scoped to when the host
	// name of a request does not say which. Empty means every well-formed one.
	Regions []string
	// Now is the clock of the server. Default time.Now.
	Now func() time.Time
	// Skew is added to Now: a positive value makes the server run ahead of the
	// machine, in its Date header, its signature window and its expiry times.
	Skew time.Duration
	// TokenLife is how long ECR passwords live. Default 12 hours, as in AWS.
	TokenLife time.Duration
	// SessionLife is how long temporary credentials live when the caller does
	// not ask for a duration. Default 1 hour.
	SessionLife time.Duration
	// PasswordSize is the length in bytes of an ECR password, rounded up to a
	// multiple of four. Default 2300; AWS has been seen to issue up to 2714
	// and clients must take 4096.
	PasswordSize int
}

// Server is the fake. Create it with New or Start; the zero value is not
// usable. All methods may be called concurrently.
type Server struct {
	opts   Options
	ids    identities
	tokens tokens
	faults faults
	record recording
	sso    ssoState
	login  loginState
	meta   metadata
	roots  authority

	done chan struct{}
	busy sync.WaitGroup

	mu       sync.Mutex
	skew     time.Duration
	closed   bool
	url      string
	tlsURL   string
	servers  []*http.Server
	hosts    []hostHandler
	lifetime tokenLifetimes
}

type tokenLifetimes struct{ token, session time.Duration }

type hostHandler struct {
	match   func(host string) bool
	handler http.Handler
}

// New returns a server that does not listen: it is an http.Handler. Call Start
// or StartTLS, or both, to put it on loopback.
func New(opts Options) *Server {
	if opts.Account == "" {
		opts.Account = defaultAccount
	}
	if opts.Partition == "" {
		opts.Partition = defaultPartition
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.TokenLife == 0 {
		opts.TokenLife = defaultTokenLife
	}
	if opts.SessionLife == 0 {
		opts.SessionLife = defaultSessionLife
	}
	if opts.PasswordSize == 0 {
		opts.PasswordSize = defaultPasswordSize
	}
	return &Server{
		opts:     opts,
		skew:     opts.Skew,
		lifetime: tokenLifetimes{token: opts.TokenLife, session: opts.SessionLife},
		done:     make(chan struct{}),
	}
}

// Start returns a new server that listens for plain HTTP on 127.0.0.1.
func Start(opts Options) (*Server, error) {
	s := New(opts)
	if _, err := s.Start(); err != nil {
		return nil, err
	}
	return s, nil
}

// Start listens for plain HTTP on a free port of 127.0.0.1 and returns the
// URL, without a trailing slash.
func (s *Server) Start() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("listening for the fake AWS: %w", err)
	}
	u := "http://" + l.Addr().String()
	return u, s.serve(l, func() { s.url = u })
}

// errClosed is returned by Start and StartTLS after Close.
var errClosed = errors.New("the fake AWS is closed")

func (s *Server) serve(l net.Listener, publish func()) error {
	srv := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: readHeaderTimeout,
		ErrorLog:          log.New(io.Discard, "", 0),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errors.Join(errClosed, l.Close())
	}
	s.servers = append(s.servers, srv)
	publish()
	s.busy.Add(1)
	go func() {
		defer s.busy.Done()
		// Serve returns only once Close has shut the listener; there is no one
		// left to tell about it.
		_ = srv.Serve(l)
	}()
	return nil
}

// Close stops listening, ends every pending request, hanging ones included,
// and returns when all of them are gone. It may be called more than once.
func (s *Server) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		s.busy.Wait()
		return nil
	}
	s.closed = true
	close(s.done)
	servers := s.servers
	s.mu.Unlock()

	var errs []error
	for _, srv := range servers {
		errs = append(errs, srv.Close())
	}
	s.busy.Wait()
	return errors.Join(errs...)
}

// enter counts a request in; it reports false when the server is closed.
func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.busy.Add(1)
	return true
}

// URL is the address for plain HTTP, without a trailing slash; empty before
// Start.
func (s *Server) URL() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.url
}

// TLSURL is the address for HTTPS, without a trailing slash; empty before
// StartTLS.
func (s *Server) TLSURL() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tlsURL
}

// baseURL prefers plain HTTP: a client needs no certificate for it.
func (s *Server) baseURL() string {
	if u := s.URL(); u != "" {
		return u
	}
	return s.TLSURL()
}

// routePrefix starts the path of a URL made by Endpoint.
const routePrefix = "/_aws/"

// Endpoint returns an endpoint URL that answers only for one service (such as
// "ecr", "ecr-public" or "sts") and, unless region is empty, only to signatures
// scoped to that region. The plain URL of the server answers for everything.
func (s *Server) Endpoint(service, region string) string {
	u := s.baseURL() + routePrefix + service
	if region != "" {
		u += "/" + region
	}
	return u
}

// EnvMap returns the variables that lead an AWS SDK to this server. It names
// no region, no profile and no credentials. With only StartTLS the client also
// needs AWS_CA_BUNDLE, see WriteCA.
func (s *Server) EnvMap() map[string]string {
	u := s.baseURL()
	env := map[string]string{
		"AWS_ENDPOINT_URL":                  u,
		"AWS_EC2_METADATA_SERVICE_ENDPOINT": u,
	}
	for _, service := range []string{"ECR", "ECR_PUBLIC", "STS", "SSO", "SSO_OIDC", "SIGNIN"} {
		env["AWS_ENDPOINT_URL_"+service] = u
	}
	return env
}

// Env is EnvMap in the form of os.Environ, sorted.
func (s *Server) Env() []string {
	m := s.EnvMap()
	env := make([]string, 0, len(m))
	for k, v := range m {
		env = append(env, k+"="+v)
	}
	sort.Strings(env)
	return env
}

// WriteCA writes the certificate of the authority behind StartTLS into dir and
// returns the file's path, which suits AWS_CA_BUNDLE and SSL_CERT_FILE.
func (s *Server) WriteCA(dir string) (string, error) {
	b, err := s.CAPEM()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "awstest-ca.pem")
	if err := os.WriteFile(path, b, 0o644); err != nil {
		return "", fmt.Errorf("writing the CA certificate: %w", err)
	}
	return path, nil
}

// HandleHost gives every request whose host name (lower case, without port)
// satisfies match to h, so that one listener can play registries beside the
// AWS API. Such requests are not recorded.
func (s *Server) HandleHost(match func(host string) bool, h http.Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hosts = append(s.hosts, hostHandler{match: match, handler: h})
}

func (s *Server) handlerFor(host string) http.Handler {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range s.hosts {
		if h.match(host) {
			return h.handler
		}
	}
	return nil
}

// Now is the time by the server's clock, skew included.
func (s *Server) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.opts.Now().Add(s.skew)
}

// SetSkew changes Options.Skew.
func (s *Server) SetSkew(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.skew = d
}

// SetTokenLife changes Options.TokenLife for passwords issued from now on.
func (s *Server) SetTokenLife(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lifetime.token = d
}

// SetSessionLife changes Options.SessionLife for credentials issued from now on.
func (s *Server) SetSessionLife(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lifetime.session = d
}

func (s *Server) lifetimes() tokenLifetimes {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lifetime
}

// hostName strips the port and lowers the case.
func hostName(hostport string) string {
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		hostport = h
	}
	return strings.ToLower(strings.Trim(hostport, "[]"))
}
