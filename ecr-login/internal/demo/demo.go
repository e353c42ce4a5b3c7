// Package demo is a story that the machine can tell about itself: an embedded
// AWS, an embedded registry, a docker configuration, and the real helper binary
// between them. Every line that it prints was checked before.
package demo

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// Process is what the demo needs of the process it runs in.
type Process struct {
	// Environ is the environment at the start, as os.Environ returns it. Only
	// what a program needs to run at all is taken from it: see [keptVariables].
	Environ []string
	// Replace makes another environment this process's own.
	Replace func(environ []string) error
	Stdout  io.Writer
	Stderr  io.Writer
}

const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 128 + int(syscall.SIGINT)
)

const usage = `Usage: ecr-demo [flags]

Pushes and pulls an image through docker-credential-ecr-login, with an embedded
AWS and an embedded registry: no AWS account, no root, no network.

`

// options are what the flags say.
type options struct {
	keep   bool
	helper string
}

// Main runs the demo with the arguments after the program's name and returns
// the exit code: 0 when everything was as it should be.
func Main(args []string, p Process) int {
	var o options
	flags := flag.NewFlagSet("ecr-demo", flag.ContinueOnError)
	flags.SetOutput(p.Stderr)
	flags.BoolVar(&o.keep, "keep", false, "leave the servers running until Ctrl-C, and say how to play with them")
	flags.StringVar(&o.helper, "helper", "", "`path` of the helper (default: the one beside this program, else it is built)")
	flags.Usage = func() {
		// What cannot be written cannot be complained about either.
		_, _ = io.WriteString(flags.Output(), usage)
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return exitOK
		}
		return exitUsage
	}
	if flags.NArg() > 0 {
		flags.Usage()
		return exitUsage
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once

	err := run(ctx, o, p)
	switch {
	case err == nil:
		return exitOK
	case ctx.Err() != nil:
		_, _ = fmt.Fprintln(p.Stderr, "ecr-demo: interrupted")
		return exitInterrupted
	}
	_, _ = fmt.Fprintln(p.Stderr, "ecr-demo:", err)
	return exitFailed
}

func run(ctx context.Context, o options, p Process) (err error) {
	started := time.Now()
	s, err := setUp(ctx, o.helper, p)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()

	t := &teller{out: p.Stdout}
	t.title("Amazon ECR passwords for container clients: no AWS account, no root, no network")
	for i, c := range chapters() {
		t.chapter(i+1, c.title)
		if err := c.tell(ctx, s, t); err != nil {
			return fmt.Errorf("%s: %w", c.title, err)
		}
	}
	t.title(fmt.Sprintf("\nAll of it was checked, in %s.", inWords(time.Since(started))))
	if o.keep && t.err == nil {
		t.text(s.instructions())
		<-ctx.Done()
		t.title("Cleaned up.")
	}
	return t.err
}
