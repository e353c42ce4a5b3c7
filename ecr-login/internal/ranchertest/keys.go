package ranchertest

import "net/http"

// Role is what an account is in an environment.
type Role string

// The roles of Rancher 1.x. Only a read-only member may not write registries.
const (
	Owner      Role = "owner"
	Member     Role = "member"
	Restricted Role = "restricted"
	ReadOnly   Role = "readonly"
)

// Key is an API key.
type Key struct {
	Access, Secret string
	// Project is the environment of an environment key, which is also the kind
	// that a container with the label io.rancher.container.agent.role:
	// environment gets. Empty for account keys.
	Project string
	// Roles are those of an account key, by environment id.
	Roles map[string]Role
	// Admin marks the account key of an administrator: it may look into every
	// environment.
	Admin bool
}

// AddKey makes a key valid.
func (s *Server) AddKey(k Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[k.Access] = k
}

// DropKey makes a key invalid.
func (s *Server) DropKey(access string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.keys, access)
}

// scope is what a request may see and do.
type scope struct {
	project string // the one environment; empty when there is none or all are seen
	all     bool
	write   bool
	key     Key
}

// sees reports whether a resource of the account is visible.
func (c scope) sees(account string) bool {
	return c.all || c.project != "" && c.project == account
}

// authenticate finds the key of a request.
func (s *Server) authenticate(r *http.Request) (Key, bool) {
	access, secret, ok := r.BasicAuth()
	if !ok {
		return Key{}, false
	}
	k, known := s.keys[access]
	return k, known && k.Secret == secret
}

// scopeOf says what a key may do, asked for a project (named in the path) or
// for none. It reports false when the project is closed to it.
func (s *Server) scopeOf(k Key, projectID string) (scope, bool) {
	if projectID == "" {
		if k.Project != "" {
			return scope{project: k.Project, write: true, key: k}, s.open(k.Project)
		}
		// An account has no environment of its own: an administrator sees the
		// registries of all, anybody else none, and neither may write.
		return scope{all: k.Admin, key: k}, true
	}
	if !s.open(projectID) {
		return scope{}, false
	}
	in := scope{project: projectID, key: k}
	switch role, member := k.Roles[projectID]; {
	case k.Project == projectID, k.Admin:
		in.write = true
	case k.Project != "" || !member:
		return scope{}, false
	default:
		in.write = role != ReadOnly
	}
	return in, true
}

// open reports whether the environment exists and is active.
func (s *Server) open(projectID string) bool {
	for _, p := range s.projects {
		if p.id == projectID {
			return p.state == stateActive
		}
	}
	return false
}

// visibleProjects are those that a key's owner is shown.
func (s *Server) visibleProjects(k Key) []*project {
	var seen []*project
	for _, p := range s.projects {
		if _, member := k.Roles[p.id]; k.Admin || member || k.Project == p.id {
			seen = append(seen, p)
		}
	}
	return seen
}
