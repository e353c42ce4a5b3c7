package ranchersync_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"ecr-credential-helper/ecr-login/internal/ranchersync"
	"ecr-credential-helper/ecr-login/internal/ranchersync/cattle"
	"ecr-credential-helper/ecr-login/internal/ranchertest"
)

// serving is a service for the world, and the address it answers at.
func (w *world) serving(jobs ...ranchersync.Job) (*ranchersync.Service, string) {
	w.t.Helper()
	if len(jobs) == 0 {
		jobs = []ranchersync.Job{w.job()}
	}
	s := ranchersync.NewService(jobs, ranchersync.NewMemory(w.dir), w.clock, "1.2.3")
	srv := httptest.NewServer(s.Handler())
	w.t.Cleanup(srv.Close)
	return s, srv.URL
}

func fetch(t *testing.T, method, url string) (int, string, http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body), resp.Header
}

func TestHealthFollowsWhatIsTrue(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	w.has(hostA)
	service, url := w.serving()
	health := func(want int, says string) {
		t.Helper()
		code, body, _ := fetch(t, "GET", url+"/healthz")
		if code != want || !strings.Contains(body, says) {
			t.Errorf("healthz: %d %q, want %d %q", code, body, want, says)
		}
	}
	health(503, "no target was in order yet")
	w.DropKey(accessKey)
	service.Observe(w.run())
	health(503, "no target was in order yet")

	w.AddKey(ranchertest.Key{Access: accessKey, Secret: secretKey, Project: w.project})
	service.Observe(w.run())
	health(200, "ok")

	w.DropKey(accessKey)
	w.clock.add(8 * time.Hour)
	service.Observe(w.run())
	health(200, "ok") // for the token still lives
	w.clock.add(3*time.Hour + time.Minute)
	health(503, "the token for "+hostA+" in "+w.target().Name()+" ends in 59m")
	w.clock.add(2 * time.Hour)
	health(503, "has ended")

	w.AddKey(ranchertest.Key{Access: accessKey, Secret: secretKey, Project: w.project})
	service.Observe(w.run())
	health(200, "ok")
}

func TestHealthGoesByTheTokenThatIsReallyThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	_, c := w.has(hostA)
	service, _ := w.serving()
	service.Observe(w.run())
	w.clock.add(7 * time.Hour)
	w.Inject(ranchertest.Fault{Match: on("PUT", c), Status: 422})
	service.Observe(w.run()) // a new token, which Rancher does not take
	if err := service.Health(); err != nil {
		t.Errorf("with five hours left: %v", err)
	}
	w.clock.add(4*time.Hour + time.Minute)
	if err := service.Health(); err == nil {
		t.Error("healthy with less than an hour left")
	}
	// A registry that is gone says nothing any more.
	w.has(hostB)
	w.SetState("1sp2", "removed")
	service.Observe(w.run())
	if err := service.Health(); err != nil {
		t.Errorf("without the registry: %v", err)
	}
}

func TestHealthKnowsAfterARestartHowLongTokensLive(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	w.has(hostA)
	w.run()
	w.clock.add(11*time.Hour + 5*time.Minute)
	w.tokens.set(func(f *testTokens) { clear(f.held); f.err = errors.New("no credentials") })
	service, _ := w.serving()
	service.Observe(w.run()) // by a new program, which has only the memory
	if err := service.Health(); err == nil || !strings.Contains(err.Error(), "ends in 55m") {
		t.Errorf("with 55 minutes left of twelve hours: %v", err)
	}
}

func TestHealthKnowsAfterARestartOfTargetsThatAreNotReached(t *testing.T) {
	t.Parallel()
	w, other := newWorld(t, ranchertest.Options{}), newWorld(t, ranchertest.Options{})
	w.has(hostA)
	other.has(hostB)
	w.run()
	other.dir = w.dir
	other.run()
	w.clock.add(11*time.Hour + 30*time.Minute)
	other.DropKey(accessKey)
	jobs := []ranchersync.Job{w.job(), other.job()}
	service, url := w.serving(jobs...) // of a new program
	service.Observe(w.syncer().Run(t.Context(), jobs))
	if err := service.Health(); err == nil || !strings.Contains(err.Error(), "the token for "+hostB+" in "+other.target().Name()+" ends in 30m") {
		t.Errorf("health: %v", err)
	}
	if _, metrics, _ := fetch(t, "GET", url+"/metrics"); !strings.Contains(metrics, `registry="`+hostB+`"`) {
		t.Error("no metric of the token that is about to end")
	}
}

func TestTheStatusPageNamesTheWorst(t *testing.T) {
	t.Parallel()
	w, broken := newWorld(t, ranchertest.Options{}), newWorld(t, ranchertest.Options{})
	w.has(hostA)
	jobs := []ranchersync.Job{w.job(), broken.job()}
	service, url := w.serving(jobs...)
	service.Observe(w.syncer().Run(t.Context(), jobs))
	if _, page, _ := fetch(t, "GET", url+"/"); !strings.Contains(page, `<span class="bad">1 of 2 targets not in order</span>`) {
		t.Errorf("%s", page)
	}
}

func TestShortTokensAreNotCalledEndedFromTheStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	w.tokens.life = 30 * time.Minute
	w.has(hostA)
	service, _ := w.serving()
	service.Observe(w.run())
	if err := service.Health(); err != nil {
		t.Error(err)
	}
	w.clock.add(28 * time.Minute)
	if service.Health() == nil {
		t.Error("healthy with two minutes left of thirty")
	}
}

func TestTheServiceAnswersAsItsPredecessorsDid(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	_, url := w.serving()
	tests := []struct {
		method, path string
		code         int
		body         string
	}{
		{"GET", "/ping", 200, "pong!"},
		{"HEAD", "/ping", 200, ""},
		{"POST", "/ping", 405, "Method Not Allowed\n"},
		{"GET", "/nothing", 404, "404 page not found\n"},
		{"GET", "/debug/pprof/", 404, "404 page not found\n"},
		{"POST", "/metrics", 405, "Method Not Allowed\n"},
	}
	for _, tt := range tests {
		if code, body, _ := fetch(t, tt.method, url+tt.path); code != tt.code || body != tt.body {
			t.Errorf("%s %s: %d %q", tt.method, tt.path, code, body)
		}
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	w.has(hostA)
	w.has("https://" + hostB)
	service, url := w.serving()
	name := w.target().Name()
	metrics := func() string {
		t.Helper()
		code, body, _ := fetch(t, "GET", url+"/metrics")
		if code != 200 {
			t.Fatalf("metrics: %d", code)
		}
		return body
	}
	want := func(lines ...string) {
		t.Helper()
		all := metrics()
		for _, line := range lines {
			line = strings.ReplaceAll(line, "T", `target="`+name+`"`)
			if !strings.Contains(all, "ecr_login_rancher_sync_"+line+"\n") {
				t.Errorf("no %q in\n%s", line, grep(all, "ecr_login"))
			}
		}
	}
	want(`last_success_timestamp_seconds{T} 0`, `last_run_timestamp_seconds{T} 0`, `healthy 0`, `build_info{version="1.2.3"} 1`)
	service.Observe(w.run())
	want(`last_run_timestamp_seconds{T} 1.7723664e+09`, `runs_total{result="failed",T} 1`, `pushes_total{T} 2`,
		`failures_total{reason="unverified",T} 1`, `run_duration_seconds_count{T} 1`,
		`token_expiry_timestamp_seconds{credential="1c7",registry="`+hostA+`",T} 1.7724096e+09`)
	w.SetState("1sp3", "removed")
	service.Observe(w.run())
	want(`last_success_timestamp_seconds{T} 1.7723664e+09`, `runs_total{result="ok",T} 1`, `pushes_total{T} 2`, `healthy 1`)
	if all := metrics(); strings.Contains(all, hostB) {
		t.Error("a registry that is gone is still counted")
	} else if !strings.Contains(all, "go_goroutines") {
		t.Error("nothing about the process itself")
	}
}

func grep(text, word string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if strings.Contains(line, word) && !strings.HasPrefix(line, "#") {
			b.WriteString(line)
		}
	}
	return b.String()
}

func TestTheStatusPageIsForPeople(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	w.has(hostA)
	r, _ := w.has("https://" + hostB)
	w.SetField(r, "serverAddress", "https://"+hostB+"/<script>alert(1)</script>")
	broken := w.job(func(j *ranchersync.Job) {
		j.Target = w.target(func(c *cattle.Config) { c.Project = "1a99" })
	})
	service, url := w.serving(w.job(), broken)
	if code, body, _ := fetch(t, "GET", url+"/"); code != 200 || !strings.Contains(body, "no target was in order yet") || !strings.Contains(body, "Last run never yet") {
		t.Errorf("before the first run: %d %s", code, body)
	}
	service.Observe(w.syncer().Run(t.Context(), []ranchersync.Job{w.job(), broken}))
	code, body, header := fetch(t, "GET", url+"/")
	for _, want := range []string{
		hostA, "1c7", "updated", "2026-03-02 00:00 UTC", "pulls ignore the address", "Rancher answers 403 Forbidden", "environment 1a99", "1.2.3",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %q in\n%s", want, body)
		}
	}
	if code != 200 || strings.Contains(body, "<script>") || !strings.Contains(header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("%d %v\n%s", code, header, body)
	}
}

func TestServingEndsWithItsContext(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	service, _ := w.serving()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- service.Serve(ctx, l) }()
	if code, _, _ := fetch(t, "GET", "http://"+l.Addr().String()+"/ping"); code != 200 {
		t.Errorf("ping: %d", code)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
