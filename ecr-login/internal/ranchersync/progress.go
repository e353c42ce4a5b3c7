package ranchersync

import "sync"

// Progress is how far a run has come.
type Progress struct {
	Part        string // what is being done, such as "pushing"
	Done, Total int
}

// steps counts what a run has done. It tells about pushing while there is
// something to push, and about reading while that is what people wait for.
type steps struct {
	tell func(Progress)

	mu               sync.Mutex
	reading, pushing Progress
}

func newSteps(targets int, tell func(Progress)) *steps {
	s := &steps{tell: tell, reading: Progress{Part: "reading", Total: targets}, pushing: Progress{Part: "pushing"}}
	tell(s.reading)
	return s
}

// read counts a target that was looked at.
func (s *steps) read() { s.count(func() { s.reading.Done++ }) }

// toPush adds to what there is to push.
func (s *steps) toPush(n int) { s.count(func() { s.pushing.Total += n }) }

// pushed counts a credential that was dealt with.
func (s *steps) pushed() { s.count(func() { s.pushing.Done++ }) }

func (s *steps) count(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
	if s.pushing.Done < s.pushing.Total || s.reading.Done == s.reading.Total && s.pushing.Total > 0 {
		s.tell(s.pushing)
	} else {
		s.tell(s.reading)
	}
}
