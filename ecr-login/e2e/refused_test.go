//go:build linux

package e2e_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ecr-credential-helper/ecr-login/internal/awstest"
)

// Everything that pulls elsewhere in these tests does so thanks to the helper
// and its password: without either, every client is turned away.
func TestWithoutTheHelperNobodyGetsIn(t *testing.T) {
	t.Run("not configured", func(t *testing.T) {
		u := newUser(t, nothing)
		stage.results.clients(t, "refused: helper not configured", "401", func(t *testing.T, c client) bool {
			before := stage.private.Tally()
			refused(t, c.pull(u.in(t), euWest+"/"+repository, stage.image))
			if now := stage.private.Tally(); now.Anonymous == before.Anonymous || now.Accepted != before.Accepted {
				t.Errorf("the registry counted %+v, before %+v", now, before)
			}
			return true
		})
	})
	t.Run("not installed", func(t *testing.T) {
		u := newUser(t, credHelpers).with("PATH", "/nonexistent")
		stage.results.clients(t, "refused: helper not installed", "failed", func(t *testing.T, c client) bool {
			before := stage.private.Tally()
			_ = failed(t, c.pull(u.in(t), euWest+"/"+repository, stage.image))
			if now := stage.private.Tally(); now.Accepted != before.Accepted {
				t.Errorf("the registry counted %+v, before %+v", now, before)
			}
			return true
		})
	})
}

func TestAWrongPasswordIsRefused(t *testing.T) {
	t.Run("tampered", func(t *testing.T) {
		u := newUser(t, credHelpers)
		u.password(euWest)
		u.spoil()
		rejected(t, u, "refused: tampered token")
	})
	t.Run("revoked", func(t *testing.T) {
		u := newUser(t, credHelpers)
		stage.aws.RevokeToken(u.password(euWest))
		rejected(t, u, "refused: revoked token")
	})
}

// rejected checks that the registry sees the password that the helper has in
// its cache, and no client gets in with it.
func rejected(t *testing.T, u *user, row string) {
	calls := stage.aws.Count(awstest.OpECRToken)
	stage.results.clients(t, row, "401", func(t *testing.T, c client) bool {
		before := stage.private.Tally()
		refused(t, c.pull(u.in(t), euWest+"/"+repository, stage.image))
		if now := stage.private.Tally(); now.Refused == before.Refused || now.Accepted != before.Accepted {
			t.Errorf("the registry counted %+v, before %+v", now, before)
		}
		return true
	})
	if n := stage.aws.Count(awstest.OpECRToken) - calls; n != 0 {
		t.Errorf("%d calls to AWS, want the cached token to be used", n)
	}
}

// What stands between a user and a pull is what the user gets to read.
func TestTheCauseReachesTheUser(t *testing.T) {
	u := newUser(t, credHelpers)
	stage.aws.Deny(stage.user.ARN, awstest.OpECRToken)
	t.Cleanup(func() { stage.aws.Allow(stage.user.ARN, awstest.OpECRToken) })
	stage.results.clients(t, "AWS denies: the cause is told", "told", func(t *testing.T, c client) bool {
		const cause = "ecr:GetAuthorizationToken"
		u := u.in(t)
		u.remove(".ecr/log")
		before := stage.private.Tally()
		err := failed(t, c.pull(u, euWest+"/"+repository, stage.image))
		// Docker before 29 drops what a helper says when it pulls: there the log has to tell.
		if !strings.Contains(err.stdout+err.stderr, cause) && !strings.HasPrefix(c.name, "docker") {
			t.Errorf("the user reads nothing of the cause: %v", err)
		}
		if log, err := os.ReadFile(filepath.Join(u.home, ".ecr", "log", "ecr-login.log")); err != nil || !bytes.Contains(log, []byte(cause)) {
			t.Errorf("the log tells nothing of the cause: %v %s", err, log)
		}
		if now := stage.private.Tally(); now.Accepted != before.Accepted {
			t.Error("somebody got in")
		}
		return true
	})
}

// refused checks that a command failed because the registry wanted another
// password.
func refused(t *testing.T, err error) {
	t.Helper()
	e := failed(t, err)
	said := strings.ToLower(e.stdout + e.stderr)
	for _, word := range []string{"401", "unauthorized", "authentication required", "no basic auth credentials", "basic credential not found"} {
		if strings.Contains(said, word) {
			return
		}
	}
	t.Errorf("no word of a refusal: %v", err)
}

// failed checks that a command ran and failed.
func failed(t *testing.T, err error) *commandError {
	t.Helper()
	var e *commandError
	if !errors.As(err, &e) {
		t.Fatalf("err = %v, want a command that failed", err)
	}
	t.Log(e)
	return e
}
