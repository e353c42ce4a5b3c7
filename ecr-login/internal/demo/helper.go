package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"ecr-credential-helper/ecr-login/internal/app"
)

// helper is the real helper binary.
type helper struct {
	path    string
	environ []string
}

// findHelper returns the path of the helper: the one that was asked for, the one
// beside this program, or one that is built into dir.
func findHelper(ctx context.Context, asked, dir string, environ []string) (string, error) {
	name := app.Name
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	if asked != "" {
		if filepath.Base(asked) != name {
			return "", fmt.Errorf("the helper must be called %s, for that is what clients look for", name)
		}
		if _, err := os.Stat(asked); err != nil {
			return "", fmt.Errorf("the helper cannot be used: %w", err)
		}
		return filepath.Abs(asked)
	}
	if self, err := os.Executable(); err == nil {
		beside := filepath.Join(filepath.Dir(self), name)
		if _, err := os.Stat(beside); err == nil {
			return beside, nil
		}
	}
	path := filepath.Join(dir, "bin", name)
	build := exec.CommandContext(ctx, "go", "build", "-o", path, "ecr-credential-helper/ecr-login/cmd/"+app.Name)
	build.Env = environ
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the helper: %w\n%s", err, bytes.TrimSpace(out))
	}
	return path, nil
}

// errStderr says that the helper broke a rule that clients depend on.
var errStderr = errors.New("the helper wrote to standard error, which belongs to its client")

// run gives a verb of the helper an input, as clients do. The error of a helper
// that failed is what it said.
func (h helper) run(ctx context.Context, verb, input string, flags ...string) (string, error) {
	cmd := exec.CommandContext(ctx, h.path, append([]string{verb}, flags...)...)
	var out, errOut bytes.Buffer
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = h.environ, strings.NewReader(input), &out, &errOut
	err := cmd.Run()
	said := strings.TrimSpace(out.String())
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case errOut.Len() > 0:
		return "", errStderr
	case errors.As(err, &exit):
		return "", errors.New(said)
	}
	return said, err
}

// get returns the password that the helper has for a registry.
func (h helper) get(ctx context.Context, host string) (string, error) {
	out, err := h.run(ctx, "get", host)
	if err != nil {
		return "", err
	}
	var answer struct{ ServerURL, Username, Secret string }
	if err := json.Unmarshal([]byte(out), &answer); err != nil {
		return "", fmt.Errorf("the helper's answer is not JSON: %w", err)
	}
	if answer.ServerURL != host || answer.Username != "AWS" || answer.Secret == "" {
		return "", errors.New("the helper's answer is not one for " + host)
	}
	return answer.Secret, nil
}

// list returns the registries that the helper names.
func (h helper) list(ctx context.Context) (map[string]string, error) {
	out, err := h.run(ctx, "list", "unused")
	if err != nil {
		return nil, err
	}
	var hosts map[string]string
	err = json.Unmarshal([]byte(out), &hosts)
	return hosts, err
}
