// Package logfile writes the log: one file for this user alone, opened when
// there is something to write and rotated by size.
//
// A log that cannot be opened is a log that is not written. Nothing is said
// about it anywhere: a helper's standard error belongs to its client, and a
// shared folder such as /tmp would show one user's registries to another.
package logfile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"ecr-credential-helper/ecr-login/internal/privatefile"
)

// Name is the log file's name inside the log folder.
const Name = "ecr-login.log"

// Options say what is logged and where to.
type Options struct {
	Dir     string // the log folder, made when needed; empty for no log
	Level   string // off, error, warn, info or debug; anything else is info
	Format  string // text or json; anything else is text
	MaxSize int64  // bytes from which on the file is rotated; 0 for never
	Keep    int    // rotated files that are kept
}

// New returns a logger that opens its file at the first line, and what closes
// it. Every line is redacted on its way: see [Redact].
func New(o Options) (*logrus.Logger, io.Closer) {
	w := &writer{options: o}
	l := logrus.New()
	l.SetOutput(w)
	l.AddHook(redactHook{})
	// A logger that exits or panics would take the answer with it.
	l.ExitFunc = func(int) {}
	const stamp = "2006-01-02T15:04:05.000Z07:00"
	if o.Format == "json" {
		l.SetFormatter(&logrus.JSONFormatter{TimestampFormat: stamp, DisableHTMLEscape: true})
	} else {
		l.SetFormatter(&logrus.TextFormatter{TimestampFormat: stamp, DisableColors: true, FullTimestamp: true})
	}
	switch {
	case o.Level == "off" || o.Dir == "":
		l.SetOutput(io.Discard)
		l.SetLevel(logrus.PanicLevel)
	default:
		level, err := logrus.ParseLevel(o.Level)
		if err != nil {
			level = logrus.InfoLevel
		}
		l.SetLevel(level)
	}
	return l, w
}

// writer opens the file when the first line comes, and anew when the file has
// grown too large or was rotated by another process. It never returns an error,
// for logrus would print it on standard error.
type writer struct {
	options Options
	mu      sync.Mutex
	file    *os.File
	retry   time.Time // until then a log that could not be opened is not tried again
}

// retryAfter is how long a process that goes on does without a log that it
// could not open.
const retryAfter = time.Minute

func (w *writer) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.file != nil && !w.current() {
		_ = w.file.Close()
		w.file = nil
	}
	if w.file == nil && !time.Now().Before(w.retry) {
		if w.file = w.open(); w.file == nil {
			w.retry = time.Now().Add(retryAfter)
		}
	}
	if w.file != nil {
		// One call a line: appends of several processes do not mix. A full
		// disk loses the line, which is the lesser harm.
		_, _ = w.file.Write(line)
	}
	return len(line), nil
}

// current reports whether the open file is still the log and has room.
func (w *writer) current() bool {
	open, err := w.file.Stat()
	if err != nil || w.options.MaxSize > 0 && open.Size() >= w.options.MaxSize {
		return false
	}
	named, err := os.Lstat(filepath.Join(w.options.Dir, Name))
	return err == nil && os.SameFile(open, named)
}

// Close closes the file if it was opened. A later line opens it again.
func (w *writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.file == nil {
		return nil
	}
	err := w.file.Close()
	w.file = nil
	return err
}

func (w *writer) open() *os.File {
	if privatefile.MkdirAll(w.options.Dir) != nil {
		return nil
	}
	path := filepath.Join(w.options.Dir, Name)
	f, err := privatefile.Append(path)
	if err != nil {
		// Another user's, as root leaves it behind with HOME kept. In a folder
		// of ours it can be put aside; elsewhere the renaming fails.
		foreign := errors.Is(err, privatefile.ErrForeign) || errors.Is(err, fs.ErrPermission)
		if !foreign || os.Rename(path, path+".foreign") != nil {
			return nil
		}
		if f, err = privatefile.Append(path); err != nil {
			return nil
		}
	}
	if !w.full(f) {
		return f
	}
	if !w.rotate(path) {
		return f // it grows a little further rather than being lost
	}
	_ = f.Close()
	f, err = privatefile.Append(path)
	if err != nil {
		return nil
	}
	return f
}

func (w *writer) full(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && w.options.MaxSize > 0 && info.Size() >= w.options.MaxSize
}

// rotate renames the file to .1, .1 to .2 and so on. Of several processes that
// find it full one does it.
func (w *writer) rotate(path string) bool {
	lock, err := privatefile.OpenLock(filepath.Join(w.options.Dir, ".rotate.lock"))
	if err != nil {
		return false
	}
	defer lock.Close() //nolint:errcheck // closing frees the lock, nothing was written
	if got, err := privatefile.TryLock(lock); err != nil || !got {
		return false
	}
	// Somebody may have rotated between our look and our lock.
	if info, err := os.Lstat(path); err != nil || info.Size() < w.options.MaxSize {
		return err == nil
	}
	numbered := func(n int) string { return path + "." + strconv.Itoa(n) }
	if w.options.Keep <= 0 {
		return os.Remove(path) == nil
	}
	for n := w.options.Keep - 1; n > 0; n-- {
		_ = os.Rename(numbered(n), numbered(n+1)) // there may be none yet
	}
	return os.Rename(path, numbered(1)) == nil
}
