// Package app is the program: it reads argv, wires the packages together and
// turns errors into a sentence and an exit code.
package app

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/docker/docker-credential-helpers/credentials"
	"github.com/sirupsen/logrus"

	"ecr-credential-helper/ecr-login/internal/configfile"
	"ecr-credential-helper/ecr-login/internal/logfile"
	"ecr-credential-helper/ecr-login/internal/settings"
	"ecr-credential-helper/ecr-login/internal/version"
)

// Name is the program's name, by which clients find it in PATH.
const Name = version.Name

// Exit codes of the Docker verbs. Clients know only success and failure.
const (
	exitOK     = 0
	exitFailed = 1
	// An interrupted program ends with 128 and the signal's number.
	exitSignal = 128
)

// Streams are what a command reads and writes.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// Main runs the program with the arguments after its name and returns the exit
// code.
func Main(args []string, env settings.LookupEnv, s Streams) int {
	if version.Version == "" {
		version.Version = installed()
	}
	version.Announce()
	ctx, again, stop := signalContext()
	defer stop()
	code := make(chan int, 1)
	go func() { code <- run(ctx, args, env, s) }()
	select {
	case c := <-code:
		return c
	case sig := <-again:
		// Not left to the signal's default action, which the first process of a
		// container does not have.
		return exitSignal + int(sig)
	}
}

func run(ctx context.Context, args []string, env settings.LookupEnv, s Streams) int {
	if len(args) > 0 {
		switch args[0] {
		case "-h", "--help", "help":
			return say(s.Out, help, exitOK)
		case "-v", "--version":
			return answer(s.Out, credentials.PrintVersion)
		case "rancher-sync":
			return rancherSync(ctx, args[1:], env, s)
		}
	}
	if len(args) != 1 {
		return say(s.Out, usage+"\n", exitFailed)
	}
	code := docker(ctx, args[0], env, s)
	if sig, ok := interrupted(ctx); ok {
		return exitSignal + int(sig)
	}
	return code
}

// installed is the version that `go install module@version` recorded, for a
// build that no linker flag told. It is looked up here and not in package
// version, which must be ready before package runtime/debug is (see package
// warm), and is not for libraries: theirs is that of the program around them.
func installed() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "(devel)" {
		return ""
	}
	return info.Main.Version
}

const usage = "Usage: " + Name + " <store|get|erase|list|version>"

const help = usage + `

Passwords for Amazon ECR registries, for Docker and every client that knows
credential helpers. They are fetched with your AWS credentials and kept in
~/.ecr until about half of their life.

Verbs, called by clients (a server address, or JSON for store, on stdin):
  get       print user name and password for a registry as JSON
  store     accept credentials; those of ECR are not kept, for get has better
  erase     drop the cached tokens that served a registry
  list      print the registries that have a token, as JSON, offline
  version   print the version

Commands for people and containers (--help tells more):
  rancher-sync   push the tokens into the registries of a Rancher 1.x

Set-up, in ~/.docker/config.json:
  {"credHelpers": {"111122223333.dkr.ecr.eu-west-1.amazonaws.com": "ecr-login"}}
or for every registry:
  {"credsStore": "ecr-login"}
`

// say writes text and returns code, or failure if it cannot be written.
func say(out io.Writer, text string, code int) int {
	if _, err := io.WriteString(out, text); err != nil {
		return exitFailed
	}
	return code
}

func answer(out io.Writer, write func(io.Writer) error) int {
	buf := &buffer{}
	if err := write(buf); err != nil {
		return say(out, err.Error()+"\n", exitFailed)
	}
	return say(out, string(*buf), exitOK)
}

type buffer []byte

func (b *buffer) Write(p []byte) (int, error) {
	*b = append(*b, p...)
	return len(p), nil
}

// load reads the settings and opens the log that they describe.
func load(env settings.LookupEnv) (s settings.Settings, log *logrus.Logger, closeLog func(), err error) {
	s, err = settings.Load(env, configfile.Parse)
	dir := ""
	if s.Dir != "" {
		dir = filepath.Join(s.Dir, "log")
	}
	log, closer := logfile.New(logfile.Options{
		Dir: dir, Level: s.Log.Level, Format: s.Log.Format, MaxSize: s.Log.MaxSize, Keep: s.Log.Keep,
	})
	return s, log, func() { _ = closer.Close() }, err
}

// interruption is why a context ended: a signal.
type interruption struct{ signal syscall.Signal }

func (i interruption) Error() string { return fmt.Sprintf("interrupted by %v", i.signal) }

// Unwrap makes an interruption a cancellation.
func (interruption) Unwrap() error { return context.Canceled }

// echo is how long after the first signal others count as the same one: the
// terminal and a wrapper both pass a Ctrl-C on, timeout(1) signals the program
// and then its group, and systemd follows SIGTERM with SIGHUP. No person asks
// twice in so short a time.
const echo = 200 * time.Millisecond

// signalContext returns a context that ends with the first signal that asks the
// program to stop, and a channel for the next one, unless it comes at the same
// time: the program is to end at once then, whatever is under way. SIGPIPE is
// caught so that a client that went away is an error of the write, after which
// files are closed and temporary ones removed.
func signalContext() (ctx context.Context, again <-chan syscall.Signal, stop func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	ch := make(chan os.Signal, 1)
	for _, sig := range stopSignals {
		// What nohup has made us deaf to we stay deaf to.
		if !signal.Ignored(sig) {
			signal.Notify(ch, sig)
		}
	}
	if len(ignoredSignals) > 0 {
		signal.Notify(make(chan os.Signal, 1), ignoredSignals...)
	}
	second := make(chan syscall.Signal, 1)
	running, end := context.WithCancel(context.Background())
	go func() {
		var first time.Time
		for {
			select {
			case s := <-ch:
				sig, ok := s.(syscall.Signal)
				switch {
				case !ok:
				case first.IsZero():
					first = time.Now()
					cancel(interruption{sig})
				case time.Since(first) > echo:
					second <- sig
					return
				}
			case <-running.Done():
				return
			}
		}
	}()
	return ctx, second, func() { cancel(nil); signal.Stop(ch); end() }
}
