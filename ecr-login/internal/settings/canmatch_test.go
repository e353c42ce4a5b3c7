package settings_test

import (
	"testing"

	"ecr-credential-helper/ecr-login/internal/settings"
)

func TestAPatternMustBeAbleToMatchSomeECRHost(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string]bool{
		"111122223333.dkr.ecr.*.amazonaws.com":    true,
		"*.dkr.ecr.*.amazonaws.com":               true,
		"*.dkr.ecr*.*.amazonaws.com":              true,
		"1111*.dkr.ecr.eu-*-1.amazonaws.com":      true,
		"*.dkr.ecr.eu-west-1.amazonaws.com":       true,
		"*.dkr.ecr.us-gov-*.amazonaws.com":        true,
		"*.dkr.ecr.cn-north-1.amazonaws.com.cn":   true,
		"*.dkr.*.*.amazonaws.com":                 true,
		"*.dkr-ecr.eu-west-1.on.aws":              true,
		"*.dkr-ecr*.*.on.aws":                     true,
		"*.dkr-ecr.*.on.amazonwebservices.com.cn": true,
		"*.dkr.ecr.us-iso-*.c2s.ic.gov":           true,
		"public.ecr.aws":                          true,
		"*.ecr.aws":                               true,
		"*.*.*.*.*.*":                             true,
		"*.dkr.ecr.eu-west-1.amazonaw.com":        false,
		"*.dkr.ecr.*.amazonaws.com.evil.com":      false,
		"*.example.com":                           false,
		"*":                                       false,
		"11112222333344.dkr.ecr.*.amazonaws.com":  false,
		"1111x*.dkr.ecr.*.amazonaws.com":          false,
		"*.dkr.ercr.*.amazonaws.com":              false,
		"*.dkr-ecr.*.amazonaws.com":               false,
	} {
		if got := settings.CanMatch(pattern); got != want {
			t.Errorf("CanMatch(%q) = %v", pattern, got)
		}
	}
}
