package settings_test

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"

	"ecr-credential-helper/ecr-login/internal/settings"
	"ecr-credential-helper/ecr-login/registry"
)

func TestPatterns(t *testing.T) {
	t.Parallel()
	const host = "111122223333.dkr.ecr.eu-west-1.amazonaws.com"
	for pattern, want := range map[string]bool{
		host:                                             true,
		"111122223333.dkr.ecr.*.amazonaws.com":           true,
		"*.dkr.ecr.eu-west-1.amazonaws.com":              true,
		"*.dkr.ecr.*.amazonaws.com":                      true,
		"*.*.*.*.*.*":                                    true,
		"1111*.dkr.ecr.*.amazonaws.com":                  true,
		"*3333.dkr.ecr.*.amazonaws.com":                  true,
		"1*2*3.dkr.ecr.eu-*-1.amazonaws.com":             true,
		"**.dkr.ecr.*.amazonaws.com":                     true,
		"111122223333*.dkr.ecr.*.amazonaws.com":          true,
		"*111122223333*.dkr.ecr.eu-west-1.amazonaws.com": true,

		"":                                       false,
		"*":                                      false,
		"*.com":                                  false,
		"*.amazonaws.com":                        false,
		"111122223333.*.amazonaws.com":           false,
		"111122223333.dkr.ecr.*":                 false,
		"*.dkr.ecr.*.amazonaws.com.*":            false,
		"*.dkr.ecr.us-*.amazonaws.com":           false,
		"444455556666.dkr.ecr.*.amazonaws.com":   false,
		"1111*4444.dkr.ecr.*.amazonaws.com":      false,
		"*22223333222.dkr.ecr.*.amazonaws.com":   false,
		"111122223333.dkr.ecr-fips.*.on.aws":     false,
		".dkr.ecr.eu-west-1.amazonaws.com":       false,
		"11112222333.dkr.ecr.*.amazonaws.com":    false,
		"1111222233333.dkr.ecr.*.amazonaws.com":  false,
		"111122223333?.dkr.ecr.*.amazonaws.com":  false,
		"[0-9]*.dkr.ecr.eu-west-1.amazonaws.com": false,
	} {
		s := settings.Settings{Registries: []settings.Rule{{Host: pattern, Profile: "p"}}}
		m, err := s.Match(host)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Rule.Profile == "p"; got != want {
			t.Errorf("%q matches %s: %v", pattern, host, got)
		}
	}
}

func TestTheFirstRuleThatMatchesWins(t *testing.T) {
	t.Parallel()
	s := settings.Settings{Registries: []settings.Rule{
		{Host: "111122223333.dkr.ecr.eu-west-1.amazonaws.com", Profile: "first"},
		{Host: "111122223333.dkr.ecr.*.amazonaws.com", Profile: "second"},
		{Host: "*.dkr.ecr.*.amazonaws.com", Profile: "third"},
		{Host: "docker.example.com", Account: "111122223333", Region: "eu-west-1", Profile: "alias"},
		{Host: "*.example.com", Account: "444455556666", Region: "us-east-1", Profile: "aliases"},
	}}
	for server, want := range map[string]string{
		"111122223333.dkr.ecr.eu-west-1.amazonaws.com":           "first",
		"https://111122223333.DKR.ecr.EU-west-1.amazonaws.com/x": "first",
		"111122223333.dkr.ecr.eu-west-2.amazonaws.com":           "second",
		"444455556666.dkr.ecr.eu-west-1.amazonaws.com":           "third",
		"111122223333.dkr.ecr-fips.us-east-1.amazonaws.com":      "",
		"public.ecr.aws":                     "",
		"docker.example.com":                 "alias",
		"HTTPS://Docker.Example.com:443/v2/": "alias",
		"mirror.example.com":                 "aliases",
	} {
		m, err := s.Match(server)
		if err != nil || m.Rule.Profile != want {
			t.Errorf("the rule for %s is %q, %v; want %q", server, m.Rule.Profile, err, want)
		}
	}
}

func TestAnAliasStandsForItsRegistry(t *testing.T) {
	t.Parallel()
	s := settings.Settings{Registries: []settings.Rule{
		{Host: "*.example.com", Profile: "without-account"},
		{Host: "docker.example.com", Account: "111122223333", Region: "cn-north-1"},
	}}
	m, err := s.Match("https://docker.example.com/v2/")
	if err != nil || m.Host != "docker.example.com" || m.Registry.Host() != "111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn" {
		t.Errorf("got %+v, %v", m, err)
	}
	for _, server := range []string{
		"", "example.com", "other.example.com", "docker.example.com.evil.com", "user@docker.example.com", "docker.example.com@evil.com",
		"docker.example.com\n", "docker.example.com.", "x.docker.example.com", "evil.com/docker.example.com", "docker.example.com:x",
	} {
		if m, err := s.Match(server); !errors.Is(err, registry.ErrNotECR) {
			t.Errorf("Match(%q) = %+v, %v; want ErrNotECR", server, m, err)
		}
	}
}

func TestExactHostsAreThoseWithoutPattern(t *testing.T) {
	t.Parallel()
	s := settings.Settings{Registries: []settings.Rule{
		{Host: "111122223333.dkr.ecr.eu-west-1.amazonaws.com"}, {Host: "*.dkr.ecr.eu-west-1.amazonaws.com"}, {Host: "docker.example.com"},
	}}
	want := []string{"111122223333.dkr.ecr.eu-west-1.amazonaws.com", "docker.example.com"}
	if got := s.ExactHosts(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// FuzzMatch compares the matching of patterns with the same said as a regular
// expression.
func FuzzMatch(f *testing.F) {
	for _, seed := range [][2]string{
		{"*.example.com", "docker.example.com"}, {"a*b*c.d", "aXbXc.d"}, {"*a*", "bab"}, {"**", ""}, {"a.*", "a."}, {"ab*ba", "aba"}, {"*.*", "a.b.c"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pattern, host string) {
		const letters = "abcdefghijklmnopqrstuvwxyz0123456789-."
		if strings.Trim(pattern, letters+"*") != "" || strings.Trim(host, letters) != "" || len(host) > 253 {
			return // neither can come from a file or a client
		}
		if _, err := registry.Parse(host); err == nil {
			return // an ECR host needs no alias
		}
		s := settings.Settings{Registries: []settings.Rule{{Host: pattern, Account: "111122223333", Region: "eu-west-1"}}}
		_, err := s.Match(host)
		expression := "^" + strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, "[^.]*") + "$"
		if want := regexp.MustCompile(expression).MatchString(host); (err == nil) != want {
			t.Fatalf("pattern %q, host %q: %v, the regular expression says %v", pattern, host, err, want)
		}
	})
}
