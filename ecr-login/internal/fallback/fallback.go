// Package fallback asks another credential helper about registries that are not
// ours, so that this one can be the only credsStore.
package fallback

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/docker/docker-credential-helpers/client"
	"github.com/docker/docker-credential-helpers/credentials"

	"ecr-credential-helper/ecr-login/internal/procgroup"
)

// Marker is set, to anything, in the environment of the helpers that are run.
// A helper that in turn calls us, with us configured to call it, would else go
// round in circles until the machine is full of processes.
const Marker = "DOCKER_CREDENTIAL_ECR_LOGIN_FALLBACK"

const prefix = "docker-credential-"

// maxOutput bounds what a helper may answer.
const maxOutput = 1 << 20

var errOutputTooLarge = errors.New("its answer is larger than 1 MiB")

// Helper is another credential helper.
type Helper struct {
	name   string
	path   string
	ctx    context.Context //nolint:containedctx // the interface of helpers takes none
	stderr io.Writer
}

var _ credentials.Helper = (*Helper)(nil)

// New returns the helper of a name without its prefix "docker-credential-",
// found in PATH. Its programs run until ctx ends at the latest, and what they
// say on standard error goes to stderr. The error says that there is none, or
// that it is this program itself.
func New(ctx context.Context, name string, stderr io.Writer) (*Helper, error) {
	path, err := exec.LookPath(prefix + name)
	if err != nil {
		return nil, fmt.Errorf("the fallback helper %s%s is not in PATH; hint: install it, or correct fallback_helper", prefix, name)
	}
	if isSelf(path) {
		return nil, fmt.Errorf("the fallback helper %s%s is this program itself; hint: name another one, or none, as fallback_helper", prefix, name)
	}
	return &Helper{name, path, ctx, stderr}, nil
}

func isSelf(path string) bool {
	self, err := os.Executable()
	if err != nil {
		return false
	}
	a, errA := os.Stat(self) // follows links, as LookPath's result may be one
	b, errB := os.Stat(path)
	return errA == nil && errB == nil && os.SameFile(a, b)
}

// Get returns user name and secret for a server address. A helper that has none
// answers with the error that credentials.IsErrCredentialsNotFound knows.
func (h *Helper) Get(server string) (user, secret string, err error) {
	creds, err := client.Get(h.program, server)
	if err != nil {
		return "", "", h.explain(err)
	}
	return creds.Username, creds.Secret, nil
}

// Add hands credentials over for keeping.
func (h *Helper) Add(creds *credentials.Credentials) error {
	return h.explain(client.Store(h.program, creds))
}

// Delete has the credentials of a server address forgotten.
func (h *Helper) Delete(server string) error { return h.explain(client.Erase(h.program, server)) }

// List returns the server addresses that the helper has credentials for.
func (h *Helper) List() (map[string]string, error) {
	list, err := client.List(h.program)
	return list, h.explain(err)
}

// explain says whose failure it is. What the protocol gives a meaning passes as
// it is.
func (h *Helper) explain(err error) error {
	switch {
	case err == nil:
		return nil
	case credentials.IsErrCredentialsNotFound(err), credentials.IsCredentialsMissingServerURL(err), credentials.IsCredentialsMissingUsername(err):
		return err
	case h.ctx.Err() != nil:
		return fmt.Errorf("the fallback helper %s%s did not answer in time; hint: raise AWS_ECR_TIMEOUT or see why it hangs", prefix, h.name)
	}
	return fmt.Errorf("the fallback helper %s%s failed: %w", prefix, h.name, err)
}

func (h *Helper) program(args ...string) client.Program {
	cmd := exec.CommandContext(h.ctx, h.path, args...)
	cmd.Env = append(cmd.Environ(), Marker+"=1")
	cmd.Stderr = h.stderr
	const wait = 500 * time.Millisecond
	cmd.WaitDelay = wait
	procgroup.Bind(cmd)
	return &program{cmd}
}

// program is the client's view of a command.
type program struct{ cmd *exec.Cmd }

func (p *program) Input(in io.Reader) { p.cmd.Stdin = in }

func (p *program) Output() ([]byte, error) {
	out := &bounded{}
	p.cmd.Stdout = out
	err := p.cmd.Run()
	if out.full {
		return nil, errOutputTooLarge
	}
	return out.buf.Bytes(), err
}

type bounded struct {
	buf  bytes.Buffer
	full bool
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.buf.Len()+len(p) > maxOutput {
		b.full = true
		return 0, errOutputTooLarge
	}
	return b.buf.Write(p)
}
