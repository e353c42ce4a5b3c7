package app

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ecr-credential-helper/ecr-login/internal/awstest"
	"ecr-credential-helper/ecr-login/internal/ranchertest"
	"ecr-credential-helper/ecr-login/internal/settings"
)

const (
	updaterID     = "AKIAUPDATER000000000"
	updaterSecret = "the updater's own secret of forty letters"
	cattleSecret  = "the-environment-keys-secret"
	updatedHost   = "111122223333.dkr.ecr.eu-west-1.amazonaws.com"
)

// startBoth starts a fake AWS and a fake Rancher, and sets the environment that
// the old updaters ran in and nothing else.
func startBoth(t *testing.T) (aws *awstest.Server, rancher *ranchertest.Server, project, home string) {
	t.Helper()
	aws, err := awstest.Start(awstest.Options{Account: "111122223333"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = aws.Close() })
	aws.AddUser("updater", updaterID, updaterSecret)

	rancher = ranchertest.New(ranchertest.Options{})
	project = rancher.AddProject("default")
	rancher.AddKey(ranchertest.Key{Access: "CATTLE", Secret: cattleSecret, Project: project})
	front := httptest.NewServer(rancher)
	t.Cleanup(front.Close)

	home = t.TempDir()
	env := aws.EnvMap()
	maps.Copy(env, map[string]string{
		"HOME": home, "USERPROFILE": home, "AWS_ECR_CACHE_DIR": filepath.Join(home, "cache"),
		"AWS_CONFIG_FILE": filepath.Join(home, "config"), "AWS_SHARED_CREDENTIALS_FILE": filepath.Join(home, "credentials"),
		"AWS_ACCESS_KEY_ID": updaterID, "AWS_SECRET_ACCESS_KEY": updaterSecret,
		"AWS_PROFILE": "", "AWS_SESSION_TOKEN": "",
		"CATTLE_URL": front.URL + "/v1", "CATTLE_ACCESS_KEY": "CATTLE", "CATTLE_SECRET_KEY": cattleSecret,
		"AWS_REGION": "eu-west-1", "LISTEN_PORT": "", "LOG_LEVEL": "debug", "AWS_ECR_LOG_LEVEL": "debug",
	})
	for k, v := range env {
		t.Setenv(k, v) // the SDK reads the environment of the process
	}
	return aws, rancher, project, home
}

// sync runs the program as a person would and returns what it says.
func sync(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = Main(append([]string{"rancher-sync"}, args...), settings.Process, Streams{In: strings.NewReader(""), Out: &out, Err: &err})
	return code, out.String(), err.String()
}

func TestTheOldUpdatersEnvironmentAloneDrivesTheSync(t *testing.T) {
	aws, rancher, project, home := startBoth(t)
	stale := rancher.AddRegistry(project, updatedHost)
	rancher.AddCredential(stale, "AWS", "the password of yesterday")
	rancher.AddRegistry(project, "docker.io")

	code, stdout, stderr := sync(t, "--dry-run")
	if code != 0 || len(rancher.Writes()) != 0 {
		t.Fatalf("dry run: exit %d, %d writes\n%s%s", code, len(rancher.Writes()), stdout, stderr)
	}
	said := stdout + stderr
	code, stdout, stderr = sync(t)
	said += stdout + stderr
	pull, ok := rancher.Pull(project, updatedHost)
	if code != 0 || !ok || !aws.Valid(pull.User, pull.Password) {
		t.Fatalf("exit %d, a pull would use %q, %v\n%s%s", code, pull.User, ok, stdout, stderr)
	}
	if got := aws.Count(awstest.OpECRToken); got != 1 {
		t.Errorf("%d calls to AWS, want 1", got)
	}

	rancher.Forget()
	code, stdout, stderr = sync(t, "--output", "json")
	said += stdout + stderr
	if code != 0 || len(rancher.Writes()) != 0 || !json.Valid([]byte(stdout)) {
		t.Errorf("the second run: exit %d, %d writes\n%s%s", code, len(rancher.Writes()), stdout, stderr)
	}

	// The token pushed is the one that get serves.
	var out bytes.Buffer
	if code := Main([]string{"get"}, settings.Process, Streams{In: strings.NewReader(updatedHost), Out: &out}); code != 0 || !strings.Contains(out.String(), pull.Password) {
		t.Errorf("get: exit %d, another token than the one pushed", code)
	}
	for _, secret := range []string{pull.Password, updaterSecret, cattleSecret} {
		if strings.Contains(said, secret) {
			t.Errorf("the output holds the secret %.12q…", secret)
		}
		for name, content := range files(t, home) {
			if strings.Contains(content, secret) {
				t.Errorf("%s holds the secret %.12q…", name, secret)
			}
		}
	}
	if _, err := os.Stat(filepath.Join(home, "cache", "rancher")); err != nil {
		t.Errorf("nothing is remembered between runs: %v", err)
	}
}

func TestAutoCreateMakesTheAccountsOwnRegistry(t *testing.T) {
	aws, rancher, project, _ := startBoth(t)
	t.Setenv("AUTO_CREATE", "true")
	code, stdout, stderr := sync(t)
	pull, ok := rancher.Pull(project, updatedHost)
	if code != 0 || !ok || !aws.Valid(pull.User, pull.Password) {
		t.Fatalf("exit %d, %v\n%s%s", code, ok, stdout, stderr)
	}
	var out bytes.Buffer
	if code := Main([]string{"list"}, settings.Process, Streams{Out: &out}); code != 0 || strings.Contains(out.String(), "000000000000") {
		t.Errorf("list: exit %d, %s", code, &out)
	}
}

func TestTargetsComeFromTheConfigurationFile(t *testing.T) {
	aws, rancher, project, home := startBoth(t)
	url := os.Getenv("CATTLE_URL")
	for _, name := range []string{"CATTLE_URL", "CATTLE_ACCESS_KEY", "CATTLE_SECRET_KEY"} {
		t.Setenv(name, "")
	}
	secretFile := filepath.Join(home, "cattle-secret")
	writeFile(t, secretFile, cattleSecret+"\n")
	config := filepath.Join(home, "cache", "config.yaml")
	if err := os.MkdirAll(filepath.Dir(config), 0o700); err != nil {
		t.Fatal(err)
	}
	writeFile(t, config, "rancher:\n  - url: "+url+"\n    access_key: CATTLE\n    secret_key_file: "+secretFile+
		"\n    registries: ["+updatedHost+"]\n    create: true\n")
	code, stdout, stderr := sync(t)
	pull, ok := rancher.Pull(project, updatedHost)
	if code != 0 || !ok || !aws.Valid(pull.User, pull.Password) {
		t.Fatalf("exit %d, %v\n%s%s", code, ok, stdout, stderr)
	}

	writeFile(t, config, "rancher:\n  - url: "+url+"\n    acces_key: CATTLE\n")
	code, _, stderr = sync(t)
	if code != 2 || !strings.Contains(stderr, config+`:3: unknown key "acces_key"`) || !strings.Contains(stderr, `did you mean "access_key"`) {
		t.Errorf("exit %d, %s", code, stderr)
	}
}

// Daemons have HOME=/dev/null; a plain file is the same to every system.
func TestAHomeThatIsNoFolderHoldsNoTargets(t *testing.T) {
	aws, rancher, project, home := startBoth(t)
	rancher.AddCredential(rancher.AddRegistry(project, updatedHost), "AWS", "the password of yesterday")
	nowhere := filepath.Join(home, "null")
	writeFile(t, nowhere, "")
	t.Setenv("HOME", nowhere)
	t.Setenv("USERPROFILE", nowhere)
	t.Setenv("AWS_ECR_CACHE_DIR", "")
	code, stdout, stderr := sync(t)
	pull, ok := rancher.Pull(project, updatedHost)
	if code != 0 || !ok || !aws.Valid(pull.User, pull.Password) {
		t.Errorf("exit %d, %v\n%s%s", code, ok, stdout, stderr)
	}

	// But one that somebody names must be there.
	named := filepath.Join(nowhere, "config.yaml")
	code, _, stderr = sync(t, "--config", named)
	if want := "error: " + named + ", which --config names, cannot be read: "; code != 2 || !strings.HasPrefix(stderr, want) {
		t.Errorf("exit %d, %s", code, stderr)
	}
}

func TestAConfigurationFileThatIsNone(t *testing.T) {
	_, rancher, project, home := startBoth(t)
	rancher.AddCredential(rancher.AddRegistry(project, updatedHost), "AWS", "the password of yesterday")
	want := home + ", which %s names, cannot be read: not a regular file\n  hint: %s is to be the path of a file, or to be left out\n"
	if code, _, stderr := sync(t, "--config", home); code != 2 || stderr != "error: "+strings.ReplaceAll(want, "%s", "--config") {
		t.Errorf("exit %d, %s", code, stderr)
	}
	if code, _, stderr := sync(t, "--config", os.DevNull); code != 0 || strings.Contains(stderr, "error") {
		t.Errorf("%s: exit %d, %s", os.DevNull, code, stderr)
	}
	t.Setenv("AWS_ECR_CONFIG", home)
	if code, _, stderr := sync(t); code != 2 || stderr != "error: "+strings.ReplaceAll(want, "%s", "AWS_ECR_CONFIG") {
		t.Errorf("exit %d, %s", code, stderr)
	}
	t.Setenv("AWS_ECR_CONFIG", "")
	usual := filepath.Join(home, "cache", "config.yaml")
	if err := os.MkdirAll(usual, 0o700); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := sync(t); code != 2 || stderr != "error: "+usual+" cannot be read: not a regular file\n" {
		t.Errorf("exit %d, %s", code, stderr)
	}
}

func TestAWSDenyingIsExitFour(t *testing.T) {
	aws, rancher, project, _ := startBoth(t)
	rancher.AddCredential(rancher.AddRegistry(project, updatedHost), "AWS", "the password of yesterday")
	aws.Inject(awstest.OpECRToken, awstest.Fault{Kind: awstest.Refuse, Code: "AccessDeniedException"})
	code, stdout, stderr := sync(t)
	if said := stdout + stderr; code != 4 || !strings.Contains(said, "AWS denies ecr:GetAuthorizationToken") || !strings.Contains(said, "hint: allow ecr:GetAuthorizationToken") {
		t.Errorf("exit %d\n%s", code, said)
	}
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// files returns the content of every file below dir but those that are meant to
// hold secrets: the tokens.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Base(filepath.Dir(path)) == "tokens" {
			return err
		}
		data, err := os.ReadFile(path)
		found[path] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestTokensOfOtherKeysReplaceThoseBefore(t *testing.T) {
	aws, rancher, project, _ := startBoth(t)
	rancher.AddCredential(rancher.AddRegistry(project, updatedHost), "AWS", "the password of yesterday")
	if code, stdout, stderr := sync(t); code != 0 {
		t.Fatalf("exit %d\n%s%s", code, stdout, stderr)
	}
	before, _ := rancher.Pull(project, updatedHost)

	aws.AddUser("successor", "AKIASUCCESSOR0000000", "the successor's own secret, as long as")
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIASUCCESSOR0000000")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "the successor's own secret, as long as")
	code, stdout, stderr := sync(t)
	if code != 0 || !strings.Contains(stdout, "its token is not the one in use now") {
		t.Errorf("exit %d\n%s%s", code, stdout, stderr)
	}
	if after, _ := rancher.Pull(project, updatedHost); after.Password == before.Password || !aws.Valid(after.User, after.Password) {
		t.Error("a pull uses the token of the keys before")
	}
}
