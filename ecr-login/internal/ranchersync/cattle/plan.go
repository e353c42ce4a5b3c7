package cattle

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"ecr-credential-helper/ecr-login/internal/ranchersync"
	"ecr-credential-helper/ecr-login/registry"
)

const (
	maxValue       = 4096 // characters of publicValue and secretValue
	maxDescription = 1024
	maxListed      = 20 // addresses in a message
)

// Fits checks a push against the API's limits. From here on its password is known
// as something not to be shown.
func (s *survey) Fits(p ranchersync.Push) error {
	s.add(p.Password.Reveal())
	if n := utf8.RuneCountInString(p.Password.Reveal()); n > maxValue {
		return ranchersync.Errorf(ranchersync.ReasonRejected, "the token has %d characters, and Rancher keeps %d at most", n, maxValue)
	}
	if n := utf8.RuneCountInString(p.User); n > maxValue {
		return ranchersync.Errorf(ranchersync.ReasonRejected, "the token's user name has %d characters, and Rancher keeps %d at most", n, maxValue)
	}
	return nil
}

// Plan makes one entry for every registry with the host's address, and one for a
// plain registry that has to be created.
func (s *survey) Plan(r registry.Registry, want ranchersync.Want) []*ranchersync.Entry {
	host := r.Host()
	var entries, odd []*ranchersync.Entry
	for _, found := range s.of(host) {
		if found.bare() {
			entries = append(entries, s.planFor(found, r, want)...)
			continue
		}
		unmissed := want
		unmissed.Create = false // where no pull would find it
		odd = append(odd, s.planFor(found, r, unmissed)...)
	}
	if len(entries) == 0 && want.Create && want.Asked {
		entries = append(entries, &ranchersync.Entry{
			Host: host, Action: ranchersync.Create, Why: "Rancher has no registry with this address",
		})
	}
	served := slices.ContainsFunc(entries, func(e *ranchersync.Entry) bool {
		return e.Action != ranchersync.Skip && e.Action != ranchersync.Fail
	})
	for _, e := range odd {
		ignored := ranchersync.Errorf(ranchersync.ReasonUnverified, "pulls ignore the address %q: it must be the host name and nothing else", e.Address).
			WithHint("add a registry with the host name alone, or let --registry %s --create do it", host)
		if len(entries) > 0 {
			ignored.Hint = "put the registry with the host name alone in order, which is there"
		}
		switch {
		case len(entries) > 0 && e.Action == ranchersync.Fail:
			// Whatever is wrong here does no harm: it is the other that counts.
			e.Action, e.Err = ranchersync.Skip, nil
			e.Warnings = append(e.Warnings, ignored.Error())
		case served || e.Action == ranchersync.Skip:
			e.Warnings = append(e.Warnings, ignored.Error())
		case e.Action == ranchersync.Fail && ranchersync.ReasonOf(e.Err) == ranchersync.ReasonMissing:
			// To add a credential here would not help.
			e.Err = &ranchersync.Error{Reason: ranchersync.ReasonMissing, Err: ignored.Err, Hint: ignored.Hint}
		case e.Action == ranchersync.Fail:
			e.Warnings = append(e.Warnings, ignored.Error())
		default:
			e.Unused = ignored
		}
	}
	if entries = append(entries, odd...); len(entries) == 0 {
		entries = append(entries, &ranchersync.Entry{Host: host, Action: ranchersync.Fail, Err: s.notFound(host)})
	}
	return entries
}

// notFound says that a registry is missing, and what there is instead.
func (s *survey) notFound(host string) error {
	e := ranchersync.Errorf(ranchersync.ReasonMissing, "Rancher has no registry with the address %s, but %s", host, s.listed())
	return e.WithHint("add it in Rancher, or let --create do it%s", s.environments())
}

// listed names the addresses that there are.
func (s *survey) listed() string {
	switch n := len(s.addresses); {
	case n == 0:
		return "none at all"
	case n > maxListed:
		return fmt.Sprintf("%s and %d more", strings.Join(s.addresses[:maxListed], ", "), n-maxListed)
	default:
		return strings.Join(s.addresses, ", ")
	}
}

// planFor decides about one registry that exists: one entry, and more where
// credentials that are on their way to active are before the one that pulls use
// until then.
func (s *survey) planFor(r *reg, parsed registry.Registry, want ranchersync.Want) []*ranchersync.Entry {
	e := &ranchersync.Entry{Host: r.host, Address: r.shown, Registry: r.id, Action: ranchersync.Update}
	one := []*ranchersync.Entry{e}
	switch {
	case r.state == "removing":
		leave(e, want, "registry "+r.id, r.state, r.failure)
		return one
	case r.state == active:
	case settling(r.state) && r.failure == "":
		e.Settling = true
	case want.Activate && r.state == inactive:
		e.Activates = true
	default:
		leave(e, want, "registry "+r.id, r.state, r.failure)
		return one
	}
	usable, idle := sortOut(r.creds)
	switch {
	case len(usable) > 0:
		return s.inLine(e, usable)
	case len(idle) > 0 && want.Activate && idle[0].state == inactive:
		use(e, idle[0])
		e.Activates = true
	case len(idle) > 0:
		use(e, idle[0])
		leave(e, want, "credential "+idle[0].id, idle[0].state, idle[0].failure)
	case parsed.Service == registry.Public && !want.Asked:
		e.Action = ranchersync.Skip
		e.Warnings = append(e.Warnings, "the public registry has no credential, and pulls need none")
	case want.Create && want.Asked:
		e.Action, e.Why = ranchersync.Create, "the registry has no credential"
	default:
		failing(e, ranchersync.Errorf(ranchersync.ReasonMissing, "registry %s has no credential", r.id).
			WithHint("add one in Rancher, or let --registry %s --create do it", r.host))
	}
	return one
}

// inLine makes an entry for each credential that a pull uses now or may use
// soon: the first that is active, and those before it that are about to be. One
// of these may be stuck, and must not keep the other from being refreshed.
func (s *survey) inLine(first *ranchersync.Entry, usable []cred) []*ranchersync.Entry {
	now := max(slices.IndexFunc(usable, func(c cred) bool { return c.state == active }), 0)
	entries := []*ranchersync.Entry{first}
	for range now {
		e := *first
		entries = append(entries, &e)
	}
	for i, c := range usable[:now+1] {
		e := entries[i]
		use(e, c)
		e.Settling = e.Settling || c.state != active
		if i < now {
			e.Warnings = []string{fmt.Sprintf("credential %s is %s; until it is active, pulls use %s", c.id, c.state, usable[now].id)}
		}
		if now > 0 {
			s.lined[c.id] = true
		}
	}
	if rest := usable[now+1:]; len(rest) > 0 {
		last := entries[now]
		last.Warnings = append(last.Warnings, fmt.Sprintf("pulls use credential %s only, and ignore %s", last.Credential, ids(rest)))
	}
	return entries
}

// use makes an entry one for a credential.
func use(e *ranchersync.Entry, c cred) {
	e.Credential, e.UID, e.User = c.id, c.uid, c.user
	e.Note, e.NoRoom = ranchersync.ParseNote(c.description), !ranchersync.NoteFits(c.description, maxDescription)
}

// sortOut parts the credentials that a pull may use, now or soon, from those
// that it will not. The first of either is the one that counts.
func sortOut(creds []cred) (usable, idle []cred) {
	for _, c := range creds {
		switch {
		case c.state == active || settling(c.state) && c.failure == "":
			usable = append(usable, c)
		case c.state == "removing":
		default:
			idle = append(idle, c)
		}
	}
	return usable, idle
}

// leave is for what is in a state that a pull has no use for: a mistake when it
// was asked for, and somebody's intention when it was merely found inactive or
// on its way out.
func leave(e *ranchersync.Entry, want ranchersync.Want, what, state, failure string) {
	err := ranchersync.Errorf(ranchersync.ReasonState, "%s is %s, so pulls do not use it", what, state)
	switch {
	case failure != "":
		err = ranchersync.Errorf(ranchersync.ReasonState, "%s is %s, and failed there: %s", what, state, failure).
			WithHint("look at it in Rancher")
	case state == "removing":
		err = beingRemoved(what)
		if !want.Asked {
			skip(e, err)
			return
		}
	case state == inactive || state == "deactivating":
		if !want.Asked && !want.Activate {
			skip(e, err)
			return
		}
		err.Hint = "activate it in Rancher, or let --activate do it"
		if want.Activate {
			err.Hint = "run again once it is inactive"
		}
	}
	failing(e, err)
}

func skip(e *ranchersync.Entry, why error) {
	e.Action = ranchersync.Skip
	e.Warnings = append(e.Warnings, why.Error())
}

func failing(e *ranchersync.Entry, err error) {
	e.Action, e.Err = ranchersync.Fail, err
}

func ids(creds []cred) string {
	var names []string
	for _, c := range creds[:min(len(creds), maxListed)] {
		names = append(names, c.id)
	}
	if more := len(creds) - len(names); more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	return strings.Join(names, ", ")
}
