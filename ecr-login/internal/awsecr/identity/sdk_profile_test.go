package identity

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
)

var rounds = flag.Int("identity.rounds", 600, "rounds of every test that generates its cases")

// view is what this package and the SDK both say about a profile.
type view struct {
	Name, AccessKeyID                                       string
	RoleARN, ExternalID, MFASerial, SessionName, SourceName string
	Duration                                                int64
	CredentialSource, TokenFile, Process                    string
	SSOSession, SSORegion, SSOStartURL, SSOAccount, SSORole string
	Session                                                 string
	LoginSession, IMDSEndpoint, EndpointURL, Ignore         string
	ECR, STS                                                string
	Source                                                  *view
}

func viewOurs(p *profile) *view {
	if p == nil {
		return nil
	}
	v := &view{
		p.name, p.accessKeyID,
		p.roleARN, p.externalID, p.mfaSerial, p.sessionName, p.sourceName,
		p.duration,
		p.credentialSource, p.tokenFile, p.process,
		p.ssoSession, p.ssoRegion, p.ssoStartURL, p.ssoAccountID, p.ssoRoleName,
		"",
		p.loginSession, p.imdsEndpoint, p.endpointURL, p.ignoreEndpoints,
		"", "",
		viewOurs(p.source),
	}
	if p.session != nil {
		v.Session = fmt.Sprintf("%q %q", p.session.region, p.session.startURL)
	}
	v.ECR, v.STS = show(p.services.nested("ecr", "endpoint_url")), show(p.services.nested("sts", "endpoint_url"))
	return v
}

func show(s string, ok bool) string { return fmt.Sprintf("%q %v", s, ok) }

func viewSDK(c *config.SharedConfig) *view {
	if c == nil {
		return nil
	}
	v := &view{
		c.Profile, c.Credentials.AccessKeyID,
		c.RoleARN, c.ExternalID, c.MFASerial, c.RoleSessionName, c.SourceProfileName,
		0,
		c.CredentialSource, c.WebIdentityTokenFile, c.CredentialProcess,
		c.SSOSessionName, c.SSORegion, c.SSOStartURL, c.SSOAccountID, c.SSORoleName,
		"",
		c.LoginSession, c.EC2IMDSEndpoint, c.BaseEndpoint, "",
		"", "",
		viewSDK(c.Source),
	}
	if d := c.RoleDurationSeconds; d != nil && *d/time.Minute > 15 {
		v.Duration = int64(*d / time.Second)
	}
	if c.SSOSession != nil {
		v.Session = fmt.Sprintf("%q %q", c.SSOSession.SSORegion, c.SSOSession.SSOStartURL)
	}
	if c.IgnoreConfiguredEndpoints != nil {
		v.Ignore = strconv.FormatBool(*c.IgnoreConfiguredEndpoints)
	}
	get := func(service string) string {
		s, ok := c.Services.ServiceValues[service]["endpoint_url"]
		return show(s, ok)
	}
	v.ECR, v.STS = get("ecr"), get("sts")
	return v
}

// askSDK loads a profile with the SDK. Its parser can panic.
func askSDK(name, configFile, credentialsFile string) (v *view, exists bool, err error) {
	defer func() {
		if p := recover(); p != nil {
			exists, err = true, fmt.Errorf("panic: %v", p)
		}
	}()
	c, err := config.LoadSharedConfigProfile(context.Background(), name, func(o *config.LoadSharedConfigOptions) {
		o.ConfigFiles, o.CredentialsFiles = []string{configFile}, []string{credentialsFile}
	})
	var missing config.SharedConfigProfileNotExistError
	if errors.As(err, &missing) && missing.Profile == name && !errors.As(err, new(config.SharedConfigAssumeRoleError)) {
		return nil, false, nil
	}
	if err != nil {
		return nil, true, err
	}
	return viewSDK(&c), true, nil
}

func askUs(name, configFile, credentialsFile string) (*view, bool, error) {
	files, err := new(fileReader).loadShared(environment{func(k string) (string, bool) {
		switch k {
		case "AWS_CONFIG_FILE":
			return configFile, true
		case "AWS_SHARED_CREDENTIALS_FILE":
			return credentialsFile, true
		}
		return "", false
	}}, func() (string, error) { return "", errors.New("no home needed") })
	if err != nil {
		return nil, true, err
	}
	reader := profileReader{files: files}
	p, exists, err := reader.read(name)
	if err != nil || !exists {
		return nil, exists, err
	}
	return viewOurs(p), true, nil
}

// compareProfile fails when the SDK and this package differ over a profile.
func compareProfile(t *testing.T, dir, name, configText, credentialsText string) {
	t.Helper()
	configFile, credentialsFile := filepath.Join(dir, "config"), filepath.Join(dir, "credentials")
	for path, text := range map[string]string{configFile: configText, credentialsFile: credentialsText} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, wantExists, wantErr := askSDK(name, configFile, credentialsFile)
	got, exists, err := askUs(name, configFile, credentialsFile)
	switch {
	case (err != nil) != (wantErr != nil):
		t.Errorf("we say %v, the SDK says %v", err, wantErr)
	case exists != wantExists:
		t.Errorf("exists: we say %v, the SDK says %v", exists, wantExists)
	case !reflect.DeepEqual(got, want):
		t.Errorf("we see\n%+v\nthe SDK sees\n%+v", describe(got), describe(want))
	}
}

func describe(v *view) string {
	if v == nil {
		return "nothing"
	}
	s := fmt.Sprintf("%+v", *v)
	if v.Source != nil {
		s += "\n  from " + describe(v.Source)
	}
	return s
}

// oddities are shared config files that only a faithful reader understands.
var oddities = map[string]struct{ profile, config, credentials string }{
	"plain":                               {"a", "[profile a]\nrole_arn = r\nsource_profile = b\n[profile b]\ncredential_process = x\n", ""},
	"no prefix in the config file":        {"a", "[a]\naws_access_key_id=k\naws_secret_access_key=s\n", ""},
	"prefix in the credentials file":      {"a", "", "[profile a]\naws_access_key_id=k\naws_secret_access_key=s\n"},
	"prefix hides bare name":              {"a", "[profile a]\nregion=x\n[a]\ncredential_process=y\n", ""},
	"prefixed default wins":               {"default", "[profile default]\ncredential_process=p\n[default]\ncredential_process=d\nsso_region=x\n", ""},
	"upper case default":                  {"DEFAULT", "[DEFAULT]\ncredential_process=d\n", ""},
	"upper case default is not default":   {"default", "[DEFAULT]\ncredential_process=d\n", ""},
	"profile of a profile":                {"profile a", "[profile profile a]\ncredential_process=1\n[profile a]\ncredential_process=2\n", ""},
	"hidden by a profile of a profile":    {"x", "[profile profile x]\ncredential_process=1\n[profile x]\ncredential_process=2\n", ""},
	"not hidden, sorts later":             {"a", "[profile profile a]\ncredential_process=1\n[profile a]\ncredential_process=2\n", ""},
	"three prefixes":                      {"x", "[profile profile profile x]\nregion=1\n[profile profile x]\ncredential_process=1\n[profile x]\ncredential_process=2\n", ""},
	"profile named like an sso-session":   {"sso-session s", "[profile sso-session s]\ncredential_process=1\n[sso-session s]\nsso_region=r\n", ""},
	"spaces in the heading":               {"a b", "  [  profile\t  a b  ]  # c\ncredential_process=1\n", ""},
	"quoted name keeps its quotes":        {`"a"`, "[profile \"a\"]\ncredential_process=1\n", ""},
	"quoted name is not the bare one":     {"a", "[profile \"a\"]\ncredential_process=1\n", ""},
	"comment inside the brackets":         {"a", "[profile a # b]\ncredential_process=1\n[profile a]\ncredential_process=2\n", ""},
	"comment behind the heading":          {"a", "[profile a];c\ncredential_process=1\n", ""},
	"text behind the heading":             {"a", "[profile a] x\ncredential_process=1\n", ""},
	"byte order mark":                     {"default", "\ufeff[default]\ncredential_process=1\n", ""},
	"CRLF":                                {"a", "[profile a]\r\nrole_arn = r\r\ncredential_source = Environment\r\n\r\n", ""},
	"carriage returns alone":              {"a", "[profile a]\rrole_arn = r\rcredential_source = Environment\r", ""},
	"tabs":                                {"a", "[profile\ta]\ncredential_process\t=\tx y\t# c\n", ""},
	"colon as separator":                  {"a", "[profile a]\ncredential_process: x=y\n", ""},
	"upper case keys":                     {"a", "[profile a]\nRole_ARN = r\nCREDENTIAL_SOURCE = Environment\n", ""},
	"kelvin sign in a key":                {"a", "[profile a]\naws_access_\u212aey_id=k\naws_secret_access_key=s\n", ""},
	"quoted values":                       {"a", "[profile a]\ncredential_process = 'x y'\nexternal_id = \"\"\nsso_region='a\"\n", ""},
	"a lone quote anywhere":               {"a", "[profile a]\ncredential_process = x\n[other]\nfoo = '\n", ""},
	"a lone double quote, nested":         {"a", "[profile a]\ns3 =\n  x = \"\n", ""},
	"a quote behind a heading's comment":  {"a", "[profile a]#='\ncredential_process = x\n", ""},
	"a lone quote in a comment":           {"a", "[profile a]\n# foo = '\ncredential_process = x ; '\n", ""},
	"a lone quote before a comment":       {"a", "[profile a]\nx = ' # y\ncredential_process = x\n", ""},
	"a lone quote before any section":     {"a", "x = '\n[profile a]\ncredential_process = x\n", ""},
	"hash without a blank":                {"a", "[profile a]\ncredential_process = x#y;z\n", ""},
	"comment sign at once":                {"a", "[profile a]\ncredential_process = # y\n", ""},
	"indented heading":                    {"a", "   [profile a]\ncredential_process = x\n", ""},
	"unicode space before the heading":    {"a", "\u00a0[profile a]\ncredential_process = x\n", ""},
	"indented property":                   {"a", "[profile a]\n  credential_process = x # c\n", ""},
	"indented after a value":              {"a", "[profile a]\nregion = r\n  credential_process = x # c\n", ""},
	"indented after an empty value":       {"a", "[profile a]\ns3 =\n  credential_process = x\nrole_arn=r\n", ""},
	"continuation":                        {"a", "[profile a]\ncredential_process = x\n  more stuff # not a comment\n\tand more \n", ""},
	"continuation of nothing":             {"a", "[profile a]\n  more\ncredential_process =\n  more\n", ""},
	"continuation across a heading":       {"a", "[profile a]\ncredential_process = x\n[profile b]\n  more\n", ""},
	"continuation with a colon":           {"a", "[profile a]\ncredential_process = x\n  --url https://h\n", ""},
	"continuation after a blank line":     {"a", "[profile a]\ncredential_process = x\n\n# c\n  more\n", ""},
	"empty key":                           {"a", "[profile a]\n= x\n  credential_process = y\n  more\n", ""},
	"empty key ends nesting":              {"a", "[profile a]\ns3 =\n= x\n  credential_process = y\n", ""},
	"duplicate section adds":              {"a", "[profile a]\nrole_arn = r\n[profile b]\n[profile a]\ncredential_source = Environment\nrole_arn = q\n", ""},
	"duplicate key, nested then plain":    {"a", "[profile a]\nservices =\n  x = y\nservices = s\n[services s]\necr =\n  endpoint_url = e\nsts =\n  ENDPOINT_URL = 'f' # g\n", ""},
	"services only in credentials":        {"a", "[profile a]\nservices = s\n", "[services s]\necr =\n  endpoint_url = e\n"},
	"services in both":                    {"a", "[profile a]\nservices = s\n[services s]\necr =\n  endpoint_url = e\n", "[services s]\necr =\n  endpoint_url = f\n"},
	"missing services section":            {"a", "[profile a]\nservices = s\nendpoint_url = u\nignore_configured_endpoint_urls = TRUE\n", ""},
	"credentials win":                     {"a", "[profile a]\naws_access_key_id=k1\naws_secret_access_key=s1\naws_session_token=t\n", "[a]\naws_access_key_id=k2\naws_secret_access_key=s2\n"},
	"credentials lose what is unlisted":   {"a", "[profile a]\nregion=r\n", "[a]\nendpoint_url=u\nservices=s\ncredential_process=x\n"},
	"credentials alone keep it":           {"a", "", "[a]\nendpoint_url=u\nignore_configured_endpoint_urls=no\n"},
	"empty value overrides":               {"a", "[profile a]\nrole_arn=r\ncredential_source=Environment\n", "[a]\nrole_arn=\n"},
	"nested value overrides with nothing": {"a", "[profile a]\ncredential_process=x\n", "[a]\ncredential_process=\n  y=z\n"},
	"half a pair in config":               {"a", "[profile a]\naws_access_key_id=k\n", ""},
	"half a pair, forgiven by the other":  {"a", "[profile a]\naws_access_key_id=k\n", "[a]\nregion=x\n"},
	"halves in two files":                 {"a", "[profile a]\naws_access_key_id=k\n", "[a]\naws_secret_access_key=s\n"},
	"empty pair":                          {"a", "[profile a]\naws_access_key_id=\naws_secret_access_key=\ncredential_process=x\n", ""},
	"half empty pair":                     {"a", "[profile a]\naws_access_key_id=k\naws_secret_access_key=\n", ""},
	"role without arn":                    {"a", "[profile a]\nsource_profile=b\n[profile b]\ncredential_process=x\n", ""},
	"two sources":                         {"a", "[profile a]\nrole_arn=r\nsource_profile=b\ncredential_process=y\n[profile b]\ncredential_process=x\n", ""},
	"source is missing":                   {"a", "[profile a]\nrole_arn=r\nsource_profile=b\n", ""},
	"source has nothing":                  {"a", "[profile a]\nrole_arn=r\nsource_profile=b\n[profile b]\nregion=x\n", ""},
	"source has a login only":             {"a", "[profile a]\nrole_arn=r\nsource_profile=b\n[profile b]\nlogin_session=arn\n", ""},
	"source has half a pair":              {"a", "[profile a]\nrole_arn=r\nsource_profile=b\n", "[b]\naws_access_key_id=k\n"},
	"source of itself, keys":              {"a", "[profile a]\nrole_arn=r\nsource_profile=a\nexternal_id=e\n", "[a]\naws_access_key_id=k\naws_secret_access_key=s\n"},
	"source of itself, nothing":           {"a", "[profile a]\nrole_arn=r\nsource_profile=a\n", ""},
	"source of itself, sso":               {"a", "[profile a]\nrole_arn=r\nsource_profile=a\nsso_session=s\nsso_account_id=1\n[sso-session s]\nsso_region=x\n", ""},
	"circle with keys":                    {"a", "[profile a]\nrole_arn=r\nsource_profile=b\naws_access_key_id=k\naws_secret_access_key=s\n[profile b]\nrole_arn=q\nsource_profile=a\n", ""},
	"circle without keys":                 {"a", "[profile a]\nrole_arn=r\nsource_profile=b\n[profile b]\nrole_arn=q\nsource_profile=a\n", ""},
	"circle that misses the start":        {"a", "[profile a]\nrole_arn=r\nsource_profile=b\n[profile b]\nrole_arn=q\nsource_profile=c\n[profile c]\nrole_arn=p\nsource_profile=b\ncredential_process=\n", ""},
	"nested keys end the chain":           {"a", "[profile a]\nrole_arn=r\nsource_profile=b\n[profile b]\nrole_arn=q\nsource_profile=c\naws_access_key_id=k\naws_secret_access_key=s\n", ""},
	"sso-session in the credentials":      {"a", "[profile a]\nsso_session= s \n", "[sso-session s]\nsso_region=r\nsso_start_url=u\n"},
	"sso-session is missing":              {"a", "[profile a]\nsso_session=s\naws_access_key_id=k\naws_secret_access_key=s\n", ""},
	"duration":                            {"a", "[profile a]\nrole_arn=r\ncredential_source=Environment\nduration_seconds=0xe10\n", ""},
	"short duration":                      {"a", "[profile a]\nrole_arn=r\ncredential_source=Environment\nduration_seconds=959\n", ""},
	"duration that overflows":             {"a", "[profile a]\nrole_arn=r\ncredential_source=Environment\nduration_seconds=9223372036854775807\n", ""},
	"bad retry mode":                      {"a", "[profile a]\nretry_mode=legacy\ncredential_process=x\n", ""},
	"bad number of attempts":              {"a", "[profile a]\nmax_attempts=x\n", ""},
	"bad metadata mode":                   {"a", "[profile a]\nec2_metadata_service_endpoint_mode=ipv5\n", ""},
	"bad defaults mode":                   {"a", "[profile a]\ndefaults_mode=fast\n", ""},
	"odd but good defaults mode":          {"a", "[profile a]\ndefaults_mode=\u017ftandard\n", ""},
	"bad compression":                     {"a", "[profile a]\ndisable_request_compression=True\n", ""},
	"bad threshold":                       {"a", "[profile a]\nrequest_min_compression_size_bytes=10485761\n", ""},
	"bad account mode":                    {"a", "[profile a]\naccount_id_endpoint_mode=x\n", ""},
	"bad checksum mode":                   {"a", "[profile a]\nresponse_checksum_validation=x\n", ""},
	"bad setting overridden":              {"a", "[profile a]\nretry_mode=legacy\n", "[a]\nretry_mode=standard\n"},
	"bad setting not overridden":          {"a", "[profile a]\naccount_id_endpoint_mode=x\n", "[a]\naccount_id_endpoint_mode=required\n"},
	"bad setting in the source":           {"a", "[profile a]\nrole_arn=r\nsource_profile=b\n[profile b]\ncredential_process=x\nmax_attempts=\n", ""},
	"no such profile":                     {"a", "[profile b]\n", "[c]\n"},
	"empty file":                          {"default", "", ""},
	"empty brackets":                      {"a", "[]\nx=y\n[profile a]\ncredential_process=x\n[ ]\nrole_arn=z\n", "[]\n"},
	"bracket alone":                       {"a", "[\n]\n[profile a]\ncredential_process=x\n[b=c\nrole_arn=z\n", ""},
	"nul and invalid utf-8":               {"a", "[profile a]\ncredential_process=x\x00\xff\n\xff[profile b]\n", ""},
	"no final newline":                    {"a", "[profile a]\ncredential_process=x", ""},
	"heading at the end":                  {"a", "[profile b]\n[profile a]", ""},
}

func TestProfilesReadAsTheSDKReadsThem(t *testing.T) {
	t.Parallel()
	for name, c := range oddities {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			compareProfile(t, t.TempDir(), c.profile, c.config, c.credentials)
		})
	}
}

// TestRandomFilesReadAsTheSDKReadsThem puts files together from pieces that
// meet in odd ways far more often than a fuzzer's do.
func TestRandomFilesReadAsTheSDKReadsThem(t *testing.T) {
	t.Parallel()
	headings := []string{
		"[default]", "[profile default]", "[profile a]", "[a]", "[profile b]", "[b]", "[profile profile a]", "[profile z]",
		"[profile profile z]", "[sso-session s]", "[profile sso-session s]", "[services v]", " [ profile\ta ] ; x", "[]", "[c",
	}
	keys := []string{
		"aws_access_key_id", "aws_secret_access_key", "aws_session_token", "role_arn", "source_profile", "credential_source",
		"external_id", "mfa_serial", "role_session_name", "duration_seconds", "credential_process", "web_identity_token_file",
		"sso_session", "sso_region", "sso_start_url", "sso_account_id", "sso_role_name", "login_session", "services", "ecr", "sts",
		"endpoint_url", "ignore_configured_endpoint_urls", "ec2_metadata_service_endpoint", "max_attempts", "Role_ARN", "",
	}
	values := []string{"", "", "a", "b", "z", "default", "s", "v", "7", "3600", "x y", "'q'", "x # c", "x;c", "# c", "true", "a: b", "profile a"}
	separators := []string{"=", " = ", ":", "\t=", " "}
	indents := []string{"", "", "", "", "  ", "\t"}
	ends := []string{"\n", "\n", "\n", "\r\n", "\n\n", " \n", "\n# c\n"}
	names := []string{"default", "a", "b", "z", "profile a", "profile z", "sso-session s"}
	rng := rand.New(rand.NewPCG(3, 1))
	pick := func(from []string) string { return from[rng.IntN(len(from))] }
	file := func() string {
		var b strings.Builder
		for range rng.IntN(30) {
			if rng.IntN(4) == 0 {
				b.WriteString(pick(headings) + pick(ends))
				continue
			}
			b.WriteString(pick(indents) + pick(keys) + pick(separators) + pick(values) + pick(ends))
		}
		return b.String()
	}
	dir := t.TempDir()
	for range *rounds {
		configText, credentialsText := file(), file()
		for _, name := range names {
			if compareProfile(t, dir, name, configText, credentialsText); t.Failed() {
				t.Fatalf("profile %q, config:\n%s\ncredentials:\n%s", name, configText, credentialsText)
			}
		}
	}
}

func FuzzProfilesReadAsTheSDKReadsThem(f *testing.F) {
	for _, c := range oddities {
		f.Add(c.profile, c.config, c.credentials)
	}
	f.Fuzz(func(t *testing.T, name, configText, credentialsText string) {
		if name == "" || strings.ContainsRune(name, 0) {
			return // neither an option nor the environment can say so
		}
		compareProfile(t, t.TempDir(), name, configText, credentialsText)
	})
}
