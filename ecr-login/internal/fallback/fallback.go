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
	"strings"
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
	c := call{helper: h}
	creds, err := client.Get(c.program, server)
	if err != nil {
		return "", "", c.explain(err)
	}
	return creds.Username, creds.Secret, nil
}

// Add hands credentials over for keeping.
func (h *Helper) Add(creds *credentials.Credentials) error {
	c := call{helper: h}
	return c.explain(client.Store(c.program, creds))
}

// Delete has the credentials of a server address forgotten.
func (h *Helper) Delete(server string) error {
	c := call{helper: h}
	return c.explain(client.Erase(c.program, server))
}

// List returns the server addresses that the helper has credentials for.
func (h *Helper) List() (map[string]string, error) {
	c := call{helper: h}
	list, err := client.List(c.program)
	if list == nil {
		list = map[string]string{} // a helper that says null has none
	}
	return list, c.explain(err)
}

// call is one run of the helper.
type call struct {
	helper *Helper
	cmd    *exec.Cmd
	failed string // what a run that failed said
}

// explain says whose failure it is, in the helper's own words. That there are
// no credentials is no failure.
func (c *call) explain(err error) error {
	name := prefix + c.helper.name
	switch {
	case err == nil:
		return nil
	case credentials.IsErrCredentialsNotFound(err), credentials.IsErrCredentialsNotFoundMessage(c.failed):
		return credentials.NewErrCredentialsNotFound()
	case c.helper.ctx.Err() != nil:
		return fmt.Errorf("the fallback helper %s did not answer in time; hint: raise AWS_ECR_TIMEOUT or see why it hangs", name)
	case c.failed != "":
		return fmt.Errorf("the fallback helper %s failed: %s", name, c.failed)
	}
	return fmt.Errorf("the fallback helper %s failed: %w", name, err)
}

// program is what the protocol's client runs.
func (c *call) program(args ...string) client.Program {
	h := c.helper
	c.cmd = exec.CommandContext(h.ctx, h.path, args...)
	c.cmd.Env = append(c.cmd.Environ(), Marker+"=1")
	c.cmd.Stderr = h.stderr
	const wait = 500 * time.Millisecond
	c.cmd.WaitDelay = wait
	procgroup.Bind(c.cmd)
	return c
}

// Input sets what the helper reads.
func (c *call) Input(in io.Reader) { c.cmd.Stdin = in }

// Output runs the helper and returns what it wrote.
func (c *call) Output() ([]byte, error) {
	out := &bounded{}
	c.cmd.Stdout = out
	err := c.cmd.Run()
	if errors.Is(err, exec.ErrWaitDelay) {
		// The helper answered and ended well; what it started, an agent perhaps,
		// keeps our pipe open and is no concern of ours.
		err = nil
	}
	switch {
	case out.full:
		err = errOutputTooLarge
		c.failed = err.Error()
		return nil, err
	case err != nil:
		c.failed = words(out.buf.String(), err)
	}
	return out.buf.Bytes(), err
}

// words returns what a helper that failed said, or how it ended. An answer in
// the place of words may hold a secret.
func words(said string, err error) string {
	const most = 500
	said = strings.TrimSpace(strings.ToValidUTF8(said, "?"))
	switch {
	case said == "" || said[0] == '{':
		return err.Error()
	case len(said) > most:
		return strings.ToValidUTF8(said[:most], "") + "…"
	}
	return said
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
