package ranchertest

import (
	"io"
	"net/http"
	"slices"
	"time"
)

// Cut says when a connection is cut.
type Cut int

// A connection is cut before the request has any effect, or after it took
// effect and before the client learns of it: what the client sees is the same.
const (
	NoCut Cut = iota
	BeforeEffect
	AfterEffect
)

// Fault is something that goes wrong with matching requests. Its zero value
// does nothing to the very next request.
type Fault struct {
	// Match selects requests; every request when nil. It sees method, path,
	// query and key, but neither status nor effect.
	Match func(Request) bool
	// Skip lets so many matching requests pass first.
	Skip int
	// Times is how many matching requests are hit: 0 means one, a negative
	// number all from there on.
	Times int

	// Cut cuts the connection.
	Cut Cut
	// Delay holds the answer back, until the client goes away.
	Delay time.Duration
	// Status, when set, replaces the answer, with Header and Body. The request
	// has no effect then.
	Status int
	Header http.Header
	Body   []byte
	// Rewrite changes the body of the true answer.
	Rewrite func(status int, body []byte) (int, []byte)
	// Before runs just before the request is dealt with; it may call the
	// Server's methods.
	Before func()
}

// Inject adds a fault. Of several that match, the first one added applies.
func (s *Server) Inject(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.Times == 0 {
		f.Times = 1
	}
	s.faults = append(s.faults, &f)
}

// Heal drops all faults.
func (s *Server) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// fault finds what is to go wrong with a request, and counts it.
func (s *Server) fault(r Request) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults {
		if f.Match != nil && !f.Match(r) {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			continue
		}
		if f.Times == 0 {
			continue
		}
		if f.Times > 0 {
			f.Times--
		}
		return *f
	}
	return Fault{}
}

// serve answers one request, with whatever is to go wrong with it.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		return
	}
	record := newRequest(r, body)
	f := s.fault(record)
	if f.Before != nil {
		f.Before()
	}
	s.mu.Lock()
	latency := s.opts.Latency + f.Delay
	s.mu.Unlock()
	if !wait(r, latency) {
		return
	}

	var a answer
	s.mu.Lock()
	if f.Cut != BeforeEffect && f.Status == 0 {
		a = s.handle(r, body)
	}
	record.Changed, record.Status, record.Cut = a.changed, a.status, f.Cut != NoCut
	if f.Status != 0 {
		a.status, a.header, a.body = f.Status, f.Header, f.Body
		record.Status = f.Status
	}
	s.log = append(s.log, record)
	s.mu.Unlock()

	if f.Cut != NoCut {
		cut(w)
		return
	}
	if f.Rewrite != nil {
		a.status, a.body = f.Rewrite(a.status, a.body)
	}
	for name, values := range a.header {
		w.Header()[name] = slices.Clone(values)
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body)
}

// wait holds a request up. It reports false when the client went away.
func wait(r *http.Request, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

// cut closes the connection without an answer.
func cut(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // HTTP/2 has no connection to take over
	}
	_ = conn.Close()
}
