package identity

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// trial is one generated combination of environment and files.
type trial struct {
	env                 map[string]string
	config, credentials string
	in                  Inputs
	// process tells what a command would see besides; it counts for those
	// trials only in which a command supplied the credentials.
	process string
	// token names the container token, which counts likewise.
	token string
}

// generator makes trials of few different values, so that the same principal
// comes up again and again, by ways that differ in what must not matter.
type generator struct {
	*rand.Rand
	home, real, other string
	temporary         []string // keys for the environment: id, secret, token
	rare              int      // one in how many endpoint settings is made
}

func (g generator) one(n int) bool { return g.IntN(n) == 0 }

func (g generator) pick(from ...string) string { return from[g.IntN(len(from))] }

func (g generator) role() string { return fmt.Sprintf(roleArn, g.IntN(3)) }

func profileNames() []string { return []string{"default", "p1", "p2", "p3"} }

// processes names the files that commands print, one for each place that a
// credential_process can stand in, because place and profile are part of it.
func processes() []string {
	var names []string
	for _, file := range []string{"config", "credentials"} {
		for _, p := range profileNames() {
			for i := range 2 {
				names = append(names, fmt.Sprintf("process-%s-%s-%d", file, p, i))
			}
		}
	}
	return names
}

func (g generator) trial() trial {
	t := trial{env: map[string]string{}}
	config, credentials := map[string][]string{}, map[string][]string{}
	g.rare = 16
	if g.one(4) {
		g.rare = 2 // endpoints are few, their rules are about several at once
	}
	for _, name := range profileNames() {
		if g.one(4) {
			continue
		}
		config[name] = g.body(name, "config")
		if g.one(3) {
			credentials[name] = g.body(name, "credentials")
		}
		if g.one(4) { // move it over
			credentials[name], config[name] = config[name], nil
			for i, line := range credentials[name] {
				credentials[name][i] = strings.Replace(line, "process-config", "process-credentials", 1)
			}
		}
	}
	t.config, t.credentials = g.file(config, "profile "), g.file(credentials, "")
	for i, start := range []string{portal, portal, oldPortal} {
		if !g.one(12) {
			t.config += fmt.Sprintf("[sso-session s%d]\nsso_start_url = %s\nsso_region = eu-west-1\n", i, start)
		}
	}
	t.config += g.services()

	for _, name := range []string{"AWS_PROFILE", "AWS_DEFAULT_PROFILE"} {
		if g.one(3) {
			t.env[name] = g.pick(append(profileNames(), "", "missing")...)
		}
	}
	if g.one(3) {
		t.in.Profile = g.pick(append(profileNames(), "p1", "p2", "p3", "missing")...)
	}
	if g.one(6) {
		t.in.RoleARN, t.in.ExternalID = g.role(), g.pick("", "", "configured")
	}
	g.keys(t.env)
	g.web(t.env)
	t.token = g.container(t.env)
	g.metadata(t.env)
	g.endpoints(t.env)
	g.noise(t.env)
	e := environment{lookupIn(t.env)}
	t.process = strings.Join([]string{
		e.get("AWS_PROFILE"), e.get("AWS_DEFAULT_PROFILE"), e.accessKeyID(), e.get("AWS_ENDPOINT_URL"), e.get("AWS_ENDPOINT_URL_STS"),
	}, " ")
	return t
}

func lookupIn(env map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { v, ok := env[name]; return v, ok }
}

// body is what a profile says.
func (g generator) body(profile, file string) []string {
	var lines []string
	add := func(key, format string, args ...any) {
		lines = append(lines, key+" = "+fmt.Sprintf(format, args...))
	}
	switch g.IntN(11) {
	case 0, 1:
		add("aws_access_key_id", "%s", keyID(g.IntN(2)))
		add("aws_secret_access_key", "secret")
	case 2, 3, 4:
		add("role_arn", "%s", g.role())
		add("source_profile", "%s", g.pick(profileNames()...))
		if g.one(3) {
			add("aws_access_key_id", "%s", keyID(g.IntN(2)))
			add("aws_secret_access_key", "secret")
		}
	case 5:
		add("role_arn", "%s", g.role())
		add("credential_source", "%s", g.pick("Environment", "Ec2InstanceMetadata", "EcsContainer", "Moon"))
	case 6:
		add("credential_process", "cat %s/process-%s-%s-%d", g.home, file, profile, g.IntN(2))
	case 7:
		add("sso_start_url", "%s", oldPortal)
		add("sso_region", "eu-west-1")
		add("sso_account_id", "%s", g.pick("111122223333", "444455556666"))
		add("sso_role_name", "%s", "Admin")
	case 8:
		add("sso_session", "s%d", g.IntN(3))
		add("sso_account_id", "111122223333")
		add("sso_role_name", "%s", g.pick("Admin", "Reader"))
	case 9:
		add("login_session", loginArn, g.IntN(2))
	case 10:
		add("role_arn", "%s", g.role())
		add("web_identity_token_file", "%s/%s", g.home, g.pick("token0", "token1", "opaque", "missing"))
	}
	if g.one(8) {
		add("role_arn", "%s", g.role())
	}
	if g.one(5) {
		add("external_id", "%s", g.pick("e1", "e2"))
	}
	if g.one(6) {
		add("role_session_name", "%s", g.pick("session-a", "session-b"))
	}
	if g.one(8) {
		add("duration_seconds", "%s", g.pick("900", "959", "1200", "3600", "x"))
	}
	if g.one(40) {
		add("mfa_serial", "arn:aws:iam::111122223333:mfa/x")
	}
	if g.one(40) {
		add("aws_access_key_id", "half")
	}
	if g.one(12) {
		add("region", "us-west-2")
	}
	if g.one(g.rare) {
		add("services", "v%d", g.IntN(2))
	}
	if g.one(2 * g.rare) {
		add("endpoint_url", "%s", g.other)
	}
	if g.one(4 * g.rare) {
		add("ignore_configured_endpoint_urls", "%s", g.pick("true", "false"))
	}
	if g.one(25) {
		add("ec2_metadata_service_endpoint", "%s", g.other)
	}
	return lines
}

// file writes sections with the freedom that the format leaves.
func (g generator) file(sections map[string][]string, prefix string) string {
	var b strings.Builder
	for _, name := range profileNames() {
		lines, ok := sections[name]
		if !ok || lines == nil {
			continue
		}
		p := prefix
		if name == "default" && g.one(2) {
			p = ""
		}
		head := "[" + p + name + "]"
		b.WriteString(g.pick(head, head, head+" # x", "[ "+strings.Replace(p, " ", " \t", 1)+name+" ]"))
		b.WriteString(g.pick("\n", "\r\n", "\n\n# comment\n"))
		for _, line := range lines {
			switch g.IntN(8) {
			case 0:
				key, value, _ := strings.Cut(line, " = ")
				line = strings.ToUpper(key) + "='" + value + "'"
			case 1:
				line = strings.Replace(line, " = ", "\t=", 1) + "\t; comment"
			}
			b.WriteString(line + g.pick("\n", "\n", "\r\n", "  \n"))
		}
	}
	if g.one(60) {
		b.WriteString("x = \"\n")
	}
	return b.String()
}

func (g generator) services() string {
	return "[services v0]\nsts =\n  endpoint_url = " + g.other + "\n" +
		"[services v1]\necr =\n  endpoint_url = " + g.pick(g.real, g.other) + "\nsso =\n  endpoint_url = " + g.real + "\n"
}

func (g generator) keys(env map[string]string) {
	switch g.IntN(10) {
	case 0:
		env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"] = keyID(g.IntN(3)), "secret"
	case 1:
		env["AWS_ACCESS_KEY"], env["AWS_SECRET_KEY"] = keyID(g.IntN(3)), "secret"
		if g.one(3) {
			env["AWS_ACCESS_KEY_ID"] = keyID(g.IntN(3))
		}
	case 2:
		env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], env["AWS_SESSION_TOKEN"] = g.temporary[0], g.temporary[1], g.temporary[2]
	case 3:
		env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"] = keyID(0), ""
	}
}

func (g generator) web(env map[string]string) {
	if !g.one(6) {
		return
	}
	env["AWS_WEB_IDENTITY_TOKEN_FILE"] = g.home + "/" + g.pick("token0", "token1", "opaque", "missing")
	if !g.one(8) {
		env["AWS_ROLE_ARN"] = g.role()
	}
	if g.one(3) {
		env["AWS_ROLE_SESSION_NAME"] = g.pick("session-a", "session-b")
	}
}

func (g generator) container(env map[string]string) (token string) {
	switch g.IntN(6) {
	case 0:
		env["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = fmt.Sprintf("/v2/credentials/%d", g.IntN(3))
		if g.one(3) {
			env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = g.real + "/full/0"
		}
	case 1:
		env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = fmt.Sprintf("%s/full/%d", g.pick(g.real, g.real, g.other), g.IntN(3))
		if g.one(4) {
			token = "opaque"
			env["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = token
		}
	case 2:
		env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = g.real + "/v1/credentials"
		token = g.pick("token0", "token1")
		env["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = g.home + "/" + token
		if g.one(3) {
			env["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "outdone by the file"
		}
	}
	return token
}

func (g generator) metadata(env map[string]string) {
	if g.one(10) {
		env["AWS_EC2_METADATA_DISABLED"] = g.pick("true", "TRUE", "false", "x", "")
	}
	if g.one(6) {
		env["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = g.pick(g.real, g.other, "")
	}
	if g.one(10) {
		env["AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE"] = g.pick("IPv4", "ipv6", "", " ")
	}
}

func (g generator) endpoints(env map[string]string) {
	for _, name := range []string{"", "_STS", "_ECR", "_SSO"} {
		if g.one(2 * g.rare) {
			env["AWS_ENDPOINT_URL"+name] = g.pick(g.real, g.other, "")
		}
	}
	if g.one(4 * g.rare) {
		env["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] = g.pick("true", "false")
	}
}

// noise is nobody's identity, or refused by the SDK as a whole.
func (g generator) noise(env map[string]string) {
	for _, pair := range [][2]string{
		{"AWS_REGION", "us-west-2"},
		{"AWS_SDK_LOAD_CONFIG", "1"},
		{"AWS_ACCOUNT_ID", "999999999999"},
		{"AWS_STS_REGIONAL_ENDPOINTS", "legacy"},
		{"AWS_EC2_METADATA_V1_DISABLED", "true"},
	} {
		if g.one(6) {
			env[pair[0]] = pair[1]
		}
	}
	if g.one(50) {
		name := g.pick("AWS_MAX_ATTEMPTS", "AWS_RETRY_MODE", "AWS_USE_FIPS_ENDPOINT", "AWS_DEFAULTS_MODE", "AWS_ACCOUNT_ID_ENDPOINT_MODE",
			"AWS_RESTRICT_FILE_PERMISSIONS", "AWS_REQUEST_CHECKSUM_CALCULATION", "AWS_ENABLE_ENDPOINT_DISCOVERY")
		env[name] = g.pick("nonsense", "")
	}
}
