package ranchersync_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"ecr-credential-helper/ecr-login/internal/ranchersync"
	"ecr-credential-helper/ecr-login/internal/ranchersync/cattle"
	"ecr-credential-helper/ecr-login/internal/ranchertest"
)

func TestWhatPassesIsTriedAgainAndNothingElse(t *testing.T) {
	t.Parallel()
	for _, where := range []string{"GET /registries", "GET /registrycredentials", "PUT /registrycredentials/", "POST /registries", "POST /registrycredentials"} {
		method, path, _ := strings.Cut(where, " ")
		for status, again := range map[int]bool{
			400: false, 401: false, 403: false, 405: false, 422: false, 410: false,
			408: true, 409: true, 429: true, 500: true, 502: true, 503: true, 504: true,
		} {
			t.Run(where+" "+http.StatusText(status), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, ranchertest.Options{})
				w.has(hostA)
				hits := 0
				w.Inject(ranchertest.Fault{Times: 2, Status: status, Match: func(r ranchertest.Request) bool {
					hit := r.Method == method && strings.Contains(r.Path, path)
					if hit {
						hits++
					}
					return hit
				}})
				got := w.run(asked(hostA, hostB), creating)
				if again {
					wantSummary(t, got, "0 updated created")
					return
				}
				if got.ExitCode == 0 || got.Totals.Failed == 0 {
					t.Errorf("%s", summary(got))
				}
				if hits > 2 { // two writers may be under way at the same time
					t.Errorf("it was tried %d times", hits)
				}
			})
		}
	}
}

func TestRetryAfterIsObeyed(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		header http.Header
		least  time.Duration
		want   string
	}{
		{"in seconds", http.Header{"Retry-After": {"20"}}, 20 * time.Second, "0 updated"},
		{"as a date, by the server's clock", http.Header{
			"Retry-After": {"Sun, 01 Mar 2020 12:00:30 GMT"}, "Date": {"Sun, 01 Mar 2020 12:00:00 GMT"},
		}, 30 * time.Second, "0 updated"},
		{"too long", http.Header{"Retry-After": {"3600"}}, 0, "1 !unreachable"},
		{"nonsense", http.Header{"Retry-After": {"soon"}}, 0, "0 updated"},
		{"negative", http.Header{"Retry-After": {"-5"}}, 0, "0 updated"},
		{"too large for a number", http.Header{"Retry-After": {"99999999999999999999"}}, 0, "0 updated"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, ranchertest.Options{})
			w.has(hostA)
			w.Inject(ranchertest.Fault{Status: 429, Header: tt.header})
			wantSummary(t, w.run(), tt.want)
			if waited := w.clock.Now().Sub(noon); waited < tt.least || waited > tt.least+2*time.Second {
				t.Errorf("it waited for %s", waited)
			}
		})
	}
}

func TestWaitsGrowAndEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	w.has(hostA)
	w.Inject(ranchertest.Fault{Times: -1, Status: 503})
	got := w.run()
	wantSummary(t, got, "1 !unreachable")
	wantMessage(t, got, "Rancher answers 503 Service Unavailable (10 attempts)")
	if waited := w.clock.Now().Sub(noon); waited > time.Minute || waited < 40*time.Second {
		t.Errorf("it waited for %s", waited)
	}
	if n := len(w.Requests()); n != 10 {
		t.Errorf("%d attempts", n)
	}
}

func TestARancherThatStaysAwayIsNotWaitedForByEveryRegistry(t *testing.T) {
	t.Parallel()
	const n = 40
	has := func(w *world) []func(*ranchersync.Job) {
		for range n {
			w.has(hostA)
		}
		return nil
	}
	for name, tt := range map[string]struct {
		set   func(*world) []func(*ranchersync.Job)
		fault ranchertest.Fault
		says  string
		tries int // writes; 0: whatever
	}{
		// One attempt each is cheap, and some may succeed.
		"it answers to pushes": {has, ranchertest.Fault{Match: updates, Status: 503}, "Rancher answers 503", 3*10 + n - 3},
		"it does not":          {has, ranchertest.Fault{Match: updates, Cut: ranchertest.BeforeEffect}, "not tried any more: Rancher at ", 3*10 + 10},
		"it answers to activations": {func(w *world) []func(*ranchersync.Job) {
			for range n {
				r := w.AddRegistry(w.project, hostA)
				w.SetState(w.AddCredential(r, "AWS", "old"), "inactive")
			}
			return []func(*ranchersync.Job){activating}
		}, ranchertest.Fault{Match: on("POST", ""), Status: 503}, "Rancher answers 503", 0},
		"it answers to what is added": {func(*world) []func(*ranchersync.Job) {
			var hosts []string
			for i := range n {
				hosts = append(hosts, fmt.Sprintf("%012d.dkr.ecr.eu-west-1.amazonaws.com", i))
			}
			return []func(*ranchersync.Job){asked(hosts...), creating}
		}, ranchertest.Fault{Skip: 2, Status: 503}, "Rancher answers 503", 0},
		"it answers to credentials that are added": {func(w *world) []func(*ranchersync.Job) {
			for range n {
				w.AddRegistry(w.project, hostA)
			}
			return []func(*ranchersync.Job){asked(hostA), creating}
		}, ranchertest.Fault{Match: on("POST", ""), Status: 503}, "Rancher answers 503", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, ranchertest.Options{})
			job := tt.set(w)
			tt.fault.Times = -1
			w.Inject(tt.fault)
			s := w.syncer()
			s.Concurrency = 1
			got := s.Run(t.Context(), []ranchersync.Job{w.job(job...)})
			if got.ExitCode != 1 || got.Totals.Failed != n {
				t.Errorf("%d %+v", got.ExitCode, got.Totals)
			}
			wantMessage(t, got, tt.says)
			if waited := w.clock.Now().Sub(noon); waited > 5*time.Minute {
				t.Errorf("it waited for %s", waited)
			}
			if tries := len(w.Writes()); tt.tries != 0 && tries != tt.tries {
				t.Errorf("%d attempts, not %d", tries, tt.tries)
			}
		})
	}
}

func TestCredentialsThatCannotBeWrittenStarveNoOther(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]ranchertest.Fault{
		"broken": {Status: 500}, "forbidden": {Status: 403}, "refused": {Status: 405}, "cut": {Cut: ranchertest.BeforeEffect},
		"hanging": {Delay: time.Hour},
	} {
		for _, concurrency := range []int{1, 4} {
			t.Run(fmt.Sprintf("%s, %d at a time", name, concurrency), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, ranchertest.Options{})
				broken := map[string]bool{}
				for i := range 20 {
					if _, c := w.has(hostA); i < 10 {
						broken[c] = true
					}
				}
				fault.Times, fault.Match = -1, func(r ranchertest.Request) bool {
					return updates(r) && broken[r.Path[strings.LastIndex(r.Path, "/")+1:]]
				}
				w.Inject(fault)
				s := w.syncer()
				s.Concurrency = concurrency
				target := func(c *cattle.Config) { c.RequestTimeout, c.Patience = 20*time.Millisecond, time.Millisecond }
				got := s.Run(t.Context(), []ranchersync.Job{w.job(func(j *ranchersync.Job) { j.Target = w.target(target) })})
				if got.Totals.Updated != 10 || got.Totals.Failed != 10 {
					t.Errorf("%+v\n%s", got.Totals, messages(got))
				}
			})
		}
	}
}

func TestRancherRestartingMidRunCostsAFewRetriesOnly(t *testing.T) {
	t.Parallel()
	for _, outage := range []struct {
		name  string
		fault ranchertest.Fault
	}{
		{"connections are cut", ranchertest.Fault{Times: 6, Cut: ranchertest.BeforeEffect}},
		{"connections are cut behind the effect", ranchertest.Fault{Times: 6, Cut: ranchertest.AfterEffect}},
		{"the proxy answers", ranchertest.Fault{Times: 6, Status: 502, Header: http.Header{"Content-Type": {"text/html"}}, Body: []byte("<html>")}},
		{"answers break off", ranchertest.Fault{Times: 6, Rewrite: func(status int, body []byte) (int, []byte) { return status, body[:len(body)/2] }}},
	} {
		for skip := range 8 {
			w := newWorld(t, ranchertest.Options{})
			w.has(hostA)
			f := outage.fault
			f.Skip = skip
			w.Inject(f)
			got := w.run(asked(hostA, hostB), creating)
			if got.ExitCode != 0 {
				t.Errorf("%s from request %d on: %s\n%s", outage.name, skip+1, summary(got), messages(got))
			}
			w.wantPull(hostA, w.tokens.issued(hostA))
			w.wantPull(hostB, w.tokens.issued(hostB))
			if d := w.Dump(w.project); strings.Count(d, "registry ") != 2 || strings.Count(d, "credential ") != 2 {
				t.Errorf("%s from request %d on leaves\n%s", outage.name, skip+1, d)
			}
		}
	}
}

func TestOnlyWhatFailedIsDoneInTheNextRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	w.has(hostA)
	_, b := w.has(hostB)
	w.Inject(ranchertest.Fault{Match: on("PUT", b), Status: 422})
	wantSummary(t, w.run(), "1 updated failed:rejected")
	w.Forget()
	wantSummary(t, w.run(), "0 unchanged updated")
	if writes := w.Writes(); len(writes) != 1 || !strings.HasSuffix(writes[0].Path, b) {
		t.Errorf("wrote %+v", writes)
	}
}

func TestAPushOfUnknownEndIsNotTakenForTheOneBefore(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	_, c := w.has(hostA)
	w.run()
	first := w.tokens.issued(hostA)
	alices := w.tokens.held[hostA]
	// Somebody tries another identity. It arrives, but every answer is lost.
	w.tokens.set(func(f *testTokens) { clear(f.held); f.identity = "bob" })
	w.Inject(ranchertest.Fault{Times: -1, Match: on("PUT", c), Cut: ranchertest.AfterEffect})
	wantSummary(t, w.run(), "1 failed:unreachable")
	if w.Field(c, "secretValue") == first {
		t.Fatal("the push did not arrive")
	}
	// And goes back to the first one.
	w.Heal()
	w.tokens.set(func(f *testTokens) { f.held[hostA] = alices; f.identity = "alice" })
	wantSummary(t, w.run(), "0 updated")
	w.wantPull(hostA, first)
}

func TestAnAddressThatIsTakenMeanwhileIsAdopted(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		before func(w *world) // just before our registry would be made
		want   string
		says   string
	}{
		{"with its credential", func(w *world) { w.has(hostA) }, "0 created", ""},
		{"in capitals", func(w *world) { w.has(strings.ToUpper(hostA)) }, "0 created", ""},
		{"without a credential yet", func(w *world) {
			r := w.AddRegistry(w.project, hostA)
			w.Inject(ranchertest.Fault{Match: on("GET", "/registrycredentials"), Skip: 2, Before: func() { w.AddCredential(r, "AWS", "theirs") }})
		}, "0 created", ""},
		{"and never gets a credential", func(w *world) { w.AddRegistry(w.project, hostA) }, "0 created", ""},
		{"and is inactive", func(w *world) { r, _ := w.has(hostA); w.SetState(r, "inactive") }, "1 failed:state", "appeared meanwhile, and is inactive"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, ranchertest.Options{})
			w.Inject(ranchertest.Fault{Match: on("POST", "/registries"), Before: func() { tt.before(w) }})
			got := w.run(asked(hostA), creating)
			wantSummary(t, got, tt.want)
			wantMessage(t, got, tt.says)
			if tt.want == "0 created" {
				w.wantPull(hostA, w.tokens.issued(hostA))
				if d := w.Dump(w.project); strings.Count(d, "registry ") != 1 || strings.Count(d, "credential ") != 1 {
					t.Errorf("left\n%s", d)
				}
			}
		})
	}
}

func TestAnAddressThatIsTakenByWhatIsBeingRemoved(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{Settle: 2 * time.Second})
	var old string
	w.Inject(ranchertest.Fault{Match: on("POST", "/registries"), Before: func() {
		old, _ = w.has(hostA)
		w.SetState(old, "removing")
	}})
	// It takes a few seconds to go.
	w.Inject(ranchertest.Fault{Match: on("POST", "/registries"), Skip: 2, Before: func() { w.SetState(old, "removed") }})
	wantSummary(t, w.run(asked(hostA), creating), "0 created")
	w.wantPull(hostA, w.tokens.issued(hostA))

	stuck := newWorld(t, ranchertest.Options{})
	stuck.Inject(ranchertest.Fault{Match: on("POST", "/registries"), Before: func() {
		r, _ := stuck.has(hostA)
		stuck.SetState(r, "removing")
	}})
	got := stuck.run(asked(hostA), creating)
	wantSummary(t, got, "1 failed:state")
	wantMessage(t, got, "is being removed", "run again once it is gone")
}

func TestAnAddressThatIsTakenAndNotListedIsExplained(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	w.has(hostB)
	w.Inject(ranchertest.Fault{Times: -1, Match: on("POST", "/registries"), Status: 400, Body: []byte(`{"type":"error","status":400,"code":"ServerAddressUsed"}`)})
	got := w.run(asked(hostA), creating)
	wantSummary(t, got, "1 failed:state")
	wantMessage(t, got, "is in use, and does not list it")
}

func TestManyRunsAtOnceEndLikeOne(t *testing.T) {
	t.Parallel()
	for range 5 {
		w := newWorld(t, ranchertest.Options{})
		w.tokens.password = func(host string, _ int) string { return "token for " + host }
		w.has(hostB)
		var all sync.WaitGroup
		for range 4 {
			s := ranchersync.NewSyncer(ranchersync.Syncer{Tokens: w.tokens, Clock: newClock()}) // each with a memory of its own
			job := w.job(asked(hostA, hostB), creating, func(j *ranchersync.Job) {
				// Real waits, since it is real time that the others need.
				j.Target = w.target(func(c *cattle.Config) { c.Clock, c.Chance = ranchersync.SystemClock{}, nil })
			})
			all.Go(func() {
				if got := s.Run(t.Context(), []ranchersync.Job{job}); got.ExitCode != 0 {
					t.Errorf("%s\n%s", summary(got), messages(got))
				}
			})
		}
		all.Wait()
		w.wantPull(hostA, "token for "+hostA)
		w.wantPull(hostB, "token for "+hostB)
		if d := w.Dump(w.project); strings.Count(d, "registry ") != 2 || strings.Contains(d, `"old"`) {
			t.Errorf("left\n%s", d)
		}
	}
}

func TestACredentialMadeAtTheVerySameMomentIsGivenTheTokenToo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	r := w.AddRegistry(w.project, hostA)
	w.Inject(ranchertest.Fault{Match: on("POST", "/registrycredentials"), Before: func() { w.AddCredential(r, "AWS", "theirs") }})
	got := w.run(asked(hostA), creating)
	wantSummary(t, got, "0 created")
	wantMessage(t, got, "credential 1c7 was added by somebody else at the same moment as 1c8")
	w.wantPull(hostA, w.tokens.issued(hostA))
	wantSummary(t, w.run(creating), "0 unchanged")
}

func TestWhatIsActivatedMeanwhileIsFine(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	r, _ := w.has(hostA)
	w.SetState(r, "inactive")
	w.Inject(ranchertest.Fault{Match: on("POST", "/registries/"), Before: func() { w.SetState(r, "active") }})
	wantSummary(t, w.run(activating), "0 updated")

	w.SetState(r, "inactive")
	w.Inject(ranchertest.Fault{Match: on("POST", "/registries/"), Cut: ranchertest.AfterEffect})
	wantSummary(t, w.run(activating), "0 activated")

	w.SetState(r, "inactive")
	w.Inject(ranchertest.Fault{Match: on("POST", "/registries/"), Before: func() { w.SetState(r, "deactivating") }})
	wantSummary(t, w.run(activating), "1 failed:rejected")
}

func TestACredentialThatIsRemovedMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	_, c := w.has(hostA)
	w.Inject(ranchertest.Fault{Match: on("PUT", c), Before: func() { w.SetState(c, "removed") }})
	got := w.run()
	wantSummary(t, got, "1 failed:missing")
	wantMessage(t, got, "credential "+c+" was removed meanwhile; run again")
}

func TestTheEndOfARunLetsTheWriteUnderWayFinish(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	w.has(hostA)
	w.has(hostB)
	ctx, cancel := context.WithCancel(t.Context())
	w.Inject(ranchertest.Fault{Match: on("PUT", ""), Delay: 50 * time.Millisecond, Before: cancel})
	s := w.syncer()
	s.Concurrency = 1
	got := s.Run(ctx, []ranchersync.Job{w.job()})
	wantSummary(t, got, "1 unverified:unverified failed:interrupted")
	wantMessage(t, got, "pushed, but not read back", "not reached: context canceled", "run again")
	w.wantPull(hostA, w.tokens.issued(hostA))
	w.wantPull(hostB, "old")
}

func TestARunThatTakesTooLongSaysSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	w.has(hostA)
	w.Inject(ranchertest.Fault{Times: -1, Delay: time.Hour})
	ctx, cancel := context.WithTimeoutCause(t.Context(), 30*time.Millisecond, ranchersync.TimeoutCause(10*time.Minute))
	defer cancel()
	got := w.syncer().Run(ctx, []ranchersync.Job{w.job()})
	wantSummary(t, got, "1 !interrupted")
	wantMessage(t, got, "the run took longer than 10m")
}

func TestATargetThatHangsLeavesTimeForTheOthers(t *testing.T) {
	t.Parallel()
	hung, well := newWorld(t, ranchertest.Options{}), newWorld(t, ranchertest.Options{})
	hung.has(hostA)
	well.has(hostA)
	hung.Inject(ranchertest.Fault{Times: -1, Delay: time.Hour})
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	report := well.syncer().Run(ctx, []ranchersync.Job{hung.job(), well.job()})
	if got := report.Targets[1]; got.Failed() || len(got.Registries) != 1 || got.Registries[0].Status != ranchersync.Updated {
		t.Errorf("the healthy target: %+v", got)
	}
	if !report.Targets[0].Failed() {
		t.Error("the hanging one is in order")
	}
}

func TestARunThatIsTooSlowGoesOnWhereItEnded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	for range 6 {
		w.has(hostA)
	}
	for run, want := range []int{2, 2, 2, 0} {
		ctx, cancel := context.WithCancel(t.Context())
		w.Heal()
		w.Inject(ranchertest.Fault{Match: updates, Skip: 1, Before: cancel}) // the time is up in the second
		w.Forget()
		s := w.syncer()
		s.Concurrency = 1
		got := s.Run(ctx, []ranchersync.Job{w.job()})
		cancel()
		if n := len(w.Writes()); n != want {
			t.Errorf("run %d made %d pushes, not %d\n%s", run, n, want, messages(got))
		}
	}
	wantSummary(t, w.run(), "0 unchanged unchanged unchanged unchanged unchanged unchanged")
}
