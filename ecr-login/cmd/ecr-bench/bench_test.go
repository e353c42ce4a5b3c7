package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// What the test binary does when it plays a program to be measured.
const playVar = "ECR_BENCH_TEST_PLAY"

func TestMain(m *testing.M) {
	switch play, url, _ := strings.Cut(os.Getenv(playVar), " "); play {
	case "":
		os.Exit(m.Run())
	case "print":
		fmt.Println("answer")
	case "call":
		resp, err := http.Get(url)
		if err == nil {
			err = resp.Body.Close()
		}
		fmt.Println("answer", err)
	case "waver":
		fmt.Println("answer", strings.Repeat("x", int(time.Now().UnixNano()%1000)))
	case "fail":
		os.Exit(1)
	case "grow":
		block := make([]byte, 64<<20)
		for i := range block {
			block[i] = 1
		}
		fmt.Println("answer", block[len(block)-1])
	}
	os.Exit(0)
}

func player(t *testing.T, l *lab, play string) subject {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// A program with the race detector in it would wait a second before it ends.
	env := append(os.Environ(), playVar+"="+play, "GORACE=atexit_sleep_ms=0")
	return subject{name: play, path: self, env: env, calls: l.calls}
}

func testLab(t *testing.T) *lab {
	t.Helper()
	l, err := newLab(programs{}, time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func TestARaceMeasuresEverySubjectInEveryRound(t *testing.T) {
	t.Parallel()
	l := testLab(t)
	results, err := l.race(t.Context(), []subject{player(t, l, "print"), player(t, l, "print")})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		if len(r.wall) != fewestRounds || len(r.cpu) != fewestRounds || slices.Min(r.wall) <= 0 {
			t.Errorf("%d wall and %d cpu times, shortest %s", len(r.wall), len(r.cpu), slices.Min(r.wall))
		}
	}
}

func TestARaceRefusesWhatWouldSpoilTheFigures(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, play, want string
		check            func([]byte) error
	}{
		{name: "a program that fails", play: "fail", want: "exit status 1"},
		{name: "a warm program that uses the network", play: "call", want: "used the network"},
		{name: "a program that prints something else each time", play: "waver", want: "bytes where it had printed"},
		{name: "a wrong answer", play: "print", want: "not an answer", check: func([]byte) error { return fmt.Errorf("not an answer") }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := testLab(t)
			s := player(t, l, tt.play+" "+l.aws.Endpoint("ecr", ""))
			s.check = tt.check
			if _, err := l.race(context.Background(), []subject{s}); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want one with %q", err, tt.want)
			}
		})
	}
}

func TestPeakMemoryIsThatOfTheProcessAlone(t *testing.T) {
	// Not parallel, and the memory is given back before others run.
	const much = 64 << 20
	ballast := make([]byte, much)
	for i := range ballast {
		ballast[i] = 1
	}
	l := testLab(t)
	small, err := peakMemory(t.Context(), player(t, l, "print"))
	if err != nil {
		t.Fatal(err)
	}
	if small == 0 {
		t.Log("peak memory is not told on this system")
		return
	}
	large, err := peakMemory(t.Context(), player(t, l, "grow"))
	if err != nil {
		t.Fatal(err)
	}
	if small > much || large < much {
		t.Errorf("%d bytes for next to nothing, %d for something that fills %d", small, large, much)
	}
	runtime.KeepAlive(ballast)
}

func TestCompareTakesRatiosRoundByRound(t *testing.T) {
	t.Parallel()
	ms := func(n ...int) (all []time.Duration) {
		for _, i := range n {
			all = append(all, time.Duration(i)*time.Millisecond)
		}
		return all
	}
	// Each round the second takes twice as long, though the machine slowed down.
	got := compare([]figures{
		{name: "a", wall: ms(1, 2, 30), cpu: ms(1, 1, 1), peak: 3 << 20},
		{name: "b", wall: ms(2, 4, 60), cpu: ms(4, 4, 4)},
	}, atMost(0.4, "b"), atMost(0.1, "c")).String()
	for _, want := range []string{"2.00", "3.0", "0.500 (0.500-0.500)", "0.250", "missed (at most 0.40)", "Medians of 3 rounds"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

func TestCountReadsWell(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{0: "0 files", 1: "1 file", 999: "999 files", 1_000: "1,000 files", 1_234_567: "1,234,567 files"} {
		if got := count(n, "file"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestTheListNamesEveryMeasurementOnce(t *testing.T) {
	t.Parallel()
	var out, errs strings.Builder
	if code := report([]string{"-list"}, &out, &errs); code != 0 || errs.Len() > 0 {
		t.Fatalf("exit code %d, stderr %q", code, errs.String())
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	slices.Sort(lines)
	if len(slices.Compact(lines)) != len(measurements()) {
		t.Errorf("%d measurements, but the list is\n%s", len(measurements()), out.String())
	}
}

func TestAnUnknownMeasurementIsAnError(t *testing.T) {
	t.Parallel()
	var out, errs strings.Builder
	if code := report([]string{"-ours", "x", "-only", "nonsense"}, &out, &errs); code != 1 || !strings.Contains(errs.String(), "nonsense") {
		t.Errorf("exit code %d, stderr %q", code, errs.String())
	}
}
