//go:build linux

package e2e_test

import (
	"path/filepath"
	"testing"
)

// Docker's classic build asks a helper for all registries to list them, and
// for the password of each: what is not listed cannot be built from.
func TestBuildFromAnImageInECR(t *testing.T) {
	for _, s := range []struct {
		note    string
		setup   setup
		prepare func(u *user)
	}{
		{"credHelpers", credHelpers, func(*user) {}},
		{"credsStore, warm", credsStore, func(u *user) { u.password(euWest) }},
		{"credsStore, configured", credsStore, func(u *user) {
			u.write(".ecr/config.yaml", "registries:\n  - host: "+euWest+"\n")
		}},
	} {
		t.Run(s.note, func(t *testing.T) {
			stage.results.clients(t, "build, "+s.note, "ok", func(t *testing.T, c client) bool {
				if c.build == nil {
					return false
				}
				u := newUser(t, s.setup)
				s.prepare(u)
				build(t, u, c.build)
				return true
			})
		})
	}
}

func TestBuildKit(t *testing.T) {
	stage.results.clients(t, "BuildKit, credHelpers", "ok", func(t *testing.T, c client) bool {
		if c.buildkit == nil {
			return false
		}
		build(t, newUser(t, credHelpers), c.buildkit)
		return true
	})
}

func build(t *testing.T, u *user, op func(u *user, ref, dir string, im image) error) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"Dockerfile": "FROM " + euWest + "/" + repository + "\nCOPY more /more\n",
		"more":       t.Name(),
	} {
		if err := writeFile(filepath.Join(dir, name), content); err != nil {
			t.Fatal(err)
		}
	}
	if err := op(u, euWest+"/"+repository, dir, stage.image); err != nil {
		t.Fatal(err)
	}
}
