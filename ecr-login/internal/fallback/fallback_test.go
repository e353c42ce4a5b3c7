//go:build unix

package fallback_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker-credential-helpers/credentials"

	"ecr-credential-helper/ecr-login/internal/fallback"
)

// install puts a shell script into PATH as a credential helper.
func install(t *testing.T, name, script string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "docker-credential-"+name), []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
}

// helper returns the helper that a script is.
func helper(t *testing.T, script string) (*fallback.Helper, *bytes.Buffer) {
	t.Helper()
	install(t, "fake", script)
	stderr := &bytes.Buffer{}
	h, err := fallback.New(t.Context(), "fake", stderr)
	if err != nil {
		t.Fatal(err)
	}
	return h, stderr
}

func TestEveryVerbIsPassedOn(t *testing.T) {
	note := filepath.Join(t.TempDir(), "note")
	t.Setenv("NOTE", note)
	h, stderr := helper(t, `{ echo "$* $`+fallback.Marker+`"; cat; echo; } >>"$NOTE"
case "$1" in
get) echo '{"ServerURL":"registry.example.com","Username":"bob","Secret":"hunter2"}' ;;
list) echo '{"registry.example.com":"bob"}' ;;
esac`)
	user, secret, err := h.Get("registry.example.com")
	if err != nil || user != "bob" || secret != "hunter2" {
		t.Errorf("get: %q, %q, %v", user, secret, err)
	}
	if err := h.Add(&credentials.Credentials{ServerURL: "registry.example.com", Username: "bob", Secret: "hunter2"}); err != nil {
		t.Errorf("store: %v", err)
	}
	if err := h.Delete("registry.example.com"); err != nil {
		t.Errorf("erase: %v", err)
	}
	if list, err := h.List(); err != nil || len(list) != 1 || list["registry.example.com"] != "bob" {
		t.Errorf("list: %v, %v", list, err)
	}
	got, err := os.ReadFile(note)
	want := `get 1
registry.example.com
store 1
{"ServerURL":"registry.example.com","Username":"bob","Secret":"hunter2"}

erase 1
registry.example.com
list 1
unused
`
	if err != nil || string(got) != want {
		t.Errorf("it was asked:\n%s\nwant:\n%s", got, want)
	}
	if stderr.Len() > 0 {
		t.Errorf("standard error: %q", stderr.String())
	}
}

func TestNotFoundPassesAsItIs(t *testing.T) {
	h, _ := helper(t, "echo credentials not found in native keychain\nexit 1")
	if _, _, err := h.Get("registry.example.com"); !credentials.IsErrCredentialsNotFound(err) {
		t.Errorf("got %v", err)
	}
}

func TestAListOfNothingIsEmpty(t *testing.T) {
	for _, says := range []string{"{}", "null"} {
		h, _ := helper(t, "echo "+says)
		if list, err := h.List(); err != nil || list == nil || len(list) != 0 {
			t.Errorf("%s is %v, %v", says, list, err)
		}
	}
}

func TestAFailureIsItsOwn(t *testing.T) {
	for name, c := range map[string]struct{ script, want, stderr string }{
		"with words":              {"echo the vault is locked\nexit 1", "failed: the vault is locked", ""},
		"with a secret":           {"echo '{\"Secret\":\"hunter2\"}'\nexit 1", "failed: exit status 1", ""},
		"with too many words":     {"printf '%01000d' 0\nexit 1", "failed: " + strings.Repeat("0", 500) + "…", ""},
		"without a word":          {"exit 1", "failed: exit status 1", ""},
		"with words for people":   {"echo please wait >&2\necho no\nexit 1", "failed: no", "please wait\n"},
		"killed":                  {"kill -KILL $$", "signal: killed", ""},
		"an answer that is none":  {"echo '<html>'", "invalid character", ""},
		"an endless answer":       {"exec cat /dev/zero", "its answer is larger than 1 MiB", ""},
		"an endless failure":      {"cat /dev/zero\nexit 1", "its answer is larger than 1 MiB", ""},
		"an interpreter too many": {"exec /nonexistent", "exit status", ""},
	} {
		t.Run(name, func(t *testing.T) {
			h, stderr := helper(t, c.script)
			start := time.Now()
			_, _, err := h.Get("registry.example.com")
			if err == nil || !strings.HasPrefix(err.Error(), "the fallback helper docker-credential-fake failed: ") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if c.stderr != "" && stderr.String() != c.stderr {
				t.Errorf("standard error: %q", stderr.String())
			}
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

func TestTheDeadlineEndsItAndWhatItStarted(t *testing.T) {
	pid := filepath.Join(t.TempDir(), "pid")
	t.Setenv("PIDFILE", pid)
	install(t, "fake", "sleep 600 &\necho $! >$PIDFILE.tmp\nmv $PIDFILE.tmp $PIDFILE\nwait")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	h, err := fallback.New(ctx, "fake", &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, _, err := h.Get("registry.example.com")
		done <- err
	}()
	var child int
	for child == 0 {
		if b, err := os.ReadFile(pid); err == nil {
			if child, err = strconv.Atoi(strings.TrimSpace(string(b))); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Millisecond)
	}
	cancel()
	start := time.Now()
	if err := <-done; err == nil || !strings.HasPrefix(err.Error(), "the fallback helper docker-credential-fake did not answer in time; hint: ") {
		t.Errorf("got %v", err)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it ended after %v", took)
	}
	for gone := false; !gone; {
		// An orphan that has ended and that nobody has waited for counts as gone.
		gone = syscall.Kill(child, 0) != nil || zombie(child)
		if time.Since(start) > 10*time.Second {
			t.Fatal("what it started lives on")
		}
		time.Sleep(time.Millisecond)
	}
}

func zombie(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && strings.Contains(string(b), ") Z ")
}

func TestAHelperThatCannotBeRunIsNamed(t *testing.T) {
	if _, err := fallback.New(t.Context(), "absent", nil); err == nil ||
		err.Error() != "the fallback helper docker-credential-absent is not in PATH; hint: install it, or correct fallback_helper" {
		t.Errorf("got %v", err)
	}
	install(t, "fake", "exit 0")
	// Nobody runs a program out of the folder that happens to be current.
	t.Chdir(t.TempDir())
	if err := os.WriteFile("docker-credential-local", []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", "."+string(os.PathListSeparator)+os.Getenv("PATH"))
	if _, err := fallback.New(t.Context(), "local", nil); err == nil {
		t.Error("a program in the current folder was taken")
	}
}

func TestOurselvesAreRefusedUnderEveryName(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(self, filepath.Join(dir, "docker-credential-soft")); err != nil {
		t.Fatal(err)
	}
	names := []string{"soft"}
	if os.Link(self, filepath.Join(dir, "docker-credential-hard")) == nil {
		names = append(names, "hard")
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	for _, name := range names {
		if _, err := fallback.New(t.Context(), name, nil); err == nil || !strings.Contains(err.Error(), "is this program itself") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
