//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"ecr-credential-helper/ecr-login/internal/awstest"
)

const patience = 10 * time.Second

// startGet starts a get and waits until it has called AWS.
func (l *lab) startGet(cmd *exec.Cmd) *exec.Cmd {
	l.t.Helper()
	cmd.Stdin = strings.NewReader(irish)
	if err := cmd.Start(); err != nil {
		l.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(l.t.Context(), patience)
	defer cancel()
	if err := l.aws.Wait(ctx, awstest.OpECRToken, 1); err != nil {
		l.t.Fatal(err)
	}
	return cmd
}

func TestASignalEndsAHangingGetQuickly(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		signal syscall.Signal
		code   int
	}{
		"SIGINT":  {syscall.SIGINT, 130},
		"SIGTERM": {syscall.SIGTERM, 143},
		"SIGHUP":  {syscall.SIGHUP, 129},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			l.aws.Inject(awstest.OpECRToken, awstest.Fault{Kind: awstest.Hang})
			cmd := l.command(t.Context(), "get")
			var out, errOut bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &errOut
			l.startGet(cmd)
			start := time.Now()
			if err := cmd.Process.Signal(c.signal); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait() // the exit code tells
			if took := time.Since(start); took > 2*time.Second {
				t.Errorf("it went on for %v", took)
			}
			if got := cmd.ProcessState.ExitCode(); got != c.code {
				t.Errorf("the exit code is %d, want %d; stdout %q", got, c.code, out.String())
			}
			if errOut.Len() > 0 {
				t.Errorf("standard error: %q", errOut.String())
			}
			l.noTemporaryFiles()

			// The lock went with the process.
			l.aws.ClearFaults()
			if r := l.run("get", irish); r.code != 0 || r.took > 5*time.Second {
				t.Errorf("the next one: %s", r)
			}
		})
	}
}

func TestASignalThatIsIgnoredStaysIgnored(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.aws.SetLatency(awstest.OpECRToken, 500*time.Millisecond)
	cmd := l.command(t.Context(), "get")
	// As nohup does.
	cmd.Path, cmd.Args = "/bin/sh", []string{"sh", "-c", "trap '' HUP; exec " + name + " get"}
	var out bytes.Buffer
	cmd.Stdout = &out
	l.startGet(cmd)
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v: %q", err, out.String())
	}
	if _, err := passwordIn(l.aws, out.String(), irish); err != nil {
		t.Error(err)
	}
}

func TestASignalEndsTheWaitForARequest(t *testing.T) {
	t.Parallel()
	for _, verb := range []string{"get", "erase", "store"} {
		t.Run(verb, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			cmd := l.command(t.Context(), verb)
			stdin, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			defer stdin.Close()
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan struct{})
			go func() {
				_ = cmd.Wait() // the state tells
				close(ended)
			}()
			// Nothing shows from outside that it reads. A signal that comes too early
			// ends it as well, and proves less.
			time.Sleep(100 * time.Millisecond)
			if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			select {
			case <-ended:
			case <-time.After(patience):
				_ = cmd.Process.Kill() // it is a failure already
				t.Fatal("it goes on waiting")
			}
			// A get waits before it is more than a process, and simply ends.
			status, _ := cmd.ProcessState.Sys().(syscall.WaitStatus)
			if status.ExitStatus() != 143 && status.Signal() != syscall.SIGTERM {
				t.Errorf("it ended with %v", cmd.ProcessState)
			}
		})
	}
}

func TestAKilledHolderFreesTheLock(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.aws.Inject(awstest.OpECRToken, awstest.Fault{Kind: awstest.Hang, Times: 1})
	cmd := l.startGet(l.command(t.Context(), "get"))
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	r := l.run("get", irish)
	if _, err := l.password(r, irish); err != nil || r.took > 5*time.Second {
		t.Errorf("%v: %s", err, r)
	}
}

func TestADeadlineEndsAHangingGet(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.aws.Inject(awstest.OpECRToken, awstest.Fault{Kind: awstest.Hang})
	l.env["AWS_ECR_TIMEOUT"] = "700ms"
	r := l.run("get", irish)
	l.fails(r, "time ran out")
	if r.took > 3*time.Second {
		t.Errorf("it took %v", r.took)
	}
}

func TestABusyLockIsNotWaitedForToTheEnd(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.aws.Inject(awstest.OpECRToken, awstest.Fault{Kind: awstest.Hang, Times: 1})
	cmd := l.startGet(l.command(t.Context(), "get"))
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it hangs on purpose
		_ = cmd.Wait()
	})
	l.env["AWS_ECR_TIMEOUT"] = "2s"
	r := l.run("get", irish)
	if _, err := l.password(r, irish); err != nil || r.took > 2*time.Second {
		t.Errorf("%v: %s", err, r)
	}
}

// stdouts are the ways in which standard output cannot be written. A closed one
// is none of them: the Go runtime opens the null device in its place before
// any code of ours runs.
func stdouts(t *testing.T) map[string]func(*exec.Cmd) {
	t.Helper()
	return map[string]func(*exec.Cmd){
		"full": func(cmd *exec.Cmd) {
			full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
			if errors.Is(err, os.ErrNotExist) {
				full, err = os.Open(os.DevNull) // where there is no such device, one that is only read
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { full.Close() })
			cmd.Stdout = full
		},
		"a pipe that nobody reads": func(cmd *exec.Cmd) {
			reader, writer, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			reader.Close()
			t.Cleanup(func() { writer.Close() })
			cmd.Stdout = writer
		},
	}
}

func TestAnAnswerThatCannotBeWrittenIsAFailure(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.get(irish)
	for where, set := range stdouts(t) {
		for what, c := range map[string]struct{ arg, input string }{
			"warm get":           {"get", irish},
			"cold get":           {"get", german},
			"get of a stranger":  {"get", foreign},
			"list":               {"list", "unused"},
			"version":            {"version", ""},
			"help":               {"--help", ""},
			"a failing erase":    {"erase", foreign},
			"an unknown verb":    {"frobnicate", ""},
			"a request too many": {"get", strings.Repeat("a", 70<<10)},
		} {
			t.Run(what+" to standard output that is "+where, func(t *testing.T) {
				t.Parallel()
				cmd := l.command(t.Context(), c.arg)
				set(cmd)
				var errOut bytes.Buffer
				cmd.Stdin, cmd.Stderr = strings.NewReader(c.input), &errOut
				_ = cmd.Run() // the exit code tells
				// A warm get has nothing to put in order and lets the signal have it.
				status, _ := cmd.ProcessState.Sys().(syscall.WaitStatus)
				if status.ExitStatus() != 1 && status.Signal() != syscall.SIGPIPE {
					t.Errorf("it ended with %v", cmd.ProcessState)
				}
				if errOut.Len() > 0 {
					t.Errorf("standard error: %q", errOut.String())
				}
			})
		}
	}
	t.Cleanup(l.noTemporaryFiles)
}
