package identity

import "strings"

// Prefixes of section names. Only the config file has them; in the
// credentials file a profile goes by its plain name.
const (
	profilePrefix  = "profile "
	ssoPrefix      = "sso-session "
	servicesPrefix = "services "
)

const (
	keyAccessKeyID     = "aws_access_key_id"
	keySecretAccessKey = "aws_secret_access_key"
	keySessionToken    = "aws_session_token"
)

// sharedFiles is the pair of files that profiles are read from.
type sharedFiles struct {
	config, credentials iniFile
}

// section returns a profile, sso-session or services section as the SDK sees
// it once both files are merged. partial tells that one half of a key pair is
// missing, which the SDK refuses.
func (f *sharedFiles) section(name string) (s iniSection, partial, ok bool) {
	s, ok = f.configSection(name)
	partial = ok && halfAPair(s)
	if strings.HasPrefix(name, profilePrefix) {
		return s, partial, ok
	}
	over, found := f.credentials.section(name)
	if !found {
		return s, partial, ok
	}
	partial = halfAPair(over)
	if !ok {
		return over, partial, true
	}
	return merge(s, over), partial, true
}

// configSection finds a section of the config file by the name it goes by
// after the SDK has taken "profile " off: a section with the prefix hides a
// bare one, and bare ones other than the default profile do not count.
func (f *sharedFiles) configSection(name string) (iniSection, bool) {
	if prefixed := profilePrefix + name; f.config.has(prefixed) && !f.hidden(prefixed) {
		return f.config.section(prefixed)
	}
	if strings.HasPrefix(name, ssoPrefix) || strings.HasPrefix(name, servicesPrefix) || strings.EqualFold(name, "default") {
		return f.config.section(name)
	}
	return nil, false
}

// hidden tells whether a prefixed section is replaced before the SDK gets to
// it: [profile profile x] becomes "profile x" and thereby takes the place of
// [profile x], provided that it sorts first.
func (f *sharedFiles) hidden(prefixed string) bool {
	longer := profilePrefix + prefixed
	return longer < prefixed && f.config.has(longer) && !f.hidden(longer)
}

func halfAPair(s iniSection) bool {
	return (s.index(keyAccessKeyID) < 0) != (s.index(keySecretAccessKey) < 0)
}

// merge lays a section of the credentials file over that of the config file.
// The SDK carries over only the keys it lists for that: what is not listed
// stays as the config file has it, even when only the credentials file
// mentions it.
func merge(s, over iniSection) iniSection {
	s = append(iniSection(nil), s...)
	if over.index(keyAccessKeyID) >= 0 && over.index(keySecretAccessKey) >= 0 {
		s = carry(s, over, keyAccessKeyID)
		s = carry(s, over, keySecretAccessKey)
		s = carry(s, over, keySessionToken)
	}
	for i := range over {
		if mergedKey(over[i].key) {
			s = carry(s, over, over[i].key)
		}
	}
	return s
}

func carry(s, over iniSection, key string) iniSection {
	if i := over.index(key); i >= 0 {
		s, _ = s.set(key, over[i].value, over[i].path)
	}
	return s
}

func mergedKey(key string) bool {
	switch key {
	case "role_arn", "source_profile", "credential_source", "external_id", "mfa_serial",
		"role_session_name", "duration_seconds", "credential_process", "web_identity_token_file",
		"sso_session", "sso_account_id", "sso_region", "sso_role_name", "sso_start_url", "login_session",
		"ec2_metadata_service_endpoint_mode", "ec2_metadata_service_endpoint",
		"defaults_mode", "retry_mode", "max_attempts":
		return true
	}
	// The SDK lists more keys; none of those has a say in who the caller is
	// or in whether the configuration loads at all.
	return false
}
