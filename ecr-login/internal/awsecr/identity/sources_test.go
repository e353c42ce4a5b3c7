package identity

import (
	"errors"
	"strings"
	"testing"
)

func resolved(t *testing.T, w world, home string) Identity {
	t.Helper()
	id, err := Resolve(w.inputs(t, home))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// changed is a world that a change has happened to.
func (w world) changed(c change) world {
	w = w.clone()
	c.do(&w)
	return w
}

func TestWhatChangesThePrincipalChangesTheFingerprint(t *testing.T) {
	t.Parallel()
	for _, s := range sources() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			home := t.TempDir()
			was := resolved(t, s.world.clone(), home)
			if got := was.String(); got != s.says {
				t.Errorf("the identity reads %q, want %q", got, s.says)
			}
			for _, c := range s.other {
				id, err := Resolve(s.world.changed(c).inputs(t, home))
				if err != nil {
					t.Errorf("%s: %v", c.what, err)
				} else if id.Fingerprint() == was.Fingerprint() {
					t.Errorf("the fingerprint stays the same with %s", c.what)
				}
			}
		})
	}
}

func TestWhatDoesNotChangeThePrincipalKeepsTheFingerprint(t *testing.T) {
	t.Parallel()
	for _, s := range sources() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			home := t.TempDir()
			was := resolved(t, s.world.clone(), home)
			same := s.same
			if !s.text {
				same = append(unrelated(), same...)
			}
			for _, c := range same {
				id, err := Resolve(s.world.changed(c).inputs(t, home))
				if err != nil {
					t.Errorf("%s: %v", c.what, err)
				} else if id.Fingerprint() != was.Fingerprint() {
					t.Errorf("the fingerprint changes with %s", c.what)
				}
			}
		})
	}
}

func TestNoTwoSourcesShareAFingerprint(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	seen := map[[32]byte]string{}
	for _, s := range sources() {
		f := resolved(t, s.world.clone(), home).Fingerprint()
		if other, ok := seen[f]; ok && !sameKeys(s.name, other) {
			t.Errorf("%s and %s share a fingerprint", s.name, other)
		}
		seen[f] = s.name
	}
}

// sameKeys: an access key ID is one principal wherever it stands.
func sameKeys(a, b string) bool {
	return strings.HasPrefix(a, "keys ") && strings.HasPrefix(b, "keys ")
}

func TestUncertaintyIsAnError(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		world world
		want  string
	}{
		{"profile from the environment is missing", world{env: env("AWS_PROFILE", "x")}, `profile "x" is neither in`},
		{"explicit profile is missing", world{in: Inputs{Profile: "x"}}, `profile "x" is neither in`},
		{
			"missing profile beside keys",
			world{env: env("AWS_PROFILE", "x", "AWS_ACCESS_KEY_ID", "AKIAALICEALICEALICE0", "AWS_SECRET_ACCESS_KEY", "s")},
			`profile "x"`,
		},
		{"half a key", world{credentials: "[default]\naws_access_key_id = x\n"}, "one half of an access key"},
		{"a lone quote", world{config: "[default]\n\nx = \"\n"}, "config:3: a value that is a single quotation mark"},
		{"no source profile", world{config: "[default]\nrole_arn = r\nsource_profile = s\n"}, `a source_profile that does not exist: "s"`},
		{"a source without credentials", world{config: "[default]\nrole_arn = r\nsource_profile = s\n[profile s]\n"}, `source_profile "s" of profile "default" has no credentials`},
		{"an unknown credential_source", world{config: "[default]\nrole_arn = r\ncredential_source = Moon\n"}, `unknown credential_source: "Moon"`},
		{"no role for a source", world{config: "[default]\ncredential_source = Environment\n"}, "no role_arn"},
		{"two sources", world{config: "[default]\nrole_arn = r\ncredential_source = Environment\ncredential_process = x\n"}, "more than one source"},
		{"a missing sso-session", world{config: "[default]\nsso_session = s\n"}, `an sso-session that does not exist: "s"`},
		{"an incomplete sso-session", world{config: "[default]\nsso_session = s\n[sso-session s]\nsso_region = r\n"}, `an incomplete sso-session: "s"`},
		{"a contradicted sso-session", world{config: "[default]\nsso_session = s\nsso_region = q\n[sso-session s]\nsso_region = r\nsso_start_url = u\n"}, "contradicts its sso-session"},
		{"incomplete SSO", world{config: "[default]\nsso_region = r\n"}, "incomplete SSO settings"},
		{"a bad setting", world{config: "[default]\nretry_mode = x\n"}, `profile "default" has a bad value for retry_mode`},
		{"a bad variable", world{env: env("AWS_MAX_ATTEMPTS", "x")}, "AWS_MAX_ATTEMPTS"},
		{"a bad flag", world{env: env("AWS_USE_FIPS_ENDPOINT", "1")}, "AWS_USE_FIPS_ENDPOINT"},
		{"a web identity without role", world{env: env("AWS_WEB_IDENTITY_TOKEN_FILE", "$HOME/t")}, "without a role"},
		{"no token file", world{env: env("AWS_WEB_IDENTITY_TOKEN_FILE", "$HOME/t", "AWS_ROLE_ARN", pull)}, "the web identity token cannot be read"},
		{"a folder for a token", world{env: env("AWS_WEB_IDENTITY_TOKEN_FILE", "$HOME", "AWS_ROLE_ARN", pull)}, "not a regular file"},
		{
			"a huge token",
			world{env: env("AWS_WEB_IDENTITY_TOKEN_FILE", "$HOME/t", "AWS_ROLE_ARN", pull), files: map[string]string{"t": strings.Repeat("x", maxTokenFile+1)}},
			"larger than 65536 bytes",
		},
		{
			"no container token",
			world{env: env("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "$HOME/t")},
			"the container authorization token cannot be read",
		},
		{
			"a container token of two lines",
			world{env: env("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1", "AWS_CONTAINER_AUTHORIZATION_TOKEN", "a\nb")},
			"more than one line",
		},
		{"a folder for a config file", world{env: env("AWS_CONFIG_FILE", "$HOME")}, "the shared config cannot be read"},
		{"no home", world{in: Inputs{machine: func() (string, bool) { return "", false }}}, "this machine cannot be told"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			in := c.world.inputs(t, t.TempDir())
			if c.world.in.machine != nil {
				in.machine = c.world.in.machine
			}
			id, err := Resolve(in)
			if !errors.Is(err, ErrUncertain) {
				t.Fatalf("got %v, %v; want ErrUncertain", id, err)
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %q, want it to contain %q", err, c.want)
			}
			if errors.Is(err, ErrNoCredentials) {
				t.Errorf("%q claims that there are no credentials", err)
			}
		})
	}
}

func TestNothingThatOffersCredentialsIsToldApart(t *testing.T) {
	t.Parallel()
	for _, w := range []world{
		{env: env("AWS_EC2_METADATA_DISABLED", "TRUE")},
		{config: "[default]\nrole_arn = r\ncredential_source = Environment\n"},
		{config: "[default]\nrole_arn = r\ncredential_source = EcsContainer\n"},
	} {
		if _, err := Resolve(w.inputs(t, t.TempDir())); !errors.Is(err, ErrNoCredentials) || !errors.Is(err, ErrUncertain) {
			t.Errorf("got %v, want ErrNoCredentials", err)
		}
	}
}
