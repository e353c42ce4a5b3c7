package ranchersync_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"ecr-credential-helper/ecr-login/internal/ranchersync"
	"ecr-credential-helper/ecr-login/internal/ranchersync/cattle"
	"ecr-credential-helper/ecr-login/internal/ranchertest"
	"ecr-credential-helper/ecr-login/token"
)

// BenchmarkFleet measures a sync of 1,000 registries in each of 10 environments
// of a Rancher that takes 20 ms for every answer, and fails when it needs more
// requests, time or memory than it should. Run it with
//
//	go test ./ecr-login/internal/ranchersync -run '^$' -bench Fleet -benchtime 1x
//
// The Rancher is a process of its own, so that its memory is not counted.
func BenchmarkFleet(b *testing.B) {
	const (
		environments = 10
		registries   = 1000
		latency      = 20 * time.Millisecond
		concurrency  = 16
		maxMemory    = 64 << 20
		pages        = 2 // of registries and of credentials, with up to 1,000 on a page
	)
	defer debug.SetGCPercent(debug.SetGCPercent(ranchersync.GCPercent)) // as the command does
	for b.Loop() {
		rancher := startFleet(b, fleet{Environments: environments, Registries: registries, Latency: latency})
		clock := ranchersync.SystemClock{}
		slots := make(chan struct{}, concurrency)
		transport := cattle.NewTransport(cattle.TransportOptions{Connections: concurrency})
		address, err := cattle.ParseURL(rancher.url)
		if err != nil {
			b.Fatal(err)
		}
		var jobs []ranchersync.Job
		for i := range environments {
			target, err := cattle.New(cattle.Config{
				Address: address, Project: fmt.Sprintf("1a%d", 5+i), AccessKey: accessKey, SecretKey: token.NewPassword(secretKey),
				Transport: transport, Slots: slots,
			})
			if err != nil {
				b.Fatal(err)
			}
			jobs = append(jobs, ranchersync.Job{Target: target})
		}
		tokens := newTokens(newClock())
		tokens.clock.add(time.Since(noon)) // tokens of now, for it is real time that passes
		dir := b.TempDir()
		syncer := func() *ranchersync.Syncer {
			return ranchersync.NewSyncer(ranchersync.Syncer{
				Tokens: copies{tokens}, Memory: ranchersync.NewMemory(dir), Clock: clock, Concurrency: concurrency,
			})
		}
		inOrder := func(r *ranchersync.Report) {
			if r.ExitCode != 0 {
				b.Errorf("%s", messages(r))
			}
		}
		once := func() { inOrder(syncer().Run(b.Context(), jobs)) }
		forEver := func() {
			ctx, cancel := context.WithCancel(b.Context())
			defer cancel()
			runs := 0
			l := &ranchersync.Loop{Syncer: syncer(), Jobs: jobs, Observe: func(r *ranchersync.Report) {
				inOrder(r)
				if runs++; runs == environments {
					cancel()
				}
			}}
			l.Run(ctx)
		}
		run := func(name string, do func(), most int) {
			rancher.ask("forget")
			start := time.Now()
			do()
			took := time.Since(start)
			requests := rancher.ask("count")
			ideal := time.Duration(requests) * latency / concurrency
			if len(jobs)*pages > requests || requests > most {
				b.Errorf("%s: %d requests, at most %d were expected", name, requests, most)
			}
			// Pages are read one after the other, however many slots there are.
			ideal = max(ideal, pages*latency)
			ratio := took.Seconds() / ideal.Seconds()
			b.ReportMetric(float64(requests), name+"-requests")
			b.ReportMetric(took.Seconds(), name+"-s")
			b.ReportMetric(ratio, name+"-ratio")
			if requests > 1000 && ratio > 1.5 {
				b.Errorf("%s: took %s, %.2f times the %s that the requests take", name, took, ratio, ideal)
			}
		}
		const listing = environments * pages
		run("push", once, listing+environments*registries*2)
		run("idle", once, listing)
		for i := range jobs {
			jobs[i].Force = true
		}
		run("loop", forEver, listing+environments*registries*2)
		if peak := peakMemory(b); peak > 0 {
			b.ReportMetric(float64(peak)/(1<<20), "peak-MiB")
			if peak > maxMemory {
				b.Errorf("%d MiB of memory at the peak", peak>>20)
			}
		}
		rancher.stop()
	}
}

// copies gives every token as a copy of its own, like a cache on disk.
type copies struct{ *testTokens }

func (c copies) Token(ctx context.Context, host string, opts ranchersync.TokenOptions) (ranchersync.Token, error) {
	tok, err := c.testTokens.Token(ctx, host, opts)
	tok.Password = token.NewPassword(strings.Clone(tok.Password.Reveal()))
	return tok, err
}

// peakMemory is the most memory that this process had; 0 where it cannot be told.
func peakMemory(b *testing.B) int64 {
	b.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.Sys)
	}
	for line := range strings.Lines(string(status)) {
		var kib int64
		if n, err := fmt.Sscanf(line, "VmHWM: %d kB", &kib); n == 1 && err == nil {
			return kib << 10
		}
	}
	return 0
}

// fleet is what the Rancher of the other process holds.
type fleet struct {
	Environments, Registries int
	Latency                  time.Duration
}

// fleetVariable makes this test's binary that Rancher.
const fleetVariable = "RANCHERSYNC_TEST_FLEET"

func TestMain(m *testing.M) {
	if spec := os.Getenv(fleetVariable); spec != "" {
		if err := serveFleet(spec, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// serveFleet is the Rancher. It says where it is, and answers questions until
// its standard input ends.
func serveFleet(spec string, in io.Reader, out io.Writer) error {
	var f fleet
	if err := json.Unmarshal([]byte(spec), &f); err != nil {
		return err
	}
	s := ranchertest.New(ranchertest.Options{Latency: f.Latency})
	s.AddKey(ranchertest.Key{Access: accessKey, Secret: secretKey, Admin: true})
	for range f.Environments {
		p := s.AddProject("fleet")
		for i := range f.Registries {
			s.AddCredential(s.AddRegistry(p, fmt.Sprintf("%012d.dkr.ecr.eu-west-1.amazonaws.com", i)), "AWS", "old")
		}
	}
	srv := httptest.NewServer(s)
	defer srv.Close()
	fmt.Fprintln(out, srv.URL)
	for questions := bufio.NewScanner(in); questions.Scan(); {
		n := len(s.Requests())
		if questions.Text() == "forget" {
			s.Forget()
		}
		fmt.Fprintln(out, n)
	}
	return nil
}

// fleetProcess is the other process.
type fleetProcess struct {
	b       *testing.B
	url     string
	in      io.WriteCloser
	answers *bufio.Scanner
	cmd     *exec.Cmd
}

func startFleet(b *testing.B, f fleet) *fleetProcess {
	b.Helper()
	spec, err := json.Marshal(f)
	if err != nil {
		b.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.CommandContext(b.Context(), exe)
	cmd.Env = append(os.Environ(), fleetVariable+"="+string(spec))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	p := &fleetProcess{b: b, in: in, answers: bufio.NewScanner(out), cmd: cmd}
	if !p.answers.Scan() {
		b.Fatal("the Rancher did not start")
	}
	p.url = p.answers.Text()
	return p
}

// ask sends a question and returns the number in the answer.
func (p *fleetProcess) ask(question string) int {
	p.b.Helper()
	if _, err := fmt.Fprintln(p.in, question); err != nil || !p.answers.Scan() {
		p.b.Fatalf("the Rancher is gone: %v", err)
	}
	var n int
	if _, err := fmt.Sscan(p.answers.Text(), &n); err != nil {
		p.b.Fatal(err)
	}
	return n
}

func (p *fleetProcess) stop() {
	p.b.Helper()
	if err := p.in.Close(); err != nil {
		p.b.Error(err)
	}
	if err := p.cmd.Wait(); err != nil {
		p.b.Error(err)
	}
}
