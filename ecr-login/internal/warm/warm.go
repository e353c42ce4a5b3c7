// Package warm answers what files and environment can answer (a `get` from the
// cache, `list`, `version`) before the rest of the program exists.
//
// The Go runtime initialises every package that a binary links before main
// runs. For the AWS SDK, net/http, cobra and Prometheus together that takes
// longer than everything a warm get does. But the order is fixed by the
// language: of the packages whose imports are ready, the one whose import
// path sorts first is next (https://go.dev/ref/spec#Program_initialization).
// This package imports next to nothing, so it is ready before net/http and all
// that stands on it, and its init answers and exits before their turn comes.
//
// It decides nothing of its own: the answer is that of package lookup, which
// the ordinary path asks as well, and whatever is not plainly a hit is left to
// the ordinary path. Only the binary imports it. A test in
// cmd/docker-credential-ecr-login reads the runtime's own trace of package
// initialisation to see that the order holds.
package warm

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"time"

	"github.com/docker/docker-credential-helpers/credentials"

	"ecr-credential-helper/ecr-login/internal/lookup"
	"ecr-credential-helper/ecr-login/internal/request"
	"ecr-credential-helper/ecr-login/internal/settings"
	"ecr-credential-helper/ecr-login/internal/version"
)

// consumed is what was read of standard input in vain.
var consumed []byte

func init() {
	if len(os.Args) != 2 {
		return
	}
	verb := os.Args[1]
	if verb == credentials.ActionGet {
		// A read error will show itself again to whoever reads on.
		consumed, _ = request.Read(os.Stdin)
	}
	var out bytes.Buffer
	if !answer(verb, consumed, settings.Process, time.Now(), &out) {
		return
	}
	if _, err := os.Stdout.Write(out.Bytes()); err != nil {
		os.Exit(1)
	}
	os.Exit(0)
}

// Stdin returns standard input from its beginning, including what a get that
// missed the cache has read.
func Stdin() io.Reader { return io.MultiReader(bytes.NewReader(consumed), os.Stdin) }

// answer writes the answer to a verb if files and environment suffice for it,
// and reports whether they did.
func answer(verb string, input []byte, env settings.LookupEnv, now time.Time, out io.Writer) bool {
	switch verb {
	case credentials.ActionVersion, "-v", "--version":
		// What was not built by the Makefile has its version elsewhere.
		version.Announce()
		return version.Version != "" && credentials.PrintVersion(out) == nil
	case credentials.ActionGet, credentials.ActionList:
	default:
		return false
	}
	s, err := settings.Load(env, nil)
	if err != nil || s.Log.Level == "debug" {
		return false // at debug even a warm get has something to log
	}
	h := helper{settings: s, now: now}
	if verb == credentials.ActionList {
		// The registries of a fallback helper would be missing.
		return s.Fallback == "" && credentials.List(h, out) == nil
	}
	server, err := request.Server(input)
	return err == nil && server != "" && credentials.Get(h, strings.NewReader(server), out) == nil
}

// helper can do what needs neither AWS nor another helper.
type helper struct {
	credentials.Helper // nothing else is called
	settings           settings.Settings
	now                time.Time
}

var errCold = errors.New("not in the cache")

func (h helper) Get(server string) (user, password string, err error) {
	f, err := lookup.Find(h.settings, server, lookup.Choice{})
	if err != nil {
		return "", "", err
	}
	if !f.Fresh(h.now) || !f.Listed() {
		return "", "", errCold
	}
	return f.Entry.Token.User, f.Entry.Token.Password.Reveal(), nil
}

func (h helper) List() (map[string]string, error) { return lookup.List(h.settings, h.now), nil }
