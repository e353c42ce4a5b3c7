package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// throughput counts how many warm gets come through in a given time. The
// programs take turns here as well, a second each.
func throughput(ctx context.Context, l *lab) (*table, error) {
	const (
		loops = 8
		turn  = time.Second
		least = 1.2
	)
	subjects, err := l.getters(1)
	if err != nil {
		return nil, err
	}
	turns := max(2, int(l.effort/turn)/len(subjects))
	rates := make([][]time.Duration, len(subjects)) // wall time of one get, per turn
	for range turns {
		for i, s := range subjects {
			done, err := l.loop(ctx, s, loops, turn)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", s.name, err)
			}
			rates[i] = append(rates[i], turn/time.Duration(done))
		}
	}
	t := &table{columns: []string{"", "gets/s", "ratio", "goal"}}
	for i, s := range subjects {
		row := []string{s.name, strconv.Itoa(int(time.Second / median(rates[i])))}
		if i > 0 {
			ratio := quantile(ratios(rates[i], rates[0]), 0.5)
			row = append(row, fmt.Sprintf("%.3f", ratio))
			if s.name == nameReference {
				row = append(row, fmt.Sprintf("%s (at least %.2f)", verdict(ratio >= least), least))
			}
		}
		t.rows = append(t.rows, row)
	}
	t.remarks = append(t.remarks, fmt.Sprintf("Medians of %d turns of %s. A ratio is %s divided by the row, turn by turn.", turns, turn, subjects[0].name))
	return t, nil
}

// loop runs the subject in so many loops at once until the time is over, and
// returns how many runs were completed in it.
func (l *lab) loop(ctx context.Context, s subject, loops int, turn time.Duration) (int, error) {
	before := s.calls()
	end := time.Now().Add(turn)
	var done atomic.Int64
	errs := make([]error, loops)
	var group sync.WaitGroup
	for i := range loops {
		group.Go(func() {
			for errs[i] == nil && time.Now().Before(end) {
				if errs[i] = s.run(ctx); time.Now().Before(end) {
					done.Add(1)
				}
			}
		})
	}
	group.Wait()
	if s.calls() != before {
		return 0, s.networkError()
	}
	return max(1, int(done.Load())), errors.Join(errs...)
}

// run runs the subject and checks what it printed.
func (s subject) run(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, s.path, s.args...)
	cmd.Env = s.env
	cmd.Stdin = strings.NewReader(s.stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%w\n%s%s", err, stdout.String(), stderr.String())
	}
	if s.check == nil {
		return nil
	}
	return s.check(stdout.Bytes())
}

// burst starts many gets on an empty cache at the same moment.
func burst(ctx context.Context, l *lab) (*table, error) {
	const gets = 50
	return l.countCalls(func(s subject) error {
		errs := make([]error, gets)
		var group sync.WaitGroup
		for i := range gets {
			group.Go(func() { errs[i] = s.run(ctx) })
		}
		group.Wait()
		return errors.Join(errs...)
	})
}

// accounts asks for one registry after another, all behind one endpoint.
func accounts(ctx context.Context, l *lab) (*table, error) {
	const accounts = 40
	_, domain, _ := strings.Cut(targetHost, ".")
	return l.countCalls(func(s subject) error {
		for i := range accounts {
			s.stdin = otherAccount(i) + "." + domain
			if err := s.run(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}

// countCalls lets every helper do some work on an empty cache and counts its
// calls to AWS.
func (l *lab) countCalls(work func(s subject) error) (*table, error) {
	t := &table{columns: []string{"", "API calls", "wall ms", "goal"}}
	for _, p := range l.helpers() {
		place := setting{program: p}
		home, err := l.newHome(place)
		if err != nil {
			return nil, err
		}
		s := subject{name: p.name, path: p.path, args: []string{"get"}, env: l.env(home, place), stdin: targetHost, check: l.checkAnswer}
		before, start := l.calls(), time.Now()
		if err := work(s); err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		wall, calls := time.Since(start), l.calls()-before
		row := []string{p.name, strconv.Itoa(calls), milliseconds(wall)}
		if p.name == nameOurs {
			row = append(row, verdict(calls == 1)+" (1 call)")
		}
		t.rows = append(t.rows, row)
	}
	t.remarks = append(t.remarks, fmt.Sprintf("Each call takes the fake AWS %s.", latency))
	return t, nil
}

// leftovers runs gets whose role gets new temporary keys each time, and looks at
// the home directory on the way. Our helper would not ask for new keys as long as
// its token is good, so the token is erased before each get.
func leftovers(ctx context.Context, l *lab) (*table, error) {
	stops := []int{1, 100, 1000}
	// Nothing is timed here, so nobody need wait for the fake AWS.
	l.aws.ClearFaults()
	defer l.slow()
	t := &table{columns: []string{""}}
	for _, n := range stops {
		t.columns = append(t.columns, fmt.Sprintf("after %d", n))
	}
	t.remarks = append(t.remarks, "Without this helper's log, which is rotated at 5 MB.")
	for _, p := range l.helpers() {
		place := setting{program: p, profiles: 2}
		home, err := l.newHome(place)
		if err != nil {
			return nil, err
		}
		s := subject{name: p.name, path: p.path, args: []string{"get"}, env: append(l.env(home, place), "AWS_ECR_LOG_LEVEL=off"), stdin: targetHost, check: l.checkAnswer}
		erase := subject{name: p.name, path: p.path, args: []string{"erase"}, env: s.env, stdin: targetHost}
		row := []string{p.name}
		done := 0
		for _, stop := range stops {
			for ; done < stop; done++ {
				if p.name == nameOurs {
					if err := erase.run(ctx); err != nil {
						return nil, fmt.Errorf("%s: %w", p.name, err)
					}
				}
				if err := s.run(ctx); err != nil {
					return nil, fmt.Errorf("%s: %w", p.name, err)
				}
			}
			files, size, err := usage(filepath.Join(home, ".ecr"))
			if err != nil {
				return nil, err
			}
			row = append(row, fmt.Sprintf("%s, %d bytes", count(files, "file"), size))
		}
		t.rows = append(t.rows, row)
	}
	return t, nil
}

// usage returns the number and the size of the files below dir.
func usage(dir string) (files int, size int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		files++
		size += info.Size()
		return nil
	})
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	return files, size, err
}
