package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
)

// instructions counts what a warm get executes. Unlike time, that is nearly the
// same on every run, so it shows a change too small to be timed.
func instructions(ctx context.Context, l *lab) (*table, error) {
	const runs = 5
	valgrind, err := exec.LookPath("valgrind")
	if errors.Is(err, exec.ErrNotFound) {
		return &table{remarks: []string{"valgrind, which counts them, is not installed"}}, nil
	}
	if err != nil {
		return nil, err
	}
	subjects, err := l.getters(1)
	if err != nil {
		return nil, err
	}
	t := &table{columns: []string{"", "millions", "ratio"}}
	var first int64
	for i, s := range subjects {
		counts := make([]int64, runs)
		for run := range counts {
			if counts[run], err = s.countInstructions(ctx, valgrind); err != nil {
				return nil, fmt.Errorf("%s: %w", s.name, err)
			}
		}
		slices.Sort(counts)
		n := counts[runs/2]
		row := []string{s.name, fmt.Sprintf("%.2f", float64(n)/1e6)}
		if i == 0 {
			first = n
		} else {
			row = append(row, fmt.Sprintf("%.3f", float64(first)/float64(n)))
		}
		t.rows = append(t.rows, row)
	}
	t.remarks = append(t.remarks, fmt.Sprintf("Medians of %d runs, without the kernel's share. A ratio is %s divided by the row.", runs, subjects[0].name))
	return t, nil
}

func (s subject) countInstructions(ctx context.Context, valgrind string) (int64, error) {
	args := []string{"--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=" + os.DevNull, s.path}
	cmd := exec.CommandContext(ctx, valgrind, append(args, s.args...)...)
	cmd.Env = s.env
	cmd.Stdin = strings.NewReader(s.stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("%w\n%s", err, stderr.String())
	}
	if err := s.check(stdout.Bytes()); err != nil {
		return 0, err
	}
	// ==123== I   refs:      5,839,186
	_, number, ok := strings.Cut(stderr.String(), "refs:")
	number, _, _ = strings.Cut(number, "\n")
	if !ok {
		return 0, errors.New("valgrind told no number of instructions")
	}
	return strconv.ParseInt(strings.ReplaceAll(strings.TrimSpace(number), ",", ""), 10, 64)
}
