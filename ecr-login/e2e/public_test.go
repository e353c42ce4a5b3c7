//go:build linux

package e2e_test

import (
	"testing"

	"ecr-credential-helper/ecr-login/internal/awstest"
)

func TestThePublicRegistry(t *testing.T) {
	t.Run("with a key", func(t *testing.T) {
		u := newUser(t, credHelpers)
		calls := stage.aws.Count(awstest.OpPublicToken)
		stage.results.clients(t, "pull, public.ecr.aws", "ok", func(t *testing.T, c client) bool {
			before := stage.public.counts()
			if err := c.pull(u.in(t), public+"/"+repository, stage.image); err != nil {
				t.Fatal(err)
			}
			if now := stage.public.counts(); now.known == before.known || now.anonymous != before.anonymous {
				t.Errorf("the registry counted %+v, before %+v", now, before)
			}
			return true
		})
		if n := stage.aws.Count(awstest.OpPublicToken) - calls; n != 1 {
			t.Errorf("%d calls to AWS, want 1", n)
		}
	})
	t.Run("without a key", func(t *testing.T) {
		// The metadata service is of no interest here, and waiting for it of none to anybody.
		u := newUser(t, credHelpers).with("AWS_EC2_METADATA_DISABLED", "true")
		u.remove(".aws")
		stage.results.clients(t, "pull, public.ecr.aws without key", "ok", func(t *testing.T, c client) bool {
			before := stage.public.counts()
			if err := c.pull(u.in(t), public+"/"+repository, stage.image); err != nil {
				t.Fatal(err)
			}
			if now := stage.public.counts(); now.anonymous == before.anonymous || now.known != before.known {
				t.Errorf("the registry counted %+v, before %+v", now, before)
			}
			return true
		})
	})
}

// A helper for all registries is asked about those that are not ECR's as well.
func TestRegistriesOfOthersWorkAsWithoutTheHelper(t *testing.T) {
	u := newUser(t, credsStore)
	stage.results.clients(t, "pull, not ECR, credsStore", "ok", func(t *testing.T, c client) bool {
		if err := c.pull(u.in(t), elsewhere+"/"+repository, stage.image); err != nil {
			t.Fatal(err)
		}
		return true
	})
}
