// Package lookup finds the cached token for a host: which registry it is,
// whose token serves it, and whether that token is on disk. It never touches
// the network, and it imports nothing that takes time to initialise, because
// for most calls it is all that happens.
package lookup

import (
	"slices"
	"time"

	"ecr-credential-helper/ecr-login/internal/awsecr/identity"
	"ecr-credential-helper/ecr-login/internal/settings"
	"ecr-credential-helper/ecr-login/internal/tokencache"
)

// Found is what is known about a host without asking AWS.
type Found struct {
	settings.Match

	// Identity is who the credentials belong to. IdentityErr says why that
	// cannot be told; then no token is kept or found.
	Identity    identity.Identity
	IdentityErr error

	// Cache is where the token is kept under Key; it keeps nothing when the
	// cache is disabled or the identity uncertain.
	Cache tokencache.Cache
	Key   tokencache.Key

	// Entry is the cached token, whatever its age, if Hit.
	Entry tokencache.Entry
	Hit   bool
}

// Choice is an identity that a caller asks for in the place of the rule that
// the settings have for a host. The zero Choice leaves it to the rule.
type Choice struct{ Profile, RoleARN, ExternalID string }

// Find looks a server address up. The error is registry.ErrNotECR when it names
// no ECR registry.
func Find(s settings.Settings, server string, c Choice) (Found, error) {
	m, err := s.Match(server)
	if err != nil {
		return Found{}, err
	}
	if c != (Choice{}) {
		m.Rule.Profile, m.Rule.RoleARN, m.Rule.ExternalID = c.Profile, c.RoleARN, c.ExternalID
	}
	f := Found{Match: m}
	f.Identity, f.IdentityErr = identity.Resolve(inputs(s, m.Rule))
	if f.IdentityErr == nil && !s.CacheDisabled {
		f.Cache = tokencache.New(s.Dir)
	}
	f.Key = tokencache.NewKey(f.Identity.Fingerprint(), m.Registry.Endpoint)
	f.Again()
	return f, nil
}

// List returns the hosts that have a living token or that the configuration
// names without a pattern, with the user name of each.
func List(s settings.Settings, now time.Time) map[string]string {
	hosts := map[string]string{}
	if !s.CacheDisabled {
		hosts = tokencache.New(s.Dir).Hosts(now)
	}
	for _, host := range s.ExactHosts() {
		if _, ok := hosts[host]; !ok {
			hosts[host] = user
		}
	}
	return hosts
}

// user is the name that goes with every ECR password
// (https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry_auth.html).
const user = "AWS"

// Again looks into the cache once more, after another process had time to
// fetch.
func (f *Found) Again() { f.Entry, f.Hit = f.Cache.Get(f.Key) }

// Fresh reports whether there is a token that may be served as it is.
func (f *Found) Fresh(now time.Time) bool { return f.Hit && f.Entry.Token.Fresh(now) }

// Listed reports whether the token is known to have served the host before.
func (f *Found) Listed() bool { return slices.Contains(f.Entry.Hosts, f.Host) }

// Forgo has the cache neither asked nor filled.
func (f *Found) Forgo() { f.Cache, f.Entry, f.Hit = tokencache.Cache{}, tokencache.Entry{}, false }

// SameIdentity resolves the identity once more and reports whether it is still
// the same: the files that decide it may have changed while a token was
// fetched, and a token must never be kept under a stranger's key.
func (f *Found) SameIdentity(s settings.Settings) bool {
	now, err := identity.Resolve(inputs(s, f.Rule))
	return err == nil && f.IdentityErr == nil && now.Fingerprint() == f.Identity.Fingerprint()
}

func inputs(s settings.Settings, r settings.Rule) identity.Inputs {
	// Home stays empty: identity finds it as the SDK does, which looks further
	// than we do for our own files.
	return identity.Inputs{LookupEnv: s.LookupEnv, Profile: r.Profile, RoleARN: r.RoleARN, ExternalID: r.ExternalID}
}
