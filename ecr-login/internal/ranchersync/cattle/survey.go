package cattle

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"ecr-credential-helper/ecr-login/internal/ranchersync"
	"ecr-credential-helper/ecr-login/registry"
)

const (
	registriesPath  = "/registries"
	credentialsPath = "/registrycredentials"
)

// Registries and credentials are in one of these states, of which [settling]
// sums up those that end in active by themselves.
const (
	active   = "active"
	inactive = "inactive"
)

// reg is a registry of the environment.
type reg struct {
	id, address    string
	shown          string // the address, fit for a terminal
	host           string // of the ECR registry that the address names; or empty
	state, failure string // failure: why its last transition failed
	creds          []cred // that are not gone, by ascending id
}

// bare reports whether the address is the host and nothing else, in any case:
// only then a pull finds it.
func (r *reg) bare() bool { return strings.EqualFold(r.address, r.host) }

// cred is a credential of a registry.
type cred struct {
	id, uid           string
	user, description string
	state, failure    string
}

// survey is what an environment held.
type survey struct {
	*client
	regs      []*reg // ECR registries that are not gone, by host and then by id
	ecr       []registry.Registry
	addresses []string        // of all registries
	lined     map[string]bool // credentials that are planned for beside others of the same registry
}

// of returns the registries of a host.
func (s *survey) of(host string) []*reg {
	from, _ := slices.BinarySearchFunc(s.regs, host, func(r *reg, host string) int { return strings.Compare(r.host, host) })
	to := from
	for to < len(s.regs) && s.regs[to].host == host {
		to++
	}
	return s.regs[from:to]
}

// Survey lists all registries and all credentials of the environment: two
// requests, and more when there are more than a page of either.
func (t *Target) Survey(ctx context.Context) (ranchersync.Survey, error) {
	t.c.forget()
	regs, err := t.c.look(ctx)
	if err != nil {
		return nil, err
	}
	s := &survey{client: t.c, lined: map[string]bool{}}
	for _, r := range regs {
		s.addresses = append(s.addresses, r.shown)
		if r.host != "" {
			s.regs = append(s.regs, r)
		}
	}
	// Stable, so that those of one host stay in the order of their ids.
	slices.SortStableFunc(s.regs, func(a, b *reg) int { return strings.Compare(a.host, b.host) })
	for i, r := range s.regs {
		if i > 0 && s.regs[i-1].host == r.host {
			continue
		}
		if parsed, err := registry.Parse(r.host); err == nil {
			s.ecr = append(s.ecr, parsed)
		}
	}
	slices.Sort(s.addresses)
	if len(regs) == 0 {
		t.c.askProjects(ctx)
	}
	return s, nil
}

// look reads the environment: its registries and their credentials, without what
// is gone, by ascending ids.
func (c *client) look(ctx context.Context) ([]*reg, error) {
	regs, err := c.registries(ctx)
	if err != nil {
		return nil, err
	}
	byID := make(map[string]*reg, len(regs))
	for _, r := range regs {
		byID[r.id] = r
	}
	err = list(ctx, c, credentialsPath, nil, func(j credentialJSON) {
		if r := byID[j.RegistryID]; r != nil && !gone(j.State) {
			r.creds = append(r.creds, c.credOf(j))
		}
	})
	if err != nil {
		return nil, err
	}
	for _, r := range regs {
		sortByID(r.creds)
	}
	return regs, nil
}

// registries lists them, and finds out which version of the API there is. An old
// Rancher answers the newer version's path with 404 or with its web interface.
func (c *client) registries(ctx context.Context) ([]*reg, error) {
	if c.versionKnown() {
		return c.listRegistries(ctx)
	}
	var telling error // the more telling one of two failures
	for _, version := range []string{versionTwo, versionOne} {
		c.setVersion(version)
		found, err := c.listRegistries(ctx)
		if err == nil {
			return found, nil
		}
		c.setVersion("")
		absent := isStatus(err, http.StatusNotFound)
		if !absent && ranchersync.ReasonOf(err) != ranchersync.ReasonAnswer {
			return nil, err
		}
		if !absent && telling == nil {
			telling = err
		}
	}
	if telling == nil {
		telling = ranchersync.Errorf(ranchersync.ReasonMissing, "there is no Rancher 1.x API at %s: neither /v2-beta nor /v1 is found", c.Address).
			WithHint("check the URL; Rancher 2.x has another API")
	}
	return nil, telling
}

func (c *client) listRegistries(ctx context.Context) ([]*reg, error) {
	var regs []*reg
	accounts := map[string]bool{}
	err := list(ctx, c, registriesPath, nil, func(j registryJSON) {
		if j.AccountID != "" {
			accounts[j.AccountID] = true
		}
		if !gone(j.State) {
			regs = append(regs, c.regOf(j))
		}
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(regs, func(a, b *reg) int { return compareIDs(a.id, b.id) })
	return regs, c.oneEnvironment(ctx, len(accounts))
}

func (c *client) versionKnown() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.version != ""
}

func (c *client) setVersion(v string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.version = v
}

// oneEnvironment refuses what only an administrator's account key without a
// project is shown: registries of several environments. It could write none.
func (c *client) oneEnvironment(ctx context.Context, accounts int) error {
	if c.Project != "" || accounts < 2 {
		return nil
	}
	c.askProjects(ctx)
	return ranchersync.Errorf(ranchersync.ReasonRefused,
		"this is an account key: it sees the registries of %d environments and may write none", accounts).
		WithHint("%s", advice+c.environments())
}

// askProjects learns which environments the key sees, for a hint.
func (c *client) askProjects(ctx context.Context) {
	c.mu.Lock()
	asked := c.asked
	c.asked = true
	c.mu.Unlock()
	if asked {
		return
	}
	// Not below an environment's path, and without patience: it is only a hint.
	plain := &client{Config: c.Config, shield: c.shield, http: c.http, version: c.apiVersion()}
	plain.Project, plain.Patience = "", 1
	var names []string
	err := list(ctx, plain, "/projects", nil, func(p projectJSON) {
		names = append(names, c.show(p.Name)+" ("+p.ID+")")
	})
	if err != nil || len(names) == 0 {
		return
	}
	const most = 10
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hint = "; the key sees: " + strings.Join(names[:min(len(names), most)], ", ")
	if more := len(names) - most; more > 0 {
		c.hint += " and " + strconv.Itoa(more) + " more"
	}
}

// environments is what askProjects learned, as the end of a hint.
func (c *client) environments() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hint
}

// registryCredentials lists the credentials of one registry.
func (c *client) registryCredentials(ctx context.Context, id string) ([]cred, error) {
	var creds []cred
	err := list(ctx, c, credentialsPath, url.Values{"registryId": {id}}, func(j credentialJSON) {
		if j.RegistryID == id && !gone(j.State) {
			creds = append(creds, c.credOf(j))
		}
	})
	if err != nil {
		return nil, err
	}
	sortByID(creds)
	return creds, nil
}

func sortByID(creds []cred) {
	slices.SortFunc(creds, func(a, b cred) int { return compareIDs(a.id, b.id) })
}

func (c *client) regOf(j registryJSON) *reg {
	// Longer than any host name; kept short because all of them are kept.
	r := &reg{id: j.ID, address: cut(j.ServerAddress, 512), state: state(j.State), failure: c.failure(j.common)}
	if r.shown = c.show(r.address); r.shown == r.address {
		r.shown = r.address // one copy will do for thousands of them
	}
	if parsed, err := registry.Parse(r.address); err == nil {
		if r.host = parsed.Host(); r.host == r.address {
			r.host = r.address
		}
	}
	return r
}

func (c *client) credOf(j credentialJSON) cred {
	return cred{
		id: j.ID, uid: cut(j.UUID, 64),
		user: cut(j.PublicValue, 4096), description: cut(j.Description, 8192),
		state: state(j.State), failure: c.failure(j.common),
	}
}

// failure is why a resource's transition failed; empty when it did not.
func (c *client) failure(j common) string {
	if j.Transitioning != "error" {
		return ""
	}
	if j.TransitioningMessage == "" {
		return "no reason given"
	}
	return c.show(j.TransitioningMessage)
}

// state is a resource's state; states are words.
func state(s string) string {
	if s == active {
		return active // not a copy for each
	}
	if w := word(s); w != "" {
		return w
	}
	return "in an unknown state"
}

func cut(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "")
	}
	return s
}

// gone reports whether a resource in this state only looks as if it were there:
// Rancher may show removed ones for some time.
func gone(state string) bool {
	return state == "removed" || state == "purging" || state == "purged"
}

// settling reports whether a resource in this state becomes active by itself.
func settling(state string) bool {
	switch state {
	case "requested", "registering", "activating", "updating-active":
		return true
	default:
		return false
	}
}

// compareIDs orders ids such as 1c9 and 1c18 by their numbers, as Rancher's
// database does.
func compareIDs(a, b string) int {
	prefixA, numberA := splitID(a)
	prefixB, numberB := splitID(b)
	if prefixA != prefixB || numberA < 0 || numberB < 0 {
		return strings.Compare(a, b)
	}
	return cmp.Compare(numberA, numberB)
}

func splitID(id string) (prefix string, number int64) {
	at := len(id)
	for at > 0 && id[at-1] >= '0' && id[at-1] <= '9' {
		at--
	}
	n, err := strconv.ParseInt(id[at:], 10, 64)
	if err != nil {
		return id, -1
	}
	return id[:at], n
}

// Addresses are those of all registries, fit for a terminal.
func (s *survey) Addresses() []string { return s.addresses }

// Registries are the ECR registries among them, each once.
func (s *survey) Registries() []registry.Registry { return s.ecr }
