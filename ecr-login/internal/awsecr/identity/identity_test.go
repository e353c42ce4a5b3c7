package identity

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// world is everything an identity is worked out from, as a test sets it up.
type world struct {
	env         map[string]string
	config      string
	credentials string
	files       map[string]string // further files in the home directory
	machine     string
	in          Inputs
}

func (w world) clone() world {
	w.env = maps.Clone(w.env)
	w.files = maps.Clone(w.files)
	if w.env == nil {
		w.env = map[string]string{}
	}
	if w.files == nil {
		w.files = map[string]string{}
	}
	return w
}

// inputs writes the files. HOME in values stands for the home directory.
func (w world) inputs(t testing.TB, home string) Inputs {
	t.Helper()
	write := func(name, text string) {
		path := filepath.Join(home, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "$HOME", home)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(".aws/config", w.config)
	write(".aws/credentials", w.credentials)
	for name, text := range w.files {
		write(name, text)
	}
	in := w.in
	if in.Home == "" {
		in.Home = home
	}
	in.LookupEnv = func(name string) (string, bool) {
		v, ok := w.env[name]
		return strings.ReplaceAll(v, "$HOME", home), ok
	}
	in.machine = func() (string, bool) { return "machine " + w.machine, true }
	return in
}

func TestAProfileWithStaticKeysIsItsAccessKeyID(t *testing.T) {
	t.Parallel()
	w := world{credentials: "[default]\naws_access_key_id = AKIAEXAMPLEEXAMPLE01\naws_secret_access_key = s\n"}
	id, err := Resolve(w.inputs(t, t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := id.String(), "static keys AKIA…LE01 (profile default)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
