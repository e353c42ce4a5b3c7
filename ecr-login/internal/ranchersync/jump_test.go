package ranchersync_test

import (
	"context"
	"testing"
	"time"

	"ecr-credential-helper/ecr-login/internal/ranchersync"
	"ecr-credential-helper/ecr-login/internal/ranchersync/cattle"
	"ecr-credential-helper/ecr-login/internal/ranchertest"
)

func TestAClockThatJumpsEndsNoRetries(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	w.has(hostA)
	w.Inject(ranchertest.Fault{Times: 3, Status: 503})
	wantSummary(t, w.run(func(j *ranchersync.Job) {
		j.Target = w.target(func(c *cattle.Config) { c.Clock = &jumpingClock{testClock: w.clock, by: time.Hour} })
	}), "0 updated")
}

// rancherTime is the time of a Rancher that follows the waits of a client whose
// own clock is wrong.
type rancherTime struct {
	jumpingClock
	rancher *testClock
}

func (c *rancherTime) Wait(ctx context.Context, d time.Duration) error {
	c.rancher.add(d)
	return c.jumpingClock.Wait(ctx, d)
}

func TestAClockThatJumpsEndsNoWaitForAState(t *testing.T) {
	t.Parallel()
	for _, by := range []time.Duration{time.Hour, -time.Hour} {
		rancher := newClock()
		w := newWorld(t, ranchertest.Options{Now: rancher.Now, Settle: 3 * time.Second}) // for each of three states
		clock := &rancherTime{jumpingClock{testClock: newClock(), by: by}, rancher}
		target := func(c *cattle.Config) { c.Clock = clock }
		wantSummary(t, w.run(asked(hostA), creating, func(j *ranchersync.Job) { j.Target = w.target(target) }), "0 created")
		if waited := rancher.Now().Sub(noon); waited < 9*time.Second || waited > 12*time.Second {
			t.Errorf("states that took 9 s were waited for %s", waited)
		}
	}
	// And a state that never comes ends the wait.
	rancher := newClock()
	w := newWorld(t, ranchertest.Options{Now: rancher.Now, Settle: time.Hour})
	clock := &rancherTime{jumpingClock{testClock: newClock(), by: -time.Hour}, rancher}
	target := func(c *cattle.Config) { c.Clock, c.Settle = clock, 30*time.Second }
	wantSummary(t, w.run(asked(hostA), creating, func(j *ranchersync.Job) { j.Target = w.target(target) }), "5 unverified:unverified")
	if waited := rancher.Now().Sub(noon); waited < 30*time.Second || waited > 35*time.Second {
		t.Errorf("a state was waited for %s, not for 30s", waited)
	}
}

func TestRequestsThatHangCountAsWell(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	w.has(hostA)
	w.Inject(ranchertest.Fault{Times: -1, Delay: 700 * time.Millisecond, Status: 503})
	// Without the answer's own time there would be a second attempt.
	target := func(c *cattle.Config) { c.Patience = time.Second }
	wantSummary(t, w.run(func(j *ranchersync.Job) { j.Target = w.target(target) }), "1 !unreachable")
	if n := len(w.Requests()); n != 1 {
		t.Errorf("%d attempts", n)
	}
}
