package identity

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// world is everything an identity is worked out from, as a test sets it up.
type world struct {
	env         map[string]string
	config      string
	credentials string
	files       map[string]string // further files in the home directory
	machine     string
	in          Inputs
}

func (w world) clone() world {
	w.env = maps.Clone(w.env)
	w.files = maps.Clone(w.files)
	if w.env == nil {
		w.env = map[string]string{}
	}
	if w.files == nil {
		w.files = map[string]string{}
	}
	return w
}

// inputs writes the files. HOME in values stands for the home directory.
func (w world) inputs(t testing.TB, home string) Inputs {
	t.Helper()
	write := func(name, text string) {
		path := filepath.Join(home, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "$HOME", home)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(".aws/config", w.config)
	write(".aws/credentials", w.credentials)
	for name, text := range w.files {
		write(name, text)
	}
	in := w.in
	if in.Home == "" {
		in.Home = home
	}
	in.LookupEnv = func(name string) (string, bool) {
		v, ok := w.env[name]
		return strings.ReplaceAll(v, "$HOME", home), ok
	}
	in.machine = func() (string, bool) { return "machine " + w.machine, true }
	return in
}

func TestAProfileWithStaticKeysIsItsAccessKeyID(t *testing.T) {
	t.Parallel()
	w := world{credentials: "[default]\naws_access_key_id = AKIAEXAMPLEEXAMPLE01\naws_secret_access_key = s\n"}
	id, err := Resolve(w.inputs(t, t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := id.String(), "static keys AKIA…LE01 (profile default)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAnIdentityTellsWhatErrorsNeed(t *testing.T) {
	t.Parallel()
	w := world{in: Inputs{Profile: "top", RoleARN: push}, config: `
[profile top]
role_arn = ` + pull + `
source_profile = login
mfa_serial = arn:aws:iam::111122223333:mfa/me
[profile login]
sso_session = corp
sso_account_id = 444455556666
sso_role_name = Admin
[sso-session corp]
sso_start_url = https://corp.awsapps.com/start
sso_region = eu-central-1
`}
	id := resolved(t, w, t.TempDir())
	if got, want := id.Profile(), "login"; got != want {
		t.Errorf("the profile to log in with is %q, want %q", got, want)
	}
	if got, want := id.SSO(), (SSODetails{"corp", "https://corp.awsapps.com/start", "eu-central-1", "444455556666", "Admin"}); got != want {
		t.Errorf("SSO is %+v, want %+v", got, want)
	}
	if got := id.Roles(); len(got) != 2 || got[0] != pull || got[1] != push {
		t.Errorf("the roles are %q", got)
	}
	if got, want := id.MFASerial(), "arn:aws:iam::111122223333:mfa/me"; got != want {
		t.Errorf("the MFA device is %q, want %q", got, want)
	}
	if got, want := id.String(), "role "+push+" (profile login, SSO 444455556666/Admin)"; got != want {
		t.Errorf("it reads %q, want %q", got, want)
	}
	if got := (Identity{}).String(); got != "nobody" {
		t.Errorf("the zero identity is %q", got)
	}
}

func TestWhatIsNoAccessKeyIDIsNotTold(t *testing.T) {
	t.Parallel()
	w := world{env: env("AWS_ACCESS_KEY_ID", "hunter2", "AWS_SECRET_ACCESS_KEY", "hunter3")}
	if got := resolved(t, w, t.TempDir()).String(); got != "environment keys" {
		t.Errorf("it reads %q", got)
	}
}

func TestNoSecretStaysInAnIdentity(t *testing.T) {
	t.Parallel()
	const secret = "hunter2hunter2"
	for name, w := range map[string]world{
		"keys":    {env: env("AWS_ACCESS_KEY_ID", "AKIAALICEALICEALICE0", "AWS_SECRET_ACCESS_KEY", secret, "AWS_SESSION_TOKEN", secret)},
		"command": {env: env("PASSWORD", secret), config: "[default]\ncredential_process = creds " + secret + " $PASSWORD\n"},
		"web":     {env: env("AWS_WEB_IDENTITY_TOKEN_FILE", "$HOME/token", "AWS_ROLE_ARN", pull), files: map[string]string{"token": secret}},
		"container": {env: env("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1", "AWS_CONTAINER_AUTHORIZATION_TOKEN", secret,
			"HTTP_PROXY", "http://me:"+secret+"@127.0.0.1:1")},
	} {
		id := resolved(t, w, t.TempDir())
		if text := fmt.Sprintf("%v %+v %#v %q", id, id, id, id.fields); strings.Contains(text, secret) {
			t.Errorf("%s: %s", name, text)
		}
	}
}

func TestTheHomeDirectoryIsFoundAsTheSDKFindsIt(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	in := world{credentials: "[default]\n" + alice}.inputs(t, home)
	want := resolveOrFail(t, in).Fingerprint()

	variable := "HOME"
	if runtime.GOOS == "windows" {
		variable = "USERPROFILE"
	}
	in.Home = ""
	in.LookupEnv = lookupIn(env(variable, home))
	if resolveOrFail(t, in).Fingerprint() != want {
		t.Error("the home directory in the environment is not used")
	}
	in.LookupEnv = lookupIn(env(variable, "/nowhere",
		"AWS_SHARED_CREDENTIALS_FILE", filepath.Join(home, ".aws", "credentials"), "AWS_CONFIG_FILE", os.DevNull))
	if resolveOrFail(t, in).Fingerprint() != want {
		t.Error("files named in the environment need a home directory")
	}
}

func resolveOrFail(t *testing.T, in Inputs) Identity {
	t.Helper()
	id, err := Resolve(in)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestTheUserDatabaseKnowsTheHomeDirectory(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "passwd")
	text := "# comment\nroot:x:0:0:root:/root:/bin/sh\n+nis:x:7:7::/no:\nbroken:x:8\nodd:x:9:x::/no:\n  app:x:1000:1000:App,,,:/home/app:/bin/sh  \nlast:x:1000:1000::/no:\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for uid, want := range map[int]string{0: "/root", 1000: "/home/app", 7: "", 8: "", 9: "", 5: ""} {
		if got := passwdHome(path, uid); got != want {
			t.Errorf("the home directory of %d is %q, want %q", uid, got, want)
		}
	}
	if got := passwdHome(path+"x", 0); got != "" {
		t.Errorf("without a user database, home is %q", got)
	}
}

func TestThisMachineHasAName(t *testing.T) {
	t.Parallel()
	id, ok := machine()
	again, okAgain := machine()
	if !ok || !okAgain || id == "" || id != again {
		t.Errorf("got %q, %v, then %q, %v", id, ok, again, okAgain)
	}
}
