package identity

import (
	"strconv"
	"strings"
)

// maxCompressionThreshold is the SDK's limit for the size, in bytes, from
// which a request is compressed.
const maxCompressionThreshold = 10485760

// environment reads variables the way the SDK does: an empty one is absent.
type environment struct {
	lookup func(string) (string, bool)
}

func (e environment) get(names ...string) string {
	if e.lookup == nil {
		return ""
	}
	for _, name := range names {
		if v, _ := e.lookup(name); v != "" {
			return v
		}
	}
	return ""
}

// has tells whether a variable exists, be it empty.
func (e environment) has(name string) bool {
	if e.lookup == nil {
		return false
	}
	_, ok := e.lookup(name)
	return ok
}

// accessKeyID returns the ID of the key in the environment, or nothing when
// its secret half is missing.
func (e environment) accessKeyID() string {
	if e.get("AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY") == "" {
		return ""
	}
	return e.get("AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY")
}

// check refuses what makes the SDK refuse to load anything: a bad value in
// one of the variables it parses, whether or not it matters here.
func (e environment) check() error {
	for _, name := range [...]string{
		"AWS_DISABLE_REQUEST_COMPRESSION",
		"AWS_DISABLE_CLOCK_SKEW_CORRECTION",
		"AWS_S3_USE_ARN_REGION",
		"AWS_EC2_METADATA_V1_DISABLED",
		"AWS_S3_DISABLE_MULTIREGION_ACCESS_POINTS",
		"AWS_USE_DUALSTACK_ENDPOINT",
		"AWS_USE_FIPS_ENDPOINT",
		"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
		"AWS_S3_DISABLE_EXPRESS_SESSION_AUTH",
	} {
		if v := e.get(name); v != "" && !validBool(v) {
			return badVariable(name)
		}
	}
	for _, c := range [...]struct {
		name  string
		valid func(string) bool
	}{
		{"AWS_REQUEST_MIN_COMPRESSION_SIZE_BYTES", validThreshold},
		{"AWS_ENABLE_ENDPOINT_DISCOVERY", func(v string) bool { return validBool(v) || strings.EqualFold(v, "auto") }},
		{"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", validIMDSMode},
		{"AWS_DEFAULTS_MODE", validDefaultsMode},
		{"AWS_MAX_ATTEMPTS", validDecimal},
		{"AWS_RETRY_MODE", func(v string) bool { return v == "standard" || v == "adaptive" }},
		{"AWS_ACCOUNT_ID_ENDPOINT_MODE", validAccountIDMode},
		{"AWS_REQUEST_CHECKSUM_CALCULATION", validChecksumMode},
		{"AWS_RESPONSE_CHECKSUM_VALIDATION", validChecksumMode},
		{"AWS_RESTRICT_FILE_PERMISSIONS", func(v string) bool {
			v = strings.ToLower(v)
			return v == "user_read_write" || v == "unrestricted"
		}},
	} {
		if v := e.get(c.name); v != "" && !c.valid(v) {
			return badVariable(c.name)
		}
	}
	return nil
}

func badVariable(name string) error {
	return uncertain("environment variable ", name, " has a value that the AWS SDK refuses")
}

func validBool(v string) bool {
	return strings.EqualFold(v, "true") || strings.EqualFold(v, "false")
}

func validDecimal(v string) bool {
	_, err := strconv.ParseInt(v, 10, 64)
	return err == nil
}

func validThreshold(v string) bool {
	n, err := strconv.ParseInt(v, 10, 64)
	return err == nil && 0 <= n && n <= maxCompressionThreshold
}

func validIMDSMode(v string) bool {
	v = strings.TrimSpace(v)
	return v == "" || strings.EqualFold(v, "IPv4") || strings.EqualFold(v, "IPv6")
}

func validDefaultsMode(v string) bool {
	for _, mode := range [...]string{"auto", "cross-region", "in-region", "legacy", "mobile", "standard"} {
		if strings.EqualFold(v, mode) {
			return true
		}
	}
	return false
}

func validAccountIDMode(v string) bool {
	return v == "preferred" || v == "required" || v == "disabled"
}

func validChecksumMode(v string) bool {
	v = strings.ToLower(v)
	return v == "when_supported" || v == "when_required"
}
