// Package registry tells from a host name which Amazon ECR registry it is:
// the account, the region, the partition and the kind of endpoint.
//
// It is pure: no network, no environment, no state.
package registry

import (
	"errors"
	"strings"
)

// ErrNotECR is returned by [Parse] for a server address that does not name an
// Amazon ECR registry.
var ErrNotECR = errors.New("not an Amazon ECR registry")

// Service is the API that hands out passwords for a registry.
type Service string

// The two services. Their values are the names that requests are signed for.
const (
	Private Service = "ecr"
	Public  Service = "ecr-public"
)

// PublicRegion is where the ECR Public API lives, whatever region the caller
// is in (https://docs.aws.amazon.com/general/latest/gr/ecr-public.html).
const PublicRegion = "us-east-1"

const (
	publicHost          = "public.ecr.aws"
	publicDualStackHost = "ecr-public.aws.com"
)

// Endpoint is the API endpoint that hands out a registry's password. A token
// taken from one endpoint opens every registry behind the same endpoint that
// its owner may reach, so Endpoint and an identity together name a token.
type Endpoint struct {
	Service   Service
	Region    string // such as eu-west-1; us-east-1 for Public
	FIPS      bool   // the FIPS 140 validated endpoint
	DualStack bool   // the endpoint that answers over IPv6 too
}

// DNSSuffix returns the domain that the endpoint's plain host names end in, such
// as amazonaws.com.
func (e Endpoint) DNSSuffix() string { return partitionOf(e.Region).suffix }

// Registry is one Amazon ECR registry. The zero value names none; values are
// comparable, and equal values name the same host.
type Registry struct {
	Endpoint
	Account   string // 12 digits; empty for the public registry
	Partition string // such as aws, aws-cn, aws-us-gov
}

// Parse reads the registry from a server address as container clients write
// it: host, host:port, https://host, https://host/, host/repository. Letter
// case, scheme, port and path are ignored. Anything that is not exactly an ECR
// host (a trailing dot, user information, a longer domain, an account that is
// not 12 ASCII digits, a region its domain cannot have) is [ErrNotECR].
func Parse(server string) (Registry, error) {
	host, ok := HostOf(server)
	if !ok {
		return Registry{}, ErrNotECR
	}
	switch host {
	case publicHost:
		return public(false), nil
	case publicDualStackHost:
		return public(true), nil
	}
	return parsePrivate(host)
}

// New returns the plain (neither FIPS nor dual-stack) private registry of an
// account, for configuration that names account and region instead of a host.
// It returns [ErrNotECR] when account or region cannot be one.
func New(account, region string) (Registry, error) {
	region = strings.ToLower(region)
	if !validRegion(region) {
		return Registry{}, ErrNotECR
	}
	return parsePrivate(account + ".dkr.ecr." + region + "." + partitionOf(region).suffix)
}

// Host returns the registry's host name in lower case, without scheme or port.
func (r Registry) Host() string {
	if r.Service == Public {
		if r.DualStack {
			return publicDualStackHost
		}
		return publicHost
	}
	if r.Account == "" {
		return ""
	}
	name, suffix := "dkr.ecr", partitionOf(r.Region).suffix
	if r.DualStack {
		name, suffix = "dkr-ecr", partitionOf(r.Region).dualStackSuffix
	}
	if r.FIPS {
		name += "-fips"
	}
	return r.Account + "." + name + "." + r.Region + "." + suffix
}

// String returns the host name.
func (r Registry) String() string { return r.Host() }

func public(dualStack bool) Registry {
	return Registry{
		Endpoint:  Endpoint{Service: Public, Region: PublicRegion, DualStack: dualStack},
		Partition: "aws",
	}
}

// parsePrivate takes a lower-case host apart from the left:
// <account>.<dkr.ecr|dkr-ecr>[-fips].<region>.<suffix>.
func parsePrivate(host string) (Registry, error) {
	account, rest, _ := strings.Cut(host, ".")
	if len(account) != 12 || !allDigits(account) {
		return Registry{}, ErrNotECR
	}
	r := Registry{Account: account, Endpoint: Endpoint{Service: Private}}
	if tail, ok := strings.CutPrefix(rest, "dkr-ecr"); ok {
		r.DualStack, rest = true, tail
	} else if rest, ok = strings.CutPrefix(rest, "dkr.ecr"); !ok {
		return Registry{}, ErrNotECR
	}
	rest, r.FIPS = strings.CutPrefix(rest, "-fips")
	rest, ok := strings.CutPrefix(rest, ".")
	if !ok {
		return Registry{}, ErrNotECR
	}
	region, suffix, _ := strings.Cut(rest, ".")
	if !validRegion(region) {
		return Registry{}, ErrNotECR
	}
	p := partitionOf(region)
	want := p.suffix
	if r.DualStack {
		want = p.dualStackSuffix
	}
	if want == "" || suffix != want {
		return Registry{}, ErrNotECR
	}
	r.Region, r.Partition = region, p.id
	return r, nil
}

// HostOf returns the lower-case host of a server address, without scheme, port
// and path, and whether the address is well formed. It is stricter than a URL
// parser on purpose: what one client reads as a host another must not read as
// a user name, so every byte that could mean something else is refused.
func HostOf(server string) (string, bool) {
	for i := 0; i < len(server); i++ {
		// Spaces, control characters and everything beyond ASCII: no client
		// sends them, and some of them are taken for other characters.
		if server[i] <= ' ' || server[i] >= 0x7f {
			return "", false
		}
	}
	if scheme, rest, ok := strings.Cut(server, "://"); ok && !strings.Contains(scheme, "/") {
		if scheme = strings.ToLower(scheme); scheme != "https" && scheme != "http" {
			return "", false
		}
		server = rest
	}
	host, _, _ := strings.Cut(server, "/")
	host, port, hasPort := strings.Cut(host, ":")
	if hasPort && !validPort(port) {
		return "", false
	}
	const longestHost = 253 // RFC 1035, section 2.3.4
	if len(host) > longestHost {
		return "", false
	}
	return strings.ToLower(host), true
}

func validPort(s string) bool {
	const most = 65535
	if !allDigits(s) || len(s) > len("65535") {
		return false
	}
	n := 0
	for i := 0; i < len(s); i++ {
		n = n*10 + int(s[i]-'0')
	}
	return n <= most
}
