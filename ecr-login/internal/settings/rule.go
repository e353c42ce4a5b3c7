package settings

import (
	"strings"

	"ecr-credential-helper/ecr-login/registry"
)

// Rule says whose token serves the hosts that match a pattern.
type Rule struct {
	// Host is a host name in lower case, in which * stands for any run of
	// characters without a dot.
	Host string `json:"host"`
	// Profile is the AWS profile to use, whatever AWS_PROFILE says; empty for
	// the usual order of credential sources.
	Profile string `json:"profile,omitempty"`
	// RoleARN is a role to assume on top, ExternalID what its owner asks for.
	RoleARN    string `json:"role_arn,omitempty"`
	ExternalID string `json:"external_id,omitempty"`
	// Account and Region make the host, which is not an ECR host itself, a
	// name for the registry of that account: a custom domain or a mirror.
	Account string `json:"account,omitempty"`
	Region  string `json:"region,omitempty"`
}

// Match is what the settings say about a server address.
type Match struct {
	Registry registry.Registry
	// Host is what the client asked for: the registry's own host or an alias.
	Host string
	// Rule is the rule that applies; the zero Rule if none does.
	Rule Rule
}

// Match returns the registry that a server address names, directly or as an
// alias of the configuration, and the first rule for it. The error is
// [registry.ErrNotECR] when it names none.
func (s Settings) Match(server string) (Match, error) {
	reg, err := registry.Parse(server)
	if err == nil {
		host := reg.Host()
		for _, r := range s.Registries {
			if matches(r.Host, host) {
				return Match{reg, host, r}, nil
			}
		}
		return Match{reg, host, Rule{}}, nil
	}
	host, ok := registry.HostOf(server)
	if !ok {
		return Match{}, err
	}
	for _, r := range s.Registries {
		if r.Account != "" && matches(r.Host, host) {
			reg, err := registry.New(r.Account, r.Region)
			return Match{reg, host, r}, err
		}
	}
	return Match{}, err
}

// ExactHosts returns the hosts that rules name without a pattern.
func (s Settings) ExactHosts() []string {
	var hosts []string
	for _, r := range s.Registries {
		if !strings.Contains(r.Host, "*") {
			hosts = append(hosts, r.Host)
		}
	}
	return hosts
}

// CanMatch reports whether a pattern, in lower case, can match an ECR host, so
// that a mistyped domain does not make a rule silently mean nothing.
func CanMatch(pattern string) bool {
	for _, host := range registry.Samples() {
		if matches(pattern, host) || matches(filled(pattern, host), host) {
			return true
		}
	}
	return false
}

// filled puts the account and the region of a sample host where the pattern has
// others, or parts of others: only the rest of a host is known beforehand.
func filled(pattern, host string) string {
	p, h := strings.Split(pattern, "."), strings.Split(host, ".")
	if len(p) != len(h) || host == pattern {
		return pattern
	}
	const digits = "0123456789*"
	if strings.Trim(p[0], digits) == "" && len(strings.ReplaceAll(p[0], "*", "")) <= len(h[0]) &&
		(strings.Contains(p[0], "*") || len(p[0]) == len(h[0])) {
		p[0] = h[0]
	}
	for i := 1; i < len(h); i++ {
		// The region is the one label that holds digits.
		if strings.ContainsAny(h[i], digits) && (strings.Contains(p[i], "*") || registry.SamePartition(p[i], h[i])) {
			p[i] = h[i]
		}
	}
	return strings.Join(p, ".")
}

// matches reports whether a host matches a pattern in which * stands for any
// run of characters without a dot, label by label.
func matches(pattern, host string) bool {
	for {
		p, restP, moreP := strings.Cut(pattern, ".")
		h, restH, moreH := strings.Cut(host, ".")
		if !matchesLabel(p, h) || moreP != moreH {
			return false
		}
		if !moreP {
			return true
		}
		pattern, host = restP, restH
	}
}

// matchesLabel matches one label. Between the literal parts the leftmost fit
// is as good as any other, so nothing is tried twice.
func matchesLabel(pattern, label string) bool {
	prefix, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == label
	}
	label, ok := strings.CutPrefix(label, prefix)
	for ok {
		part, more, star := strings.Cut(rest, "*")
		if !star {
			return strings.HasSuffix(label, part)
		}
		_, label, ok = strings.Cut(label, part)
		rest = more
	}
	return false
}
