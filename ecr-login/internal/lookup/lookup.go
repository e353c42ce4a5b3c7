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

	settings settings.Settings
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
	f := Found{Match: m, settings: s}
	f.Again()
	return f, nil
}

// Again resolves the identity and looks into the cache once more: while a
// caller waited for a lock another process had time to fetch, and a person to
// edit a profile. It reports whether the key is still the same.
func (f *Found) Again() (same bool) {
	before := f.Key
	f.Identity, f.IdentityErr = identity.Resolve(inputs(f.settings, f.Rule))
	f.Cache = tokencache.Cache{}
	if f.IdentityErr == nil && !f.settings.CacheDisabled {
		f.Cache = tokencache.New(f.settings.Dir)
	}
	f.Key = tokencache.NewKey(f.Identity.Fingerprint(), f.Registry.Endpoint)
	f.Entry, f.Hit = f.Cache.Get(f.Key)
	return f.Key == before
}

// List returns the hosts that a living token has served and that the
// configuration names without a pattern, with the user name of each. An alias
// that the configuration no longer has is left out: a client that lists asks
// for each host, and gives up on all when one fails.
func List(s settings.Settings, now time.Time) map[string]string {
	hosts := map[string]string{}
	if !s.CacheDisabled {
		for t := range tokencache.New(s.Dir).Served(now) {
			for _, host := range t.Hosts {
				if _, err := s.Match(host); err == nil {
					hosts[host] = t.User
				}
			}
		}
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

// Fresh reports whether there is a token that may be served as it is.
func (f *Found) Fresh(now time.Time) bool { return f.Hit && f.Entry.Token.Fresh(now) }

// Listed reports whether the token is known to have served the host before.
func (f *Found) Listed() bool { return slices.Contains(f.Entry.Hosts, f.Host) }

// Forgo has the cache neither asked nor filled.
func (f *Found) Forgo() { f.Cache, f.Entry, f.Hit = tokencache.Cache{}, tokencache.Entry{}, false }

// Certain reports whether the identity is still the same and nothing that
// decides it was touched since it was resolved: files may change, even there
// and back, while a token is fetched, and a token must never be kept under a
// stranger's key.
func (f *Found) Certain() bool {
	if f.IdentityErr != nil || !f.Identity.Unchanged() {
		return false
	}
	now, err := identity.Resolve(inputs(f.settings, f.Rule))
	return err == nil && now.Fingerprint() == f.Identity.Fingerprint()
}

func inputs(s settings.Settings, r settings.Rule) identity.Inputs {
	// Home stays empty: identity finds it as the SDK does, which looks further
	// than we do for our own files.
	return identity.Inputs{LookupEnv: s.LookupEnv, Profile: r.Profile, RoleARN: r.RoleARN, ExternalID: r.ExternalID}
}
