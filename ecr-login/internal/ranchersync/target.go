package ranchersync

import (
	"context"
	"time"

	"ecr-credential-helper/ecr-login/registry"
	"ecr-credential-helper/ecr-login/token"
)

// Target is one place that hands out registry credentials, such as an
// environment of a Rancher 1.x.
type Target interface {
	// Name is what people call it. It holds no secret.
	Name() string
	// Key identifies the place in the local memory: the same string for the
	// same place, whatever the keys used.
	Key() string
	// Survey reads what is there. It writes nothing.
	Survey(ctx context.Context) (Survey, error)
}

// Survey is what a target held when it was looked at, and the way to change it.
type Survey interface {
	// Addresses are those of all registries there, as written there.
	Addresses() []string
	// Registries are the ECR registries among them, each once.
	Registries() []registry.Registry
	// Plan says what a registry needs: one entry for every place where its
	// credential stands, or one that says why there is none.
	Plan(r registry.Registry, want Want) []*Entry
	// Fits returns an error for a push that the target would not take.
	Fits(p Push) error
	// Apply carries out one entry of the plan. It finishes a write that is
	// under way when ctx ends, and begins no other.
	Apply(ctx context.Context, e *Entry, p Push) error
	// Verify reads back what was applied and calls done once for every entry,
	// with an error if a pull would not use what was pushed.
	Verify(ctx context.Context, entries []*Entry, done func(*Entry, error)) error
}

// Want is how far a target may be changed for one registry.
type Want struct {
	Asked    bool // it was asked for by name; otherwise it was found in the target
	Create   bool // add a missing registry or credential
	Activate bool // activate an inactive one
}

// Push is what is handed to a target.
type Push struct {
	User     string
	Password token.Password
	// Note replaces our note among the credential's visible remarks; nil leaves
	// them alone.
	Note *Note
	// Once is for a push that is not to be tried again when it fails.
	Once bool
}

// Action is what a plan has in mind for an entry.
type Action string

// The actions. Their values are part of the JSON output.
const (
	Keep     Action = "keep"     // the credential holds a token that lives long enough
	Update   Action = "update"   // push a token into an existing credential
	Create   Action = "create"   // add the registry, the credential or both
	Activate Action = "activate" // the token is good, only the state is not
	Skip     Action = "skip"     // left alone on purpose; Notes say why
	Fail     Action = "fail"     // nothing can be done; Err says why
)

// Status is what became of an entry.
type Status string

// The statuses. Their values are part of the JSON output.
const (
	Planned    Status = "planned" // dry run, or not reached
	Unchanged  Status = "unchanged"
	Updated    Status = "updated"
	Created    Status = "created"
	Activated  Status = "activated"
	Skipped    Status = "skipped"
	Unverified Status = "unverified"
	Failed     Status = "failed"
)

// Entry is one credential of a target: what is there, what is to be done, and
// what became of it. Survey.Plan fills in the first group, [Syncer] the others.
type Entry struct {
	Host       string // the registry, as images name it
	Address    string // how the target writes it; empty when it is not there
	Registry   string // the target's id of it; set by Apply when created
	Credential string // the target's id of the credential; likewise
	UID        string // tells apart two credentials that got the same id over time
	User       string // what the credential holds as user name
	Note       *Note  // our note in the credential's remarks, if any
	NoRoom     bool   // the remarks have no room for one
	Action     Action // Update, Create, Skip or Fail; turned into Keep or Activate later
	Activates  bool   // something inactive is activated on the way
	Settling   bool   // it is on its way to being used, and not there yet
	Unused     error  // why pulls will not use it, whatever is pushed; nil normally
	Warnings   []string

	Why     string    // why there is something to do, for people
	Expires time.Time // when the credential's token ends; zero: unknown

	Status Status
	Err    error

	life  time.Duration // of the credential's token, from its issue to its end
	again bool          // the next run should not be long in coming
}

// holds sets which token the entry's credential holds, as far as is known.
func (e *Entry) holds(p pushed) { e.Expires, e.life = p.Expires, p.life() }

// fail marks an entry as failed.
func (e *Entry) fail(err error) {
	e.Status, e.Err = Failed, err
	if ReasonOf(err) == ReasonUnverified {
		e.Status = Unverified
	}
}
