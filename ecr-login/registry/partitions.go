package registry

import "strings"

// partition is one isolated set of AWS regions and the domains its
// registries answer under.
type partition struct {
	id string
	// regionPrefix is what every region of the partition begins with. The
	// commercial partition has none: it owns every region that no other
	// partition claims, so that a region opened tomorrow works today.
	regionPrefix string
	// suffix ends the hosts of the form <account>.dkr.ecr.<region>.<suffix>.
	suffix string
	// dualStackSuffix ends the hosts of the form
	// <account>.dkr-ecr.<region>.<suffix>; empty where AWS offers none.
	dualStackSuffix string
}

// partitions lists what AWS documents under "Amazon ECR endpoints and quotas"
// and in the partitions file of its SDKs. The commercial partition is the
// last entry because it takes what the others leave.
var partitions = [...]partition{
	{"aws-cn", "cn-", "amazonaws.com.cn", "on.amazonwebservices.com.cn"},
	{"aws-us-gov", "us-gov-", "amazonaws.com", "on.aws"},
	{"aws-eusc", "eusc-", "amazonaws.eu", ""},
	{"aws-iso", "us-iso-", "c2s.ic.gov", ""},
	{"aws-iso-b", "us-isob-", "sc2s.sgov.gov", ""},
	{"aws-iso-e", "eu-isoe-", "cloud.adc-e.uk", ""},
	{"aws-iso-f", "us-isof-", "csp.hci.ic.gov", ""},
	{"aws", "", "amazonaws.com", "on.aws"},
}

// partitionOf returns the partition that owns region.
func partitionOf(region string) *partition {
	for i := range partitions {
		if strings.HasPrefix(region, partitions[i].regionPrefix) {
			return &partitions[i]
		}
	}
	panic("unreachable: the commercial partition has an empty prefix")
}

// Samples returns one host of every form: private, FIPS and dual-stack in every
// partition, and public. They are for telling whether a pattern can match any.
func Samples() []string {
	const account = "000000000000"
	hosts := []string{publicHost, publicDualStackHost}
	for i := range partitions {
		p := &partitions[i]
		region := p.regionPrefix + "north-1"
		if p.regionPrefix == "" {
			region = "us-north-1"
		}
		for _, name := range [...]string{"dkr.ecr.", "dkr.ecr-fips."} {
			hosts = append(hosts, account+"."+name+region+"."+p.suffix)
		}
		for _, name := range [...]string{"dkr-ecr.", "dkr-ecr-fips."} {
			if p.dualStackSuffix != "" {
				hosts = append(hosts, account+"."+name+region+"."+p.dualStackSuffix)
			}
		}
	}
	return hosts
}

// SamePartition reports whether two strings can be regions of one partition.
func SamePartition(a, b string) bool {
	return validRegion(a) && validRegion(b) && partitionOf(a) == partitionOf(b)
}

// validRegion reports whether s has the shape of a region name: words of
// letters and digits joined by dashes, at least three of them, beginning with
// letters and ending in a number (us-east-1, us-isob-east-1, eusc-de-east-1).
func validRegion(s string) bool {
	const longest = 32
	if len(s) > longest {
		return false
	}
	words := 0
	for word := range strings.SplitSeq(s, "-") {
		words++
		if word == "" {
			return false
		}
		for i := 0; i < len(word); i++ {
			letter := 'a' <= word[i] && word[i] <= 'z'
			if !letter && (words == 1 || !isDigit(word[i])) {
				return false
			}
		}
	}
	last := s[strings.LastIndexByte(s, '-')+1:]
	return words >= 3 && allDigits(last)
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func allDigits(s string) bool {
	for i := 0; i < len(s); i++ {
		if !isDigit(s[i]) {
			return false
		}
	}
	return s != ""
}
