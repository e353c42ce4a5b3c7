package ranchersync_test

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ecr-credential-helper/ecr-login/internal/ranchersync"
	"ecr-credential-helper/ecr-login/internal/ranchertest"
)

// While AWS does not answer, the cache gives the token that it has.
func TestAnOutageOfAWSIsNeitherHiddenNorPushed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	w.has(hostA)
	service, _ := w.serving()
	var last string
	runs := w.loopFor(11*time.Hour+50*time.Minute, every(6*time.Hour), func(l *ranchersync.Loop) {
		observe := l.Observe
		l.Observe = func(r *ranchersync.Report) {
			observe(r)
			service.Observe(r)
			w.tokens.set(func(f *testTokens) { f.down = true })
			last = summary(r)
			left := noon.Add(12 * time.Hour).Sub(w.clock.Now())
			if err := service.Health(); (err == nil) != (left >= time.Hour) {
				t.Errorf("with %s left: %v", left, err)
			}
			if left < 7*time.Hour {
				wantMessage(t, r, "AWS gives no newer token at the moment; this one is good until 2026-03-02 00:00 UTC")
			}
		}
	})
	if n := len(w.Writes()); n != 1 {
		t.Errorf("one token was pushed %d times", n)
	}
	if last != "4 unchanged:aws" && last != "4 failed:aws" {
		t.Errorf("the last run: %s", last)
	}
	// Tried again as soon as anything that fails.
	if len(runs) < 20 || runs[2]-runs[1] != 30*time.Second || runs[len(runs)-1]-runs[len(runs)-2] != 15*time.Minute {
		t.Errorf("runs at %v", runs)
	}
	w.tokens.set(func(f *testTokens) { f.down = false })
	service.Observe(w.run())
	if err := service.Health(); err != nil {
		t.Errorf("when AWS is back: %v", err)
	}
}

func TestWhatTheCacheHasIsPushedWhereThereIsLess(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	w.has(hostA)
	w.run()
	w.clock.add(8 * time.Hour)
	w.tokens.set(func(f *testTokens) { f.down = true })
	_, c := w.has(hostB)
	w.tokens.set(func(f *testTokens) { f.held[hostB] = f.held[hostA] })
	got := w.run(asked(hostB))
	wantSummary(t, got, "0 updated")
	wantMessage(t, got, c, "warning: AWS gives no newer token at the moment; this one is good until 2026-03-02 00:00 UTC")
	// And replaced as soon as can be.
	w.loopFor(9*time.Hour, every(6*time.Hour), func(l *ranchersync.Loop) {
		l.Jobs = []ranchersync.Job{w.job(asked(hostB), forced)}
		l.Observe = func(*ranchersync.Report) {
			if now := w.clock.Now().Sub(noon); now > 8*time.Hour && now != 8*time.Hour+30*time.Second {
				t.Errorf("the next run at %s", now)
			}
			w.tokens.set(func(f *testTokens) { f.down = false })
		}
	})
	w.wantPull(hostB, w.tokens.issued(hostB))
}

func TestALongerTokenIsNotReplacedByAShorterOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	w.has(hostA)
	w.run(annotated) // here, at noon
	here, hereTokens := w.dir, w.tokens
	w.clock.add(6 * time.Hour)
	w.dir, w.tokens = t.TempDir(), newTokens(w.clock)
	w.tokens.round = 10                                   // other tokens than ours
	wantSummary(t, w.run(annotated, forced), "0 updated") // elsewhere, with a token until six
	theirs := w.tokens.issued(hostA)

	w.clock.add(2 * time.Hour)
	w.dir, w.tokens = here, hereTokens
	w.tokens.set(func(f *testTokens) { f.down = true })
	wantSummary(t, w.run(annotated), "0 unchanged") // ours ends at midnight
	w.clock.add(200 * time.Minute)
	got := w.run(annotated) // and theirs is not good for long any more either
	wantSummary(t, got, "4 failed:aws")
	wantMessage(t, got, "AWS gives no newer token at the moment; this one is good until 2026-03-02 06:00 UTC")
	w.wantPull(hostA, theirs)
}

func TestWhoeverIsNotSureFearsTheEarlierEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	w.has(hostA)
	w.run() // until midnight
	w.tokens.set(func(f *testTokens) { clear(f.held); f.identity, f.life = "bob", 7*time.Hour+30*time.Minute })
	w.Inject(ranchertest.Fault{Match: updates, Cut: ranchertest.AfterEffect})
	w.Inject(ranchertest.Fault{Match: updates, Times: -1, Status: 422})
	for range 2 {
		got := w.run()
		if e := got.Targets[0].Registries[0].Expires; e == nil || !e.Equal(noon.Add(7*time.Hour+30*time.Minute)) {
			t.Errorf("it says that the token ends at %v\n%s", e, messages(got))
		}
	}
}

func TestTokensThatAreBornShortAreNoOutage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	w.tokens.life = time.Hour
	w.has(hostA)
	runs := w.loopFor(3*time.Hour, every(6*time.Hour), func(l *ranchersync.Loop) {
		observe := l.Observe
		l.Observe = func(r *ranchersync.Report) {
			observe(r)
			if r.ExitCode != 0 || strings.Contains(messages(r), "no newer token") {
				t.Errorf("%s\n%s", summary(r), messages(r))
			}
		}
	})
	if len(runs) > 8 {
		t.Errorf("runs at %v", runs)
	}
}

func TestAnActivationDoesNotHideAnOutage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	_, c := w.has(hostA)
	w.run()
	w.clock.add(8 * time.Hour)
	w.tokens.set(func(f *testTokens) { f.down = true })
	w.SetState(c, "inactive")
	got := w.run(activating)
	wantSummary(t, got, "0 activated")
	wantMessage(t, got, "warning: AWS gives no newer token at the moment; this one is good until 2026-03-02 00:00 UTC")
}

func TestWhatIsLeftAloneIsNoMatterOfHealth(t *testing.T) {
	t.Parallel()
	w, other := newWorld(t, ranchertest.Options{}), newWorld(t, ranchertest.Options{})
	r, _ := w.has(hostA)
	other.has(hostB)
	other.tokens, other.clock, other.dir = w.tokens, w.clock, w.dir
	jobs := []ranchersync.Job{w.job(), other.job()}
	_, more := other.has(hostC)
	wantSummary(t, w.syncer().Run(t.Context(), jobs), "0 updated updated updated")
	service, _ := w.serving(jobs...)
	service.Observe(w.syncer().Run(t.Context(), jobs))
	w.SetState(r, "inactive")
	other.SetState(more, "inactive")
	w.clock.add(10 * time.Hour)
	service.Observe(w.syncer().Run(t.Context(), jobs))
	w.clock.add(time.Hour + 30*time.Minute)
	if err := service.Health(); err != nil {
		t.Errorf("half an hour before the end: %v", err)
	}
	for range 2 { // the second time after a restart, when it has ended
		service, _ := w.serving(jobs...)
		service.Observe(w.syncer().Run(t.Context(), jobs))
		if err := service.Health(); err != nil {
			t.Errorf("%v", err)
		}
		w.clock.add(10 * time.Hour)
	}
}

// hangingTokens gives no token for one host.
type hangingTokens struct {
	*testTokens
	host  string
	asked chan struct{}
}

func (h *hangingTokens) Token(ctx context.Context, host string, opts ranchersync.TokenOptions) (ranchersync.Token, error) {
	if host != h.host {
		return h.testTokens.Token(ctx, host, opts)
	}
	close(h.asked)
	<-ctx.Done()
	return ranchersync.Token{}, ctx.Err()
}

// While one target waits for AWS, another gets its tokens, and a new one when it
// is time for that.
func TestATargetThatWaitsForItsTokenHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	w, hanging := newWorld(t, ranchertest.Options{}), newWorld(t, ranchertest.Options{})
	w.has(hostA)
	hanging.has(hostB)
	tokens := &hangingTokens{testTokens: w.tokens, host: hostB, asked: make(chan struct{})}
	s := ranchersync.NewSyncer(ranchersync.Syncer{
		Tokens: tokens, Memory: ranchersync.NewMemory(w.dir), Clock: w.clock, Concurrency: 1,
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan *ranchersync.Report, 1)
	go func() { ended <- s.Run(ctx, []ranchersync.Job{hanging.job()}) }()
	await(t, tokens.asked)
	for _, want := range []string{"0 updated", "0 updated", "4 failed:aws", "0 updated"} {
		w.tokens.set(func(f *testTokens) {
			f.err = nil
			if want != "0 updated" {
				f.err = errors.New("AccessDenied")
			}
		})
		wantSummary(t, s.Run(t.Context(), []ranchersync.Job{w.job()}), want)
		w.clock.add(8 * time.Hour)
	}
	// Its end is nobody else's: who waits for the same token asks for it himself.
	other := make(chan *ranchersync.Report, 1)
	both := newWorld(t, ranchertest.Options{})
	both.has(hostB)
	go func() { other <- s.Run(t.Context(), []ranchersync.Job{both.job()}) }()
	for deadline := time.Now().Add(longest); len(both.Requests()) < 2 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	tokens.host = "" // only read again after the end
	cancel()
	wantSummary(t, await(t, ended), "1 failed:interrupted")
	wantSummary(t, await(t, other), "0 updated")
}

func TestHealthGoesByALifeOfAnyLength(t *testing.T) {
	t.Parallel()
	for life, most := range map[time.Duration]time.Duration{
		24 * time.Hour: time.Hour, 12 * time.Hour: time.Hour, 6 * time.Hour: time.Hour,
		3 * time.Hour: 30 * time.Minute, 30 * time.Minute: 5 * time.Minute,
	} {
		w := newWorld(t, ranchertest.Options{})
		w.tokens.life = life
		w.has(hostA)
		service, _ := w.serving()
		service.Observe(w.run())
		w.clock.add(life - most)
		if err := service.Health(); err != nil {
			t.Errorf("%s of %s left: %v", most, life, err)
		}
		w.clock.add(time.Second)
		if service.Health() == nil {
			t.Errorf("healthy with less than %s of %s left", most, life)
		}
	}
}

func TestHealthKnowsAfterARestartWhatAFailedPushLeftBehind(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	w.has(hostA)
	w.run()
	w.clock.add(11*time.Hour + 10*time.Minute)
	w.Inject(ranchertest.Fault{Match: updates, Times: -1, Status: 422})
	for _, program := range []string{"the first", "the next"} {
		service, _ := w.serving()
		got := w.run()
		service.Observe(got)
		if err := service.Health(); err == nil || !strings.Contains(err.Error(), "ends in 50m") {
			t.Errorf("%s: %v", program, err)
		}
		if e := got.Targets[0].Registries[0].Expires; e == nil || !e.Equal(noon.Add(12*time.Hour)) {
			t.Errorf("%s reports that the token ends at %v", program, e)
		}
	}
	// What is in it is not certain any more, so it is not taken for good.
	w.Heal()
	w.clock.add(-11 * time.Hour)
	wantSummary(t, w.run(), "0 updated")
}

func TestTargetsThatRunAtTheSameTimeAskForATokenOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	w.has(hostA)
	release := make(chan struct{})
	slow := &slowTokens{testTokens: w.tokens, asked: make(chan string, 10), release: release}
	s := w.syncer()
	s = ranchersync.NewSyncer(ranchersync.Syncer{Tokens: slow, Memory: s.Memory, Clock: s.Clock})
	done := make(chan *ranchersync.Report, 3)
	for range 3 {
		go func() { done <- s.Run(t.Context(), []ranchersync.Job{w.job(forced)}) }()
	}
	await(t, slow.asked)
	// All three have read Rancher before the token is there.
	for deadline := time.Now().Add(longest); len(w.Requests()) < 6 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	close(release)
	for range 3 {
		wantSummary(t, await(t, done), "0 updated")
	}
	if n := w.tokens.calls; n != 1 {
		t.Errorf("%d tokens were asked for", n)
	}
	// With the runs the token is gone, and what is asked for later is asked anew.
	wantSummary(t, s.Run(t.Context(), []ranchersync.Job{w.job(forced)}), "0 updated")
	if n := w.tokens.calls; n != 2 {
		t.Errorf("%d tokens were asked for", n)
	}
}

// What somebody wrote into the memory does not make a token live longer.
func TestTheTokenItselfSaysWhenItEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	w.has(hostA)
	w.run()
	files, err := filepath.Glob(filepath.Join(w.dir, "*.json"))
	if err != nil || len(files) != 1 {
		t.Fatalf("files %v, %v", files, err)
	}
	edit(t, files[0], func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("2026-03-0"), []byte("2099-03-0")) })
	got := w.run()
	wantSummary(t, got, "0 unchanged")
	if e := got.Targets[0].Registries[0].Expires; e == nil || !e.Equal(noon.Add(12*time.Hour)) {
		t.Errorf("it says that the token ends at %v", e)
	}
}

func TestHealthKnowsTokensWhoseRegistryAWSDoesNotName(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	w.tokens.own = "111122223333"
	own := func(j *ranchersync.Job) { j.Create, j.Selection.Own = true, []string{"eu-west-1"} }
	service, _ := w.serving()
	service.Observe(w.run(own))
	w.clock.add(11*time.Hour + 30*time.Minute)
	w.tokens.set(func(f *testTokens) { f.own = "" })
	got := w.run(own)
	wantSummary(t, got, "4 !aws")
	service.Observe(got)
	if err := service.Health(); err == nil || !strings.Contains(err.Error(), "ends in 30m") {
		t.Errorf("health: %v", err)
	}
}
