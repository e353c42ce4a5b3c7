package cattle

import "time"

// stopwatch tells how long something takes, whatever happens to the clock on
// the wall: what was spent in requests, which may hang, by the machine's
// monotonic clock, or what was waited for on purpose, should that be more.
type stopwatch struct {
	begun  time.Time
	waited time.Duration
}

func startWatch() stopwatch { return stopwatch{begun: time.Now()} }

func (s *stopwatch) elapsed() time.Duration { return max(s.waited, time.Since(s.begun)) }
