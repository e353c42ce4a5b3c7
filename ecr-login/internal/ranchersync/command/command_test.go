package command_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ecr-credential-helper/ecr-login/internal/ranchersync"
	"ecr-credential-helper/ecr-login/internal/ranchersync/command"
)

func TestTheOldUpdatersEnvironmentAloneDrivesIt(t *testing.T) {
	t.Parallel()
	own := "999988887777.dkr.ecr.us-east-1.amazonaws.com"
	tests := []struct {
		name    string
		env     map[string]string
		code    int
		pulls   []string
		missing []string
		says    string
	}{
		{"nothing but the labels", nil, 0, []string{hostA}, []string{own}, ""},
		{"with a region", map[string]string{"AWS_REGION": "us-east-1"}, 0, []string{hostA}, []string{own}, ""},
		{"AUTO_CREATE and a region", map[string]string{"AWS_REGION": "us-east-1", "AUTO_CREATE": "true"}, 0, []string{hostA, own}, nil, ""},
		{"AUTO_CREATE=1", map[string]string{"AWS_REGION": "us-east-1", "AUTO_CREATE": "1"}, 0, []string{hostA, own}, nil, ""},
		{"AUTO_CREATE=false", map[string]string{"AWS_REGION": "us-east-1", "AUTO_CREATE": "false"}, 0, []string{hostA}, []string{own}, ""},
		{"AUTO_CREATE empty", map[string]string{"AUTO_CREATE": ""}, 0, []string{hostA}, nil, ""},
		{"AUTO_CREATE without region", map[string]string{"AUTO_CREATE": "true"}, 2, nil, nil, "it is not said which registry to create"},
		{"AUTO_CREATE nonsense", map[string]string{"AUTO_CREATE": "oui"}, 2, nil, nil, `AUTO_CREATE cannot be "oui"`},
		{"accounts", map[string]string{"AWS_REGION": "eu-west-1", "AWS_ECR_REGISTRY_IDS": "111122223333, 111122223333"}, 0, []string{hostA}, []string{own}, ""},
		{"accounts that are not there", map[string]string{"AWS_REGION": "eu-west-1", "AWS_ECR_REGISTRY_IDS": "111122223333,444455556666"}, 1, []string{hostA}, nil, "Rancher has no registry with the address " + hostB},
		{"accounts to create", map[string]string{"AWS_REGION": "eu-west-1", "AWS_ECR_REGISTRY_IDS": "111122223333,444455556666", "AUTO_CREATE": "true"}, 0, []string{hostA, hostB}, []string{own}, ""},
		{"accounts without region", map[string]string{"AWS_ECR_REGISTRY_IDS": "111122223333"}, 2, nil, nil, "no region"},
		{"accounts and the other region variable", map[string]string{"AWS_DEFAULT_REGION": "eu-west-1", "AWS_ECR_REGISTRY_IDS": "111122223333"}, 0, []string{hostA}, nil, ""},
		{"no account", map[string]string{"AWS_REGION": "eu-west-1", "AWS_ECR_REGISTRY_IDS": "1234"}, 2, nil, nil, `AWS_ECR_REGISTRY_IDS holds "1234", which is no AWS account`},
		{"commas only", map[string]string{"AWS_REGION": "eu-west-1", "AWS_ECR_REGISTRY_IDS": ","}, 2, nil, nil, "names no account"},
		{"no region that exists", map[string]string{"AWS_REGION": "Europe!", "AWS_ECR_REGISTRY_IDS": "111122223333"}, 2, nil, nil, `"Europe!" is no AWS region`},
		{"lost labels", map[string]string{"CATTLE_URL": ""}, 2, nil, nil, "io.rancher.container.create_agent: 'true'"},
		{"a lost secret", map[string]string{"CATTLE_SECRET_KEY": ""}, 2, nil, nil, "CATTLE_SECRET_KEY is not set, though CATTLE_ACCESS_KEY is"},
		{"a lost access key", map[string]string{"CATTLE_ACCESS_KEY": ""}, 2, nil, nil, "CATTLE_ACCESS_KEY is not set, though CATTLE_SECRET_KEY is"},
		{"lost keys", map[string]string{"CATTLE_ACCESS_KEY": "", "CATTLE_SECRET_KEY": ""}, 2, nil, nil, "CATTLE_ACCESS_KEY and CATTLE_SECRET_KEY are not set"},
		{"log levels", map[string]string{"LOG_LEVEL": "INFO"}, 0, []string{hostA}, nil, ""},
		{"other log levels", map[string]string{"LOG_LEVEL": "Warning"}, 0, []string{hostA}, nil, ""},
		{"no log level", map[string]string{"LOG_LEVEL": "loud"}, 2, nil, nil, `LOG_LEVEL cannot be "loud"`},
		{"a port, though nothing listens", map[string]string{"LISTEN_PORT": "99999"}, 0, []string{hostA}, nil, ""},
		{"an endpoint that is none", map[string]string{"AWS_ECR_ENDPOINT_URL": "ecr"}, 2, nil, nil, "AWS_ECR_ENDPOINT_URL"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t).inRancher()
			d.has(hostA)
			for k, v := range tt.env {
				d.env[k] = v
			}
			d.want(d.run(), tt.code, tt.says)
			for _, h := range tt.pulls {
				d.wantPull(h)
			}
			for _, h := range tt.missing {
				if p, ok := d.Pull(d.project, h); ok {
					t.Errorf("%s was made: %+v", h, p)
				}
			}
		})
	}
}

func TestKeysComeInPairs(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		env  map[string]string
		args []string
		code int
	}{
		{"PLATFORM before the others", map[string]string{"PLATFORM_ACCESS_KEY": "KEY", "PLATFORM_SECRET_KEY": secret, "CATTLE_ACCESS_KEY": "X", "CATTLE_SECRET_KEY": "y"}, nil, 0},
		{"the role environment before the first role", map[string]string{"CATTLE_ENVIRONMENT_ACCESS_KEY": "KEY", "CATTLE_ENVIRONMENT_SECRET_KEY": secret, "CATTLE_ACCESS_KEY": "X", "CATTLE_SECRET_KEY": "y"}, nil, 0},
		{"half a pair is passed over", map[string]string{"PLATFORM_ACCESS_KEY": "X", "CATTLE_ACCESS_KEY": "KEY", "CATTLE_SECRET_KEY": secret}, nil, 0},
		{"halves of two pairs are none", map[string]string{"PLATFORM_ACCESS_KEY": "KEY", "CATTLE_SECRET_KEY": secret}, nil, 2},
		{"an access key of one's own and the environment's secret", map[string]string{"CATTLE_SECRET_KEY": secret}, []string{"--access-key", "KEY"}, 0},
		{"the secret of another access key", map[string]string{"CATTLE_ACCESS_KEY": "X", "CATTLE_SECRET_KEY": secret}, []string{"--access-key", "KEY"}, 2},
		{"a secret of one's own and the environment's access key", map[string]string{"CATTLE_ACCESS_KEY": "KEY"}, []string{"--secret-key", secret}, 0},
		{"a secret of one's own and nothing else", nil, []string{"--secret-key", secret}, 2},
		{"an access key of one's own and nothing else", nil, []string{"--access-key", "KEY"}, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			d.has(hostA)
			d.env = tt.env
			d.want(d.run(append(tt.args, "--url", d.url)...), tt.code)
		})
	}
	d := newDesk(t).inRancher()
	d.has(hostA)
	d.env["PLATFORM_URL"], d.env["CATTLE_URL"] = d.url, "http://127.0.0.1:1"
	d.want(d.run(), 0)
}

func TestWhoseTokensAreUsed(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		env  map[string]string
		args []string
		want ranchersync.TokenOptions
	}{
		{"as get", nil, nil, ranchersync.TokenOptions{}},
		{"a role", map[string]string{"AWS_ROLE_ARN": "arn:a"}, nil, ranchersync.TokenOptions{RoleARN: "arn:a"}},
		{"a role that belongs to a web identity", map[string]string{"AWS_ROLE_ARN": "arn:a", "AWS_WEB_IDENTITY_TOKEN_FILE": "/t"}, nil, ranchersync.TokenOptions{}},
		{"a role on the command line", map[string]string{"AWS_ROLE_ARN": "arn:a", "AWS_WEB_IDENTITY_TOKEN_FILE": "/t"}, []string{"--role-arn", "arn:b"}, ranchersync.TokenOptions{RoleARN: "arn:b"}},
		{"a profile", nil, []string{"--profile", "prod"}, ranchersync.TokenOptions{Profile: "prod"}},
		{"an endpoint", map[string]string{"AWS_ECR_ENDPOINT_URL": "https://ecr.example.com/"}, nil, ranchersync.TokenOptions{Endpoint: "https://ecr.example.com"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t).inRancher()
			d.has(hostA)
			for k, v := range tt.env {
				d.env[k] = v
			}
			d.want(d.run(tt.args...), 0)
			tt.want.MinLife = 7 * time.Hour
			if len(d.tokens.opts) != 1 || d.tokens.opts[0] != tt.want {
				t.Errorf("asked for %+v", d.tokens.opts)
			}
		})
	}
}

func TestWhatCannotWorkIsSaidBeforeAnythingIsDone(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		args []string
		says []string
	}{
		{"an unknown flag", []string{"--registies", hostA}, []string{"error: unknown flag: --registies\n  hint: did you mean --registry?\n"}},
		{"a flag that is like no other", []string{"--xyzzy-plugh"}, []string{"unknown flag: --xyzzy-plugh", "hint: see rancher-sync --help"}},
		{"a flag without value", []string{"--url"}, []string{"flag needs an argument"}},
		{"an argument", []string{secret}, []string{"rancher-sync takes no arguments, only flags"}},
		{"an odd timeout", []string{"--timeout", "5x"}, []string{`--timeout cannot be "5x"`, "write a duration"}},
		{"no time at all", []string{"--timeout", "1ms"}, []string{"--timeout must be a second at least"}},
		{"an odd interval", []string{"--interval", "often"}, []string{`--interval cannot be "often"`, "30m or 6h"}},
		{"an interval of nothing", []string{"--interval", "10s"}, []string{"--interval must be a minute at least"}},
		{"a dry run for ever", []string{"--interval", "1h", "--dry-run"}, []string{"--dry-run and --interval exclude each other"}},
		{"listening once", []string{"--listen", ":8080"}, []string{"--listen is for running for ever"}},
		{"listening nowhere", []string{"--interval", "1h", "--listen", "here"}, []string{`--listen cannot be "here"`, "write a port"}},
		{"an odd output", []string{"--output", "yaml"}, []string{`--output cannot be "yaml"`, "text or json"}},
		{"no requests at all", []string{"--concurrency", "0"}, []string{"--concurrency must be from 1 to 64, not 0"}},
		{"an odd number", []string{"--concurrency", "many"}, []string{`--concurrency cannot be "many"`}},
		{"an odd log level", []string{"--log-level", "loud"}, []string{`--log-level cannot be "loud"`}},
		{"no ECR registry", []string{"--registry", "docker.io"}, []string{`"docker.io" is no ECR registry`, "111122223333.dkr.ecr.eu-west-1.amazonaws.com"}},
		{"a secret for a registry", []string{"--registry", strings.Repeat("s", 40)}, []string{"what was given is no ECR registry"}},
		{"no account", []string{"--registry-ids", "12", "--region", "eu-west-1"}, []string{`--registry-ids holds "12", which is no AWS account`}},
		{"no region", []string{"--region", "mars"}, []string{`"mars" is no AWS region`}},
		{"no environment", []string{"--project", "../x"}, []string{`"../x" cannot be the id of an environment`}},
		{"the same environment twice", []string{"--project", "1a5", "--project", "1a5"}, []string{"environment 1a5 is given twice"}},
		{"no URL", []string{"--url", ""}, []string{"--url is empty"}},
		{"a URL with a password", []string{"--url", "https://KEY:" + secret + "@rancher.example.com"}, []string{"holds a user name or password"}},
		{"a CA file that is not there", []string{"--ca-file", "/nonexistent/ca.pem"}, []string{"the CA file cannot be read"}},
		{"a secret that is not there", []string{"--secret-key-file", "/nonexistent/key"}, []string{"the secret key's file cannot be read"}},
		{"an empty secret", []string{"--secret-key-file", os.DevNull}, []string{"is empty"}},
		{"two secrets", []string{"--secret-key-file", "x", "--secret-key", "y"}, []string{"exclude each other"}},
		{"a very long email", []string{"--email", strings.Repeat("x", 300)}, []string{"longer than the 255 characters"}},
		{"a configuration file, and none is read", []string{"--create"}, []string{"it is not said which registry to create"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t).inRancher()
			d.has(hostA)
			d.want(d.run(tt.args...), 2, tt.says...)
			if d.out.String() != "" || len(d.Requests()) != 0 {
				t.Errorf("stdout %q, requests %v", d.out, d.Requests())
			}
			d.run(append(tt.args, "--output", "json")...)
			var report ranchersync.Report
			if out := d.out.String(); out != "" && tt.name != "an odd output" {
				if err := json.Unmarshal([]byte(out), &report); err != nil || report.ExitCode != 2 || report.Error == nil || report.Error.Reason != "config" {
					t.Errorf("JSON: %v %s", err, out)
				}
			}
		})
	}
}

func TestConnectionFlagsNeedARancher(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"--access-key", "KEY"}, {"--project", "1a5"}, {"--secret-key-file", "x"}} {
		d := newDesk(t)
		d.want(d.run(args...), 2, args[0]+" without a Rancher to use it for")
	}
}

func TestTheSecretKeyComesFromAFile(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.has(hostA)
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte(secret+"\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d.want(d.run("--url", d.url, "--access-key", "KEY", "--secret-key-file", file), 0)
	d.deps.In = strings.NewReader(secret)
	d.want(d.run("--url", d.url, "--access-key", "KEY", "--secret-key-file", "-"), 0)
	if d.err.String() != "" {
		t.Errorf("stderr %q", d.err)
	}
	d.want(d.run("--url", d.url, "--access-key", "KEY", "--secret-key", secret), 0, "warning: --secret-key shows the key to everybody on this machine")
	if err := os.WriteFile(file, bytes.Repeat([]byte("x"), 70<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	d.want(d.run("--url", d.url, "--access-key", "KEY", "--secret-key-file", file), 2, "too large to hold a key")
}

func TestTargetsOfTheConfigurationFile(t *testing.T) {
	t.Parallel()
	d, other := newDesk(t), newDesk(t)
	d.has(hostA)
	other.has(hostA)
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	var asked []string
	targets := []command.FileTarget{
		{Where: "config.yaml:3", URL: d.url, AccessKey: "KEY", SecretKeyFile: key, Registries: []string{hostA, hostB}, Create: true},
		{Where: "config.yaml:9", URL: other.url, AccessKey: "KEY", SecretKeyFile: key},
	}
	d.deps.Targets = func(path string) ([]command.FileTarget, error) {
		asked = append(asked, path)
		return targets, nil
	}
	d.want(d.run(), 0, "2 updated, 1 created in ")
	d.wantPull(hostB)
	other.wantPull(hostA)

	other.inRancher()
	other.deps.Targets = func(string) ([]command.FileTarget, error) { return targets[:1], nil }
	other.want(other.run("--dry-run", "--force"), 0, "3 credentials to change. This was a dry run")

	// A Rancher named by hand is the only one, unless the file is named as well.
	d.want(d.run("--url", d.url, "--access-key", "KEY", "--secret-key-file", key), 0)
	d.want(d.run("--config", "/my/config.yaml"), 0)
	if want := []string{"", "/my/config.yaml"}; !slices.Equal(asked, want) {
		t.Errorf("asked for the files %q", asked)
	}
	// Flags hold for every target.
	d.want(d.run("--registry", "555566667777.dkr.ecr.eu-west-1.amazonaws.com", "--output", "json"), 1)
	if n := strings.Count(d.out.String(), `"registry": "555566667777.dkr.ecr.eu-west-1.amazonaws.com"`); n != 2 {
		t.Errorf("%d targets were asked for the registry", n)
	}
	targets = []command.FileTarget{{Where: "config.yaml:3", URL: "rancher", AccessKey: "KEY", SecretKeyFile: key}}
	d.want(d.run(), 2, "error: config.yaml:3: the Rancher URL has no scheme\n  hint: write https://")
	targets = []command.FileTarget{{Where: "config.yaml:3", URL: d.url, AccessKey: "KEY", SecretKeyFile: key, RegistryIDs: []string{"7"}}}
	d.want(d.run(), 2, `config.yaml:3: registry_ids holds "7"`)
	targets = nil
	d.want(d.run("--config", "x"), 2, "the configuration file has no targets")
	d.want(d.run(), 2, "no Rancher is given")
	d.deps.Targets = func(string) ([]command.FileTarget, error) { return nil, errors.New("config.yaml:7: unknown key") }
	d.want(d.run(), 2, "error: config.yaml:7: unknown key")
}
