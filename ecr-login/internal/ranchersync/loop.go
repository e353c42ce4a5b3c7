package ranchersync

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	// DefaultInterval is how often a loop runs: twice in a token's life.
	DefaultInterval = 6 * time.Hour
	// MinInterval keeps a typing error from becoming a flood.
	MinInterval = time.Minute

	firstRetry = 30 * time.Second
	longRetry  = 15 * time.Minute
	soonest    = 10 * time.Second
	// slice is the longest wait without a look at the wall clock: a machine that
	// was suspended, or whose clock was put right, must notice soon.
	slice = 30 * time.Second
)

// Loop runs jobs for ever, each on a schedule of its own: at the start, then
// every interval, or earlier when half of what remains of its tokens' life is
// less. What failed is tried again soon, and ever less so. A job that takes
// long, or hangs, holds up none of the others.
type Loop struct {
	Syncer   *Syncer
	Jobs     []Job
	Interval time.Duration  // default: DefaultInterval
	Timeout  time.Duration  // for one run of a job; 0: none
	Chance   func() float64 // numbers in [0,1) for jitter; default: math/rand/v2
	Observe  func(*Report)  // is given the report of every run, one at a time

	observing sync.Mutex
}

// appointment is when a job is due next.
type appointment struct {
	job   Job
	due   time.Time     // by the wall clock
	left  time.Duration // by time spent waiting, should that come first
	fails int           // in a row
}

// Run runs until ctx ends. Writes under way are finished then.
func (l *Loop) Run(ctx context.Context) {
	if l.Interval <= 0 {
		l.Interval = DefaultInterval
	}
	if l.Chance == nil {
		l.Chance = rand.Float64
	}
	var all sync.WaitGroup
	for _, job := range l.Jobs {
		all.Go(func() { l.keep(ctx, &appointment{job: job}) })
	}
	all.Wait()
}

// keep keeps a job's appointments until ctx ends.
func (l *Loop) keep(ctx context.Context, a *appointment) {
	for l.run(ctx, a) {
		for {
			ahead := a.due.Sub(l.Syncer.Clock.Now())
			if a.left <= 0 || ahead <= 0 {
				break
			}
			wait := min(slice, a.left, ahead)
			if l.Syncer.Clock.Wait(ctx, wait) != nil {
				return
			}
			a.left -= wait
		}
	}
}

// run runs a job and makes its next appointment. It reports false when ctx has
// ended: what was not reached then is no failure of anybody's.
func (l *Loop) run(ctx context.Context, a *appointment) bool {
	runCtx, cancel := ctx, context.CancelFunc(func() {})
	if l.Timeout > 0 {
		runCtx, cancel = context.WithTimeoutCause(ctx, l.Timeout, TimeoutCause(l.Timeout))
	}
	report := l.Syncer.Run(runCtx, []Job{a.job})
	cancel()
	if ctx.Err() != nil {
		return false
	}
	if l.Observe != nil {
		l.observing.Lock()
		l.Observe(report)
		l.observing.Unlock()
	}
	l.appoint(ctx, a, report.Targets[0], l.Syncer.Clock.Now())
	return true
}

// appoint decides when a job runs next.
func (l *Loop) appoint(ctx context.Context, a *appointment, t TargetReport, now time.Time) {
	next := l.Interval
	if t.Failed() || t.again() {
		// Not sooner for tokens near their end either: what can be done about
		// them is just what failed.
		next = min(longRetry, l.Interval)
		if a.fails < 10 {
			next = min(next, firstRetry<<a.fails)
		}
		a.fails++
	} else {
		a.fails = 0
		if first := t.Earliest(); !first.IsZero() {
			next = min(next, max(first.Sub(now)/2, soonest))
		}
	}
	next -= time.Duration(l.Chance() * float64(next) / 10)
	a.left, a.due = next, now.Add(next)

	level, text := slog.LevelInfo, "in order"
	if t.Failed() {
		level, text = slog.LevelError, "not in order"
	}
	var totals Totals
	for _, e := range t.Registries {
		totals.count(e.Status)
	}
	args := []any{
		"target", t.Name, "changed", totals.Updated + totals.Created + totals.Activated, "unchanged", totals.Unchanged,
		"failed", totals.Failed + totals.Unverified, "seconds", fmt.Sprintf("%.1f", t.Seconds), "next", next.Round(time.Second).String(),
	}
	if t.Error != nil {
		args = append(args, t.Error.attributes()...)
	}
	l.Syncer.Log.Log(ctx, level, text, args...)
	for _, e := range t.Registries {
		l.logEntry(ctx, t.Name, e)
	}
}

func (l *Loop) logEntry(ctx context.Context, target string, e EntryReport) {
	args := []any{"target", target, "registry", e.Registry}
	if e.CredentialID != "" {
		args = append(args, "credential", e.CredentialID)
	}
	for _, w := range e.Warnings {
		l.Syncer.Log.Log(ctx, slog.LevelWarn, w, args...)
	}
	switch {
	case e.Error != nil:
		l.Syncer.Log.Log(ctx, slog.LevelError, string(e.Status), append(args, e.Error.attributes()...)...)
	case e.Status == Unchanged, e.Status == Skipped:
		l.Syncer.Log.Log(ctx, slog.LevelDebug, string(e.Status), args...)
	default:
		if e.Expires != nil {
			args = append(args, "until", e.Expires.Format(time.RFC3339))
		}
		l.Syncer.Log.Log(ctx, slog.LevelInfo, string(e.Status), args...)
	}
}

// attributes are what a line of the log says about a problem.
func (p *Problem) attributes() []any {
	out := []any{"because", p.Message}
	if p.Hint != "" {
		out = append(out, "hint", p.Hint)
	}
	return out
}

// TimeoutCause is why a run ended that took longer than it may.
func TimeoutCause(limit time.Duration) error {
	return errors.New("the run took longer than " + brief(limit))
}
