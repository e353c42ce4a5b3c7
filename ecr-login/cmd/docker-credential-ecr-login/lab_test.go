package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ecr-credential-helper/ecr-login/internal/awstest"
	"ecr-credential-helper/ecr-login/internal/tokencache"
)

const (
	keyID  = "AKIAALICEALICEALICE0"
	secret = "alice-secret/with+odd=characters"

	irish   = "111122223333.dkr.ecr.eu-west-1.amazonaws.com"
	german  = "111122223333.dkr.ecr.eu-central-1.amazonaws.com"
	foreign = "registry.example.com"

	notFound = "credentials not found in native keychain"
)

// lab is a user's surroundings: a home directory, an environment, an AWS.
type lab struct {
	t    testing.TB
	aws  *awstest.Server
	home string
	env  map[string]string
}

// newLab returns the surroundings of the user alice, who has keys in her
// environment.
func newLab(t testing.TB) *lab {
	t.Helper()
	server, err := startAWS()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Errorf("closing the fake AWS: %v", err)
		}
	})
	l := &lab{t: t, aws: server, home: t.TempDir()}
	l.env = environment(server, l.home)
	return l
}

func startAWS() (*awstest.Server, error) {
	server, err := awstest.Start(awstest.Options{})
	if err != nil {
		return nil, err
	}
	server.AddUser("alice", keyID, secret)
	return server, nil
}

// environment is all that the program sees.
func environment(server *awstest.Server, home string) map[string]string {
	env := server.EnvMap()
	for k, v := range map[string]string{
		"HOME": home, "USERPROFILE": home,
		"PATH": os.Getenv("PATH"), "SYSTEMROOT": os.Getenv("SYSTEMROOT"), "GORACE": os.Getenv("GORACE"),
		"AWS_EC2_METADATA_DISABLED": "true",
		"AWS_ACCESS_KEY_ID":         keyID,
		"AWS_SECRET_ACCESS_KEY":     secret,
	} {
		env[k] = v
	}
	return env
}

func (l *lab) dir() string { return filepath.Join(l.home, ".ecr") }

func (l *lab) command(ctx context.Context, args ...string) *exec.Cmd {
	l.t.Helper()
	cmd := exec.CommandContext(ctx, name, args...)
	for k, v := range l.env {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	return cmd
}

// result is how a run ended.
type result struct {
	code           int
	stdout, stderr string
	took           time.Duration
}

func (r result) String() string {
	return fmt.Sprintf("exit code %d after %v, stdout %.500q, stderr %.500q", r.code, r.took.Round(time.Millisecond), r.stdout, r.stderr)
}

// run gives a verb its input.
func (l *lab) run(verb, input string) result {
	l.t.Helper()
	return l.finish(l.command(l.t.Context(), verb), input)
}

func (l *lab) finish(cmd *exec.Cmd, input string) result {
	l.t.Helper()
	var out, errOut bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &out, &errOut
	start := time.Now()
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		l.t.Fatal(err)
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), errOut.String(), time.Since(start)}
}

// get returns a password that AWS must have issued.
func (l *lab) get(host string) string {
	l.t.Helper()
	r := l.run("get", host)
	password, err := l.password(r, host)
	if err != nil {
		l.t.Fatalf("get %s: %v", host, err)
	}
	return password
}

// password checks an answer to get to the last byte and returns what it is
// about.
func (l *lab) password(r result, server string) (string, error) {
	if r.code != 0 || r.stderr != "" {
		return "", fmt.Errorf("no answer: %s", r)
	}
	return passwordIn(l.aws, r.stdout, server)
}

func passwordIn(server *awstest.Server, stdout, asked string) (string, error) {
	var a struct{ ServerURL, Username, Secret string }
	if err := json.Unmarshal([]byte(stdout), &a); err != nil {
		return "", fmt.Errorf("%w: %.200q", err, stdout)
	}
	want, err := json.Marshal(a)
	if err != nil {
		return "", err
	}
	switch {
	case stdout != string(want)+"\n":
		return "", fmt.Errorf("the answer is not the three fields and a newline: %.200q", stdout)
	case a.ServerURL != asked:
		return "", fmt.Errorf("the answer is for %q", a.ServerURL)
	case !server.Valid(a.Username, a.Secret):
		return "", fmt.Errorf("AWS did not issue the password of user %q, or it is not valid any more", a.Username)
	}
	return a.Secret, nil
}

// fails checks that a run failed as clients expect: exit code 1, one line on
// standard output, nothing on standard error.
func (l *lab) fails(r result, want string) {
	l.t.Helper()
	if err := r.failure(); err != nil {
		l.t.Errorf("%v: %s", err, r)
	}
	if !strings.Contains(r.stdout, want) {
		l.t.Errorf("want %q in: %s", want, r)
	}
}

func (r result) failure() error {
	switch {
	case r.code != 1:
		return errors.New("the exit code is not 1")
	case r.stderr != "":
		return errors.New("there is something on standard error")
	case strings.Count(r.stdout, "\n") != 1 || !strings.HasSuffix(r.stdout, "\n") || len(r.stdout) < 2:
		return errors.New("the answer is not one line")
	}
	return nil
}

// calls checks how often AWS was asked for a token.
func (l *lab) calls(want int) {
	l.t.Helper()
	if got := l.aws.Count(awstest.OpECRToken, awstest.OpPublicToken); got != want {
		l.t.Errorf("AWS was asked for %d tokens, want %d", got, want)
	}
}

// entries returns the paths of the token files under a folder of ours.
func entries(dir string) ([]string, error) {
	return filepath.Glob(filepath.Join(dir, "tokens", "*.json"))
}

func (l *lab) entries() []string {
	l.t.Helper()
	files, err := entries(l.dir())
	if err != nil {
		l.t.Fatal(err)
	}
	return files
}

// noTemporaryFiles checks that no half-written file was left.
func (l *lab) noTemporaryFiles() {
	l.t.Helper()
	err := filepath.WalkDir(l.home, func(path string, _ os.DirEntry, err error) error {
		if err == nil && strings.HasPrefix(filepath.Base(path), ".tmp-") {
			l.t.Errorf("%s was left behind", path)
		}
		return err
	})
	if err != nil {
		l.t.Error(err)
	}
}

// age moves every cached token into the past.
func age(dir string, by time.Duration) error {
	files, err := entries(dir)
	if err != nil {
		return err
	}
	cache := tokencache.New(dir)
	for _, path := range files {
		var key tokencache.Key
		digits := strings.TrimSuffix(filepath.Base(path), ".json")
		if n, err := hex.Decode(key[:], []byte(digits)); err != nil || n != len(key) {
			return fmt.Errorf("%s is not named after a key: %w", path, err)
		}
		e, ok := cache.Get(key)
		if !ok {
			return fmt.Errorf("%s cannot be read", path)
		}
		for _, at := range []*time.Time{&e.Token.Issued, &e.Token.Refresh, &e.Token.Expires, &e.Token.ServerExpires} {
			*at = at.Add(-by)
		}
		// By the zero time nothing has expired, so nothing is pruned.
		if err := cache.Put(key, e, time.Time{}); err != nil {
			return err
		}
	}
	return nil
}
