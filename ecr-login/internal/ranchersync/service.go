package ranchersync

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"
)

// Service tells others how a loop is doing. Hand its Observe to the loop, and
// serve its Handler.
type Service struct {
	clock   Clock
	version string
	metrics *metrics

	mu      sync.Mutex
	started time.Time
	targets []*standing // in the order of the jobs
}

// standing is how one target is doing.
type standing struct {
	name        string
	last        TargetReport
	at          time.Time // when last is from
	lastSuccess time.Time // when everything was in order; zero: never yet
	tokens      map[tokenPlace]held
}

// tokenPlace is a credential of a target.
type tokenPlace struct{ host, credential string }

// held is the token in a credential.
type held struct {
	expires time.Time
	life    time.Duration // from its issue to its end
}

// NewService returns a service for the targets of jobs, no two of which may have
// the same name.
//
// What memory knows of them counts from the start: a token may end of which
// nothing is heard because its target is not reached.
func NewService(jobs []Job, memory *Memory, clock Clock, version string) *Service {
	s := &Service{clock: clock, version: version, started: clock.Now()}
	for _, job := range jobs {
		s.targets = append(s.targets, &standing{name: job.Target.Name(), tokens: memory.tokens(job.Target.Key())})
	}
	s.metrics = newMetrics(s)
	return s
}

// standing is that of a target; nil for one that is none of the service's.
func (s *Service) standing(name string) *standing {
	for _, st := range s.targets {
		if st.name == name {
			return st
		}
	}
	return nil
}

// Observe takes in what became of a run.
func (s *Service) Observe(r *Report) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range r.Targets {
		st := s.standing(t.Name)
		if st == nil {
			continue
		}
		st.last, st.at = t, r.Finished
		if !t.Failed() {
			st.lastSuccess = r.Finished
		}
		if t.read {
			st.keep(t)
		}
		s.metrics.observe(t)
	}
}

// keep takes over which tokens a target holds. Of a target that could not be
// read, what was known before still stands.
func (st *standing) keep(t TargetReport) {
	tokens := make(map[tokenPlace]held, len(t.Registries))
	for _, e := range t.Registries {
		place := tokenPlace{e.Registry, e.CredentialID}
		if e.Expires == nil {
			// Of what failed it may not be known what is there now; what was known
			// before is what there is to go by.
			if known, ok := st.tokens[place]; ok && e.Error != nil {
				tokens[place] = known
			}
			continue
		}
		tokens[place] = held{*e.Expires, e.life}
	}
	st.tokens = tokens
}

// nearEnd reports whether a token's life is all but over: an hour before its
// end, and in proportion for one that lives for less than six.
func (h held) nearEnd(now time.Time) bool {
	return h.expires.Sub(now) < min(time.Hour, h.life/6)
}

// Health says what is wrong; nil when nothing is.
func (s *Service) Health() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.Now()
	succeeded := false
	for _, st := range s.targets {
		succeeded = succeeded || !st.lastSuccess.IsZero()
		for place, tok := range st.tokens {
			if tok.nearEnd(now) {
				if left := tok.expires.Sub(now); left > 0 {
					return errors.New("the token for " + place.host + " in " + st.name + " ends in " + brief(left))
				}
				return errors.New("the token for " + place.host + " in " + st.name + " has ended")
			}
		}
	}
	if !succeeded {
		return errors.New("no target was in order yet")
	}
	return nil
}

// Handler answers /ping (pong!, as long as the program runs), /healthz, /metrics
// and, for people, /.
func (s *Service) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ping", func(w http.ResponseWriter, _ *http.Request) { text(w, http.StatusOK, "pong!") })
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if err := s.Health(); err != nil {
			text(w, http.StatusServiceUnavailable, err.Error()+"\n")
			return
		}
		text(w, http.StatusOK, "ok\n")
	})
	mux.Handle("GET /metrics", s.metrics.handler())
	mux.HandleFunc("GET /{$}", s.page)
	return mux
}

func text(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}

// Serve answers on l until ctx ends, and then for at most a moment more, to
// finish answers under way.
func (s *Service) Serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{
		Handler:           s.Handler(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
	}
	down := make(chan struct{})
	cancel := context.AfterFunc(ctx, func() {
		defer close(down)
		moment, done := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer done()
		if server.Shutdown(moment) != nil {
			_ = server.Close()
		}
	})
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		cancel()
		return err
	}
	<-down // Serve returns as soon as the end begins
	return nil
}
