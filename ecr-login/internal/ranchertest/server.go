package ranchertest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Options shape a [Server]. The zero value is a current Rancher that finishes
// every transition between two requests.
type Options struct {
	// Now is the clock that transitions follow; time.Now when nil.
	Now func() time.Time
	// Settle is how long one step of a transition takes. Zero: it is done when
	// the next request comes. Negative: only [Server.Step] moves things on.
	Settle time.Duration
	// V1Only makes a Rancher from before the v2-beta API.
	V1Only bool
	// Prefix is the path that a proxy put in front of the API, such as /rancher.
	Prefix string
	// MaxPage is the most resources that a page holds, whatever limit is asked
	// for; default 3000, as in Rancher.
	MaxPage int
	// Latency delays every answer.
	Latency time.Duration
	// ShowRemoved keeps removed resources in lists, as Rancher does for some
	// time when api.show.removed.for.seconds is set.
	ShowRemoved bool
}

// Server is one Rancher. It is an http.Handler: put it behind net/http/httptest
// or an http.Server of your own. All methods may be called at any time.
type Server struct {
	opts Options

	mu       sync.Mutex
	projects []*project
	keys     map[string]Key
	items    map[string]*resource // by id
	order    []*resource          // as created, so by ascending id number
	moving   []*resource          // those in transition
	next     map[string]int       // the last number given out, by id prefix
	log      []Request
	faults   []*Fault
	stuck    map[string]string // resource type -> why its next transition fails
}

// New returns a Rancher without environments, keys or registries.
func New(opts Options) *Server {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.MaxPage == 0 {
		opts.MaxPage = maxPage
	}
	return &Server{
		opts:  opts,
		keys:  map[string]Key{},
		items: map[string]*resource{},
		// Ids of one type are not handed out from 1 in a real Rancher, and
		// credentials share their numbers with API keys.
		next:  map[string]int{"1a": 4, "1sp": 1, "1c": 6},
		stuck: map[string]string{},
	}
}

// project is an environment, called project in the API.
type project struct {
	id, name, state string
}

// AddProject adds an active environment and returns its id, such as 1a5.
func (s *Server) AddProject(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := &project{id: s.newID("1a"), name: name, state: stateActive}
	s.projects = append(s.projects, p)
	return p.id
}

// SetProjectState changes an environment's state: only an active one is let in.
func (s *Server) SetProjectState(id, state string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.projects {
		if p.id == id {
			p.state = state
		}
	}
}

// AddRegistry adds an active registry to an environment, past all checks, and
// returns its id, such as 1sp8.
func (s *Server) AddRegistry(projectID, serverAddress string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.add("1sp", typeRegistry, projectID)
	r.fields["serverAddress"] = serverAddress
	return r.id
}

// AddCredential adds an active credential to a registry and returns its id,
// such as 1c18.
func (s *Server) AddCredential(registryID, publicValue, secretValue string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	owner := ""
	if r := s.items[registryID]; r != nil {
		owner = r.account
	}
	c := s.add("1c", typeCredential, owner)
	c.fields["registryId"] = registryID
	c.fields["publicValue"] = publicValue
	c.fields["secretValue"] = secretValue
	return c.id
}

// SetState puts a registry or credential into a state and ends its transition.
func (s *Server) SetState(id, state string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.items[id]; r != nil {
		r.state, r.ahead, r.failed = state, nil, ""
	}
}

// SetField changes one field of a registry or credential, past all checks.
func (s *Server) SetField(id, field, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.items[id]; r != nil {
		r.fields[field] = value
	}
}

// FailNext lets the next transition of a created or activated registry
// ("registry") or credential ("registryCredential") end in an error.
func (s *Server) FailNext(resourceType, message string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stuck[resourceType] = message
}

// Step moves every resource that is in transition one state on.
func (s *Server) Step() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.moving {
		r.step(s.opts.Now())
	}
	s.settle()
}

// Pull is what a host of the environment would send to a registry.
type Pull struct {
	RegistryID, CredentialID string
	User, Password           string
}

// Pull returns what pulling an image from host would use: the active registry
// with exactly that address, in any case, and its active credential with the
// lowest id. It reports false when the pull would be anonymous.
func (s *Server) Pull(projectID, host string) (Pull, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	for _, r := range s.order {
		if r.kind != typeRegistry || r.account != projectID || r.state != stateActive ||
			!strings.EqualFold(r.fields["serverAddress"], host) {
			continue
		}
		for _, c := range s.order {
			if c.kind == typeCredential && c.state == stateActive && c.fields["registryId"] == r.id {
				return Pull{r.id, c.id, c.fields["publicValue"], c.fields["secretValue"]}, true
			}
		}
		return Pull{}, false
	}
	return Pull{}, false
}

// Field returns a field of a registry or credential as it is stored, the secret
// one too, and "state" for its state.
func (s *Server) Field(id, field string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	r := s.items[id]
	if r == nil {
		return ""
	}
	if field == "state" {
		return r.state
	}
	return r.fields[field]
}

// Dump describes everything in an environment, secrets included, without ids
// and in the order of the addresses, so that two servers that hold the same
// compare equal.
func (s *Server) Dump(projectID string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	var blocks []string
	for _, r := range s.order {
		if r.kind != typeRegistry || r.account != projectID || r.gone() {
			continue
		}
		b := fmt.Sprintf("registry %q %s\n", r.fields["serverAddress"], r.state)
		for _, c := range s.order {
			if c.kind == typeCredential && c.fields["registryId"] == r.id && !c.gone() {
				b += fmt.Sprintf("  credential %q %q %s %q\n",
					c.fields["publicValue"], c.fields["secretValue"], c.state, c.fields["description"])
			}
		}
		blocks = append(blocks, b)
	}
	slices.Sort(blocks)
	return strings.Join(blocks, "")
}

// ServeHTTP answers one request, unless a fault has it otherwise.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.serve(w, r)
}
