package ranchersync_test

import (
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
				wantMessage(t, r, "AWS gives no newer token at the moment than one that is good until 2026-03-02 00:00 UTC")
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
	wantMessage(t, got, c, "warning: AWS gives no newer token at the moment than one that is good until 2026-03-02 00:00 UTC")
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
