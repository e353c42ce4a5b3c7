package identity

import (
	"strconv"
	"strings"
	"time"
)

// maxSources bounds a chain of source profiles. AWS lets a role session live
// an hour at most once roles are chained, so real chains have two or three
// links; the bound keeps a hostile file from costing quadratic time.
const maxSources = 64

// profile is what decides who is behind a profile, with the profile that it
// takes its first credentials from, if any.
type profile struct {
	name string

	accessKeyID string // empty unless the pair is complete

	roleARN     string
	externalID  string
	mfaSerial   string
	sessionName string
	duration    int64 // seconds; 0 leaves it to the SDK
	sourceName  string
	source      *profile

	credentialSource string
	tokenFile        string
	process          string
	processFile      string

	ssoSession   string
	ssoRegion    string
	ssoStartURL  string
	ssoAccountID string
	ssoRoleName  string
	session      *ssoSession

	loginSession string

	imdsEndpoint    string
	imdsMode        string
	endpointURL     string
	ignoreEndpoints string // "", "true" or "false"
	services        iniSection
}

type ssoSession struct{ region, startURL string }

// profileReader follows profiles through the files.
type profileReader struct {
	files *sharedFiles
	seen  []string
}

// read returns a profile and, recursively, the source of its role. exists is
// false when there is no such profile, which is for the caller to judge.
func (r *profileReader) read(name string) (p *profile, exists bool, err error) {
	if len(r.seen) > maxSources {
		return nil, true, uncertain("the chain of source profiles that leads to profile ", quoted(name), " is too long")
	}
	s, partial, ok := r.files.section(name)
	if !ok {
		return nil, false, nil
	}
	if partial {
		return nil, true, uncertain("profile ", quoted(name), " has one half of an access key")
	}
	if key := invalidSetting(s); key != "" {
		return nil, true, uncertain("profile ", quoted(name), " has a bad value for ", key)
	}
	p = newProfile(name, s)

	again := r.hasSeen(name)
	if again {
		// A profile that is its own source lends its credentials, not its role.
		p.roleARN, p.externalID, p.mfaSerial, p.sessionName, p.sourceName = "", "", "", "", ""
	} else if p.roleARN == "" && (p.sourceName != "" || p.credentialSource != "" || p.tokenFile != "") {
		return nil, true, uncertain("profile ", quoted(name), " names a source of credentials for a role but no role_arn")
	}
	if len(r.seen) > 0 && p.accessKeyID != "" {
		return p, true, nil
	}
	if !again {
		r.seen = append(r.seen, name)
	}
	if moreThanOne(p.sourceName != "", p.credentialSource != "", p.process != "", p.tokenFile != "") {
		return nil, true, uncertain("profile ", quoted(name), " has more than one source of credentials")
	}
	if p.sourceName != "" {
		if err := r.link(p); err != nil {
			return nil, true, err
		}
	}
	if p.ssoSession != "" {
		s, _, ok := r.files.section(ssoPrefix + strings.TrimSpace(p.ssoSession))
		if !ok {
			return nil, true, uncertain("profile ", quoted(name), " names an sso-session that does not exist: ", quoted(p.ssoSession))
		}
		p.session = &ssoSession{region: s.value("sso_region"), startURL: s.value("sso_start_url")}
	}
	if name := s.value("services"); name != "" {
		p.services, _, _ = r.files.section(servicesPrefix + name)
	}
	return p, true, nil
}

// link reads the source profile of a role. A role with a source profile
// ignores every credential in its own profile.
func (r *profileReader) link(p *profile) error {
	p.accessKeyID, p.credentialSource, p.process, p.tokenFile = "", "", "", ""
	p.ssoAccountID, p.ssoRegion, p.ssoRoleName, p.ssoStartURL = "", "", "", ""
	source, exists, err := r.read(p.sourceName)
	switch {
	case err != nil:
		return err
	case !exists:
		return uncertain("profile ", quoted(p.name), " names a source_profile that does not exist: ", quoted(p.sourceName))
	case !source.canLend():
		return uncertain("source_profile ", quoted(p.sourceName), " of profile ", quoted(p.name), " has no credentials")
	}
	p.source = source
	return nil
}

func (r *profileReader) hasSeen(name string) bool {
	for _, s := range r.seen {
		if s == name {
			return true
		}
	}
	return false
}

// canLend says whether the SDK accepts the profile as a source. A login
// session alone does not count.
func (p *profile) canLend() bool {
	return p.sourceName != "" || p.credentialSource != "" || p.process != "" || p.tokenFile != "" ||
		p.hasSSO() || p.accessKeyID != ""
}

func (p *profile) hasSSO() bool {
	return p.ssoSession != "" || p.ssoRegion != "" || p.ssoAccountID != "" || p.ssoStartURL != "" || p.ssoRoleName != ""
}

func newProfile(name string, s iniSection) *profile {
	p := &profile{name: name}
	for i := range s {
		v := s[i].value
		switch s[i].key {
		case keyAccessKeyID:
			if s.value(keySecretAccessKey) != "" {
				p.accessKeyID = v
			}
		case "role_arn":
			p.roleARN = v
		case "external_id":
			p.externalID = v
		case "mfa_serial":
			p.mfaSerial = v
		case "role_session_name":
			p.sessionName = v
		case "duration_seconds":
			p.duration = roleDuration(v)
		case "source_profile":
			p.sourceName = v
		case "credential_source":
			p.credentialSource = v
		case "web_identity_token_file":
			p.tokenFile = v
		case "credential_process":
			p.process, p.processFile = v, s[i].path
		case "sso_session":
			p.ssoSession = v
		case "sso_region":
			p.ssoRegion = v
		case "sso_start_url":
			p.ssoStartURL = v
		case "sso_account_id":
			p.ssoAccountID = v
		case "sso_role_name":
			p.ssoRoleName = v
		case "login_session":
			p.loginSession = v
		case "ec2_metadata_service_endpoint":
			p.imdsEndpoint = v
		case "ec2_metadata_service_endpoint_mode":
			p.imdsMode = v
		case "endpoint_url":
			p.endpointURL = v
		case "ignore_configured_endpoint_urls":
			// Whatever is not "true" counts as false here, unlike in the environment.
			p.ignoreEndpoints = strconv.FormatBool(strings.EqualFold(v, "true"))
		}
	}
	return p
}

// roleDuration returns the seconds that the SDK would ask for, 0 for its
// default: a value that is no number or below 16 minutes is not used.
func roleDuration(v string) int64 {
	n, err := strconv.ParseInt(v, 0, 64)
	if err != nil {
		return 0
	}
	d := time.Duration(n) * time.Second
	if d/time.Minute <= 15 {
		return 0
	}
	return int64(d / time.Second)
}

func moreThanOne(conditions ...bool) bool {
	n := 0
	for _, c := range conditions {
		if c {
			n++
		}
	}
	return n > 1
}

// invalidSetting returns the first key whose value makes the SDK refuse the
// whole profile, or nothing.
func invalidSetting(s iniSection) string {
	for i := range s {
		v, ok := s[i].value, true
		switch s[i].key {
		case "ec2_metadata_service_endpoint_mode":
			ok = validIMDSMode(v)
		case "defaults_mode":
			ok = v == "" || validDefaultsMode(v)
		case "max_attempts":
			_, err := strconv.ParseInt(v, 0, 64)
			ok = err == nil
		case "retry_mode":
			ok = v == "standard" || v == "adaptive"
		case "disable_request_compression", "disable_clock_skew_correction":
			ok = v == "true" || v == "false"
		case "request_min_compression_size_bytes":
			n, err := strconv.ParseInt(v, 0, 64)
			ok = err == nil && 0 <= n && n <= maxCompressionThreshold
		case "account_id_endpoint_mode":
			ok = validAccountIDMode(v)
		case "request_checksum_calculation", "response_checksum_validation":
			ok = validChecksumMode(v)
		}
		if !ok {
			return s[i].key
		}
	}
	return ""
}
