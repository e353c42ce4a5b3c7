package ranchersync

import (
	"context"
	"time"
)

// Clock is the time that a run follows.
type Clock interface {
	Now() time.Time
	// Wait returns after d, or with ctx's error when that ends first.
	Wait(ctx context.Context, d time.Duration) error
}

// SystemClock is the machine's own clock.
type SystemClock struct{}

// Now returns the wall clock's time, without the monotonic reading: what was
// pushed expires by the wall clock, through suspends and corrections alike.
func (SystemClock) Now() time.Time { return time.Now().Round(0) }

// Wait waits in real time.
func (SystemClock) Wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
