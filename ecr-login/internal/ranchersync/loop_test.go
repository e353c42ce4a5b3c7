package ranchersync_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ecr-credential-helper/ecr-login/internal/ranchersync"
	"ecr-credential-helper/ecr-login/internal/ranchersync/cattle"
	"ecr-credential-helper/ecr-login/internal/ranchertest"
)

// await receives what should come at once.
func await[T any](t *testing.T, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(longest):
		t.Fatalf("nothing came within %s", longest)
		panic("unreachable")
	}
}

// longest is for how long a test waits for what should happen at once.
const longest = 30 * time.Second

// loopFor runs a loop until so much time has passed, and returns when its runs
// were, counted from noon.
func (w *world) loopFor(d time.Duration, change ...func(*ranchersync.Loop)) []time.Duration {
	w.t.Helper()
	return w.loopUntil(w.clock, d, change...)
}

// loopUntil is loopFor by a clock of the caller's.
func (w *world) loopUntil(clock ranchersync.Clock, d time.Duration, change ...func(*ranchersync.Loop)) []time.Duration {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), longest)
	defer cancel()
	var runs []time.Duration
	l := &ranchersync.Loop{
		Syncer: w.syncer(), Jobs: []ranchersync.Job{w.job()}, Chance: func() float64 { return 0 },
		Observe: func(*ranchersync.Report) { runs = append(runs, w.clock.Now().Sub(noon)) },
	}
	for _, c := range change {
		c(l)
	}
	l.Syncer.Interval = l.Interval
	l.Syncer.Clock = &endingClock{clock, noon.Add(d), cancel}
	l.Run(ctx)
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		w.t.Errorf("it took more than %s", longest)
	}
	return runs
}

// endingClock ends a loop when its time has come.
type endingClock struct {
	ranchersync.Clock
	end  time.Time
	stop context.CancelFunc
}

func (c *endingClock) Wait(ctx context.Context, d time.Duration) error {
	if !c.Now().Before(c.end) {
		c.stop()
	}
	return c.Clock.Wait(ctx, d)
}

func every(d time.Duration) func(*ranchersync.Loop) {
	return func(l *ranchersync.Loop) { l.Interval = d }
}

func TestALoopRunsAtTheStartAndThenEveryInterval(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	w.has(hostA)
	got := w.loopFor(4*time.Hour, every(time.Hour))
	want := []time.Duration{0, time.Hour, 2 * time.Hour, 3 * time.Hour, 4 * time.Hour}
	if !slices.Equal(got, want) {
		t.Errorf("runs at %v", got)
	}
}

func TestNoTokenEverEndsWhileALoopRuns(t *testing.T) {
	t.Parallel()
	for _, interval := range []time.Duration{time.Minute * 40, 5 * time.Hour, 6 * time.Hour, 11 * time.Hour, 48 * time.Hour} {
		for _, life := range []time.Duration{12 * time.Hour, time.Hour, 40 * time.Hour} {
			t.Run(fmt.Sprintf("interval %s life %s", interval, life), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, ranchertest.Options{})
				w.tokens.life = life
				w.has(hostA)
				least := life
				w.loopFor(30*time.Hour, every(interval), func(l *ranchersync.Loop) {
					var until time.Time
					l.Observe = func(r *ranchersync.Report) {
						now := w.clock.Now()
						if !until.IsZero() {
							least = min(least, until.Sub(now)) // what was left just before this run
						}
						if r.ExitCode != 0 {
							t.Errorf("%s", summary(r))
						}
						until = *r.Targets[0].Registries[0].Expires
					}
				})
				if least < min(life, 12*time.Hour)/4 {
					t.Errorf("a token had %s left of its %s", least, life)
				}
			})
		}
	}
}

func TestIntervalsAreShortenedByChance(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	w.has(hostA)
	got := w.loopFor(time.Hour, every(time.Hour), func(l *ranchersync.Loop) { l.Chance = func() float64 { return 0.5 } })
	if len(got) != 2 || got[1] != 57*time.Minute {
		t.Errorf("runs at %v", got)
	}
}

func TestWhatFailsIsTriedAgainSoonAndEverLessSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	w.has(hostA)
	w.tokens.err = errors.New("no credentials")
	got := w.loopFor(2*time.Hour, every(6*time.Hour))
	want := []time.Duration{0, 30 * time.Second, 90 * time.Second, 210 * time.Second, 450 * time.Second, 930 * time.Second}
	if len(got) < len(want) || !slices.Equal(got[:len(want)], want) {
		t.Errorf("runs at %v", got)
	}
	if last := got[len(got)-1] - got[len(got)-2]; last != 15*time.Minute {
		t.Errorf("at the end every %s", last)
	}
	// And in order again as soon as it can be.
	w.tokens.err = nil
	w.wantPull(hostA, "old")
	w.loopFor(3*time.Hour, every(6*time.Hour))
	w.wantPull(hostA, w.tokens.issued(hostA))
}

func TestAFailingTargetDoesNotHurryTheOthers(t *testing.T) {
	t.Parallel()
	w, broken := newWorld(t, ranchertest.Options{}), newWorld(t, ranchertest.Options{})
	w.has(hostA)
	broken.has(hostA)
	broken.DropKey(accessKey)
	clock := &commonClock{testClock: w.clock, parties: 2}
	w.loopUntil(clock, 61*time.Minute, every(time.Hour), func(l *ranchersync.Loop) {
		l.Jobs = append(l.Jobs, broken.job())
	})
	// Two lists at the start with a push and its read-back, two lists an hour later.
	if n := len(w.Requests()); n != 6 {
		t.Errorf("the healthy one was sent %d requests: %v", n, w.paths())
	}
	if n := len(broken.Requests()); n < 6 {
		t.Errorf("the broken one was sent %d requests", n)
	}
}

func TestATargetThatHangsHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	w, hanging := newWorld(t, ranchertest.Options{}), newWorld(t, ranchertest.Options{})
	w.has(hostA)
	hanging.has(hostA)
	ctx, cancel := context.WithTimeout(t.Context(), longest)
	defer cancel()
	begun := make(chan struct{})
	hanging.Inject(ranchertest.Fault{Delay: time.Hour, Before: func() { close(begun) }})
	hung := hanging.job(func(j *ranchersync.Job) {
		j.Target = hanging.target(func(c *cattle.Config) { c.RequestTimeout = time.Hour })
	})
	var runs []string
	l := &ranchersync.Loop{
		Syncer: w.syncer(), Jobs: []ranchersync.Job{hung, w.job()}, Interval: time.Hour, Timeout: time.Minute,
		Observe: func(r *ranchersync.Report) {
			select {
			case <-begun:
			case <-ctx.Done():
			}
			if runs = append(runs, summary(r)); len(runs) == 3 {
				cancel()
			}
		},
	}
	l.Run(ctx)
	if want := []string{"0 updated", "0 unchanged", "0 unchanged"}; !slices.Equal(runs, want) {
		t.Errorf("runs: %q", runs)
	}
}

// commonClock is one for several who wait: it moves on when all of them do.
type commonClock struct {
	*testClock
	parties int

	mu      sync.Mutex
	waiting []sleeper
}

type sleeper struct {
	until time.Time
	awake chan struct{}
}

func (c *commonClock) Wait(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	me := sleeper{c.Now().Add(d), make(chan struct{})}
	c.waiting = append(c.waiting, me)
	if len(c.waiting) == c.parties {
		first := slices.MinFunc(c.waiting, func(a, b sleeper) int { return a.until.Compare(b.until) }).until
		c.add(first.Sub(c.Now()))
		c.waiting = slices.DeleteFunc(c.waiting, func(s sleeper) bool {
			if s.until.After(first) {
				return false
			}
			close(s.awake)
			return true
		})
	}
	c.mu.Unlock()
	select {
	case <-me.awake:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

func TestAClockThatJumpsIsNoticed(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		jump time.Duration
		want time.Duration // by real time; the run after the jump
	}{
		{"ahead, after a suspend", 20 * time.Hour, 10*time.Minute + 30*time.Second},
		{"back", -20 * time.Hour, 6 * time.Hour},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, ranchertest.Options{})
			w.has(hostA)
			jumping := &jumpingClock{testClock: w.clock, at: 10 * time.Minute, by: tt.jump}
			ctx, cancel := context.WithTimeout(t.Context(), longest)
			defer cancel()
			var runs []time.Duration
			s := w.syncer()
			s.Clock = jumping
			l := &ranchersync.Loop{
				Syncer: s, Jobs: []ranchersync.Job{w.job()}, Interval: 6 * time.Hour, Chance: func() float64 { return 0 },
				Observe: func(r *ranchersync.Report) {
					if runs = append(runs, jumping.waited); len(runs) == 2 {
						wantSummary(t, r, "0 updated")
						cancel()
					}
				},
			}
			l.Run(ctx)
			if len(runs) != 2 || runs[1] > tt.want || runs[1] < tt.want-time.Minute {
				t.Errorf("runs after %v of real time, want %s", runs, tt.want)
			}
		})
	}
}

// jumpingClock is set by so much after so much real time.
type jumpingClock struct {
	*testClock
	at, by, waited time.Duration
	done           bool
}

func (c *jumpingClock) Wait(ctx context.Context, d time.Duration) error {
	err := c.testClock.Wait(ctx, d)
	if c.waited += d; c.waited >= c.at && !c.done {
		c.done = true
		c.add(c.by)
	}
	return err
}

func TestALoopThatIsToldToStopFinishesTheWriteAndReportsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	w.has(hostA)
	ctx, cancel := context.WithTimeout(t.Context(), longest)
	w.Inject(ranchertest.Fault{Match: on("PUT", ""), Delay: 30 * time.Millisecond, Before: cancel})
	reports := 0
	l := &ranchersync.Loop{Syncer: w.syncer(), Jobs: []ranchersync.Job{w.job()}, Observe: func(*ranchersync.Report) { reports++ }}
	l.Run(ctx)
	w.wantPull(hostA, w.tokens.issued(hostA))
	if reports != 0 {
		t.Errorf("%d reports", reports)
	}
}

func TestARunThatNeverEndsIsEnded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	w.has(hostA)
	w.Inject(ranchertest.Fault{Delay: time.Hour})
	ctx, cancel := context.WithTimeout(t.Context(), longest)
	var first string
	l := &ranchersync.Loop{
		Syncer: w.syncer(), Jobs: []ranchersync.Job{w.job()}, Timeout: 50 * time.Millisecond,
		Observe: func(r *ranchersync.Report) {
			if first == "" {
				first = summary(r)
			} else {
				cancel()
			}
		},
	}
	l.Run(ctx)
	if first != "1 !interrupted" {
		t.Errorf("the first run: %s", first)
	}
}

func TestALoopsLogSaysWhatAPersonNeeds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	w.has("https://" + hostB)
	w.has(hostA)
	w.loopFor(time.Minute, every(time.Hour))
	log := w.logged()
	for _, want := range []string{
		`level=INFO msg=updated`, "registry=" + hostA, "credential=1c8", "until=2026-03-02T00:00:00Z",
		`level=ERROR msg=unverified`, `because="pulls ignore the address`, `level=ERROR msg="not in order"`, "next=30s",
	} {
		if !strings.Contains(log, want) {
			t.Errorf("no %q in\n%s", want, log)
		}
	}
}
