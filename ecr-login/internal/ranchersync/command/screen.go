package command

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"ecr-credential-helper/ecr-login/internal/ranchersync"
)

const (
	// patience is for how long nobody wonders what a program is doing.
	patience = time.Second
	refresh  = 100 * time.Millisecond
	wipe     = "\r\x1b[K"
)

// screen is stderr: lines of the log, warnings and, on a terminal, one line that
// tells how far things are. It keeps them out of each other's way.
type screen struct {
	w     io.Writer
	shown bool // progress can be drawn at all
	color bool
	stop  chan struct{}

	mu    sync.Mutex
	since time.Time // when the part that is under way began
	now   ranchersync.Progress
	drawn bool
}

func newScreen(w io.Writer, env func(string) string) *screen {
	s := &screen{w: w, shown: capable(w, env), color: colorful(w, env), stop: make(chan struct{})}
	if s.shown {
		go s.draw()
	}
	return s
}

// progress takes in how far a part has come.
func (s *screen) progress(p ranchersync.Progress) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.Part != s.now.Part {
		s.since = time.Now()
	}
	s.now = p
	if p.Done == p.Total {
		s.wipe()
	}
}

// draw renews the line now and then.
func (s *screen) draw() {
	tick := time.NewTicker(refresh)
	defer tick.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-tick.C:
		}
		s.redraw(time.Now())
	}
}

func (s *screen) redraw(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now.Done < s.now.Total && now.Sub(s.since) > patience {
		_, _ = fmt.Fprintf(s.w, "%s%s %d of %d …", wipe, s.now.Part, s.now.Done, s.now.Total)
		s.drawn = true
	}
}

// wipe takes the line away. The caller holds mu.
func (s *screen) wipe() {
	if s.drawn {
		_, _ = io.WriteString(s.w, wipe)
		s.drawn = false
	}
}

func (s *screen) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wipe()
}

// Write writes a line of the log.
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wipe()
	return s.w.Write(p)
}

func (s *screen) warn(text string) {
	label := "warning:"
	if s.color {
		label = yellow + label + plain
	}
	_, _ = fmt.Fprintf(s, "%s %s\n", label, text)
}

func (s *screen) close() {
	s.clear()
	close(s.stop)
}

// terminal reports whether somebody is looking at w.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && f.Name() != os.DevNull
}

// colorful reports whether colours help: on a terminal that knows them, unless
// somebody minds (https://no-color.org).
func colorful(w io.Writer, env func(string) string) bool {
	return capable(w, env) && env("NO_COLOR") == ""
}

// capable reports whether w is a terminal that knows escape sequences. One
// without TERM may be the console of an old Windows.
func capable(w io.Writer, env func(string) string) bool {
	return terminal(w) && env("TERM") != "dumb" && env("TERM") != ""
}
