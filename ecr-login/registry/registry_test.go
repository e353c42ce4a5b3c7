package registry_test

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"ecr-credential-helper/ecr-login/internal/lookalikes"
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
	tests := lookalikes.All()
	maps.Copy(tests, map[string]string{
		"nothing":               "",
		"a trailing newline":    host + "\n",
		"a NUL":                 host + "\x00",
		"a tab":                 "\t" + host,
		"a space":               host + " ",
		"a megabyte":            strings.Repeat("a", 1<<20),
		"a megabyte of account": strings.Repeat("1", 1<<20) + host[12:],
	})
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
