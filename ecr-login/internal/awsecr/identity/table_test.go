package identity

import (
	"encoding/base64"
	"strings"
)

// change is something that happens to a world.
type change struct {
	what string
	do   func(*world)
}

// source is one way to credentials: what makes it another identity, and what
// does not.
type source struct {
	name  string
	says  string // what Identity.String must be
	world world
	other []change // each makes it another identity
	same  []change // none does
	text  bool     // the whole text of the config file counts, so every edit makes another identity
}

func env(pairs ...string) map[string]string {
	m := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return m
}

func setEnv(name, value string) change {
	return change{name + "=" + value, func(w *world) { w.env[name] = value }}
}

func inConfig(old, replacement string) change {
	return change{"config: " + old + " becomes " + replacement, func(w *world) {
		w.config = mustReplace(w.config, old, replacement)
	}}
}

func inCredentials(old, replacement string) change {
	return change{"credentials: " + old + " becomes " + replacement, func(w *world) {
		w.credentials = mustReplace(w.credentials, old, replacement)
	}}
}

func inFile(name, text string) change {
	return change{"another " + name, func(w *world) { w.files[name] = text }}
}

func mustReplace(text, old, replacement string) string {
	if !strings.Contains(text, old) {
		panic("the test changes nothing: " + old)
	}
	return strings.Replace(text, old, replacement, 1)
}

func elsewhere() change { return change{"another machine", func(w *world) { w.machine = "2" }} }

// anotherHome keeps the files where they are.
func anotherHome() change {
	return change{"another home", func(w *world) {
		w.in.Home = "/elsewhere"
		w.env["AWS_CONFIG_FILE"], w.env["AWS_SHARED_CREDENTIALS_FILE"] = "$HOME/.aws/config", "$HOME/.aws/credentials"
	}}
}

func jwt(claims string) string {
	b64 := base64.RawURLEncoding.EncodeToString
	return b64([]byte(`{"alg":"RS256"}`)) + "." + b64([]byte(claims)) + "." + b64([]byte("signature"))
}

const (
	alice = "aws_access_key_id = AKIAALICEALICEALICE0\naws_secret_access_key = alicesecret\n"
	bob   = "aws_access_key_id = AKIABOBBOBBOBBOBBOB0\naws_secret_access_key = bobsecret\n"
	pull  = "arn:aws:iam::111122223333:role/pull"
	push  = "arn:aws:iam::111122223333:role/push"
)

// unrelated are changes that are nobody's identity, whatever the source.
func unrelated() []change {
	return []change{
		setEnv("AWS_REGION", "us-west-2"),
		setEnv("AWS_DEFAULT_OUTPUT", "json"),
		setEnv("AWS_SDK_LOAD_CONFIG", "0"),
		setEnv("AWS_ACCOUNT_ID", "999999999999"),
		setEnv("AWS_MAX_ATTEMPTS", "7"),
		setEnv("AWS_PROFILE", ""),
		setEnv("HTTPS_PROXY", "http://127.0.0.1:1"),
		{"another profile", func(w *world) {
			w.config += "\n[profile unrelated]\nrole_arn = " + push + "\ncredential_source = Environment\n"
			w.credentials += "\n[unrelated]\n" + bob
		}},
		{"comments and blank lines", func(w *world) {
			w.config = "# hello\n\n; " + "and\n" + w.config + "\n\t# goodbye\n"
			w.credentials = "#\n" + w.credentials
		}},
		{"carriage returns", func(w *world) {
			w.config = strings.ReplaceAll(w.config, "\n", "\r\n")
			w.credentials = strings.ReplaceAll(w.credentials, "\n", "\r\n")
		}},
		{"region and output in the profile", func(w *world) {
			w.config += "\n[default]\nregion = us-west-2\noutput = text\n[profile p]\nregion = us-west-2\n"
		}},
	}
}

// endpoints are changes of where ECR requests go, which count for every source.
func endpoints() []change {
	return []change{
		setEnv("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
		setEnv("AWS_ENDPOINT_URL_ECR", "http://127.0.0.1:1"),
		setEnv("AWS_ENDPOINT_URL_ECR_PUBLIC", "http://127.0.0.1:1"),
	}
}

func stsEndpoint() change { return setEnv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1") }

func sources() []source {
	tokenA := jwt(`{"iss":"https://oidc.a","sub":"system:serviceaccount:ns:app","aud":["sts.amazonaws.com"],"exp":1,"jti":"x"}`)
	renewedA := jwt(`{"exp":2,"jti":"y","aud":["sts.amazonaws.com"],"sub":"system:serviceaccount:ns:app","iss":"https://oidc.a"}`) + "\n"
	otherSub := jwt(`{"iss":"https://oidc.a","sub":"system:serviceaccount:ns:other","aud":["sts.amazonaws.com"]}`)
	otherIss := jwt(`{"iss":"https://oidc.b","sub":"system:serviceaccount:ns:app","aud":["sts.amazonaws.com"]}`)
	otherAud := jwt(`{"iss":"https://oidc.a","sub":"system:serviceaccount:ns:app","aud":["other"]}`)
	tagged := jwt(`{"iss":"https://oidc.a","sub":"system:serviceaccount:ns:app","aud":["sts.amazonaws.com"],"https://aws.amazon.com/tags":{"principal_tags":{"team":["a"]}}}`)
	sourced := jwt(`{"iss":"https://oidc.a","sub":"system:serviceaccount:ns:app","aud":["sts.amazonaws.com"],"https://aws.amazon.com/source_identity":"a"}`)
	noSub := jwt(`{"iss":"https://oidc.a","sub":"","aud":["sts.amazonaws.com"]}`)

	return []source{
		{
			name: "keys in the environment", says: "environment keys AKIA…ICE0",
			world: world{env: env("AWS_ACCESS_KEY_ID", "AKIAALICEALICEALICE0", "AWS_SECRET_ACCESS_KEY", "s", "AWS_SESSION_TOKEN", "t"), config: "[profile p]\n"},
			other: append(endpoints(),
				setEnv("AWS_ACCESS_KEY_ID", "AKIABOBBOBBOBBOBBOB0"),
				inConfig("[profile p]\n", "[default]\nendpoint_url = http://127.0.0.1:1\n"),
				change{"an explicit profile", func(w *world) { w.in.Profile = "p"; w.config += "[profile p]\ncredential_process = x\n" }},
				change{"a role on top", func(w *world) { w.in.RoleARN = pull }},
			),
			same: []change{
				setEnv("AWS_SESSION_TOKEN", "u"), setEnv("AWS_SECRET_ACCESS_KEY", "typo corrected"), setEnv("AWS_PROFILE", "p"),
				setEnv("AWS_WEB_IDENTITY_TOKEN_FILE", "/nowhere"), setEnv("AWS_ACCESS_KEY", "AKIABOBBOBBOBBOBBOB0"),
				setEnv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1"), elsewhere(), stsEndpoint(),
			},
		},
		{
			name: "keys under their old names", says: "environment keys AKIA…ICE0",
			world: world{env: env("AWS_ACCESS_KEY", "AKIAALICEALICEALICE0", "AWS_SECRET_KEY", "s")},
			other: []change{setEnv("AWS_ACCESS_KEY", "AKIABOBBOBBOBBOBBOB0"), setEnv("AWS_ACCESS_KEY_ID", "AKIABOBBOBBOBBOBBOB0"), setEnv("AWS_SECRET_KEY", "")},
			same:  []change{setEnv("AWS_SECRET_ACCESS_KEY", "t"), setEnv("AWS_ACCESS_KEY_ID", "")},
		},
		{
			name: "keys in a profile", says: "static keys AKIA…ICE0 (profile p)",
			world: world{in: Inputs{Profile: "p"}, credentials: "[p]\n" + alice},
			other: append(endpoints(),
				inCredentials("ALICE0", "ALICE1"), inCredentials("[p]\n"+alice, "[p]\n"+bob),
				change{"a role of its own", func(w *world) { w.credentials += "role_arn = " + pull + "\n" }},
				change{"a role on top", func(w *world) { w.in.RoleARN = pull }},
			),
			same: []change{
				inCredentials("alicesecret", "typo corrected"), setEnv("AWS_ACCESS_KEY_ID", "AKIABOBBOBBOBBOBBOB0"), setEnv("AWS_PROFILE", "q"),
				{"keys in the environment", func(w *world) {
					w.env["AWS_ACCESS_KEY_ID"], w.env["AWS_SECRET_ACCESS_KEY"] = "AKIABOBBOBBOBBOBBOB0", "s"
				}},
				{"other keys in the config file", func(w *world) { w.config = "[profile p]\n" + bob }},
				{"the same keys in the config file", func(w *world) { w.config, w.credentials = "[profile p]\n"+alice, "" }},
				{"the profile from the environment", func(w *world) { w.in.Profile, w.env["AWS_PROFILE"] = "", "p" }},
				{"the profile from the older variable", func(w *world) { w.in.Profile, w.env["AWS_DEFAULT_PROFILE"] = "", "p" }},
				{"a credential_process beside them", func(w *world) { w.config = "[profile p]\ncredential_process = x\n" }},
				{"the file under another name", func(w *world) {
					w.files["creds"], w.credentials = w.credentials, ""
					w.env["AWS_SHARED_CREDENTIALS_FILE"] = "$HOME/creds"
				}},
				elsewhere(),
			},
		},
		{
			name: "a role with a source profile", says: "role " + pull + " (profile base, static keys AKIA…ICE0)",
			world: world{
				in:          Inputs{Profile: "p"},
				config:      "[profile p]\nrole_arn = " + pull + "\nsource_profile = base\nexternal_id = e\nrole_session_name = n\nduration_seconds = 3600\n",
				credentials: "[base]\n" + alice,
			},
			other: append(endpoints(),
				inConfig(pull, push), inConfig("external_id = e", "external_id = f"), inConfig("external_id = e\n", ""),
				inConfig("name = n", "name = m"), inConfig("3600", "7200"), inConfig("duration_seconds", "mfa_serial = m\nduration_seconds"),
				inCredentials("ALICE0", "ALICE1"), inCredentials("[base]\n"+alice, "[base]\nrole_arn = "+push+"\n"+alice),
				inConfig("source_profile = base", "credential_source = Ec2InstanceMetadata"), stsEndpoint(),
				change{"the credentials file says another role", func(w *world) { w.credentials += "[p]\nrole_arn = " + push + "\n" }},
				change{"an STS endpoint in the profile", func(w *world) {
					w.config += "services = s\n[services s]\nsts =\n  endpoint_url = http://127.0.0.1:1\n"
				}},
				change{"a role on top", func(w *world) { w.in.RoleARN = push }},
			),
			same: []change{
				inCredentials("alicesecret", "t"), elsewhere(),
				inConfig("duration_seconds = 3600", "duration_seconds = 0xe10"),
				inConfig("role_arn", "ROLE_ARN"), inConfig("external_id = e", "external_id:'e' # x"),
				{"services for others", func(w *world) { w.config += "services = s\n[services s]\ns3 =\n  endpoint_url = http://127.0.0.1:1\n" }},
				{"the source under another name", func(w *world) {
					w.config = mustReplace(w.config, "= base", "= b2")
					w.credentials = mustReplace(w.credentials, "[base]", "[b2]")
				}},
			},
		},
		{
			name: "a role by a role", says: "role " + pull + " (profile base, static keys AKIA…ICE0)",
			world: world{
				in: Inputs{Profile: "p"},
				config: "[profile p]\nrole_arn = " + pull + "\nsource_profile = q\n" +
					"[profile q]\nrole_arn = " + push + "\nexternal_id = e\nsource_profile = base\n",
				credentials: "[base]\n" + alice,
			},
			other: []change{
				inConfig(push, push+"2"), inConfig("external_id = e\n", ""), inCredentials("ALICE0", "ALICE1"),
				{"the roles the other way round", func(w *world) { w.config = strings.NewReplacer(pull, push, push, pull).Replace(w.config) }},
				{"the external ID at the other role", func(w *world) {
					w.config = mustReplace(strings.ReplaceAll(w.config, "external_id = e\n", ""), pull+"\n", pull+"\nexternal_id = e\n")
				}},
			},
			same: []change{{"keys that the chain does not reach", func(w *world) { w.config = "[profile p]\n" + bob + w.config }}},
		},
		{
			name: "a role that lends itself the keys", says: "role " + pull + " (profile p, static keys AKIA…ICE0)",
			world: world{in: Inputs{Profile: "p"}, credentials: "[p]\nrole_arn = " + pull + "\nexternal_id = own\nsource_profile = p\n" + alice},
			other: []change{inCredentials("ALICE0", "ALICE1"), inCredentials(pull, push)},
			same:  []change{inCredentials("source_profile = p\n", "")},
		},
		{
			name: "a role for the keys in the environment", says: "role " + pull + " (profile p, environment keys AKIA…ICE0)",
			world: world{
				env: env("AWS_ACCESS_KEY_ID", "AKIAALICEALICEALICE0", "AWS_SECRET_ACCESS_KEY", "s"), in: Inputs{Profile: "p"},
				config: "[profile p]\nrole_arn = " + pull + "\ncredential_source = Environment\n",
			},
			other: []change{setEnv("AWS_ACCESS_KEY_ID", "AKIABOBBOBBOBBOBBOB0"), inConfig(pull, push), stsEndpoint()},
			same:  []change{setEnv("AWS_SESSION_TOKEN", "t"), elsewhere()},
		},
		{
			name: "a role for the container", says: "role " + pull + " (container credentials)",
			world: world{
				env: env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/1"), in: Inputs{Profile: "p"},
				config: "[profile p]\nrole_arn = " + pull + "\ncredential_source = EcsContainer\n",
			},
			other: []change{setEnv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/2"), inConfig(pull, push), elsewhere()},
		},
		{
			name: "a role for the instance", says: "role " + pull + " (EC2 instance role)",
			world: world{in: Inputs{Profile: "p"}, config: "[profile p]\nrole_arn = " + pull + "\ncredential_source = Ec2InstanceMetadata\n"},
			other: []change{inConfig(pull, push), elsewhere()},
			same:  []change{setEnv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/1")},
		},
		{
			name: "a role from the configuration", says: "role " + pull + " (profile p, static keys AKIA…ICE0)",
			world: world{in: Inputs{Profile: "p", RoleARN: pull, ExternalID: "e"}, credentials: "[p]\n" + alice},
			other: append(endpoints(), stsEndpoint(),
				change{"another role", func(w *world) { w.in.RoleARN = push }},
				change{"another external ID", func(w *world) { w.in.ExternalID = "f" }},
				change{"no external ID", func(w *world) { w.in.ExternalID = "" }},
			),
			same: []change{elsewhere()},
		},
		{
			name: "a role of a profile, ECR redirected", says: "role " + pull + " (profile p, static keys AKIA…ICE0)",
			world: world{
				in: Inputs{Profile: "p"}, credentials: "[p]\nrole_arn = " + pull + "\n" + alice,
				env: env("AWS_ENDPOINT_URL_ECR", "http://127.0.0.1:1", "AWS_ENDPOINT_URL_ECR_PUBLIC", "http://127.0.0.1:1"),
			},
			other: []change{stsEndpoint()},
			// While it resolves a profile the SDK assumes roles at AWS itself,
			// whatever the general endpoint is.
			same: []change{setEnv("AWS_ENDPOINT_URL", "http://127.0.0.1:2")},
		},
		{
			name: "a role from the configuration, ECR redirected", says: "role " + push + " (profile p, static keys AKIA…ICE0)",
			world: world{
				in: Inputs{Profile: "p", RoleARN: push}, credentials: "[p]\n" + alice,
				env: env("AWS_ENDPOINT_URL_ECR", "http://127.0.0.1:1", "AWS_ENDPOINT_URL_ECR_PUBLIC", "http://127.0.0.1:1"),
			},
			other: []change{stsEndpoint(), setEnv("AWS_ENDPOINT_URL", "http://127.0.0.1:2")},
			same:  []change{setEnv("AWS_ENDPOINT_URL", "")},
		},
		{
			name: "a credential_process", says: "credential_process (profile p)", text: true,
			world: world{in: Inputs{Profile: "p"}, config: "[profile p]\ncredential_process = /bin/creds --for $WHOM %WHAT% ${WHERE:-x}\n"},
			other: append(endpoints(),
				inConfig("--for", "--to"), inConfig("/bin/creds", "bin/creds"), setEnv("WHOM", "x"), setEnv("WHAT", "x"), setEnv("WHERE", "x"),
				setEnv("AWS_PROFILE", "p"), setEnv("AWS_CONFIG_FILE", "$HOME/.aws/config"),
				setEnv("AWS_SHARED_CREDENTIALS_FILE", "$HOME/.aws/credentials"), setEnv("AWS_DEFAULT_PROFILE", "p"), stsEndpoint(),
				change{"another profile", func(w *world) { w.config = mustReplace(w.config, "profile p", "profile q"); w.in.Profile = "q" }},
				change{"the other file", func(w *world) { w.credentials, w.config = mustReplace(w.config, "profile ", ""), "" }},
				change{"keys for the command", func(w *world) {
					w.env["AWS_ACCESS_KEY_ID"], w.env["AWS_SECRET_ACCESS_KEY"] = "AKIAALICEALICEALICE0", "s"
				}},
			),
			same: []change{setEnv("OTHER", "x"), elsewhere()},
		},
		{
			name: "a credential_process in the credentials file, ECR redirected", says: "credential_process (profile p)", text: true,
			world: world{
				in: Inputs{Profile: "p"}, credentials: "[p]\ncredential_process = /bin/creds\n[q]\ncredential_process = /bin/creds\n",
				env: env("AWS_ENDPOINT_URL_ECR", "http://127.0.0.1:1", "AWS_ENDPOINT_URL_ECR_PUBLIC", "http://127.0.0.1:1"),
			},
			other: []change{
				setEnv("AWS_ENDPOINT_URL", "http://127.0.0.1:2"), inCredentials("/bin", "/sbin"),
				inCredentials("[p]\n", "[p]\nendpoint_url = http://127.0.0.1:2\n"),
				{"another profile with the same command", func(w *world) { w.in.Profile = "q" }},
				{"another profile in the config file", func(w *world) { w.config = "[profile base]\nregion = eu-west-1\n" }},
				// This one alone counts as a variable that the command sees.
				{"an ignored endpoint", func(w *world) {
					w.env["AWS_ENDPOINT_URL"], w.env["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] = "http://127.0.0.1:2", "true"
				}},
			},
		},
		{
			name: "a credential_process, endpoints ignored", says: "credential_process (profile p)", text: true,
			world: world{
				in: Inputs{Profile: "p"}, config: "[profile p]\ncredential_process = /bin/creds -i\n",
				env: env("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true"),
			},
			// The command sees it all the same.
			other: []change{setEnv("AWS_ENDPOINT_URL", "http://127.0.0.1:2")},
		},
		{
			name: "a credential_process found in PATH", says: "credential_process (profile p)", text: true,
			world: world{in: Inputs{Profile: "p"}, config: "[profile p]\ncredential_process = sh --for me\n", env: env("PATH", "/bin")},
			// Two names of one folder, as far as anybody can tell without asking.
			other: []change{setEnv("PATH", "/usr/bin")},
			same:  []change{setEnv("PATH", "/bin:/nowhere"), setEnv("PATH", "/nowhere:/bin")},
		},
		{
			name: "a credential_process that is not in PATH", says: "credential_process (profile p)", text: true,
			world: world{in: Inputs{Profile: "p"}, config: "[profile p]\ncredential_process = no-such-program\n", env: env("PATH", "/nowhere")},
			other: []change{setEnv("PATH", "/elsewhere")},
		},
		{
			name: "SSO of the old style", says: "SSO 111122223333/Admin (profile p)",
			world: world{in: Inputs{Profile: "p"}, config: "[profile p]\nsso_start_url = https://a\nsso_region = eu-west-1\nsso_account_id = 111122223333\nsso_role_name = Admin\n"},
			other: append(endpoints(),
				inConfig("https://a", "https://b"), inConfig("eu-west-1", "eu-west-2"), inConfig("111122223333", "111122223334"), inConfig("Admin", "Reader"),
				setEnv("AWS_ENDPOINT_URL_SSO", "http://127.0.0.1:1"), anotherHome(),
				inConfig("[profile p]", "[profile p]\nrole_arn = "+pull),
			),
			same: []change{inFile(".aws/sso/cache/x.json", `{"accessToken":"new"}`), elsewhere(), stsEndpoint()},
		},
		{
			name: "SSO by session", says: "SSO 111122223333/Admin (profile p)",
			world: world{
				in: Inputs{Profile: "p"},
				config: "[profile p]\nsso_session = s\nsso_account_id = 111122223333\nsso_role_name = Admin\n" +
					"[sso-session s]\nsso_start_url = https://a\nsso_region = eu-west-1\n" +
					"[sso-session t]\nsso_start_url = https://a\nsso_region = eu-west-1\n",
			},
			other: []change{
				inConfig("https://a", "https://b"), inConfig("eu-west-1", "eu-west-2"), inConfig("111122223333", "111122223334"), inConfig("Admin", "Reader"),
				inConfig("sso_session = s", "sso_session = t"), anotherHome(),
			},
			same: []change{inConfig("sso_session = s", "sso_session = s\nsso_region = eu-west-1"), inConfig("[sso-session s]\n", "[sso-session s]\nsso_registration_scopes = x\n")},
		},
		{
			name: "an aws login session", says: "login session arn:aws:iam::111122223333:user/alice (profile p)",
			world: world{in: Inputs{Profile: "p"}, config: "[profile p]\nlogin_session = arn:aws:iam::111122223333:user/alice\n"},
			other: append(endpoints(), inConfig("alice", "bob"), setEnv("AWS_ENDPOINT_URL_SIGNIN", "http://127.0.0.1:1")),
			same:  []change{inFile(".aws/login/cache/x.json", `{"accessToken":"new"}`), elsewhere()},
		},
		{
			name: "a web identity in the environment", says: "role " + pull + " (web identity)",
			world: world{
				env:   env("AWS_WEB_IDENTITY_TOKEN_FILE", "$HOME/token", "AWS_ROLE_ARN", pull, "AWS_ROLE_SESSION_NAME", "n"),
				files: map[string]string{"token": tokenA},
			},
			other: append(endpoints(),
				setEnv("AWS_ROLE_ARN", push), setEnv("AWS_ROLE_SESSION_NAME", "m"), stsEndpoint(),
				inFile("token", otherSub), inFile("token", otherIss), inFile("token", otherAud), inFile("token", tagged), inFile("token", sourced),
				inFile("token", noSub), inFile("token", "opaque"), inFile("token", ""),
			),
			same: []change{
				inFile("token", renewedA), setEnv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1"), elsewhere(),
				{"the token in another file", func(w *world) { w.files["token2"] = renewedA; w.env["AWS_WEB_IDENTITY_TOKEN_FILE"] = "$HOME/token2" }},
				{"a profile from the environment", func(w *world) { w.env["AWS_PROFILE"] = "q"; w.credentials = "[q]\n" + alice }},
			},
		},
		{
			name: "a web identity that is no JWT", says: "role " + pull + " (web identity)",
			world: world{env: env("AWS_WEB_IDENTITY_TOKEN_FILE", "$HOME/token", "AWS_ROLE_ARN", pull), files: map[string]string{"token": "opaque"}},
			other: []change{inFile("token", "opaque2"), inFile("token", "opaque\n"), inFile("token", tokenA)},
		},
		{
			name: "a web identity in a profile", says: "role " + pull + " (profile p, web identity)",
			world: world{
				in: Inputs{Profile: "p"}, files: map[string]string{"token": tokenA},
				config: "[profile p]\nrole_arn = " + pull + "\nweb_identity_token_file = $HOME/token\nrole_session_name = o\n",
			},
			other: append(endpoints(), inConfig(pull, push), inConfig("= o", "= m"), inFile("token", otherSub), stsEndpoint()),
			same: []change{
				inFile("token", renewedA), inConfig("role_session_name", "external_id = e\nrole_session_name"),
				setEnv("AWS_ROLE_ARN", push), setEnv("AWS_WEB_IDENTITY_TOKEN_FILE", "/nowhere"),
			},
		},
		{
			name: "a role by a web identity", says: "role " + pull + " (profile q, web identity)",
			world: world{
				in: Inputs{Profile: "p"}, files: map[string]string{"token": tokenA},
				config: "[profile p]\nrole_arn = " + pull + "\nsource_profile = q\n[profile q]\nrole_arn = " + push + "\nweb_identity_token_file = $HOME/token\n",
			},
			other: []change{inConfig(pull, pull+"2"), inConfig(push, push+"2"), inFile("token", otherSub)},
			same:  []change{inFile("token", renewedA)},
		},
		{
			name: "a container with a relative URI", says: "container credentials",
			world: world{env: env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/1")},
			other: append(endpoints(), setEnv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/2"), elsewhere(),
				change{"full instead", func(w *world) {
					w.env = env("AWS_CONTAINER_CREDENTIALS_FULL_URI", "/v2/credentials/1")
				}}),
			same: []change{setEnv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1"), setEnv("AWS_EC2_METADATA_DISABLED", "true"), stsEndpoint()},
		},
		{
			name: "a container with a full URI", says: "container credentials",
			world: world{env: env("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/c")},
			other: []change{
				setEnv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:2/c"),
				setEnv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "x"), elsewhere(),
			},
		},
		{
			name: "a container with an opaque token", says: "container credentials",
			world: world{env: env("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/c", "AWS_CONTAINER_AUTHORIZATION_TOKEN", "x")},
			other: []change{setEnv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "y"), elsewhere()},
		},
		{
			name: "a pod identity", says: "container credentials",
			world: world{
				env: env("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/v1/credentials",
					"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "$HOME/token"),
				files: map[string]string{"token": tokenA},
			},
			other: []change{inFile("token", otherSub), inFile("token", otherIss), inFile("token", "opaque"), setEnv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://[fd00:ec2::23]/v1/credentials")},
			same: []change{
				inFile("token", strings.TrimSpace(renewedA)), elsewhere(), setEnv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "ignored"),
			},
		},
		{
			name: "the instance", says: "EC2 instance role",
			other: append(endpoints(), elsewhere(),
				setEnv("HTTP_PROXY", "http://127.0.0.1:1"), setEnv("http_proxy", "http://127.0.0.1:1"), setEnv("NO_PROXY", "*"), setEnv("no_proxy", "*"),
				setEnv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1"), setEnv("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "ipv6"),
				change{"an endpoint in the profile", func(w *world) { w.config = "[default]\nec2_metadata_service_endpoint = http://127.0.0.1:1\n" }},
				change{"a mode in the profile", func(w *world) { w.config = "[default]\nec2_metadata_service_endpoint_mode = IPv6\n" }},
				change{"a role in the profile", func(w *world) { w.config = "[default]\nrole_arn = " + pull + "\n" }},
			),
			same: []change{
				setEnv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://169.254.169.254"), setEnv("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv4"),
				setEnv("AWS_EC2_METADATA_DISABLED", "false"), setEnv("AWS_EC2_METADATA_V1_DISABLED", "true"), setEnv("AWS_DEFAULT_PROFILE", "missing"), stsEndpoint(),
			},
		},
	}
}
