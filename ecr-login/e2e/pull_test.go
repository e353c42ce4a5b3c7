//go:build linux

package e2e_test

import (
	"fmt"
	"strings"
	"testing"

	"ecr-credential-helper/ecr-login/internal/awstest"
	"ecr-credential-helper/ecr-login/internal/awstest/ociregistry"
)

const helperName = "docker-credential-ecr-login"

// Two accounts, two ways to configure clients, all clients: one call to AWS.
func TestOneTokenServesEveryClientHoweverConfigured(t *testing.T) {
	u := newUser(t, credHelpers)
	calls := stage.aws.Count(awstest.OpECRToken)
	for _, s := range []struct {
		setup setup
		host  string
	}{{credHelpers, euWest}, {credsStore, euWestToo}} {
		u.configure(s.setup)
		pullAndPush(t, u, s.host, string(s.setup))
	}
	if n := stage.aws.Count(awstest.OpECRToken) - calls; n != 1 {
		t.Errorf("%d calls to AWS, want 1", n)
	}
	if n := len(u.cached()); n != 1 {
		t.Errorf("%d cached tokens, want 1", n)
	}
}

func pullAndPush(t *testing.T, u *user, host, note string) {
	t.Run("pull/"+note, func(t *testing.T) {
		stage.results.clients(t, "pull, "+note, "ok", func(t *testing.T, c client) bool {
			before := stage.private.Tally()
			if err := c.pull(u.in(t), host+"/"+repository, stage.image); err != nil {
				t.Fatal(err)
			}
			accepted(t, before)
			return true
		})
	})
	t.Run("push/"+note, func(t *testing.T) {
		stage.results.clients(t, "push, "+note, "ok", func(t *testing.T, c client) bool {
			im, err := newImage()
			if err != nil {
				t.Fatal(err)
			}
			path := fmt.Sprintf("pushed/%s:v1", strings.ToLower(strings.NewReplacer(" ", "-", "+", "-", "/", "-").Replace(t.Name())))
			if err := im.save(t.TempDir(), host+"/"+path); err != nil {
				t.Fatal(err)
			}
			before := stage.private.Tally()
			if err := c.push(u.in(t), host+"/"+path, im); err != nil {
				t.Fatal(err)
			}
			accepted(t, before)
			if err := stage.arrived(path, im); err != nil {
				t.Errorf("what was pushed: %v", err)
			}
			return true
		})
	})
	t.Run("inspect/"+note, func(t *testing.T) {
		stage.results.clients(t, "manifest, "+note, "ok", func(t *testing.T, c client) bool {
			if c.inspect == nil {
				return false
			}
			before := stage.private.Tally()
			if err := c.inspect(u.in(t), host+"/"+repository, stage.image); err != nil {
				t.Fatal(err)
			}
			accepted(t, before)
			return true
		})
	})
}

// accepted checks that a client came in with a password, and with no wrong one.
func accepted(t *testing.T, before ociregistry.Tally) {
	t.Helper()
	now := stage.private.Tally()
	if now.Accepted == before.Accepted || now.Refused != before.Refused {
		t.Errorf("the registry accepted %d requests and refused %d", now.Accepted-before.Accepted, now.Refused-before.Refused)
	}
}

// Each kind of host has an endpoint of its own, whose tokens open it.
func TestTheEndpointFollowsTheHost(t *testing.T) {
	u := newUser(t, credHelpers)
	for _, kind := range []struct{ note, host, api string }{
		{"another region", usEast, apiUsEast},
		{"FIPS", fips, apiFIPS},
		{"dual-stack", dualStack, apiDualStack},
	} {
		t.Run(kind.note, func(t *testing.T) {
			calls := len(stage.aws.Requests(awstest.OpECRToken))
			stage.results.clients(t, "pull, "+kind.note, "ok", func(t *testing.T, c client) bool {
				before := stage.private.Tally()
				if err := c.pull(u.in(t), kind.host+"/"+repository, stage.image); err != nil {
					t.Fatal(err)
				}
				accepted(t, before)
				return true
			})
			asked := stage.aws.Requests(awstest.OpECRToken)[calls:]
			if len(asked) != 1 || asked[0].Host != kind.api {
				t.Errorf("asked %v, want %s once", asked, kind.api)
			}
		})
	}
}
