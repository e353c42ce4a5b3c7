package command_test

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ecr-credential-helper/ecr-login/internal/ranchersync"
	"ecr-credential-helper/ecr-login/internal/ranchersync/command"
)

func TestAFlagThatIsGivenIsNotEmpty(t *testing.T) {
	t.Parallel()
	for _, flag := range strings.Fields(`--url --access-key --secret-key-file --secret-key --project --registry --registry-ids --region
		--profile --role-arn --email --interval --listen --ca-file --output --log-level --config`) {
		for name, args := range map[string][]string{
			"as an argument of its own":  {flag, ""},
			"behind an equals sign":      {flag + "="},
			"of nothing but space":       {flag, " "},
			"besides the flags it needs": {"--interval", "1h", "--region", "eu-west-1", flag, ""},
		} {
			t.Run(flag+" "+name, func(t *testing.T) {
				t.Parallel()
				d := newDesk(t).inRancher()
				d.has(hostA)
				d.want(d.run(args...), 2, "error: "+flag+" is empty\n  hint: leave "+flag+" out, or give it a value\n")
				if len(d.Requests()) != 0 {
					t.Errorf("requests %v", d.Requests())
				}
			})
		}
	}
	// One of several, and for a machine.
	d := newDesk(t).inRancher()
	d.want(d.run("--registry", hostA, "--registry", "", "--output", "json"), 2)
	var report ranchersync.Report
	if err := json.Unmarshal([]byte(d.out.String()), &report); err != nil || report.Error == nil || report.Error.Message != "--registry is empty" {
		t.Errorf("%v: %s", err, d.out)
	}
}

func TestOnlyAFlagThatIsNearIsSuggested(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ given, hint string }{
		{"-o", "see rancher-sync --help"},
		{"-x", "see rancher-sync --help"},
		{"-ukey:secret", "see rancher-sync --help"},
		{"--o", "see rancher-sync --help"},
		{"--user", "see rancher-sync --help"},
		{"--key", "see rancher-sync --help"},
		{"--uri", "did you mean --url?"},
		{"--out", "see rancher-sync --help"},
		{"--outputs", "did you mean --output?"},
		{"-output", "did you mean --output?"},
		{"-output=json", "did you mean --output?"},
		{"-url", "did you mean --url?"},
		{"--regoin", "did you mean --region?"},
		{"--secret-keyfile", "did you mean --secret-key-file?"},
		{"--insecure-skip-verify", "did you mean --insecure-skip-tls-verify?"},
	} {
		t.Run(tt.given, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t).inRancher()
			d.want(d.run(tt.given, "json"), 2, "unknown ", "\n  hint: "+tt.hint+"\n")
		})
	}
}

func TestHelpNeedsNoDashes(t *testing.T) {
	t.Parallel()
	dashes, d := newDesk(t), newDesk(t)
	dashes.want(dashes.run("--help"), 0)
	d.want(d.run("help"), 0, "Usage:\n  docker-credential-ecr-login rancher-sync [flags]\n")
	if d.out.String() != dashes.out.String() || d.err.String() != "" {
		t.Errorf("it is another help: %s%s", d.out, d.err)
	}
	d.want(d.run("help", "me"), 2, "rancher-sync takes no arguments")
}

func TestACAFileThatNeverEnds(t *testing.T) {
	t.Parallel()
	// Many MiB of zeros take no room on a disk.
	endless := filepath.Join(t.TempDir(), "zero")
	if err := os.WriteFile(endless, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(endless, 8<<20); err != nil {
		t.Fatal(err)
	}
	d := newDesk(t).inRancher()
	d.want(d.run("--ca-file", endless), 2, "error: the CA file "+endless+" is larger than 4 MiB\n")
}

// certificates starts a server with a certificate of its own, and returns what
// a CA file for it holds.
func (d *desk) certificates() (url string, content []byte) {
	srv := httptest.NewTLSServer(d.Server)
	d.t.Cleanup(srv.Close)
	return srv.URL, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})
}

func TestAnOrdinaryCAFile(t *testing.T) {
	t.Parallel()
	d := newDesk(t).inRancher()
	d.has(hostA)
	url, content := d.certificates()
	d.env["CATTLE_URL"] = url
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	d.want(d.run("--ca-file", file), 0, "1 updated in ")
}

// runUntil runs the command in a context that ends soon.
func (d *desk) runUntil(after time.Duration, args ...string) int {
	d.t.Helper()
	ctx, cancel := context.WithCancel(d.t.Context())
	defer cancel()
	timer := time.AfterFunc(after, cancel)
	defer timer.Stop()
	code := make(chan int, 1)
	go func() { code <- command.Run(ctx, args, d.deps) }()
	select {
	case c := <-code:
		return c
	case <-time.After(longest):
		d.t.Fatalf("%q goes on", args)
		return -1
	}
}
