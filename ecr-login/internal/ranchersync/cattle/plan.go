package cattle

import (
	"fmt"
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
			entries = append(entries, s.planFor(found, r, want))
			continue
		}
		unmissed := want
		unmissed.Create = false // where no pull would find it
		odd = append(odd, s.planFor(found, r, unmissed))
	}
	if len(entries) == 0 && want.Create && want.Asked {
		entries = append(entries, &ranchersync.Entry{
			Host: host, Action: ranchersync.Create, Why: "Rancher has no registry with this address",
		})
	}
	for _, e := range odd {
		ignored := ranchersync.Errorf(ranchersync.ReasonUnverified, "pulls ignore the address %q: it must be the host name and nothing else", e.Address).
			WithHint("add a registry with the host name alone, or let --registry %s --create do it", host)
		switch {
		case len(entries) > 0:
			// Pulls use the other one, so whatever is wrong here does no harm.
			if e.Action == ranchersync.Fail {
				e.Action, e.Err = ranchersync.Skip, nil
			}
			e.Warnings = append(e.Warnings, ignored.Error())
		case e.Action == ranchersync.Fail && ranchersync.ReasonOf(e.Err) == ranchersync.ReasonMissing:
			// To add a credential here would not help.
			e.Err = &ranchersync.Error{Reason: ranchersync.ReasonMissing, Err: ignored.Err, Hint: ignored.Hint}
		case e.Action == ranchersync.Fail || e.Action == ranchersync.Skip:
			e.Warnings = append(e.Warnings, ignored.Error())
		default:
			e.Unused = ignored
		}
	}
	if entries = append(entries, odd...); len(entries) == 0 {
		entries = append(entries, failing(&ranchersync.Entry{Host: host}, s.notFound(host)))
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

// planFor decides about one registry that exists.
func (s *survey) planFor(r *reg, parsed registry.Registry, want ranchersync.Want) *ranchersync.Entry {
	e := &ranchersync.Entry{Host: r.host, Address: r.shown, Registry: r.id, Action: ranchersync.Update}
	switch {
	case r.state == "removing":
		return failing(e, beingRemoved(r.id))
	case r.state == active || settling(r.state) && r.failure == "":
	case want.Activate && r.state == inactive:
		e.Activates = true
	default:
		return leave(e, want, "registry "+r.id, r.state, r.failure)
	}
	usable, idle := sortOut(r.creds)
	if len(usable) > 1 {
		e.Warnings = append(e.Warnings, fmt.Sprintf("pulls use credential %s only, and ignore %s", usable[0].id, ids(usable[1:])))
	}
	switch {
	case len(usable) > 0:
		use(e, usable[0])
	case len(idle) > 0 && want.Activate && idle[0].state == inactive:
		use(e, idle[0])
		e.Activates = true
	case len(idle) > 0:
		use(e, idle[0])
		return leave(e, want, "credential "+idle[0].id, idle[0].state, idle[0].failure)
	case parsed.Service == registry.Public && !want.Asked:
		e.Action = ranchersync.Skip
		e.Warnings = append(e.Warnings, "the public registry has no credential, and pulls need none")
	case want.Create && want.Asked:
		e.Action, e.Why = ranchersync.Create, "the registry has no credential"
	default:
		return failing(e, ranchersync.Errorf(ranchersync.ReasonMissing, "registry %s has no credential", r.id).
			WithHint("add one in Rancher, or let --registry %s --create do it", r.host))
	}
	return e
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
// was asked for, and somebody's intention when it was merely found inactive.
func leave(e *ranchersync.Entry, want ranchersync.Want, what, state, failure string) *ranchersync.Entry {
	err := ranchersync.Errorf(ranchersync.ReasonState, "%s is %s, so pulls do not use it", what, state)
	switch {
	case failure != "":
		err = ranchersync.Errorf(ranchersync.ReasonState, "%s is %s, and failed there: %s", what, state, failure).
			WithHint("look at it in Rancher")
	case state == inactive || state == "deactivating":
		if !want.Asked && !want.Activate {
			e.Action = ranchersync.Skip
			e.Warnings = append(e.Warnings, err.Error())
			return e
		}
		err.Hint = "activate it in Rancher, or let --activate do it"
		if want.Activate {
			err.Hint = "run again once it is inactive"
		}
	}
	return failing(e, err)
}

func failing(e *ranchersync.Entry, err error) *ranchersync.Entry {
	e.Action, e.Err = ranchersync.Fail, err
	return e
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
