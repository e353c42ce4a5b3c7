// Command ecr-bench compares this helper with the reference helper and with
// the least that any Go program could do, in one run on one machine. It prints
// figures and ratios; nothing passes or fails by them.
//
// `make bench` builds the programs and runs it. A measurement is one value of
// [measurements]; to add one, add it there.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"
)

func main() { os.Exit(report(os.Args[1:], os.Stdout, os.Stderr)) }

// report runs and returns the exit code.
func report(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := run(ctx, args, stdout, stderr)
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if _, err := fmt.Fprintln(stderr, "ecr-bench:", err); err != nil {
		return 2
	}
	return 1
}

// programs are the paths of what is compared. Reference, floor and linked may
// be empty; rows for them are then left out.
type programs struct{ ours, reference, floor, linked string }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	var (
		paths  programs
		only   string
		list   bool
		effort time.Duration
	)
	flags := flag.NewFlagSet("ecr-bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&paths.ours, "ours", "", "`path` of this project's helper")
	flags.StringVar(&paths.reference, "reference", "", "`path` of the reference helper")
	flags.StringVar(&paths.floor, "floor", "", "`path` of the floor program")
	flags.StringVar(&paths.linked, "linked", "", "`path` of the floor program that links what the helper links")
	flags.StringVar(&only, "only", "", "run only measurements with this `name`, or with it in their names")
	flags.DurationVar(&effort, "effort", 8*time.Second, "how long to repeat each measurement")
	flags.BoolVar(&list, "list", false, "list the measurements and stop")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if list {
		t := &table{}
		for _, m := range measurements() {
			t.rows = append(t.rows, []string{m.name, m.about})
		}
		_, err := io.WriteString(stdout, t.String())
		return err
	}
	if paths.ours == "" || flags.NArg() > 0 {
		return errors.New("usage: ecr-bench -ours PATH [flags]; see `make bench`")
	}

	l, err := newLab(paths, effort)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.close()) }()

	exact := slices.ContainsFunc(measurements(), func(m measurement) bool { return m.name == only })
	found := false
	for _, m := range measurements() {
		if m.name != only && (exact || !strings.Contains(m.name, only)) {
			continue
		}
		found = true
		t, err := m.run(ctx, l)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		if _, err := fmt.Fprintf(stdout, "%s: %s\n%s\n", m.name, m.about, t); err != nil {
			return err
		}
	}
	if !found {
		return fmt.Errorf("no measurement is named like %q; -list names them", only)
	}
	return nil
}
