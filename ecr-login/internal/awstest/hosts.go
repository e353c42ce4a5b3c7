package awstest

import "strings"

// publicRegion is the only region that ECR Public has.
const publicRegion = "us-east-1"

// placeOfHost tells the service and region of an AWS endpoint's host name; both
// are empty for hosts that are none, such as 127.0.0.1.
func placeOfHost(host string) (service, region string) {
	labels := strings.Split(host, ".")
	if !isAWSDomain(host) {
		return "", ""
	}
	for _, l := range labels {
		if looksLikeRegion(l) {
			region = l
			break
		}
	}
	for _, l := range labels {
		switch l {
		case "ecr", "ecr-fips":
			return "ecr", region
		case "ecr-public":
			return "ecr-public", publicRegion
		case "sts", "sts-fips":
			if region == "" {
				region = "us-east-1" // the global endpoint is signed for this region
			}
			return "sts", region
		case "oidc":
			return "sso-oauth", region
		case "sso":
			return "sso", region
		case "signin":
			return "signin", region
		}
	}
	return "", region
}

func isAWSDomain(host string) bool {
	for _, d := range []string{
		"amazonaws.com", "amazonaws.com.cn", "amazonaws.eu", "api.aws", "aws.amazon.com", "api.amazonwebservices.com.cn",
		"c2s.ic.gov", "sc2s.sgov.gov", "cloud.adc-e.uk", "csp.hci.ic.gov",
	} {
		if strings.HasSuffix(host, "."+d) {
			return true
		}
	}
	return false
}

// serves reports whether a service, as an Endpoint or a host name calls it, has
// the operation. The host oidc.<region> is the service that IAM calls
// sso-oauth.
func serves(service string, op Op) bool {
	if service == "sso-oidc" {
		service = "sso-oauth"
	}
	return op.Service() == service
}

// looksLikeRegion accepts eu-west-1, us-gov-east-1, eusc-de-east-1 and any
// other name of that make.
func looksLikeRegion(s string) bool {
	parts := strings.Split(s, "-")
	if len(parts) < 3 {
		return false
	}
	for i, p := range parts {
		if p == "" {
			return false
		}
		last := i == len(parts)-1
		for _, c := range p {
			letter := 'a' <= c && c <= 'z'
			digit := '0' <= c && c <= '9'
			if last && !digit || !last && !letter {
				return false
			}
		}
	}
	return true
}

// registrySuffix is the domain of registries in a region's partition.
func registrySuffix(region string) string {
	for prefix, suffix := range map[string]string{
		"cn-": "amazonaws.com.cn", "eusc-": "amazonaws.eu", "us-iso-": "c2s.ic.gov", "us-isob-": "sc2s.sgov.gov",
		"eu-isoe-": "cloud.adc-e.uk", "us-isof-": "csp.hci.ic.gov",
	} {
		if strings.HasPrefix(region, prefix) {
			return suffix
		}
	}
	return "amazonaws.com"
}
