package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// subject is a program with the arguments, environment and input to run it
// with.
type subject struct {
	name  string
	path  string
	args  []string
	env   []string
	stdin string

	// check judges what the first run printed; nil takes anything.
	check func(stdout []byte) error
	// calls is how many network calls were seen so far. Unless mayCall, a
	// measured run that made one is an error: it measured something else.
	calls   func() int
	mayCall bool
}

// figures is what one subject's runs came to.
type figures struct {
	name string
	wall []time.Duration // one per round, in the order of the rounds
	cpu  []time.Duration // user and system time, likewise
	peak int64           // resident set at its largest, in bytes, median of a few runs; 0 where it cannot be told
}

// Bounds of the number of rounds: enough for a median, and no more than help.
const (
	fewestRounds = 15
	mostRounds   = 2_000
	peakRuns     = 5
)

// race runs the subjects in turns, A B C then C B A, so that whatever else
// the machine does meets them all alike. It goes on for the lab's effort.
func (l *lab) race(ctx context.Context, subjects []subject) (results []figures, err error) {
	results = make([]figures, len(subjects))
	expected := make([][]byte, len(subjects))
	for i, s := range subjects {
		results[i].name = s.name
		if expected[i], err = l.rehearse(ctx, s); err != nil {
			return nil, err
		}
	}
	out, err := os.CreateTemp(l.dir, "stdout-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, out.Close()) }()

	start := time.Now()
	for round := 0; round < fewestRounds || (round < mostRounds && time.Since(start) < l.effort); round++ {
		for i := range subjects {
			if round%2 == 1 {
				i = len(subjects) - 1 - i
			}
			wall, cpu, err := l.once(ctx, subjects[i], out, expected[i])
			if err != nil {
				return nil, fmt.Errorf("%s: %w", subjects[i].name, err)
			}
			results[i].wall = append(results[i].wall, wall)
			results[i].cpu = append(results[i].cpu, cpu)
		}
	}
	for i, s := range subjects {
		if results[i].peak, err = peakMemory(ctx, s); err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return results, nil
}

// command is the subject, ready to run. Its input is a pipe that already holds
// all of it, as clients give it; done closes that.
func (s subject) command(ctx context.Context) (cmd *exec.Cmd, done func(), err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	_, err = w.WriteString(s.stdin)
	if err = errors.Join(err, w.Close()); err != nil {
		return nil, nil, errors.Join(err, r.Close())
	}
	cmd = exec.CommandContext(ctx, s.path, s.args...)
	cmd.Env = s.env
	cmd.Stdin = r
	return cmd, func() { _ = r.Close() }, nil
}

// rehearse runs the subject twice, checks what it prints and that it stays off
// the network, and returns the output to expect.
func (l *lab) rehearse(ctx context.Context, s subject) ([]byte, error) {
	var first []byte
	for i := range 2 {
		cmd, done, err := s.command(ctx)
		if err != nil {
			return nil, err
		}
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		before := s.calls()
		err = cmd.Run()
		done()
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w\n%s%s", s.path, strings.Join(s.args, " "), err, stdout.String(), stderr.String())
		}
		if s.calls() != before && !s.mayCall {
			return nil, s.networkError()
		}
		if i == 0 {
			first = stdout.Bytes()
		}
	}
	if s.check != nil {
		if err := s.check(first); err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return first, nil
}

func (s subject) networkError() error {
	return fmt.Errorf("%s used the network where a cached token should have done", s.name)
}

// once is one measured run. Only the process itself is timed: its output goes
// to a file and is looked at afterwards.
func (l *lab) once(ctx context.Context, s subject, out *os.File, expected []byte) (wall, cpu time.Duration, err error) {
	if err := out.Truncate(0); err != nil {
		return 0, 0, err
	}
	if _, err := out.Seek(0, 0); err != nil {
		return 0, 0, err
	}
	cmd, done, err := s.command(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer done()
	cmd.Stdout = out
	before := s.calls()

	start := time.Now()
	err = cmd.Run()
	wall = time.Since(start)

	if err != nil {
		return 0, 0, err
	}
	if s.calls() != before && !s.mayCall {
		return 0, 0, s.networkError()
	}
	info, err := out.Stat()
	if err != nil {
		return 0, 0, err
	}
	if info.Size() != int64(len(expected)) {
		return 0, 0, fmt.Errorf("printed %d bytes where it had printed %d", info.Size(), len(expected))
	}
	return wall, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), nil
}

// peakMemory runs the subject a few more times to learn how much memory it
// takes. These runs are not timed, for watching slows them.
func peakMemory(ctx context.Context, s subject) (int64, error) {
	peaks := make([]int64, peakRuns)
	for i := range peaks {
		cmd, done, err := s.command(ctx)
		if err != nil {
			return 0, err
		}
		peaks[i], err = runPeak(cmd)
		done()
		if err != nil {
			return 0, err
		}
	}
	slices.Sort(peaks)
	return peaks[peakRuns/2], nil
}
