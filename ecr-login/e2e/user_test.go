//go:build linux

package e2e_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"ecr-credential-helper/ecr-login/internal/tokencache"
	"ecr-credential-helper/ecr-login/token"
)

// user is a person with a home directory, an AWS key and a terminal.
type user struct {
	t     *testing.T
	w     *world
	home  string
	more  map[string]string // environment
	input string
}

// setup is how a client is told about the helper.
type setup string

const (
	// credHelpers names the helper for each registry, in the file that all
	// clients read.
	credHelpers setup = "credHelpers"
	// credsStore names the helper for all registries. podman, buildah and
	// skopeo do not read it: theirs is credential-helpers in registries.conf.
	credsStore setup = "credsStore"
	// ownFile is credHelpers for those three as well when they log in or out:
	// they read the file of Docker, but change only their own.
	ownFile setup = "credHelpers, also in auth.json"
	nothing setup = "nothing"
)

// newUser makes a user with a key that AWS knows and a cold cache.
func newUser(t *testing.T, s setup) *user {
	t.Helper()
	u := &user{t: t, w: stage, home: filepath.Join(stage.dir, "home", strings.ReplaceAll(t.Name(), "/", "-"))}
	u.write(".aws/credentials", fmt.Sprintf("[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n", keyID, secret))
	run := filepath.Join(u.home, "run")
	if err := os.MkdirAll(run, 0o700); err != nil {
		t.Fatal(err)
	}
	u.more = map[string]string{"XDG_RUNTIME_DIR": run}
	u.configure(s)
	t.Cleanup(func() { _ = os.RemoveAll(u.home) })
	return u
}

// configure changes how clients are told about the helper, and nothing else.
func (u *user) configure(s setup) {
	u.t.Helper()
	config, registries := map[string]any{}, ""
	u.remove("run/containers")
	switch s {
	case credHelpers, ownFile:
		helpers := map[string]string{}
		for _, h := range []string{euWest, euWestToo, usEast, fips, dualStack, public} {
			helpers[h] = "ecr-login"
		}
		config["credHelpers"] = helpers
	case credsStore:
		config["credsStore"] = "ecr-login"
		registries = `credential-helpers = ["ecr-login"]` + "\n"
	case nothing:
	}
	data, err := json.Marshal(config)
	if err != nil {
		u.t.Fatal(err)
	}
	u.write(".docker/config.json", string(data))
	if s == ownFile {
		u.write("run/containers/auth.json", string(data))
	}
	u.write(".config/containers/registries.conf", registries)
}

func (u *user) write(name, content string) {
	u.t.Helper()
	if err := writeFile(filepath.Join(u.home, name), content); err != nil {
		u.t.Fatal(err)
	}
}

func (u *user) remove(name string) {
	u.t.Helper()
	if err := os.RemoveAll(filepath.Join(u.home, name)); err != nil {
		u.t.Fatal(err)
	}
}

// with is the same user with another variable in the environment. An empty
// value takes the variable away.
func (u *user) with(name, value string) *user {
	other := *u
	other.more = maps.Clone(u.more)
	other.more[name] = value
	return &other
}

// reading is the same user who types something.
func (u *user) reading(input string) *user {
	other := *u
	other.input = input
	return &other
}

// in is the same user in a part of the test.
func (u *user) in(t *testing.T) *user {
	other := *u
	other.t = t
	return &other
}

// scratch is a folder that does not exist.
func (u *user) scratch() string { return filepath.Join(u.t.TempDir(), "new") }

func (u *user) environ() []string {
	env := map[string]string{"HOME": u.home}
	maps.Copy(env, u.more)
	maps.DeleteFunc(env, func(_, v string) bool { return v == "" })
	return u.w.environ(env)
}

// commandError is a command that failed, with all it wrote.
type commandError struct {
	args           []string
	stdout, stderr string
	err            error
}

func (e *commandError) Error() string {
	return fmt.Sprintf("%s %s: %v\n%s%s", filepath.Base(e.args[0]), strings.Join(e.args[1:], " "), e.err, e.stdout, e.stderr)
}

func (e *commandError) Unwrap() error { return e.err }

// exec runs a command and returns what it wrote.
func (u *user) exec(path string, args ...string) (stdout, stderr string, err error) {
	ctx, cancel := context.WithTimeout(u.t.Context(), commandLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	var out, errs bytes.Buffer
	cmd.Env, cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = u.environ(), u.w.dir, strings.NewReader(u.input), &out, &errs
	if err = cmd.Run(); err != nil {
		err = &commandError{append([]string{path}, args...), out.String(), errs.String(), err}
	}
	return out.String(), errs.String(), err
}

// run runs a command and returns its standard output, trimmed.
func (u *user) run(path string, args ...string) (string, error) {
	out, _, err := u.exec(path, args...)
	return strings.TrimSpace(out), err
}

// says runs a command that has to say something, on either stream.
func (u *user) says(want, path string, args ...string) error {
	stdout, stderr, err := u.exec(path, args...)
	if err != nil {
		return err
	}
	if !strings.Contains(stdout+stderr, want) {
		return &commandError{append([]string{path}, args...), stdout, stderr, fmt.Errorf("does not say %q", want)}
	}
	return nil
}

func equal(got, want string) error {
	if got != want {
		return fmt.Errorf("got %s, want %s", got, want)
	}
	return nil
}

func contains(got, want string) error {
	if !strings.Contains(got, want) {
		return fmt.Errorf("%s does not contain %s", got, want)
	}
	return nil
}

// password asks the helper for a registry's password, as a client does.
func (u *user) password(host string) string {
	u.t.Helper()
	out, err := u.reading(host).run(filepath.Join(u.w.helpers, helperName), "get")
	if err != nil {
		u.t.Fatal(err)
	}
	var answer struct{ Username, Secret string }
	if err := json.Unmarshal([]byte(out), &answer); err != nil {
		u.t.Fatal(err)
	}
	if !u.w.aws.Valid(answer.Username, answer.Secret) {
		u.t.Fatalf("the password for %s is not one that AWS has issued", host)
	}
	return answer.Secret
}

// cached returns the keys and entries of the user's cache.
func (u *user) cached() map[tokencache.Key]tokencache.Entry {
	u.t.Helper()
	all := map[tokencache.Key]tokencache.Entry{}
	dir := filepath.Join(u.home, ".ecr")
	files, err := os.ReadDir(filepath.Join(dir, "tokens"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		u.t.Fatal(err)
	}
	for _, f := range files {
		var k tokencache.Key
		if n, err := hex.Decode(k[:], []byte(strings.TrimSuffix(f.Name(), ".json"))); n != len(k) || err != nil {
			u.t.Fatalf("%s is not named after a key: %v", f.Name(), err)
		}
		e, ok := tokencache.New(dir).Get(k)
		if !ok {
			u.t.Fatalf("%s is not a cache entry", f.Name())
		}
		all[k] = e
	}
	return all
}

// spoil replaces every password in the cache by one that AWS has not issued.
func (u *user) spoil() {
	u.t.Helper()
	entries := u.cached()
	if len(entries) == 0 {
		u.t.Fatal("the cache is empty")
	}
	for k, e := range entries {
		e.Token.Password = token.NewPassword(strings.Repeat("wrong", 500))
		if err := tokencache.New(filepath.Join(u.home, ".ecr")).Put(k, e, u.w.aws.Now()); err != nil {
			u.t.Fatal(err)
		}
	}
}
