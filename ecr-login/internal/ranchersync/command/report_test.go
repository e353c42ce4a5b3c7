package command_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"ecr-credential-helper/ecr-login/internal/ranchersync"
)

// stopped is a clock that shows the same time for ever.
type stopped struct{ ranchersync.SystemClock }

func (stopped) Now() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

func TestTheReportForPeople(t *testing.T) {
	t.Parallel()
	d := newDesk(t).inRancher()
	d.has(hostA)
	d.has("https://" + hostB)
	d.AddRegistry(d.project, "222233334444.dkr.ecr.eu-west-1.amazonaws.com")
	d.deps.Clock, d.tokens.now = stopped{}, stopped{}.Now
	code := d.run()
	got := strings.ReplaceAll(d.out.String(), d.url, "URL")
	got = regexp.MustCompile(` in [0-9.]+s\.\n$`).ReplaceAllString(got, " in THEN.\n")
	want := `Plan for URL key KEY
  REGISTRY                                              CREDENTIAL  ACTION  WHY
  111122223333.dkr.ecr.eu-west-1.amazonaws.com          1c7         update  nothing was pushed into it from here yet
  222233334444.dkr.ecr.eu-west-1.amazonaws.com          -           none    see below
  https://444455556666.dkr.ecr.eu-west-1.amazonaws.com  1c8         update  nothing was pushed into it from here yet

Result for URL key KEY
  REGISTRY                                              CREDENTIAL  RESULT      TOKEN UNTIL
  111122223333.dkr.ecr.eu-west-1.amazonaws.com          1c7         updated     2026-03-02 00:00 UTC
  222233334444.dkr.ecr.eu-west-1.amazonaws.com          -           failed
  https://444455556666.dkr.ecr.eu-west-1.amazonaws.com  1c8         unverified  2026-03-02 00:00 UTC
  error: 222233334444.dkr.ecr.eu-west-1.amazonaws.com: registry 1sp4 has no credential
    hint: add one in Rancher, or let --registry 222233334444.dkr.ecr.eu-west-1.amazonaws.com --create do it
  not verified: 444455556666.dkr.ecr.eu-west-1.amazonaws.com: pulls ignore the address "https://444455556666.dkr.ecr.eu-west-1.amazonaws.com": it must be the host name and nothing else
    hint: add a registry with the host name alone, or let --registry 444455556666.dkr.ecr.eu-west-1.amazonaws.com --create do it

1 updated, 1 not verified, 1 failed in THEN.
`
	if got != want || code != 1 {
		t.Errorf("exit code %d\n%s\nwant\n%s", code, got, want)
	}
	if d.err.String() != "" {
		t.Errorf("stderr %q", d.err)
	}
}

func TestASecondRunSaysThatThereIsNothingToDo(t *testing.T) {
	t.Parallel()
	d := newDesk(t).inRancher()
	d.has(hostA)
	d.want(d.run(), 0)
	d.out.b.Reset()
	d.Forget()
	d.want(d.run(), 0, "1 credential is good until 2", "\nNothing to do.\n")
	if strings.Contains(d.out.String(), "Plan") || len(d.Writes()) != 0 {
		t.Errorf("%s", d.out)
	}
	d.out.b.Reset()
	d.want(d.run("-n"), 0, "Nothing to do. This was a dry run.")
}

func TestADryRunSaysWhatItWouldDo(t *testing.T) {
	t.Parallel()
	d := newDesk(t).inRancher()
	d.env["RANCHER_SYNC_INTERVAL"] = "6h" // in a container that is made for the loop
	d.has(hostA)
	d.AddRegistry(d.project, hostB)
	d.want(d.run("--dry-run"), 1, "Plan for", "1c7         update", "registry 1sp3 has no credential",
		"1 credential to change, 1 not in order. This was a dry run: nothing was changed.")
	if len(d.Writes()) != 0 || strings.Contains(d.out.String(), "Result") {
		t.Errorf("%s", d.out)
	}
}

func TestTheReportForMachines(t *testing.T) {
	t.Parallel()
	d := newDesk(t).inRancher()
	d.has(hostA)
	d.want(d.run("--output", "json"), 0)
	dec := json.NewDecoder(strings.NewReader(d.out.String()))
	dec.DisallowUnknownFields()
	var r ranchersync.Report
	if err := dec.Decode(&r); err != nil {
		t.Fatal(err)
	}
	e := r.Targets[0].Registries[0]
	for _, request := range d.Requests() {
		if request.UserAgent != "ecr-login/1.2.3 rancher-sync" {
			t.Errorf("%s %s by %q", request.Method, request.Path, request.UserAgent)
		}
	}
	if r.Version != 1 || r.Totals.Updated != 1 || e.Registry != hostA || e.CredentialID != "1c7" || e.RegistryID != "1sp2" ||
		e.Status != "updated" || e.Action != "update" || e.Expires == nil {
		t.Errorf("%s", d.out)
	}
	if err := dec.Decode(&r); !errors.Is(err, io.EOF) {
		t.Errorf("something follows: %v", err)
	}
}

func TestMachinesAreToldOfAConfigurationThatCannotWork(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	for name, tt := range map[string]struct {
		args   []string
		says   string
		line   bool // as a loop prints it
		dryRun bool
	}{
		"an unknown flag":              {args: []string{"--frobnicate", "--output", "json"}, says: "unknown flag: --frobnicate"},
		"a mistyped flag, and joined":  {args: []string{"--output=json", "--regoin", "x"}, says: "unknown flag: --regoin"},
		"a value that cannot be":       {args: []string{"--output", "json", "--timeout", "soon", "-n"}, says: `--timeout cannot be \"soon\"`, dryRun: true},
		"an argument":                  {args: []string{"hello", "--dry-run", "--output", "json"}, says: "takes no arguments", dryRun: true},
		"a port that is taken":         {args: []string{"--output", "json", "--interval", "1h", "--listen", taken.Addr().String()}, says: "cannot listen for health checks", line: true},
		"an unknown flag, for ever":    {args: []string{"--interval", "6h", "--output", "json", "--bad"}, says: "unknown flag: --bad", line: true},
		"text at first":                {args: []string{"--output", "text", "--output", "json", "--bad"}, says: "unknown flag: --bad"},
		"a flag that is no answer":     {args: []string{"--dry-run=maybe", "--output", "json"}, says: `--dry-run cannot be \"maybe\"`},
		"as curl has it":               {args: []string{"-uKEY:TOPSECRET", "--output", "json"}, says: "unknown shorthand flag: 'u'"},
		"a format that does not exist": {args: []string{"--output", "xml"}},
		"text after all":               {args: []string{"--output", "json", "--output", "text", "--frobnicate", "json"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t).inRancher()
			d.want(d.run(tt.args...), 2, "error: ")
			if tt.says == "" {
				if d.out.String() != "" {
					t.Errorf("stdout %s", d.out)
				}
				return
			}
			var r ranchersync.Report
			if err := json.Unmarshal([]byte(d.out.String()), &r); err != nil || r.ExitCode != 2 || r.DryRun != tt.dryRun || !strings.Contains(d.out.String(), tt.says) {
				t.Errorf("%v: stdout %s", err, d.out)
			}
			if one := strings.Count(d.out.String(), "\n") == 1; one != tt.line {
				t.Errorf("stdout %s", d.out)
			}
			if all := d.out.String() + d.err.String(); strings.Contains(all, "TOPSECRET") {
				t.Errorf("it shows what may be a secret: %s", all)
			}
		})
	}
}

// closed is a pipe whose reader went away.
type closed struct{}

func (closed) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// full is a file on a disk that has no room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestAFullDiskBehindTheOutputLetsNoTokenDie(t *testing.T) {
	t.Parallel()
	d := newDesk(t).inRancher()
	d.has(hostA)
	d.deps.Out = full{}
	d.want(d.run(), 1, "no space left")
	if p, _ := d.Pull(d.project, hostA); p.Password == "old" {
		t.Error("nothing was pushed")
	}
}

func TestAReportThatCannotBeWrittenIsAFailure(t *testing.T) {
	t.Parallel()
	for _, output := range []string{"text", "json"} {
		d := newDesk(t).inRancher()
		d.has(hostA)
		d.deps.Out = closed{}
		d.want(d.run("--output", output), 1, "closed pipe")
		if output == "text" && len(d.Writes()) != 0 {
			t.Error("it went on though nobody could see the plan")
		}
	}
}

func TestCertificatesOfOnesOwn(t *testing.T) {
	t.Parallel()
	d := newDesk(t).inRancher()
	d.has(hostA)
	srv := httptest.NewTLSServer(d.Server)
	defer srv.Close()
	d.env["CATTLE_URL"] = srv.URL
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	d.want(d.run("--ca-file", ca), 0)
	d.want(d.run("--insecure-skip-tls-verify"), 0, "warning: certificates are not checked")
	if err := os.WriteFile(ca, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	d.want(d.run("--ca-file", ca), 2, "no certificate in PEM form")
}

func TestProxiesAreUsedAsTheEnvironmentSays(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.has(hostA)
	proxied := 0
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		proxied++
		d.ServeHTTP(w, r)
	}))
	defer proxy.Close()
	d.env = map[string]string{
		"CATTLE_URL": "http://rancher.example.com/v1", "CATTLE_ACCESS_KEY": "KEY", "CATTLE_SECRET_KEY": secret, "http_proxy": proxy.URL,
	}
	d.want(d.run(), 0, "warning: http://rancher.example.com is not encrypted")
	if proxied == 0 {
		t.Error("the proxy was not used")
	}
}

func TestRegistriesAreTriedBeforeTheirTokensArePushed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		status, code int
		says         string
		pushed       bool
	}{
		{200, 0, "1 updated", true},
		{401, 4, "the registry refuses the token: " + hostA + " answers 401", false},
		{403, 4, "check its IAM policy", false},
		{302, 5, "could not be tried: it answers 302", true},
		{500, 5, "could not be tried: it answers 500", true},
		{0, 5, "could not be tried", true},
	} {
		t.Run(fmt.Sprint(tt.status), func(t *testing.T) {
			t.Parallel()
			d := newDesk(t).inRancher()
			d.has(hostA)
			var asked []string
			registry := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				user, password, _ := r.BasicAuth()
				asked = append(asked, r.Host+r.URL.Path+" "+user+" "+password)
				if tt.status == 302 {
					w.Header().Set("Location", "https://elsewhere.example.com/")
				}
				w.WriteHeader(tt.status)
			}))
			defer registry.Close()
			pool := x509.NewCertPool()
			pool.AddCert(registry.Certificate())
			transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "example.com"}}
			transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
				if tt.status == 0 {
					return nil, errors.New("no route")
				}
				return (&net.Dialer{}).DialContext(ctx, network, registry.Listener.Addr().String())
			}
			d.deps.RegistryTransport = transport
			d.want(d.run("--verify-registry"), tt.code, tt.says)
			// A token that is refused is fetched anew, past the cache, and tried once more.
			times := 1
			if tt.status == 401 || tt.status == 403 {
				times = 2
			}
			if want := hostA + "/v2/ AWS token for " + hostA; tt.status != 0 && (len(asked) != times || asked[0] != want) {
				t.Errorf("asked %q", asked)
			}
			if p, _ := d.Pull(d.project, hostA); (p.Password != "old") != tt.pushed {
				t.Errorf("a pull uses %q", p.Password)
			}
		})
	}
}
