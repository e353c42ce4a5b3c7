package command_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"ecr-credential-helper/ecr-login/internal/ranchersync"
	"ecr-credential-helper/ecr-login/internal/ranchersync/command"
	"ecr-credential-helper/ecr-login/internal/ranchertest"
)

// service is the command running for ever.
type service struct {
	address string
	stop    context.CancelFunc
	ended   chan int
}

// start runs the command until its listener is there.
func (d *desk) start(args ...string) *service {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), longest)
	s := &service{stop: cancel, ended: make(chan int, 1)}
	listening := make(chan string, 1)
	d.deps.Listen = func(network, address string) (net.Listener, error) {
		if address != ":8080" {
			d.t.Errorf("it listens on %s", address)
		}
		l, err := net.Listen(network, "127.0.0.1:0")
		if err == nil {
			listening <- l.Addr().String()
		}
		return l, err
	}
	go func() { s.ended <- command.Run(ctx, args, d.deps) }()
	select {
	case s.address = <-listening:
	case code := <-s.ended:
		d.t.Fatalf("it ended with %d: %s", code, d.err)
	}
	return s
}

// end stops the command and returns its exit code.
func (s *service) end() int {
	s.stop()
	return <-s.ended
}

func (s *service) get(t *testing.T, path string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.address+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestRunningForEver(t *testing.T) {
	t.Parallel()
	for _, way := range []struct {
		name string
		env  map[string]string
		args []string
	}{
		{"by flag", nil, []string{"--interval", "6h"}},
		{"by the environment alone", map[string]string{"RANCHER_SYNC_INTERVAL": "6h"}, nil},
	} {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t).inRancher()
			d.has(hostA)
			for k, v := range way.env {
				d.env[k] = v
			}
			observed := make(chan struct{})
			d.deps.Out = writerFunc(func(p []byte) (int, error) {
				select {
				case <-observed:
				default:
					close(observed)
				}
				return d.out.Write(p)
			})
			s := d.start(append(way.args, "--output", "json")...)
			await(t, observed)
			for path, want := range map[string]string{"/ping": "pong!", "/healthz": "ok\n", "/metrics": "ecr_login_rancher_sync_healthy 1", "/": "in order"} {
				if code, body := s.get(t, path); code != 200 || !strings.Contains(body, want) || strings.Contains(body, secret) {
					t.Errorf("%s: %d %s", path, code, body)
				}
			}
			if code := s.end(); code != 0 {
				t.Errorf("exit code %d", code)
			}
			d.wantPull(hostA)
			lines := bufio.NewScanner(strings.NewReader(d.out.String()))
			n := 0
			for ; lines.Scan(); n++ {
				var r ranchersync.Report
				if err := json.Unmarshal(lines.Bytes(), &r); err != nil || r.Totals.Updated != 1 {
					t.Errorf("%v in %s", err, lines.Text())
				}
			}
			if n != 1 {
				t.Errorf("%d reports", n)
			}
			for _, want := range []string{"msg=listening", `msg="rancher-sync starts"`, "interval=6h0m0s", "msg=updated", `msg="in order"`, `msg="rancher-sync ends"`} {
				if !strings.Contains(d.err.String(), want) {
					t.Errorf("no %q in\n%s", want, d.err)
				}
			}
		})
	}
}

func TestKeysThatBeginAlikeAreToldApart(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	var targets []command.FileTarget
	for _, access := range []string{"ABCDE1", "ABCDE2", "ABCDE"} {
		project := d.AddProject(access)
		d.AddKey(ranchertest.Key{Access: access, Secret: secret, Project: project})
		d.AddCredential(d.AddRegistry(project, hostA), "AWS", "old")
		targets = append(targets, command.FileTarget{URL: d.url, AccessKey: access})
	}
	d.targets(targets...)
	all := make(chan struct{})
	reports := 0
	d.deps.Out = writerFunc(func(p []byte) (int, error) {
		if reports++; reports == len(targets) {
			close(all)
		}
		return len(p), nil
	})
	s := d.start("--interval", "6h", "--output", "json")
	await(t, all)
	_, metrics := s.get(t, "/metrics")
	_, page := s.get(t, "/")
	for _, name := range []string{"ABCDE1", "ABCDE2", "ABCDE"} {
		line := `ecr_login_rancher_sync_pushes_total{target="` + d.url + " key " + name + `"} 1`
		if !strings.Contains(metrics, line+"\n") {
			t.Errorf("no %s in\n%s", line, metrics)
		}
		if !strings.Contains(page, " key "+name+"</h2>") {
			t.Errorf("no %s on the page", name)
		}
	}
	if code := s.end(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestSIGTERMLetsTheWriteUnderWayFinish(t *testing.T) {
	t.Parallel()
	d := newDesk(t).inRancher()
	d.has(hostA)
	var s *service
	started := make(chan struct{})
	d.Inject(ranchertest.Fault{
		Match: func(r ranchertest.Request) bool { return r.Method == http.MethodPut },
		Delay: 50 * time.Millisecond, Before: func() { <-started; s.stop() },
	})
	s = d.start("--interval", "6h")
	close(started)
	if code := <-s.ended; code != 0 { // the write itself has stopped it
		t.Errorf("exit code %d", code)
	}
	d.wantPull(hostA)
}

func TestWhereItListens(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		env  string
		args []string
		want string // empty: nowhere
	}{
		{"by default", "", nil, ":8080"},
		{"as the old updaters", "9090", nil, ":9090"},
		{"on a port", "9090", []string{"--listen", "7070"}, ":7070"},
		{"on an address", "", []string{"--listen", "127.0.0.1:7070"}, "127.0.0.1:7070"},
		{"on an IPv6 address", "", []string{"--listen", "[::1]:7070"}, "[::1]:7070"},
		{"nowhere", "9090", []string{"--listen", "off"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t).inRancher()
			d.env["LISTEN_PORT"] = tt.env
			got := ""
			ctx, cancel := context.WithTimeout(t.Context(), longest)
			d.deps.Listen = func(_, address string) (net.Listener, error) {
				got = address
				return net.Listen("tcp", "127.0.0.1:0")
			}
			d.deps.Out = writerFunc(func(p []byte) (int, error) { cancel(); return len(p), nil }) // after the first run
			if code := command.Run(ctx, append(tt.args, "--interval", "1h", "--output", "json"), d.deps); code != 0 {
				t.Errorf("exit code %d: %s", code, d.err)
			}
			if got != tt.want {
				t.Errorf("it listens on %q", got)
			}
		})
	}
	d := newDesk(t).inRancher()
	d.has(hostA)
	d.want(d.run("--interval", "0"), 0, "1 updated in ") // once
	d = newDesk(t).inRancher()
	d.env["LISTEN_PORT"] = "99999"
	d.want(d.run("--interval", "1h"), 2, `LISTEN_PORT cannot be "99999"`)

	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	d = newDesk(t).inRancher()
	d.want(d.run("--interval", "1h", "--listen", taken.Addr().String()), 2, "cannot listen for health checks", "address already in use", "choose another port")
}

func TestReportsThatCannotBeWrittenEndTheService(t *testing.T) {
	t.Parallel()
	d := newDesk(t).inRancher()
	d.has(hostA)
	d.deps.Out = closed{}
	d.want(d.run("--interval", "1h", "--listen", "off", "--output", "json"), 1, "closed pipe")
}

func TestAFullDiskBehindReportsEndsNoService(t *testing.T) {
	t.Parallel()
	d := newDesk(t).inRancher()
	d.has(hostA)
	d.deps.Out = full{}
	s := d.start("--interval", "1h", "--output", "json")
	for deadline := time.Now().Add(longest); !strings.Contains(d.err.String(), "in order"); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no run ended: %s", d.err)
		}
	}
	if code, _ := s.get(t, "/ping"); code != 200 {
		t.Errorf("ping: %d", code)
	}
	if code := s.end(); code != 0 || !strings.Contains(d.err.String(), "no space left on device") {
		t.Errorf("exit code %d: %s", code, d.err)
	}
	d.wantPull(hostA)
}

func TestTheHelpNamesEverything(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.want(d.run("--help"), 0)
	help := d.out.String()
	for _, flag := range strings.Fields(`--url --access-key --secret-key-file --project --region --registry-ids --registry --profile --role-arn --create
		--activate --email --interval --dry-run --verify-registry --ca-file --insecure-skip-tls-verify --listen --concurrency --timeout --output --log-level --config`) {
		if !strings.Contains(help, flag+" ") {
			t.Errorf("no %s in the help", flag)
		}
	}
	for _, name := range strings.Fields(`CATTLE_URL CATTLE_ACCESS_KEY CATTLE_SECRET_KEY PLATFORM_URL PLATFORM_ACCESS_KEY PLATFORM_SECRET_KEY
		CATTLE_ENVIRONMENT_ACCESS_KEY CATTLE_ENVIRONMENT_SECRET_KEY AWS_REGION AWS_ROLE_ARN AWS_ECR_REGISTRY_IDS AUTO_CREATE LISTEN_PORT LOG_LEVEL RANCHER_SYNC_INTERVAL`) {
		if !strings.Contains(help, name) {
			t.Errorf("no %s in the help", name)
		}
	}
	if !strings.HasPrefix(help, "Keep the ECR registries") || !strings.Contains(help, "Usage:\n  docker-credential-ecr-login rancher-sync [flags]\n") || !strings.Contains(help, "5  pushed, but a pull would not use it") {
		t.Errorf("%s", help)
	}
	for line := range strings.Lines(help) {
		if len(line) > 132 {
			t.Errorf("a line of %d characters: %s", len(line), line)
		}
	}
}
