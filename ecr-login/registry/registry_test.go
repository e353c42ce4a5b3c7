package registry_test

import (
	"errors"
	"strings"
	"testing"

	"ecr-credential-helper/ecr-login/registry"
)

func private(account, region, partition string) registry.Registry {
	return registry.Registry{
		Endpoint:  registry.Endpoint{Service: registry.Private, Region: region},
		Account:   account,
		Partition: partition,
	}
}

func fips(r registry.Registry) registry.Registry      { r.FIPS = true; return r }
func dualStack(r registry.Registry) registry.Registry { r.DualStack = true; return r }

func TestParseKnowsEveryKindOfHost(t *testing.T) {
	t.Parallel()
	const acct = "111122223333"
	public := registry.Registry{
		Endpoint:  registry.Endpoint{Service: registry.Public, Region: "us-east-1"},
		Partition: "aws",
	}
	tests := []struct {
		host string
		want registry.Registry
	}{
		{"111122223333.dkr.ecr.us-east-1.amazonaws.com", private(acct, "us-east-1", "aws")},
		{"111122223333.dkr.ecr.ap-southeast-7.amazonaws.com", private(acct, "ap-southeast-7", "aws")},
		{"111122223333.dkr.ecr.xx-newland-1.amazonaws.com", private(acct, "xx-newland-1", "aws")},
		{"111122223333.dkr.ecr.us-gov-west-1.amazonaws.com", private(acct, "us-gov-west-1", "aws-us-gov")},
		{"111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn", private(acct, "cn-north-1", "aws-cn")},
		{"111122223333.dkr.ecr.eusc-de-east-1.amazonaws.eu", private(acct, "eusc-de-east-1", "aws-eusc")},
		{"111122223333.dkr.ecr.us-iso-east-1.c2s.ic.gov", private(acct, "us-iso-east-1", "aws-iso")},
		{"111122223333.dkr.ecr.us-isob-east-1.sc2s.sgov.gov", private(acct, "us-isob-east-1", "aws-iso-b")},
		{"111122223333.dkr.ecr.eu-isoe-west-1.cloud.adc-e.uk", private(acct, "eu-isoe-west-1", "aws-iso-e")},
		{"111122223333.dkr.ecr.us-isof-south-1.csp.hci.ic.gov", private(acct, "us-isof-south-1", "aws-iso-f")},
		{"111122223333.dkr.ecr-fips.us-east-2.amazonaws.com", fips(private(acct, "us-east-2", "aws"))},
		{"111122223333.dkr.ecr-fips.us-gov-east-1.amazonaws.com", fips(private(acct, "us-gov-east-1", "aws-us-gov"))},
		{"111122223333.dkr-ecr.eu-west-1.on.aws", dualStack(private(acct, "eu-west-1", "aws"))},
		{"111122223333.dkr-ecr-fips.us-west-2.on.aws", fips(dualStack(private(acct, "us-west-2", "aws")))},
		{"111122223333.dkr-ecr.us-gov-west-1.on.aws", dualStack(private(acct, "us-gov-west-1", "aws-us-gov"))},
		{"111122223333.dkr-ecr.cn-northwest-1.on.amazonwebservices.com.cn", dualStack(private(acct, "cn-northwest-1", "aws-cn"))},
		{"public.ecr.aws", public},
		{"ecr-public.aws.com", dualStack(public)},
	}
	for _, tt := range tests {
		t.Run(tt.host, func(t *testing.T) {
			t.Parallel()
			got, err := registry.Parse(tt.host)
			if err != nil || got != tt.want {
				t.Errorf("Parse(%q) = %+v, %v; want %+v", tt.host, got, err, tt.want)
			}
			if got.Host() != tt.host {
				t.Errorf("Host() = %q, want %q", got.Host(), tt.host)
			}
		})
	}
}

func TestParseIgnoresWhatClientsAddToAHost(t *testing.T) {
	t.Parallel()
	const host = "111122223333.dkr.ecr.us-east-1.amazonaws.com"
	for _, server := range []string{
		"https://" + host, "http://" + host, "HTTPS://" + host,
		host + "/", "https://" + host + "/",
		host + ":443", host + ":5000", "https://" + host + ":443/",
		host + "/team/app", "https://" + host + "/v2/team/app?x=y#z",
		host + "/a://b",
		strings.ToUpper(host), "111122223333.DKR.ecr.Us-East-1.amazonaws.COM",
	} {
		r, err := registry.Parse(server)
		if err != nil || r.Host() != host {
			t.Errorf("Parse(%q) = %v, %v; want %s", server, r, err, host)
		}
	}
}

func TestParseRefusesLookAlikes(t *testing.T) {
	t.Parallel()
	const host = "111122223333.dkr.ecr.us-east-1.amazonaws.com"
	tests := map[string]string{
		"nothing":                             "",
		"only a scheme":                       "https://",
		"Docker Hub":                          "https://index.docker.io/v1/",
		"a longer domain":                     host + ".evil.com",
		"the China suffix on another region":  host + ".cn",
		"the host as a path":                  "evil.com/" + host,
		"the host as a query":                 "evil.com?" + host,
		"a fragment after the host":           host + "#@evil.com",
		"a query after the host":              host + "?x",
		"user information":                    "user@" + host,
		"user and password":                   "https://user:pass@" + host,
		"the host as user information":        host + "@evil.com",
		"the host as a user with a port":      host + ":443@evil.com",
		"11 digits":                           host[1:],
		"13 digits":                           "1" + host,
		"letters in the account":              "11112222333a" + host[12:],
		"full-width digits":                   "１１１１２２２２３３３３" + host[12:],
		"Arabic-Indic digits":                 "١١١١٢٢٢٢٣٣٣٣" + host[12:],
		"a trailing dot":                      host + ".",
		"a leading dot":                       "." + host,
		"a double dot":                        strings.Replace(host, "dkr.", "dkr..", 1),
		"a sub-domain":                        "x." + host,
		"a newline in the middle":             strings.Replace(host, ".ecr", "\n.ecr", 1),
		"a trailing newline":                  host + "\n",
		"a NUL":                               host + "\x00",
		"a tab":                               "\t" + host,
		"a space":                             host + " ",
		"invalid UTF-8":                       host + "\xff",
		"DEL":                                 host + "\x7f",
		"a soft hyphen":                       strings.Replace(host, "us-", "us\u00ad-", 1),
		"a dotted capital I":                  strings.Replace(host, "1111", "İ111", 1),
		"another scheme":                      "ftp://" + host,
		"no scheme name":                      "://" + host,
		"two schemes":                         "https://https://" + host,
		"a scheme with one slash":             "https:/" + host,
		"a backslash":                         "https:\\\\" + host,
		"an empty port":                       host + ":",
		"a port that is no number":            host + ":https",
		"a port beyond 65535":                 host + ":65536",
		"a negative port":                     host + ":-1",
		"percent encoding":                    strings.Replace(host, ".dkr", "%2edkr", 1),
		"an IPv6 literal":                     "[::1]:443",
		"no region":                           "111122223333.dkr.ecr..amazonaws.com",
		"a region without number":             "111122223333.dkr.ecr.us-east.amazonaws.com",
		"a region of one word":                "111122223333.dkr.ecr.useast1.amazonaws.com",
		"a region of two words":               "111122223333.dkr.ecr.us-1.amazonaws.com",
		"a region with a leading dash":        "111122223333.dkr.ecr.-us-east-1.amazonaws.com",
		"a region beginning with a digit":     "111122223333.dkr.ecr.1us-east-1.amazonaws.com",
		"a region too long":                   "111122223333.dkr.ecr.us-" + strings.Repeat("e", 40) + "-1.amazonaws.com",
		"a China region without its suffix":   "111122223333.dkr.ecr.cn-north-1.amazonaws.com",
		"a plain region in a secret domain":   "111122223333.dkr.ecr.us-east-1.c2s.ic.gov",
		"a secret region in the plain domain": "111122223333.dkr.ecr.us-iso-east-1.amazonaws.com",
		"dual-stack where there is none":      "111122223333.dkr-ecr.us-iso-east-1.on.aws",
		"the dual-stack name, plain domain":   "111122223333.dkr-ecr.us-east-1.amazonaws.com",
		"the plain name, dual-stack domain":   "111122223333.dkr.ecr.us-east-1.on.aws",
		"a word glued to ecr":                 "111122223333.dkr.ecrx.us-east-1.amazonaws.com",
		"a word glued to fips":                "111122223333.dkr.ecr-fipsx.us-east-1.amazonaws.com",
		"the API endpoint":                    "api.ecr.us-east-1.amazonaws.com",
		"public as a sub-domain":              "x.public.ecr.aws",
		"public with a longer domain":         "public.ecr.aws.evil.com",
		"public with a dot":                   "public.ecr.aws.",
		"a megabyte":                          strings.Repeat("a", 1<<20),
		"a megabyte of account":               strings.Repeat("1", 1<<20) + host[12:],
	}
	for name, server := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if r, err := registry.Parse(server); !errors.Is(err, registry.ErrNotECR) {
				t.Errorf("Parse(%.80q) = %+v, %v; want ErrNotECR", server, r, err)
			}
		})
	}
}

func TestNewBuildsTheHostOfAnAccount(t *testing.T) {
	t.Parallel()
	r, err := registry.New("111122223333", "CN-north-1")
	if want := "111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn"; err != nil || r.Host() != want {
		t.Errorf("New = %v, %v; want %s", r, err, want)
	}
	for _, bad := range [][2]string{{"1111", "us-east-1"}, {"111122223333", "nowhere"}, {"111122223333.x", "us-east-1"}, {"", ""}} {
		if r, err := registry.New(bad[0], bad[1]); !errors.Is(err, registry.ErrNotECR) {
			t.Errorf("New(%q, %q) = %v, %v; want ErrNotECR", bad[0], bad[1], r, err)
		}
	}
}

func TestTheSuffixFollowsThePartition(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]string{
		"111122223333.dkr.ecr-fips.us-gov-west-1.amazonaws.com": "amazonaws.com",
		"111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn":      "amazonaws.com.cn",
		"public.ecr.aws": "amazonaws.com",
	} {
		r, err := registry.Parse(host)
		if got := r.DNSSuffix(); err != nil || got != want {
			t.Errorf("the suffix of %s is %q, %v; want %q", host, got, err, want)
		}
	}
}

func TestZeroRegistryHasNoHost(t *testing.T) {
	t.Parallel()
	if got := (registry.Registry{}).Host(); got != "" {
		t.Errorf("Host() = %q, want none", got)
	}
}

// FuzzParse holds the property that makes a cache key safe: whatever is
// accepted names the same host when it is printed and parsed again, and that
// host really stands in the input.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"111122223333.dkr.ecr.us-east-1.amazonaws.com",
		"https://111122223333.dkr.ecr-fips.us-gov-west-1.amazonaws.com:443/app",
		"111122223333.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn/",
		"HTTP://PUBLIC.ECR.AWS/v2/", "ecr-public.aws.com",
		"user@111122223333.dkr.ecr.us-east-1.amazonaws.com",
		"111122223333.dkr.ecr.us-east-1.amazonaws.com.evil.com",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, server string) {
		r, err := registry.Parse(server)
		if err != nil {
			if r != (registry.Registry{}) {
				t.Fatalf("Parse(%q) returned %+v beside an error", server, r)
			}
			return
		}
		again, err := registry.Parse(r.Host())
		if err != nil || again != r {
			t.Fatalf("Parse(%q).Host() = %q, which parses to %+v, %v; want %+v", server, r.Host(), again, err, r)
		}
		if !strings.Contains(strings.ToLower(server), r.Host()) {
			t.Fatalf("Parse(%q) made up the host %q", server, r.Host())
		}
	})
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := registry.Parse("https://111122223333.dkr.ecr.us-east-1.amazonaws.com"); err != nil {
			b.Fatal(err)
		}
	}
}
