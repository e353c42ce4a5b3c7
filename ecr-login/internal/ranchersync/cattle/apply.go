package cattle

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"ecr-credential-helper/ecr-login/internal/ranchersync"
)

// Apply carries out one entry of a plan.
func (s *survey) Apply(ctx context.Context, e *ranchersync.Entry, p ranchersync.Push) error {
	if err := s.Fits(p); err != nil {
		return err
	}
	if p.Once {
		ctx = withoutPatience(ctx)
	}
	err := s.apply(ctx, e, p)
	if isStatus(err, http.StatusMethodNotAllowed) && s.Project == "" {
		// An account key without environment; say which ones there are.
		s.askProjects(ctx)
		var known *ranchersync.Error
		if errors.As(err, &known) {
			return &ranchersync.Error{Reason: known.Reason, Err: err, Hint: known.Hint + s.environments()}
		}
	}
	return err
}

func (s *survey) apply(ctx context.Context, e *ranchersync.Entry, p ranchersync.Push) error {
	var err error
	switch e.Action {
	case ranchersync.Create:
		err = s.create(ctx, e, p)
	case ranchersync.Update:
		err = s.push(ctx, e, p)
	}
	if err == nil && e.Activates {
		// Last, so that no pull meets a token that has ended.
		err = s.activate(ctx, e)
	}
	return err
}

// push writes a token into the entry's credential. A PUT can be repeated: it
// leaves the same behind however often it arrives.
func (s *survey) push(ctx context.Context, e *ranchersync.Entry, p ranchersync.Push) error {
	body := map[string]string{"publicValue": p.User, "secretValue": p.Password.Reveal()}
	if s.EmailOnUpdate {
		body["email"] = s.Email
	}
	if p.Note != nil {
		if text, fits := p.Note.Annotate(s.description(e), maxDescription); fits {
			body["description"] = text
		} else {
			e.Warnings = append(e.Warnings, "the credential's description is too long to note the token's end in it")
		}
	}
	put := call{
		method: http.MethodPut, path: credentialsPath + "/" + url.PathEscape(e.Credential),
		body: body,
	}
	var got credentialJSON
	err := s.repeat(ctx, put, one(&got))
	if err == nil && (got.ID != e.Credential || got.PublicValue != p.User) {
		// The secret cannot be read back, so this is the one proof that the
		// write arrived: something in between may answer 200 in Rancher's place.
		return ranchersync.Errorf(ranchersync.ReasonAnswer, "the answer to the update of credential %s is not that credential", e.Credential).
			WithHint("see what stands between here and Rancher, and run again")
	}
	if isStatus(err, http.StatusNotFound) {
		return &ranchersync.Error{
			Reason: ranchersync.ReasonMissing, Err: err,
			Hint: "credential " + e.Credential + " was removed meanwhile; run again",
		}
	}
	return err
}

// description is what the entry's credential had for one.
func (s *survey) description(e *ranchersync.Entry) string {
	for _, r := range s.of(e.Host) {
		for _, c := range r.creds {
			if c.id == e.Credential {
				return c.description
			}
		}
	}
	return ""
}

// activate activates the entry's registry and its credential, whichever is
// inactive.
func (s *survey) activate(ctx context.Context, e *ranchersync.Entry) error {
	for _, r := range s.of(e.Host) {
		if r.id != e.Registry {
			continue
		}
		if r.state == inactive {
			if err := s.activateOne(ctx, registriesPath, r.id); err != nil {
				return err
			}
		}
		for _, c := range r.creds {
			if c.id == e.Credential && c.state == inactive {
				return s.activateOne(ctx, credentialsPath, c.id)
			}
		}
	}
	return nil
}

// activateOne starts the activation of a resource. When it is not known whether
// a request arrived, the resource's state tells.
func (s *survey) activateOne(ctx context.Context, path, id string) error {
	path += "/" + url.PathEscape(id)
	b := s.backoff("POST " + path + "?action=activate")
	for {
		start := call{method: http.MethodPost, path: path, query: url.Values{"action": {"activate"}}}
		var got registryJSON
		err := s.once(ctx, s.apiVersion(), start, one(&got))
		if err == nil && got.ID != id {
			err = ranchersync.Errorf(ranchersync.ReasonAnswer, "the answer to the activation of %s is not that resource", id).
				WithHint("see what stands between here and Rancher, and run again")
		}
		if err == nil {
			return nil
		}
		unavailable := isCode(err, "ActionNotAvailable")
		if !unavailable && !transient(err) {
			return err
		}
		if !unavailable && !b.wait(ctx, err) {
			return b.explain(err)
		}
		var now registryJSON
		if getErr := s.repeat(ctx, call{method: http.MethodGet, path: path}, one(&now)); getErr != nil {
			return getErr
		}
		if now.State == active || settling(now.State) {
			return nil // somebody was faster, or an earlier attempt of ours
		}
		if unavailable {
			return err
		}
	}
}

// post sends a request that makes something. Unlike repeat it does so once: what
// made something must not be sent again before a look at what is there.
func (s *survey) post(ctx context.Context, path string, body map[string]string) (common, error) {
	var made struct{ common }
	err := s.once(ctx, s.apiVersion(), call{method: http.MethodPost, path: path, body: body}, one(&made))
	return made.common, err
}
