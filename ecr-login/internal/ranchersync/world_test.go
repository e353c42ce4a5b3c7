package ranchersync_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"ecr-credential-helper/ecr-login/internal/ranchersync"
	"ecr-credential-helper/ecr-login/internal/ranchersync/cattle"
	"ecr-credential-helper/ecr-login/internal/ranchertest"
	"ecr-credential-helper/ecr-login/registry"
	"ecr-credential-helper/ecr-login/token"
)

const (
	hostA     = "111122223333.dkr.ecr.eu-west-1.amazonaws.com"
	hostB     = "444455556666.dkr.ecr.eu-west-1.amazonaws.com"
	hostC     = "111122223333.dkr.ecr.us-east-1.amazonaws.com"
	accessKey = "ENVACCESSKEY"
	secretKey = "cattle-secret-that-nobody-may-see"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// testClock is a clock that a wait moves on at once.
type testClock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *testClock { return &testClock{now: noon} }

func (c *testClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *testClock) Wait(ctx context.Context, d time.Duration) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	c.add(d)
	return nil
}

func (c *testClock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// testTokens hands out tokens of twelve hours that are as long as real ones, and
// keeps each until it lives shorter than asked for, like the cache.
type testTokens struct {
	clock *testClock

	mu       sync.Mutex
	life     time.Duration
	calls    int
	round    int
	held     map[string]ranchersync.Token
	err      error
	down     bool // AWS does not answer, and the cache gives what it has
	identity string
	own      string
	password func(host string, round int) string
	opts     ranchersync.TokenOptions // of the last call
}

func newTokens(c *testClock) *testTokens {
	return &testTokens{
		clock: c, life: 12 * time.Hour, held: map[string]ranchersync.Token{}, identity: "alice",
		password: func(host string, round int) string {
			return fmt.Sprintf("token-%d-%s-", round, host) + strings.Repeat("eyJ0b2tlbiI", 200)
		},
	}
}

func (f *testTokens) Token(_ context.Context, host string, opts ranchersync.TokenOptions) (ranchersync.Token, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	f.opts = opts
	if f.err != nil {
		return ranchersync.Token{}, f.err
	}
	now := f.clock.Now()
	tok, ok := f.held[host]
	switch {
	case ok && now.Before(tok.Issued): // of an age that nobody knows
	case ok && f.down && tok.Expires.Sub(now) >= token.LastServed:
		return tok, nil
	case ok && !opts.Refresh && tok.Expires.Sub(now) >= opts.MinLife:
		return tok, nil
	}
	if f.down {
		return ranchersync.Token{}, errors.New("AWS does not answer")
	}
	f.round++
	tok = ranchersync.Token{
		Token:    token.Token{User: "AWS", Password: token.NewPassword(f.password(host, f.round)), Issued: now, Expires: now.Add(f.life)},
		Identity: f.identity,
	}
	f.held[host] = tok
	return tok, nil
}

// slowTokens gives no token before it is released.
type slowTokens struct {
	*testTokens
	asked   chan string
	release chan struct{}
}

func (s *slowTokens) Token(ctx context.Context, host string, opts ranchersync.TokenOptions) (ranchersync.Token, error) {
	s.asked <- host
	select {
	case <-s.release:
		return s.testTokens.Token(ctx, host, opts)
	case <-ctx.Done():
		return ranchersync.Token{}, ctx.Err()
	}
}

func (f *testTokens) Own(_ context.Context, region string, _ ranchersync.TokenOptions) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.own == "" {
		return "", errors.New("no account")
	}
	return f.own + ".dkr.ecr." + region + ".amazonaws.com", nil
}

// issued is the token for a host as it stands now.
func (f *testTokens) issued(host string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.held[host].Password.Reveal()
}

func (f *testTokens) set(change func(*testTokens)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

// world is a Rancher with one environment, tokens and a clock for both.
type world struct {
	*ranchertest.Server
	t       *testing.T
	url     string
	project string
	clock   *testClock
	tokens  *testTokens
	dir     string
	log     *strings.Builder
	logMu   sync.Mutex
}

func newWorld(t *testing.T, opts ranchertest.Options) *world {
	t.Helper()
	clock := newClock()
	if opts.Now == nil {
		opts.Now = clock.Now
	}
	s := ranchertest.New(opts)
	w := &world{Server: s, t: t, clock: clock, tokens: newTokens(clock), dir: t.TempDir(), log: &strings.Builder{}}
	w.project = s.AddProject("Default")
	s.AddKey(ranchertest.Key{Access: accessKey, Secret: secretKey, Project: w.project})
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	w.url = srv.URL + opts.Prefix
	return w
}

// has adds a registry with one credential and returns their ids.
func (w *world) has(address string) (registryID, credentialID string) {
	r := w.AddRegistry(w.project, address)
	return r, w.AddCredential(r, "AWS", "old")
}

// Write makes the world a place for log lines.
func (w *world) Write(p []byte) (int, error) {
	w.logMu.Lock()
	defer w.logMu.Unlock()
	return w.log.Write(p)
}

func (w *world) logged() string {
	w.logMu.Lock()
	defer w.logMu.Unlock()
	return w.log.String()
}

func (w *world) logger() ranchersync.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// target is the world's environment, with what a test changes.
func (w *world) target(change ...func(*cattle.Config)) *cattle.Target {
	w.t.Helper()
	address, err := cattle.ParseURL(w.url)
	if err != nil {
		w.t.Fatal(err)
	}
	cfg := cattle.Config{
		Address: address, AccessKey: accessKey, SecretKey: token.NewPassword(secretKey),
		Clock: w.clock, Log: w.logger(), Chance: func() float64 { return 0 },
		RequestTimeout: 5 * time.Second, // no test waits for long, whatever it waits for
	}
	for _, c := range change {
		c(&cfg)
	}
	target, err := cattle.New(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	return target
}

func (w *world) job(change ...func(*ranchersync.Job)) ranchersync.Job {
	w.t.Helper()
	j := ranchersync.Job{Target: w.target()}
	for _, c := range change {
		c(&j)
	}
	return j
}

func (w *world) syncer() *ranchersync.Syncer {
	return ranchersync.NewSyncer(ranchersync.Syncer{
		Tokens: w.tokens, Memory: ranchersync.NewMemory(w.dir), Clock: w.clock, Log: w.logger(),
	})
}

// run is one run of a program that starts and ends.
func (w *world) run(change ...func(*ranchersync.Job)) *ranchersync.Report {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), longest)
	defer cancel()
	return w.syncer().Run(ctx, []ranchersync.Job{w.job(change...)})
}

// asked makes a job one for these registries.
func asked(hosts ...string) func(*ranchersync.Job) {
	return func(j *ranchersync.Job) {
		for _, h := range hosts {
			r, err := registry.Parse(h)
			if err != nil {
				panic(err)
			}
			j.Selection.Hosts = append(j.Selection.Hosts, r)
		}
	}
}

func creating(j *ranchersync.Job)   { j.Create = true }
func activating(j *ranchersync.Job) { j.Activate = true }
func annotated(j *ranchersync.Job)  { j.Annotate = true }
func forced(j *ranchersync.Job)     { j.Force = true }

// summary is a report in one line, such as "0 unchanged unchanged".
func summary(r *ranchersync.Report) string {
	s := fmt.Sprint(r.ExitCode)
	for _, t := range r.Targets {
		if t.Error != nil {
			s += " !" + string(t.Error.Reason)
		}
		for _, e := range t.Registries {
			s += " " + string(e.Status)
			if e.Error != nil {
				s += ":" + string(e.Error.Reason)
			}
		}
	}
	return s
}

func wantSummary(t *testing.T, r *ranchersync.Report, want string) {
	t.Helper()
	if got := summary(r); got != want {
		t.Errorf("got %q, want %q\n%s", got, want, messages(r))
	}
}

// messages are all words for people in a report.
func messages(r *ranchersync.Report) string {
	var b strings.Builder
	say := func(p *ranchersync.Problem) {
		if p != nil {
			fmt.Fprintf(&b, "error: %s\n  hint: %s\n", p.Message, p.Hint)
		}
	}
	for _, t := range r.Targets {
		say(t.Error)
		for _, e := range t.Registries {
			fmt.Fprintf(&b, "%s %s %s %s\n", e.Registry, e.CredentialID, e.Action, e.Why)
			say(e.Error)
			for _, w := range e.Warnings {
				fmt.Fprintf(&b, "warning: %s\n", w)
			}
		}
	}
	return b.String()
}

func wantMessage(t *testing.T, r *ranchersync.Report, parts ...string) {
	t.Helper()
	all := messages(r)
	for _, part := range parts {
		if !strings.Contains(all, part) {
			t.Errorf("nothing says %q in\n%s", part, all)
		}
	}
}

// wantPull checks what a host of the environment would pull with.
func (w *world) wantPull(host, password string) {
	w.t.Helper()
	got, ok := w.Pull(w.project, host)
	if !ok || got.User != "AWS" || got.Password != password {
		w.t.Errorf("a pull of %s uses %q %.40q…, want AWS and %.40q…", host, got.User, got.Password, password)
	}
}

// paths are the requests since the last Forget, such as "GET /v2-beta/registries".
func (w *world) paths() []string {
	var out []string
	for _, r := range w.Requests() {
		out = append(out, r.Method+" "+r.Path)
	}
	return out
}

// on matches requests by method and a part of their path.
func on(method, path string) func(ranchertest.Request) bool {
	return func(r ranchertest.Request) bool { return r.Method == method && strings.Contains(r.Path, path) }
}
