package command_test

import (
	"bytes"
	"context"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"ecr-credential-helper/ecr-login/internal/ranchersync"
	"ecr-credential-helper/ecr-login/internal/ranchersync/command"
	"ecr-credential-helper/ecr-login/internal/ranchertest"
	"ecr-credential-helper/ecr-login/token"
)

const (
	hostA  = "111122223333.dkr.ecr.eu-west-1.amazonaws.com"
	hostB  = "444455556666.dkr.ecr.eu-west-1.amazonaws.com"
	secret = "cattle-secret-that-nobody-may-see"
)

// longest is for how long a test waits for what should happen at once.
const longest = 30 * time.Second

// await waits for what should come at once.
func await[T any](t *testing.T, ch <-chan T) {
	t.Helper()
	select {
	case <-ch:
	case <-time.After(longest):
		t.Fatalf("nothing came within %s", longest)
	}
}

// desk is a person's machine with a Rancher in the network.
type desk struct {
	*ranchertest.Server
	t       *testing.T
	url     string
	project string
	env     map[string]string
	deps    command.Deps
	tokens  *tokens
	out     *buffer
	err     *buffer
}

type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

type tokens struct {
	mu   sync.Mutex
	now  func() time.Time
	err  error
	opts []ranchersync.TokenOptions
	own  []string
}

func (f *tokens) Token(_ context.Context, host string, opts ranchersync.TokenOptions) (ranchersync.Token, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.opts = append(f.opts, opts)
	return ranchersync.Token{Token: token.Token{
		User: "AWS", Password: token.NewPassword("token for " + host), Issued: f.now(), Expires: f.now().Add(12 * time.Hour),
	}}, f.err
}

func (f *tokens) Own(_ context.Context, region string, _ ranchersync.TokenOptions) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.own = append(f.own, region)
	return "999988887777.dkr.ecr." + region + ".amazonaws.com", f.err
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	s := ranchertest.New(ranchertest.Options{})
	d := &desk{Server: s, t: t, env: map[string]string{}, tokens: &tokens{now: time.Now}, out: &buffer{}, err: &buffer{}}
	d.project = s.AddProject("Default")
	s.AddKey(ranchertest.Key{Access: "KEY", Secret: secret, Project: d.project})
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	d.url = srv.URL
	d.deps = command.Deps{
		In: strings.NewReader(""), Out: d.out, Err: d.err, Version: "1.2.3", Tokens: d.tokens, StateDir: t.TempDir(),
		LookupEnv: func(name string) (string, bool) { v, ok := d.env[name]; return v, ok },
	}
	return d
}

// targets makes the configuration file name targets, all with the same secret.
func (d *desk) targets(targets ...command.FileTarget) {
	d.t.Helper()
	file := filepath.Join(d.t.TempDir(), "key")
	if err := os.WriteFile(file, []byte(secret), 0o600); err != nil {
		d.t.Fatal(err)
	}
	for i := range targets {
		targets[i].SecretKeyFile = file
	}
	d.deps.Targets = func(string) ([]command.FileTarget, error) { return targets, nil }
}

// inRancher sets what Rancher gives a container with the agent labels.
func (d *desk) inRancher() *desk {
	d.env["CATTLE_URL"], d.env["CATTLE_ACCESS_KEY"], d.env["CATTLE_SECRET_KEY"] = d.url+"/v1", "KEY", secret
	return d
}

func (d *desk) has(address string) string {
	return d.AddCredential(d.AddRegistry(d.project, address), "AWS", "old")
}

func (d *desk) run(args ...string) int {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), longest)
	defer cancel()
	code := command.Run(ctx, args, d.deps)
	if ctx.Err() != nil {
		d.t.Errorf("%q went on for %s", args, longest)
	}
	for _, out := range []string{d.out.String(), d.err.String()} {
		if strings.Contains(out, secret) || strings.Contains(out, "token for ") {
			d.t.Errorf("a secret is shown: %s", out)
		}
	}
	return code
}

func (d *desk) want(code, want int, says ...string) {
	d.t.Helper()
	all := d.out.String() + d.err.String()
	if code != want {
		d.t.Errorf("exit code %d, want %d\n%s", code, want, all)
	}
	for _, s := range says {
		if !strings.Contains(all, s) {
			d.t.Errorf("nothing says %q in\n%s", s, all)
		}
	}
}

func (d *desk) wantPull(host string) {
	d.t.Helper()
	if p, _ := d.Pull(d.project, host); p.Password != "token for "+host {
		d.t.Errorf("a pull of %s uses %q", host, p.Password)
	}
}
