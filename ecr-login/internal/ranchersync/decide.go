package ranchersync

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

// decide settles what is to be done about an entry, now that its token is known.
func (s *Syncer) decide(p *jobPlan, e *Entry) {
	switch e.Action {
	case Fail:
		e.fail(e.Err)
		return
	case Skip:
		e.Status = Skipped
		return
	}
	e.Status = Planned
	have := p.supply[e.Host]
	tok := have.tok
	if err := p.survey.Fits(s.push(p, e, tok)); err != nil {
		e.Action = Fail
		e.fail(err)
		return
	}
	if e.Action == Create {
		e.holds(pushed{Issued: tok.Issued, Expires: tok.Expires})
		if e.Activates {
			e.Why += alsoInactive
		}
		return
	}
	held, why := s.held(p, e, have)
	if why != "" {
		e.Why = why
		e.holds(pushed{Issued: tok.Issued, Expires: tok.Expires})
		if e.Activates {
			e.Why += alsoInactive
		}
		return
	}
	e.holds(held)
	switch {
	case e.Activates:
		e.Action, e.Why = Activate, "its token is good, but it is inactive"
	default:
		e.Action, e.Status = Keep, Unchanged
		switch {
		case e.Unused != nil:
			e.fail(e.Unused)
		case have.short && !held.suffices(s.Clock.Now(), needed(s.Interval)):
			e.fail(Errorf(ReasonAWS, "%s", noNewer(held.Expires)).
				WithHint("AWS did not answer, or the login session has ended: the log in ~/.ecr/log says more"))
		case have.doubt != nil:
			e.fail(&Error{Reason: ReasonUnverified, Err: have.doubt})
		}
	}
}

const alsoInactive = ", and it is inactive"

// held is what the entry's credential holds as far as that is known. When that
// is not good enough it says why instead.
func (s *Syncer) held(p *jobPlan, e *Entry, have *supply) (held pushed, why string) {
	tok := have.tok
	now, need, key := s.Clock.Now(), needed(s.Interval), p.Target.Key()
	if p.Force {
		return pushed{}, "a push was asked for"
	}
	if e.User != tok.User {
		return pushed{}, "its user name is not " + tok.User
	}
	known, ok := s.Memory.recall(key, e)
	sameToken, owner := known.Mark == have.marks.Mark, have.marks.Owner
	if p.Annotate && !e.NoRoom {
		n, mine := e.Note, publicMark("", tok.Identity)
		switch {
		case n == nil:
			return pushed{}, "it carries no note of its token"
		case ok && n.Expires.Equal(known.Expires.Truncate(time.Second)):
		case !ok, n.Expires.After(known.Expires) && n.Owner != "" && n.Owner == mine:
			// Pushed from elsewhere: the note is all there is to go by.
			known, ok = pushed{Issued: n.Expires.Add(-usualLife), Expires: n.Expires}, true
			known.Owner, owner = n.Owner, mine
			sameToken = n.Mark == publicMark(e.Host, tok.Password.Reveal())
		default:
			return pushed{}, "its note is not of the token that was pushed from here"
		}
	}
	sameOwner := owner != "" && owner == known.Owner
	switch {
	case !ok:
		return pushed{}, "nothing was pushed into it from here yet"
	case sameToken:
		// It may not live for long, but there is no other.
		return pushed{marks: known.marks, Issued: tok.Issued, Expires: tok.Expires}, ""
	case known.marks == marks{}:
		return pushed{}, "it is not certain which token is in it"
	case have.short && sameOwner && known.Expires.After(tok.Expires):
		return known, "" // likewise, there is none that lives longer
	case !known.suffices(now, need):
		if left := known.Expires.Sub(now); left > 0 {
			return pushed{}, "its token ends in " + brief(left)
		}
		return pushed{}, "its token has ended"
	case !sameOwner:
		return pushed{}, "its token is not the one in use now"
	}
	return known, ""
}

// push is what is handed over for an entry.
func (s *Syncer) push(p *jobPlan, e *Entry, tok *Token) Push {
	push := Push{User: tok.User, Password: tok.Password}
	if p.Annotate {
		push.Note = &Note{
			Expires: tok.Expires.Truncate(time.Second),
			Mark:    publicMark(e.Host, tok.Password.Reveal()), Owner: publicMark("", tok.Identity),
		}
	}
	return push
}

// each calls f for all items, at most n at a time, and waits for all.
func each[T any](n int, items []T, f func(T)) {
	next := make(chan T)
	var all sync.WaitGroup
	for range min(n, len(items)) {
		all.Go(func() {
			for item := range next {
				f(item)
			}
		})
	}
	for _, item := range items {
		next <- item
	}
	close(next)
	all.Wait()
}

func joinSome(words []string) string { return strings.Join(words, ", ") }

// brief writes a duration for people: 5h 20m, 3m, 40s.
func brief(d time.Duration) string {
	switch {
	case d >= time.Hour:
		if m := int(d.Minutes()) % 60; m != 0 {
			return fmt.Sprintf("%dh %dm", int(d.Hours()), m)
		}
		return fmt.Sprintf("%dh", int(d.Hours()))
	case d >= time.Minute:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	default:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	}
}

// stamp writes a time for people.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
