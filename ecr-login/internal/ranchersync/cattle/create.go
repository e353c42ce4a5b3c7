package cattle

import (
	"context"
	"fmt"
	"time"

	"ecr-credential-helper/ecr-login/internal/ranchersync"
)

// create adds the entry's registry, unless it is there by now, and its
// credential.
//
// Another updater may be doing the same at this moment. Then the address is
// taken, or the registry was there already and its credential is on its way: the
// other's registry is adopted, and its credential too when it appears soon. Two
// that create a credential at the very same moment leave two behind, for nothing
// is ever deleted; then both give their token to the one that pulls use.
func (s *survey) create(ctx context.Context, e *ranchersync.Entry, p ranchersync.Push) error {
	looks := 0 // for the credential of somebody who is at it
	if e.Registry == "" {
		raced, err := s.createRegistry(ctx, e)
		if err != nil {
			return err
		}
		if raced {
			looks = 4
		}
	} else {
		looks = 1
	}
	if err := s.awaitCredential(ctx, e, looks); err != nil {
		return err
	}
	if e.Credential != "" {
		return s.push(ctx, e, p)
	}
	if written, err := s.createCredential(ctx, e, p); err != nil || written && looks == 0 {
		return err
	}
	made := e.Credential
	creds, err := s.registryCredentials(ctx, e.Registry)
	if err != nil {
		return err
	}
	if takeFirst(e, creds); e.Credential == made {
		return nil
	}
	e.Warnings = append(e.Warnings, fmt.Sprintf(
		"credential %s was added by somebody else at the same moment as %s, which pulls ignore", e.Credential, made))
	return s.push(ctx, e, p)
}

// createRegistry adds the registry, or adopts it when it is there already. It
// reports true when somebody else made it just now.
func (s *survey) createRegistry(ctx context.Context, e *ranchersync.Entry) (raced bool, err error) {
	b := s.backoff("POST " + registriesPath + " " + e.Host)
	for {
		made, err := s.post(ctx, registriesPath, map[string]string{"serverAddress": e.Host})
		if err == nil {
			e.Registry, e.Address = made.ID, e.Host
			return false, nil
		}
		taken := isCode(err, "ServerAddressUsed")
		if !taken && !transient(err) {
			return false, err
		}
		if taken || !neverSent(err) {
			there, findErr := s.findBare(ctx, e.Host)
			if findErr != nil {
				return false, findErr
			}
			if there != nil && there.state != "removing" {
				return taken, s.adopt(e, there)
			}
			if taken && there == nil {
				return false, ranchersync.Errorf(ranchersync.ReasonState,
					"Rancher says that the address %s is in use, and does not list it", e.Host).
					WithHint("look for a registry with this address in Rancher, and purge it")
			}
			if taken {
				err = beingRemoved("registry " + there.id)
			}
		}
		if !b.wait(ctx, err) {
			return false, b.explain(err)
		}
	}
}

func beingRemoved(what string) *ranchersync.Error {
	return ranchersync.Errorf(ranchersync.ReasonState, "%s is being removed", what).
		WithHint("run again once it is gone")
}

// adopt takes over a registry that was not there when the plan was made.
func (s *survey) adopt(e *ranchersync.Entry, r *reg) error {
	e.Registry, e.Address = r.id, r.shown
	if r.state != active && !settling(r.state) {
		return ranchersync.Errorf(ranchersync.ReasonState, "registry %s with this address appeared meanwhile, and is %s", r.id, r.state).
			WithHint("run again")
	}
	takeFirst(e, r.creds)
	return nil
}

// takeFirst makes the entry one for the credential that a pull will use, if
// there is any.
func takeFirst(e *ranchersync.Entry, creds []cred) {
	if usable, _ := sortOut(creds); len(usable) > 0 {
		use(e, usable[0])
	}
}

// findBare looks for the registry that a pull of host finds.
func (s *survey) findBare(ctx context.Context, host string) (*reg, error) {
	regs, err := s.look(ctx)
	if err != nil {
		return nil, err
	}
	for _, r := range regs {
		if r.host == host && r.bare() {
			return r, nil
		}
	}
	return nil, nil
}

// awaitCredential gives whoever made the registry a moment to make its
// credential as well. By chance, so that two who wait for each other do not go
// on at the same moment.
func (s *survey) awaitCredential(ctx context.Context, e *ranchersync.Entry, looks int) error {
	wait := firstLook
	for range looks {
		if e.Credential != "" {
			return nil
		}
		if err := s.Clock.Wait(ctx, wait+time.Duration(s.Chance()*float64(wait))); err != nil {
			return err
		}
		creds, err := s.registryCredentials(ctx, e.Registry)
		if err != nil {
			return err
		}
		takeFirst(e, creds)
		wait *= 2
	}
	return nil
}

// createCredential adds a credential to the entry's registry. It reports false
// when one turned up instead, and was given the token.
//
// Before a second attempt, a look tells whether the first arrived after all. A
// credential that is found is given the token, whosever it is.
func (s *survey) createCredential(ctx context.Context, e *ranchersync.Entry, p ranchersync.Push) (written bool, err error) {
	body := map[string]string{
		"registryId": e.Registry, "publicValue": p.User, "secretValue": p.Password.Reveal(),
		// v1 insists on it, v2-beta drops it in silence.
		"email": s.Email,
	}
	if p.Note != nil {
		body["description"] = p.Note.String()
	}
	b := s.backoff("POST " + credentialsPath + " for " + e.Host)
	for {
		made, err := s.post(ctx, credentialsPath, body)
		if err == nil {
			e.Credential, e.UID = made.ID, made.UUID
			return true, nil
		}
		if !transient(err) || !b.wait(ctx, err) {
			return false, b.explain(err)
		}
		if neverSent(err) {
			continue
		}
		creds, err := s.registryCredentials(ctx, e.Registry)
		if err != nil {
			return false, err
		}
		if takeFirst(e, creds); e.Credential != "" {
			return false, s.push(ctx, e, p)
		}
	}
}
