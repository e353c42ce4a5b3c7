//go:build unix

package command_test

import (
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

func TestWaitingForACAFileHasAnEnd(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		after time.Duration
		flags []string
		says  string
	}{
		"a signal":     {50 * time.Millisecond, nil, "context canceled"},
		"the time-out": {longest, []string{"--timeout", "1s"}, "its end did not come within 1s"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t).inRancher()
			fifo := filepath.Join(t.TempDir(), "fifo")
			if err := syscall.Mkfifo(fifo, 0o600); err != nil {
				t.Fatal(err)
			}
			code := d.runUntil(tt.after, append(tt.flags, "--ca-file", fifo)...)
			d.want(code, 2, "error: the CA file cannot be read: "+fifo+": "+tt.says+"\n")
		})
	}
}

func TestACAFileMayBeAPipeOfTheShell(t *testing.T) {
	t.Parallel()
	d := newDesk(t).inRancher()
	d.has(hostA)
	url, content := d.certificates()
	d.env["CATTLE_URL"] = url
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	go func() {
		_, _ = w.Write(content) // what is missing, the command misses
		_ = w.Close()
	}()
	// As bash passes <(command).
	d.want(d.run("--ca-file", "/dev/fd/"+strconv.Itoa(int(r.Fd()))), 0, "1 updated in ")
}
