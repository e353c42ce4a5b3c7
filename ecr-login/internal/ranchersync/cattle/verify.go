package cattle

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"ecr-credential-helper/ecr-login/internal/ranchersync"
)

const (
	firstLook = 250 * time.Millisecond
	lastLook  = 2 * time.Second
	// few is up to how many entries are read back one by one; more are read back
	// with two lists of everything.
	few = 2
)

// Verify reads back what was applied, again and again while something is still
// on its way to active, and says for every entry whether a pull would now use
// the credential that was written. The secret itself cannot be read.
func (s *survey) Verify(ctx context.Context, entries []*ranchersync.Entry, done func(*ranchersync.Entry, error)) error {
	pending := entries
	watch := startWatch()
	for wait := firstLook; len(pending) > 0; wait = min(2*wait, lastLook) {
		look, err := s.reader(ctx, pending)
		if err != nil {
			return err
		}
		var still []*ranchersync.Entry
		late := watch.elapsed() >= s.Settle
		for _, e := range pending {
			r, err := look(e)
			if err != nil {
				return err
			}
			settled, verdict := s.judge(e, r)
			if !settled && !late {
				still = append(still, e)
				continue
			}
			done(e, verdict)
		}
		if pending = still; len(pending) == 0 {
			return nil
		}
		if err := s.Clock.Wait(ctx, wait); err != nil {
			return err
		}
		watch.waited += wait
	}
	return nil
}

// reader returns a function that finds an entry's registry as it is now, with
// its credentials; nil when it is gone.
func (s *survey) reader(ctx context.Context, entries []*ranchersync.Entry) (func(*ranchersync.Entry) (*reg, error), error) {
	if len(entries) <= few {
		return func(e *ranchersync.Entry) (*reg, error) { return s.readOne(ctx, e) }, nil
	}
	regs, err := s.look(ctx)
	if err != nil {
		return nil, err
	}
	byID := make(map[string]*reg, len(regs))
	for _, r := range regs {
		byID[r.id] = r
	}
	return func(e *ranchersync.Entry) (*reg, error) { return byID[e.Registry], nil }, nil
}

// readOne reads an entry's credentials, and the registry itself unless it was
// seen active when the run began.
func (s *survey) readOne(ctx context.Context, e *ranchersync.Entry) (*reg, error) {
	var r *reg
	for _, known := range s.of(e.Host) {
		if known.id == e.Registry && known.state == active {
			seen := *known
			r = &seen
		}
	}
	if r == nil {
		var j registryJSON
		err := s.repeat(ctx, call{method: http.MethodGet, path: registriesPath + "/" + url.PathEscape(e.Registry)},
			func(body io.Reader) error {
				j = registryJSON{}
				return one(&j)(body)
			})
		if isStatus(err, http.StatusNotFound) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		r = s.regOf(j)
	}
	creds, err := s.registryCredentials(ctx, e.Registry)
	if err != nil {
		return nil, err
	}
	r.creds = creds
	return r, nil
}

// judge says whether a pull would use the entry's credential. It reports false
// while the verdict may still become better by itself.
func (s *survey) judge(e *ranchersync.Entry, r *reg) (settled bool, verdict error) {
	if r == nil || gone(r.state) {
		return true, unverified("registry %s is gone", e.Registry)
	}
	if settled, verdict := judgeState("registry "+r.id, r.state, r.failure); verdict != nil {
		return settled, verdict
	}
	at := slices.IndexFunc(r.creds, func(c cred) bool { return c.id == e.Credential })
	if at < 0 {
		return true, unverified("credential %s is gone", e.Credential)
	}
	mine := r.creds[at]
	first := slices.IndexFunc(r.creds, func(c cred) bool { return c.state == active })
	if first >= 0 && settling(mine.state) && mine.failure == "" && s.lined[r.creds[first].id] {
		return true, nil // pulls use another meanwhile, which was dealt with as well
	}
	if settled, verdict := judgeState("credential "+mine.id, mine.state, mine.failure); verdict != nil {
		return settled, verdict
	}
	switch {
	case first != at && !s.lined[r.creds[first].id]:
		return true, unverified("a pull uses credential %s, not %s, which was written", r.creds[first].id, mine.id)
	case mine.user != e.User:
		return true, unverified("credential %s has the user name %q, not %q, which was written", mine.id, s.show(mine.user), e.User)
	}
	return true, nil
}

// judgeState returns an error unless the state is active, and reports whether it
// will stay that way.
func judgeState(what, state, failure string) (settled bool, verdict error) {
	switch {
	case failure != "":
		return true, unverified("%s is %s, and failed there: %s", what, state, failure)
	case state == active:
		return true, nil
	case settling(state):
		return false, unverified("%s is still %s", what, state).WithHint("run again in a minute")
	default:
		return true, unverified("%s is %s, so pulls do not use it", what, state)
	}
}

func unverified(format string, args ...any) *ranchersync.Error {
	return ranchersync.Errorf(ranchersync.ReasonUnverified, format, args...)
}
