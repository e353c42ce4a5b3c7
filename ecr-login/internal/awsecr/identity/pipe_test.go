//go:build unix

package identity

import (
	"errors"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A pipe is what AWS_CONFIG_FILE=<(…) names: reading it here would leave
// nothing for the SDK, and one without a writer would block for ever.
func TestPipesAreLeftAlone(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	pipe := filepath.Join(home, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, variables := range map[string]map[string]string{
		"config":             env("AWS_CONFIG_FILE", pipe),
		"credentials":        env("AWS_SHARED_CREDENTIALS_FILE", pipe),
		"web identity token": env("AWS_WEB_IDENTITY_TOKEN_FILE", pipe, "AWS_ROLE_ARN", pull),
		"container token":    env("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", pipe),
	} {
		if _, err := Resolve(Inputs{Home: home, LookupEnv: lookupIn(variables)}); !errors.Is(err, ErrUncertain) || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
