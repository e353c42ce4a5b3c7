package awstest

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"
)

const tunnelDialTimeout = 5 * time.Second

// Recorder is an HTTP proxy on loopback that notes where clients want to go
// and lets nobody out. With it as HTTPS_PROXY the real endpoint name that a
// client resolves becomes visible. Clients bypass proxies for loopback
// addresses, so it sees nothing of what goes to a Server directly.
type Recorder struct {
	url string
	srv *http.Server

	mu      sync.Mutex
	hosts   []string
	tunnel  string
	forward http.Handler
	conns   map[net.Conn]bool
	closed  bool
	busy    sync.WaitGroup
}

// NewRecorder starts a proxy on a free port of 127.0.0.1 that refuses
// everything with 502.
func NewRecorder() (*Recorder, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listening for the recording proxy: %w", err)
	}
	r := &Recorder{url: "http://" + l.Addr().String(), conns: map[net.Conn]bool{}}
	r.srv = &http.Server{Handler: r, ReadHeaderTimeout: readHeaderTimeout, ErrorLog: log.New(io.Discard, "", 0)}
	r.busy.Add(1)
	go func() {
		defer r.busy.Done()
		// Serve returns only once Close has shut the listener.
		_ = r.srv.Serve(l)
	}()
	return r, nil
}

// URL is the value for HTTPS_PROXY, and for HTTP_PROXY.
func (p *Recorder) URL() string { return p.url }

// TunnelTo leads every CONNECT to addr, a host:port such as that of
// Server.StartTLS; the empty string refuses them again.
func (p *Recorder) TunnelTo(addr string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tunnel = addr
}

// ForwardTo gives plain HTTP requests (those of a client that has the recorder
// as its HTTP_PROXY) to h, for example a Server; nil refuses them again.
func (p *Recorder) ForwardTo(h http.Handler) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forward = h
}

// Hosts returns the host:port of every request so far, oldest first.
func (p *Recorder) Hosts() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.hosts...)
}

// Reset forgets the hosts seen so far.
func (p *Recorder) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hosts = nil
}

// Close stops the proxy and cuts all tunnels. It may be called more than once.
func (p *Recorder) Close() error {
	p.mu.Lock()
	p.closed = true
	var errs []error
	for c := range p.conns {
		errs = append(errs, c.Close())
	}
	p.conns = map[net.Conn]bool{}
	p.mu.Unlock()
	errs = append(errs, p.srv.Close())
	p.busy.Wait()
	return errors.Join(errs...)
}

// ServeHTTP is one request to the proxy.
func (p *Recorder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	host := r.Host
	if _, _, err := net.SplitHostPort(host); err != nil {
		host = net.JoinHostPort(host, "80")
	}
	p.mu.Lock()
	p.hosts = append(p.hosts, host)
	tunnel, forward := p.tunnel, p.forward
	p.mu.Unlock()
	switch {
	case r.Method == http.MethodConnect && tunnel != "":
		p.connect(w, tunnel)
	case r.Method != http.MethodConnect && forward != nil:
		forward.ServeHTTP(w, r)
	default:
		http.Error(w, "the recording proxy refuses all connections", http.StatusBadGateway)
	}
}

func (p *Recorder) connect(w http.ResponseWriter, addr string) {
	out, err := net.DialTimeout("tcp", addr, tunnelDialTimeout)
	if err != nil {
		http.Error(w, "the tunnel's end cannot be reached", http.StatusBadGateway)
		return
	}
	in, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		_ = out.Close()
		http.Error(w, "tunnels need HTTP/1.1", http.StatusBadGateway)
		return
	}
	if !p.hold(in, out) {
		return
	}
	// Either direction ending ends both: TLS has no use for half a tunnel, and
	// a copy error is just such an end.
	go func() {
		defer p.busy.Done()
		defer p.release(in, out)
		_, _ = io.Copy(out, buffered)
	}()
	go func() {
		defer p.busy.Done()
		defer p.release(in, out)
		if _, err := io.WriteString(in, "HTTP/1.1 200 Connection established\r\n\r\n"); err == nil {
			_, _ = io.Copy(in, out)
		}
	}()
}

// hold keeps the connections for Close and counts their two copiers in; after
// Close it shuts them instead.
func (p *Recorder) hold(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		if p.closed {
			_ = c.Close()
			continue
		}
		p.conns[c] = true
		p.busy.Add(1)
	}
	return !p.closed
}

func (p *Recorder) release(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		if p.conns[c] {
			delete(p.conns, c)
			_ = c.Close()
		}
	}
}
