package ranchertest

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

const (
	typeRegistry   = "registry"
	typeCredential = "registryCredential"
	typeProject    = "project"
)

const (
	stateRequested   = "requested"
	stateRegistering = "registering"
	stateActive      = "active"
	stateActivating  = "activating"
	stateInactive    = "inactive"
	stateRemoved     = "removed"
	statePurged      = "purged"
)

// resource is a registry or a credential.
type resource struct {
	id, kind, account string
	created           time.Time
	state             string
	fields            map[string]string

	ahead  []string // the states still to come
	due    time.Time
	pace   time.Duration
	failed string // why its transition ended in an error
}

// lifecycle is one process of the API: from which states it can be started, and
// what it passes through.
type lifecycle struct {
	from    []string
	through []string
}

// processes are those of Rancher's registries and credentials. An active
// resource cannot be removed: it must be deactivated first.
func processes() map[string]lifecycle {
	return map[string]lifecycle{
		"activate": {
			[]string{stateInactive, stateRegistering},
			[]string{stateActivating, stateActive},
		},
		"deactivate": {
			[]string{stateRequested, stateRegistering, stateActive, stateActivating},
			[]string{"deactivating", stateInactive},
		},
		"remove": {
			[]string{stateRequested, stateInactive, stateRegistering},
			[]string{"removing", stateRemoved},
		},
		"purge": {
			[]string{stateRemoved},
			[]string{"purging", statePurged},
		},
	}
}

// actions are the names of the processes that can be started now, in the order
// of the alphabet.
func (r *resource) actions() []string {
	var names []string
	for name, p := range processes() {
		if slices.Contains(p.from, r.state) {
			names = append(names, name)
		}
	}
	if r.state == stateActive || r.state == stateInactive {
		names = append(names, "update")
	}
	slices.Sort(names)
	return names
}

// transitioning is the API's word for how the resource is getting on.
func (r *resource) transitioning() string {
	switch {
	case r.failed != "":
		return "error"
	case len(r.ahead) > 0:
		return "yes"
	default:
		return "no"
	}
}

func (r *resource) gone() bool { return r.state == stateRemoved || r.state == statePurged }

func (r *resource) start(states []string, now time.Time, pace time.Duration) {
	r.state, r.ahead, r.failed = states[0], states[1:], ""
	r.pace, r.due = pace, now.Add(pace)
}

func (r *resource) step(now time.Time) {
	if len(r.ahead) == 0 || r.failed != "" {
		return
	}
	r.state, r.ahead = r.ahead[0], r.ahead[1:]
	r.due = now.Add(r.pace)
}

// set starts a resource on its way through states. The caller holds mu.
func (s *Server) set(r *resource, states []string) {
	r.start(states, s.opts.Now(), max(s.opts.Settle, 0))
	s.moving = append(s.moving, r)
}

// advance moves every resource on to where it is by now. The caller holds mu.
func (s *Server) advance() {
	if s.opts.Settle < 0 {
		return
	}
	now := s.opts.Now()
	for _, r := range s.moving {
		for len(r.ahead) > 0 && r.failed == "" && !now.Before(r.due) {
			r.step(r.due)
		}
	}
	s.settle()
}

// settle forgets what has arrived. A removed registry takes its credentials
// with it, as in Rancher.
func (s *Server) settle() {
	var still, arrived []*resource
	for _, r := range s.moving {
		if len(r.ahead) > 0 && r.failed == "" {
			still = append(still, r)
		} else {
			arrived = append(arrived, r)
		}
	}
	s.moving = still
	for _, r := range arrived {
		if r.kind != typeRegistry || r.state != stateRemoved {
			continue
		}
		for _, c := range s.order {
			if c.fields["registryId"] == r.id && !c.gone() && c.state != "removing" {
				s.set(c, []string{"removing", stateRemoved})
			}
		}
	}
}

func (s *Server) newID(prefix string) string {
	s.next[prefix]++
	return prefix + strconv.Itoa(s.next[prefix])
}

// add makes an active resource. The caller holds mu.
func (s *Server) add(prefix, kind, account string) *resource {
	r := &resource{
		id: s.newID(prefix), kind: kind, account: account,
		created: s.opts.Now(), state: stateActive, fields: map[string]string{},
	}
	s.items[r.id] = r
	s.order = append(s.order, r)
	return r
}

// render is the resource as the API shows it. A secret shows only in the answer
// to its creation.
func (r *resource) render(links linker, withSecret bool) map[string]any {
	self := links.to(plural(r.kind), r.id)
	actions := map[string]string{}
	for _, name := range r.actions() {
		if name == "update" {
			actions[name] = self + "/?action=update"
			continue
		}
		actions[name] = self + "/?action=" + name
	}
	out := map[string]any{
		"id": r.id, "type": r.kind, "baseType": r.kind, "kind": r.kind,
		"links":     map[string]string{"self": self, "account": links.to("accounts", r.account)},
		"actions":   actions,
		"accountId": r.account, "state": r.state,
		"name": nullable(r.fields, "name"), "description": nullable(r.fields, "description"),
		"created": r.created.UTC().Format(time.RFC3339), "createdTS": r.created.UnixMilli(),
		"removed": nil, "uuid": fmt.Sprintf("00000000-0000-4000-8000-%012s", digits(r.id)),
		"transitioning": r.transitioning(), "transitioningMessage": nil, "transitioningProgress": nil,
	}
	if r.failed != "" {
		out["transitioningMessage"] = r.failed
	}
	if r.gone() {
		out["removed"] = out["created"]
	}
	switch r.kind {
	case typeRegistry:
		out["serverAddress"] = r.fields["serverAddress"]
		out["driverName"], out["externalId"], out["blockDevicePath"] = nil, nil, nil
	case typeCredential:
		out["registryId"] = r.fields["registryId"]
		out["publicValue"] = nullable(r.fields, "publicValue")
		out["secretValue"] = nil
		if links.version == versionOne {
			out["email"] = nullable(r.fields, "email")
		}
		if withSecret {
			out["secretValue"] = nullable(r.fields, "secretValue")
		}
	}
	return out
}

func nullable(fields map[string]string, name string) any {
	if v, ok := fields[name]; ok {
		return v
	}
	return nil
}

func digits(id string) string {
	for i := len(id); i > 0; i-- {
		if c := id[i-1]; c < '0' || c > '9' {
			return id[i:]
		}
	}
	return id
}

func plural(kind string) string {
	switch kind {
	case typeRegistry:
		return "registries"
	case typeCredential:
		return "registrycredentials"
	default:
		return kind + "s"
	}
}
