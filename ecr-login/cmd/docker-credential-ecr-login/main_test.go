package main

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// The tests run the program as `make build` makes it: what it prints, what it
// keeps and the order in which its packages start are the product.

const (
	name           = "docker-credential-ecr-login"
	versionPackage = "ecr-credential-helper/ecr-login/internal/version"
)

// TestMain builds the program and puts it into PATH, together with the fake
// credential helpers, for which the test binary stands in.
func TestMain(m *testing.M) {
	testscript.Main(withProgram{m}, map[string]func(){fakeHelper: fakeHelperMain})
}

// withProgram runs the tests with the program in PATH.
type withProgram struct{ m *testing.M }

func (w withProgram) Run() int {
	dir, err := os.MkdirTemp("", "ecr-login-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir) //nolint:errcheck // the temporary folder's own keeper sweeps up
	// For a test that runs the program as another user.
	if err := os.Chmod(dir, 0o755); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false",
		"-ldflags", "-s -w -X "+versionPackage+".Version=1.2.3 -X "+versionPackage+".Commit=1f2e3d4", "-o", filepath.Join(dir, name+exe()), ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the program: %v\n%s", err, out)
		return 1
	}
	path := dir + string(os.PathListSeparator) + os.Getenv("PATH")
	for k, v := range map[string]string{
		"PATH": path,
		// Else every end of a program with the race detector takes a second.
		"GORACE": "atexit_sleep_ms=0",
	} {
		if err := os.Setenv(k, v); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	hearSignals()
	return w.m.Run()
}

// hearSignals undoes what nohup, or a shell that starts a job in the background,
// has made this program deaf to: the programs that the tests start and signal
// would inherit it.
func hearSignals() {
	for _, sig := range []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		if signal.Ignored(sig) {
			signal.Notify(make(chan os.Signal, 1), sig)
		}
	}
}

func exe() string {
	if runtime.GOOS == "windows" {
		return ".exe"
	}
	return ""
}
