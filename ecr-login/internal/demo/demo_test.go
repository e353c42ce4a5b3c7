package demo_test

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"ecr-credential-helper/ecr-login/internal/app"
	"ecr-credential-helper/ecr-login/internal/demo"
	"ecr-credential-helper/ecr-login/internal/settings"
)

const program = "ecr-demo"

// TestMain makes the test binary, under the name of a link to it, the demo or
// the helper.
func TestMain(m *testing.M) {
	switch strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe") {
	case program:
		os.Exit(demo.Main(os.Args[1:], demo.Process{
			Environ: os.Environ(), Stdout: os.Stdout, Stderr: os.Stderr,
			Replace: func(env []string) error {
				os.Clearenv()
				for _, kv := range env {
					name, value, _ := strings.Cut(kv, "=")
					if err := os.Setenv(name, value); err != nil {
						return err
					}
				}
				return nil
			},
		}))
	case app.Name:
		os.Exit(app.Main(os.Args[1:], settings.Process, app.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
	}
	os.Exit(m.Run())
}

// command returns the demo as a command, in a bad environment, and the folder
// that its temporary folder is made in.
func command(t *testing.T, args ...string) (cmd *exec.Cmd, temp string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin, suffix := t.TempDir(), ""
	if runtime.GOOS == "windows" {
		suffix = ".exe"
	}
	for _, name := range []string{program, app.Name} {
		if err := os.Link(self, filepath.Join(bin, name+suffix)); err != nil {
			if err := os.Symlink(self, filepath.Join(bin, name+suffix)); err != nil {
				t.Fatal(err)
			}
		}
	}
	temp = t.TempDir()
	cmd = exec.CommandContext(t.Context(), filepath.Join(bin, program+suffix), args...)
	cmd.Env = append(os.Environ(),
		"TMPDIR="+temp, "TMP="+temp, "TEMP="+temp,
		// What a developer's shell may hold must not reach the story.
		"AWS_PROFILE=production", "AWS_REGION=nowhere", "AWS_ECR_CACHE_DIR=/nonexistent", "AWS_ECR_DISABLE_CACHE=1",
		// A program with the race detector else sleeps for a second before it ends.
		"GORACE=atexit_sleep_ms=0",
		"DOCKER_CONFIG=/nonexistent", "HTTPS_PROXY=http://127.0.0.1:1", "HOME=/nonexistent")
	return cmd, temp
}

func leftovers(t *testing.T, temp string) {
	t.Helper()
	entries, err := os.ReadDir(temp)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		t.Errorf("%s was left behind", e.Name())
	}
}

// readTo returns the lines of the story up to the one that holds last.
func readTo(t *testing.T, lines *bufio.Scanner, last string) []string {
	t.Helper()
	var read []string
	for lines.Scan() {
		read = append(read, lines.Text())
		if strings.Contains(lines.Text(), last) {
			return read
		}
	}
	t.Fatalf("the story ends before %q:\n%s", last, strings.Join(read, "\n"))
	return nil
}

// interrupt sends what Ctrl-C sends, reads the story to its end and returns the
// exit code.
func interrupt(t *testing.T, cmd *exec.Cmd, lines *bufio.Scanner) int {
	t.Helper()
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() {
		continue
	}
	_ = cmd.Wait() // the exit code tells
	return cmd.ProcessState.ExitCode()
}

func TestTheStoryIsToldCanBePlayedWithAndLeavesNothingBehind(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // no process can interrupt another one there, and the variables are for a POSIX shell
	}
	t.Parallel()
	cmd, temp := command(t, "--keep")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	story := readTo(t, lines, "All of it was checked")
	const most = 45
	if len(story) > most {
		t.Errorf("the story has %d lines, more than %d", len(story), most)
	}
	for _, want := range []string{
		"1. The stage", "push demo:1", "pull demo:1", "cold get", "warm get", "other accounts",
		"list ", "erase ", "the registry says 401", "says: AWS denies ecr:GetAuthorizationToken",
	} {
		if !strings.Contains(strings.Join(story, "\n"), want) {
			t.Errorf("the story does not mention %q:\n%s", want, strings.Join(story, "\n"))
		}
	}

	var script strings.Builder
	for _, line := range readTo(t, lines, "ecr-login.log") {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "export ") || strings.HasPrefix(line, "unset ") || strings.HasSuffix(line, app.Name+" get") {
			script.WriteString(line + "\n")
		}
	}
	shell := exec.CommandContext(t.Context(), "sh", "-e")
	shell.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0", "AWS_PROFILE=production", "AWS_ACCESS_KEY_ID=AKIAWRONG")
	shell.Stdin = strings.NewReader(script.String())
	answer, err := shell.CombinedOutput()
	if err != nil || !strings.Contains(string(answer), `"Username":"AWS"`) {
		t.Errorf("what is printed to be pasted: %v: %s\n%s", err, answer, script.String())
	}

	if code := interrupt(t, cmd, lines); code != 0 || stderr.Len() > 0 {
		t.Errorf("exit code %d, standard error: %s", code, stderr.String())
	}
	leftovers(t, temp)
}

func TestAnInterruptInTheMiddleCleansUp(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // no process can interrupt another one there
	}
	t.Parallel()
	cmd, temp := command(t)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	readTo(t, lines, "1. The stage")
	const interrupted = 130
	if code := interrupt(t, cmd, lines); code != interrupted {
		t.Errorf("exit code %d, want %d", code, interrupted)
	}
	leftovers(t, temp)
}

func TestWrongArgumentsAreRefusedAndHelpIsGiven(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args   []string
		code   int
		stderr string
	}{
		"-h prints the usage and succeeds": {[]string{"-h"}, 0, "Usage: ecr-demo"},
		"an unknown flag is refused":       {[]string{"--nonsense"}, 2, "Usage: ecr-demo"},
		"an argument is refused":           {[]string{"please"}, 2, "Usage: ecr-demo"},
		"a helper of another name":         {[]string{"--helper", "/bin/sh"}, 1, "must be called " + app.Name},
		"a helper that is not there":       {[]string{"--helper", "/nonexistent/" + app.Name}, 1, "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if runtime.GOOS == "windows" && c.code == 1 {
				return // its paths and messages are others
			}
			var stdout, stderr bytes.Buffer
			code := demo.Main(c.args, demo.Process{Stdout: &stdout, Stderr: &stderr})
			if code != c.code || !strings.Contains(stderr.String(), c.stderr) || stdout.Len() > 0 {
				t.Errorf("exit code %d, want %d; stdout %q, stderr %q, want %q", code, c.code, stdout.String(), stderr.String(), c.stderr)
			}
		})
	}
}
