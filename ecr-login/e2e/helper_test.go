//go:build linux

package e2e_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"ecr-credential-helper/ecr-login/internal/awstest"
)

// homes are the home directories that a helper may find itself with.
var homes = []struct {
	note string
	// of makes the user: configured for all clients, with a key.
	of func(t *testing.T) *user
	// keeps says whether tokens can be cached.
	keeps bool
}{
	{"ordinary", func(t *testing.T) *user { return newUser(t, credHelpers) }, true},
	{"unset", func(t *testing.T) *user {
		u := newUser(t, credHelpers)
		return u.with("HOME", "").with("AWS_ACCESS_KEY_ID", keyID).with("AWS_SECRET_ACCESS_KEY", secret).
			with("DOCKER_CONFIG", filepath.Join(u.home, ".docker")).
			with("REGISTRY_AUTH_FILE", filepath.Join(u.home, ".docker", "config.json"))
	}, false},
	{"read-only", func(t *testing.T) *user {
		u := newUser(t, credHelpers)
		// Root may write whatever the modes say, so the file system itself has to refuse.
		if err := syscall.Mount(u.home, u.home, "", syscall.MS_BIND, ""); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := syscall.Unmount(u.home, syscall.MNT_DETACH); err != nil {
				t.Error(err)
			}
		})
		if err := syscall.Mount("", u.home, "", syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
			t.Fatal(err)
		}
		return u.with("XDG_RUNTIME_DIR", "")
	}, false},
}

// Where nothing can be cached every pull asks AWS, and works.
func TestEveryClientPullsWithoutAHomeToWriteTo(t *testing.T) {
	for _, home := range homes[1:] {
		t.Run(home.note, func(t *testing.T) {
			u := home.of(t)
			stage.results.clients(t, "pull, HOME "+home.note, "ok", func(t *testing.T, c client) bool {
				calls := stage.aws.Count(awstest.OpECRToken)
				if err := c.pull(u.in(t), euWest+"/"+repository, stage.image); err != nil {
					t.Fatal(err)
				}
				if stage.aws.Count(awstest.OpECRToken) == calls {
					t.Error("no call to AWS: where is the token from?")
				}
				return true
			})
		})
	}
}

// Some clients read both streams of a helper as one and compare to the byte,
// so what is not the answer must not be there.
func TestTheHelperSaysNothingBesidesTheAnswer(t *testing.T) {
	const notFound = "credentials not found in native keychain"
	verbs := []struct {
		note, verb, input string
		fails             bool
		right             func(u *user, answer string) bool
	}{
		{"get, cold", "get", euWest, false, isPassword},
		{"get, warm", "get", "https://" + euWest + "/", false, isPassword},
		{"get, not ECR", "get", "https://index.docker.io/v1/", true, func(_ *user, a string) bool { return a == notFound }},
		{"get, public without a key", "get", public, true, func(_ *user, a string) bool { return a == notFound }},
		{"store", "store", `{"ServerURL":"` + euWest + `","Username":"AWS","Secret":"x"}`, false, func(_ *user, a string) bool { return a == "" }},
		{"list", "list", "unused", false, func(_ *user, a string) bool { return json.Valid([]byte(a)) }},
		{"erase", "erase", euWest, false, func(_ *user, a string) bool { return a == "" }},
		{"version", "version", "", false, func(_ *user, a string) bool { return strings.HasPrefix(a, helperName) }},
	}
	for _, home := range homes {
		t.Run(home.note, func(t *testing.T) {
			u := home.of(t)
			for _, v := range verbs {
				t.Run(v.note, func(t *testing.T) {
					u := u.in(t).reading(v.input)
					if strings.Contains(v.note, "without a key") {
						u = u.with("AWS_ACCESS_KEY_ID", "").with("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent").with("AWS_EC2_METADATA_DISABLED", "true")
					}
					answer, err := u.merged(v.verb)
					if (err != nil) != v.fails || !v.right(u, answer) {
						t.Errorf("answer %.120q, %v", answer, err)
					}
				})
			}
			if n := len(u.in(t).cached()); n != 0 {
				t.Errorf("%d tokens after erase", n)
			}
			u.password(euWest)
			if n := len(u.in(t).cached()); (n == 1) != home.keeps {
				t.Errorf("%d tokens are cached", n)
			}
		})
	}
}

func isPassword(u *user, answer string) bool {
	var a struct{ ServerURL, Username, Secret string }
	return json.Unmarshal([]byte(answer), &a) == nil && u.w.aws.Valid(a.Username, a.Secret)
}

// merged asks the helper and returns both streams as one, trimmed as clients do.
func (u *user) merged(verb string) (string, error) {
	cmd := exec.CommandContext(u.t.Context(), filepath.Join(u.w.helpers, helperName), verb)
	cmd.Env, cmd.Dir, cmd.Stdin = u.environ(), u.w.dir, strings.NewReader(u.input)
	out, err := cmd.CombinedOutput()
	return string(bytes.TrimSpace(out)), err
}

// Clients that start at the same moment with a cold cache share one call.
func TestManyClientsAtOnceMakeOneCall(t *testing.T) {
	u := newUser(t, credHelpers)
	calls := stage.aws.Count(awstest.OpECRToken)
	var wait sync.WaitGroup
	for range 4 {
		for _, c := range stage.clients {
			if c.inspect == nil {
				continue
			}
			wait.Go(func() {
				if err := c.inspect(u, euWest+"/"+repository, stage.image); err != nil {
					t.Errorf("%s: %v", c.name, err)
				}
			})
		}
	}
	wait.Wait()
	if n := stage.aws.Count(awstest.OpECRToken) - calls; n != 1 {
		t.Errorf("%d calls to AWS, want 1", n)
	}
	if _, err := os.Stat(filepath.Join(u.home, ".ecr")); err != nil {
		t.Error(err)
	}
}
