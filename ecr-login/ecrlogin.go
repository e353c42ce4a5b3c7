// Package ecrlogin gets passwords for Amazon ECR registries, from a cache on
// disk where it can and from AWS where it must.
//
// A [Client] is a docker-credential-helpers credentials.Helper and a
// go-containerregistry authn.Helper. It keeps no global state, and apart from
// the AWS SDK, which reads its own variables, it reads no environment unless
// asked to by [WithEnvironment].
package ecrlogin

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/docker/docker-credential-helpers/credentials"
	"github.com/sirupsen/logrus"

	"ecr-credential-helper/ecr-login/internal/awsecr"
	"ecr-credential-helper/ecr-login/internal/lookup"
	"ecr-credential-helper/ecr-login/internal/settings"
	"ecr-credential-helper/ecr-login/internal/tokencache"
	"ecr-credential-helper/ecr-login/registry"
	"ecr-credential-helper/ecr-login/token"
)

// ErrNotECR is returned for a server address that names no ECR registry.
var ErrNotECR = registry.ErrNotECR

// ErrAnonymous is returned for the public registry when no password can be
// had: clients should pull without one. It wraps the reason.
var ErrAnonymous = errors.New("no password for the public registry, which can be used without one")

// Error says why no token could be fetched, in one line without secrets, and
// what to do about it. Its reasons are those of AWS and of the network.
type Error = awsecr.Error

// Reason says what kind of failure an [Error] is. Its values are the constants
// of this package whose names begin with Reason.
type Reason = awsecr.Reason

// SettingsError says which setting cannot be used.
type SettingsError = settings.Error

// Client gets passwords. Make one with [New]. Its methods may be called from
// several goroutines at once.
type Client struct {
	settings    settings.Settings
	settingsErr error
	rules       []settings.Rule // of options; they come before those of the file
	fetcher     awsecr.Fetcher
	log         logrus.FieldLogger
	context     context.Context //nolint:containedctx // for the methods of interfaces that take none
	now         func() time.Time
}

var _ credentials.Helper = (*Client)(nil)

// Credentials returns the token for the registry that a server address names.
// A cached token is returned without touching the network until about half of
// its life; a newer one is then fetched, and if that fails for a reason that
// may pass, the old one is returned as long as five minutes of it remain.
//
// The call takes at most the client's timeout. Errors are [ErrNotECR],
// [ErrAnonymous], *[SettingsError] or *[Error].
func (c *Client) Credentials(ctx context.Context, server string) (Credentials, error) {
	return c.CredentialsFor(ctx, server, Need{})
}

// Credentials are a token and whose it is.
type Credentials struct {
	token.Token
	// Identity names, in words, the AWS identity that fetched the token; empty
	// when it could not be told in advance.
	Identity string
	// Fingerprint tells identities apart where the words do not: equal strings
	// mean the same principal. In doubt they differ for one principal, too, such
	// as on another machine or after a restart of it for an instance role, and
	// with other temporary keys in the environment. It is a hash, and empty when
	// Identity is.
	Fingerprint string
}

// Need says what a token must be good for.
type Need struct {
	// Life is how long the token must still live; one that lives shorter is
	// replaced even if it is fresh.
	Life time.Duration
	// Fetch passes the cached token by.
	Fetch bool
	// Unlisted keeps the host out of what List returns: it stands for its region
	// only.
	Unlisted bool
	// Endpoint is the URL of an ECR API in the place of AWS's, for services
	// that are compatible with it. Its tokens are not cached.
	Endpoint string
	// Identity chooses the credentials in the place of the rule that the
	// settings have for the host. The zero value leaves it to the rule.
	Identity Identity
}

// CredentialsFor is [Client.Credentials] for a caller with needs of its own.
func (c *Client) CredentialsFor(ctx context.Context, server string, n Need) (Credentials, error) {
	found, err := lookup.Find(c.settings, server, lookup.Choice(n.Identity))
	if err != nil {
		return Credentials{}, err
	}
	if c.settingsErr != nil {
		return Credentials{}, c.settingsErr
	}
	if n.Endpoint != "" {
		found.Forgo()
	}
	t, err := c.token(ctx, &found, n)
	if err != nil {
		return Credentials{}, c.failed(&found, err)
	}
	creds := Credentials{Token: t}
	if found.IdentityErr == nil {
		sum := found.Identity.Fingerprint()
		creds.Identity, creds.Fingerprint = found.Identity.String(), hex.EncodeToString(sum[:])
	}
	return creds, nil
}

func (c *Client) token(ctx context.Context, found *lookup.Found, n Need) (token.Token, error) {
	before := found.Entry.Token.Issued
	good := func() bool {
		now := c.now()
		return found.Fresh(now) && !now.Add(n.Life).After(found.Entry.Token.Expires) &&
			// What another process fetched while this one waited is new enough.
			(!n.Fetch || found.Entry.Token.Issued.After(before))
	}
	if good() {
		c.remember(found, n, found.Cache.AddHost)
		return found.Entry.Token, nil
	}
	budget := c.settings.Timeout
	if found.Hit && found.Entry.Token.Usable(c.now()) {
		// There is something to fall back on, so nobody need wait long.
		budget /= refreshShare
	}
	ctx, cancel := context.WithTimeout(ctx, budget)
	defer cancel()
	unlock := c.lock(ctx, budget/lockShare, found)
	defer func() { unlock() }()
	if same := found.Again(); !same && n.Endpoint == "" {
		// Somebody else's token is wanted now, and with it another lock.
		unlock()
		unlock = c.lock(ctx, budget/lockShare, found)
		found.Again()
	}
	if n.Endpoint != "" {
		found.Forgo()
	}
	if good() {
		c.remember(found, n, found.Cache.NoteHost)
		return found.Entry.Token, nil
	}
	t, err := c.fetcher.Fetch(ctx, awsecr.Request{
		Endpoint: found.Registry.Endpoint,
		Profile:  found.Rule.Profile, RoleARN: found.Rule.RoleARN, ExternalID: found.Rule.ExternalID,
		Identity: found.Identity,
		URL:      n.Endpoint,
	})
	if err != nil {
		if old := found.Entry.Token; found.Hit && old.Usable(c.now()) && awsecr.Tolerable(err) {
			c.about(found).WithError(err).WithField("expires", old.Expires.UTC().Format(time.RFC3339)).
				Warn("the token could not be refreshed and is served once more")
			c.remember(found, n, found.Cache.NoteHost)
			return old, nil
		}
		return token.Token{}, err
	}
	c.keep(found, t, n)
	c.about(found).WithField("expires", t.Expires.UTC().Format(time.RFC3339)).Info("token fetched")
	return t, nil
}

// Shares of the time that a call may take: for a refresh that can be done
// without, and for waiting until another process has fetched.
const (
	refreshShare = 4
	lockShare    = 2
)

// lock waits for another process that is fetching the same token, but only for
// a share of the time there is: a token fetched twice is better than none.
func (c *Client) lock(ctx context.Context, patience time.Duration, found *lookup.Found) (unlock func()) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	unlock, err := found.Cache.Lock(ctx, found.Key)
	if err != nil {
		c.about(found).WithError(err).Debug("going on without the lock")
		return func() {}
	}
	return unlock
}

func (c *Client) keep(found *lookup.Found, t token.Token, n Need) {
	if !found.Certain() {
		c.about(found).WithError(found.IdentityErr).Debug("the token is not kept, for its owner cannot be told for certain")
		return
	}
	entry := tokencache.Entry{Token: t, Endpoint: found.Registry.Endpoint, Identity: found.Identity.String()}
	if !n.Unlisted {
		entry.Hosts = []string{found.Host}
	}
	if err := found.Cache.Put(found.Key, entry, c.now()); err != nil {
		c.about(found).WithError(err).Warn("the token could not be kept")
	}
}

// remember notes the first time that a token serves a host.
func (c *Client) remember(found *lookup.Found, n Need, note func(tokencache.Key, string) error) {
	if n.Unlisted || found.Listed() {
		c.about(found).Debug("token served from the cache")
		return
	}
	if err := note(found.Key, found.Host); err != nil {
		c.about(found).WithError(err).Debug("the host could not be noted for list")
	}
}

// failed logs a failure and decides what it means for the caller.
func (c *Client) failed(found *lookup.Found, err error) error {
	log := c.aboutFailure(found, err)
	var e *Error
	reason := awsecr.Unexpected
	if errors.As(err, &e) {
		reason = e.Reason
	}
	switch {
	case reason == awsecr.Cancelled:
		log.Debug("interrupted")
		return err
	case found.Registry.Service != registry.Public || c.settings.PublicAuthRequired:
		log.Error("no token")
		return err
	case reason == awsecr.NoCredentials:
		log.Debug("no credentials for the public registry")
	default:
		log.Warn("no password for the public registry; clients will pull without one")
	}
	return fmt.Errorf("%w: %w", ErrAnonymous, err)
}

// aboutFailure adds what the sentence leaves out, such as the ID by which AWS
// support finds the request.
func (c *Client) aboutFailure(found *lookup.Found, err error) logrus.FieldLogger {
	log := c.about(found).WithError(err)
	var e *Error
	if !errors.As(err, &e) {
		return log
	}
	log = log.WithField("reason", string(e.Reason))
	if e.Call.Operation == "" {
		return log
	}
	log = log.WithFields(logrus.Fields{"call": e.Call.Operation, "endpoint": e.Call.Host, "attempts": e.Call.Attempts, "status": e.Call.Status})
	if e.Call.Code != "" {
		log = log.WithField("code", e.Call.Code)
	}
	if e.Call.RequestID != "" {
		log = log.WithField("request_id", e.Call.RequestID)
	}
	return log
}

func (c *Client) about(found *lookup.Found) logrus.FieldLogger {
	who := found.Identity.String()
	if found.IdentityErr != nil {
		who = "uncertain: " + found.IdentityErr.Error()
	}
	return c.log.WithFields(logrus.Fields{"host": found.Host, "region": found.Registry.Region, "identity": who})
}
