package awsecr

import (
	"slices"
	"strings"
	"testing"

	"ecr-credential-helper/ecr-login/internal/awstest"
)

// kinds are hosts of every kind with the endpoint of the API that hands out
// their passwords: https://docs.aws.amazon.com/general/latest/gr/ecr.html and
// ecr-public.html beside it.
func kinds() []struct{ name, host, api, region string } {
	return []struct{ name, host, api, region string }{
		{"plain", eu, "api.ecr.eu-west-1.amazonaws.com", "eu-west-1"},
		{"a region opened tomorrow", "111122223333.dkr.ecr.xx-tomorrow-7.amazonaws.com", "api.ecr.xx-tomorrow-7.amazonaws.com", "xx-tomorrow-7"},
		{"FIPS", "111122223333.dkr.ecr-fips.us-east-1.amazonaws.com", "ecr-fips.us-east-1.amazonaws.com", "us-east-1"},
		{"dual-stack", "111122223333.dkr-ecr.us-west-2.on.aws", "ecr.us-west-2.api.aws", "us-west-2"},
		{"FIPS and dual-stack", "111122223333.dkr-ecr-fips.us-west-2.on.aws", "ecr-fips.us-west-2.api.aws", "us-west-2"},
		{"GovCloud", "111122223333.dkr.ecr.us-gov-west-1.amazonaws.com", "api.ecr.us-gov-west-1.amazonaws.com", "us-gov-west-1"},
		{"GovCloud, FIPS", "111122223333.dkr.ecr-fips.us-gov-east-1.amazonaws.com", "ecr-fips.us-gov-east-1.amazonaws.com", "us-gov-east-1"},
		{"GovCloud, dual-stack", "111122223333.dkr-ecr.us-gov-west-1.on.aws", "ecr.us-gov-west-1.api.aws", "us-gov-west-1"},
		{"GovCloud, FIPS and dual-stack", "111122223333.dkr-ecr-fips.us-gov-west-1.on.aws", "ecr-fips.us-gov-west-1.api.aws", "us-gov-west-1"},
		{"China", "111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn", "api.ecr.cn-north-1.amazonaws.com.cn", "cn-north-1"},
		{"China, dual-stack", "111122223333.dkr-ecr.cn-northwest-1.on.amazonwebservices.com.cn", "ecr.cn-northwest-1.api.amazonwebservices.com.cn", "cn-northwest-1"},
		{"European Sovereign Cloud", "111122223333.dkr.ecr.eusc-de-east-1.amazonaws.eu", "api.ecr.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1"},
		{"ISO", "111122223333.dkr.ecr.us-iso-east-1.c2s.ic.gov", "api.ecr.us-iso-east-1.c2s.ic.gov", "us-iso-east-1"},
		{"ISO-B", "111122223333.dkr.ecr.us-isob-east-1.sc2s.sgov.gov", "api.ecr.us-isob-east-1.sc2s.sgov.gov", "us-isob-east-1"},
		{"ISO-E", "111122223333.dkr.ecr.eu-isoe-west-1.cloud.adc-e.uk", "api.ecr.eu-isoe-west-1.cloud.adc-e.uk", "eu-isoe-west-1"},
		{"ISO-F", "111122223333.dkr.ecr.us-isof-south-1.csp.hci.ic.gov", "api.ecr.us-isof-south-1.csp.hci.ic.gov", "us-isof-south-1"},
		{"public", public, "api.ecr-public.us-east-1.amazonaws.com", "us-east-1"},
		{"public, dual-stack", "ecr-public.aws.com", "ecr-public.us-east-1.api.aws", "us-east-1"},
	}
}

// throughProxy leads a world's calls of AWS's own names to the fake, and notes
// the names.
func throughProxy(w *world) *awstest.Recorder {
	w.t.Helper()
	if _, err := w.aws.StartTLS(); err != nil {
		w.t.Fatal(err)
	}
	ca, err := w.aws.WriteCA(w.home)
	if err != nil {
		w.t.Fatal(err)
	}
	r := recorder(w.t)
	r.TunnelTo(hostOf(w.aws.TLSURL()))
	w.real().set("HTTPS_PROXY", r.URL(), "AWS_CA_BUNDLE", ca)
	return r
}

func TestEveryKindOfHostReachesItsOwnEndpoint(t *testing.T) {
	t.Parallel()
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, awstest.Options{}).alice()
			r := throughProxy(w)
			// Somewhere else: a token opens the registries of the region that
			// gave it, and of no other.
			w.set("AWS_REGION", "ap-south-1", "AWS_DEFAULT_REGION", "ap-south-2")
			if o := w.fetch(spec{Host: k.host}); o.Sentence != "" {
				t.Fatal(o.Sentence, o.Chain)
			}
			if got, want := r.Hosts(), []string{k.api + ":443"}; !slices.Equal(got, want) {
				t.Errorf("it called %v, want %v", got, want)
			}
			for _, call := range w.aws.Requests() {
				if call.Region != k.region {
					t.Errorf("the call is signed for %s, want %s", call.Region, k.region)
				}
				if !strings.Contains(call.UserAgent, " docker-credential-ecr-login/") {
					t.Errorf("the user agent does not name the helper and its version: %s", call.UserAgent)
				}
			}
		})
	}
}

func TestTheEnvironmentMayAskForMoreThanTheHost(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, host, api string
		variables       []string
	}{
		{"FIPS for a plain host", eu, "ecr-fips.eu-west-1.amazonaws.com", []string{"AWS_USE_FIPS_ENDPOINT", "true"}},
		{"dual-stack for a plain host", eu, "ecr.eu-west-1.api.aws", []string{"AWS_USE_DUALSTACK_ENDPOINT", "true"}},
		{
			"dual-stack for a FIPS host", "111122223333.dkr.ecr-fips.us-east-1.amazonaws.com", "ecr-fips.us-east-1.api.aws",
			[]string{"AWS_USE_DUALSTACK_ENDPOINT", "true"},
		},
		{"FIPS for a dual-stack host", "111122223333.dkr-ecr.us-west-2.on.aws", "ecr-fips.us-west-2.api.aws", []string{"AWS_USE_FIPS_ENDPOINT", "true"}},
		{"both for a plain host", eu, "ecr-fips.eu-west-1.api.aws", []string{"AWS_USE_FIPS_ENDPOINT", "true", "AWS_USE_DUALSTACK_ENDPOINT", "true"}},
		{
			"no FIPS for a FIPS host", "111122223333.dkr.ecr-fips.us-east-1.amazonaws.com", "ecr-fips.us-east-1.amazonaws.com",
			[]string{"AWS_USE_FIPS_ENDPOINT", "false"},
		},
		{"FIPS for the public host, which has none", public, "api.ecr-public.us-east-1.amazonaws.com", []string{"AWS_USE_FIPS_ENDPOINT", "true"}},
		{
			"both for the public host", public, "ecr-public.us-east-1.api.aws",
			[]string{"AWS_USE_FIPS_ENDPOINT", "true", "AWS_USE_DUALSTACK_ENDPOINT", "true"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, awstest.Options{}).alice()
			r := throughProxy(w)
			if o := w.set(test.variables...).fetch(spec{Host: test.host}); o.Sentence != "" {
				t.Fatal(o.Sentence, o.Chain)
			}
			if got, want := r.Hosts(), []string{test.api + ":443"}; !slices.Equal(got, want) {
				t.Errorf("it called %v, want %v", got, want)
			}
		})
	}
}

func TestAnEndpointThatIsNamedIsCalledForEveryKindOfHost(t *testing.T) {
	t.Parallel()
	type where struct{ ecr, public, all string }
	ways := []struct {
		name string
		use  func(*world, where) spec
	}{
		{"AWS_ENDPOINT_URL", func(w *world, e where) spec {
			w.set("AWS_ENDPOINT_URL", e.all)
			return spec{}
		}},
		{"AWS_ENDPOINT_URL_ECR and _ECR_PUBLIC", func(w *world, e where) spec {
			w.set("AWS_ENDPOINT_URL_ECR", e.ecr, "AWS_ENDPOINT_URL_ECR_PUBLIC", e.public)
			return spec{}
		}},
		{"endpoint_url", func(w *world, e where) spec {
			w.config("[default]", "endpoint_url = "+e.all)
			return spec{}
		}},
		{"endpoint_url of services", func(w *world, e where) spec {
			w.config("[profile prod]", "services = local", "aws_access_key_id = "+keyID, "aws_secret_access_key = "+secret,
				"[services local]", "ecr =", "  endpoint_url = "+e.ecr, "ecr_public =", "  endpoint_url = "+e.public)
			return spec{Profile: "prod"}
		}},
	}
	for _, k := range kinds() {
		for _, way := range ways {
			t.Run(k.name+", "+way.name, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, awstest.Options{}).alice().real()
				// The SDK refuses to combine these with a named endpoint.
				w.set("AWS_USE_FIPS_ENDPOINT", "true", "AWS_USE_DUALSTACK_ENDPOINT", "true")
				s := way.use(w, where{w.aws.Endpoint("ecr", k.region), w.aws.Endpoint("ecr-public", "us-east-1"), w.aws.URL()})
				s.Host = k.host
				if o := w.fetch(s); o.Sentence != "" {
					t.Fatal(o.Sentence, o.Chain)
				}
				if got := w.aws.Requests(); len(got) != 1 || got[0].Region != k.region {
					t.Errorf("the calls were %v", got)
				}
			})
		}
	}
}

func TestARoleIsAssumedInTheRegionOfTheHost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, awstest.Options{}).alice()
	r := throughProxy(w)
	if o := w.set("AWS_REGION", "ap-south-1").fetch(spec{Host: "111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn", RoleARN: pull}); o.Sentence != "" {
		t.Fatal(o.Sentence)
	}
	want := []string{"sts.cn-north-1.amazonaws.com.cn:443", "api.ecr.cn-north-1.amazonaws.com.cn:443"}
	if got := r.Hosts(); !slices.Equal(got, want) {
		t.Errorf("it called %v, want %v", got, want)
	}
}
