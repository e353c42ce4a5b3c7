//go:build linux

package e2e_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ecr-credential-helper/ecr-login/internal/awstest"
)

func TestLoginAndLogout(t *testing.T) {
	for _, s := range []struct {
		note  string
		setup setup
	}{{"credHelpers", ownFile}, {"credsStore", credsStore}} {
		t.Run("login/"+s.note, func(t *testing.T) { login(t, s.setup, s.note) })
		t.Run("login with a password/"+s.note, func(t *testing.T) { loginWith(t, s.setup, s.note) })
		t.Run("logout/"+s.note, func(t *testing.T) { logout(t, s.setup, s.note) })
	}
}

// login is `docker login HOST` and the like: the helper is asked, and some
// clients have it store what it said.
func login(t *testing.T, s setup, note string) {
	stage.results.clients(t, "login, "+note, "ok", func(t *testing.T, c client) bool {
		if c.login == nil {
			return false
		}
		u := newUser(t, s)
		before := stage.private.Tally()
		if err := c.login(u, euWest); err != nil {
			t.Fatal(err)
		}
		accepted(t, before)
		return true
	})
}

// loginWith is what scripts do who know no helper: the password comes from
// `aws ecr get-login-password`. It must succeed, and leave no password behind.
func loginWith(t *testing.T, s setup, note string) {
	stage.results.clients(t, "login with password, "+note, "ok", func(t *testing.T, c client) bool {
		password := newUser(t, nothing).password(euWest)
		u := newUser(t, s)
		if err := c.loginWith(u, euWest, password); err != nil {
			t.Fatal(err)
		}
		if err := c.pull(u, euWest+"/"+repository, stage.image); err != nil {
			t.Fatal(err)
		}
		u.keepsNot(password)
		return true
	})
}

// logout mends what can be wrong with a cached token: a revoked one is gone.
func logout(t *testing.T, s setup, note string) {
	stage.results.clients(t, "logout, "+note, "ok", func(t *testing.T, c client) bool {
		u := newUser(t, s)
		stage.aws.RevokeToken(u.password(euWest))
		refused(t, c.pull(u, euWest+"/"+repository, stage.image))
		if err := c.logout(u, euWest); err != nil {
			t.Fatal(err)
		}
		if n := len(u.cached()); n != 0 {
			t.Fatalf("%d tokens are still cached", n)
		}
		calls := stage.aws.Count(awstest.OpECRToken)
		if err := c.pull(u, euWest+"/"+repository, stage.image); err != nil {
			t.Fatal(err)
		}
		if n := stage.aws.Count(awstest.OpECRToken) - calls; n != 1 {
			t.Errorf("%d calls to AWS after the logout, want 1", n)
		}
		return true
	})
}

// keepsNot checks that no file of the user's has a password that a client was
// given, in plain text or as half of a Basic authorization.
func (u *user) keepsNot(password string) {
	u.t.Helper()
	err := filepath.WalkDir(u.home, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte(password)) || strings.HasSuffix(path, ".json") && bytes.Contains(data, []byte(`"auth":`)) {
			u.t.Errorf("%s has the password", path)
		}
		return err
	})
	if err != nil {
		u.t.Error(err)
	}
}
