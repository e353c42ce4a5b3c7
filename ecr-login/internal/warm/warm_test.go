package warm

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ecr-credential-helper/ecr-login/internal/app"
	"ecr-credential-helper/ecr-login/internal/configfile"
	"ecr-credential-helper/ecr-login/internal/lookup"
	"ecr-credential-helper/ecr-login/internal/settings"
	"ecr-credential-helper/ecr-login/internal/tokencache"
	"ecr-credential-helper/ecr-login/token"
)

const irish = "111122223333.dkr.ecr.eu-west-1.amazonaws.com"

// world is an environment in which one token is cached, with a minute and up to
// twelve hours on it.
type world struct {
	env map[string]string
	dir string
}

func (w world) lookup(name string) (string, bool) { v, ok := w.env[name]; return v, ok }

func newWorld(t *testing.T) world {
	t.Helper()
	home := t.TempDir()
	w := world{dir: filepath.Join(home, ".ecr"), env: map[string]string{
		"HOME": home, "USERPROFILE": home, "AWS_ACCESS_KEY_ID": "AKIAALICEALICEALICE0", "AWS_SECRET_ACCESS_KEY": "secret",
		"AWS_CONFIG_FILE": filepath.Join(home, "config"), "AWS_SHARED_CREDENTIALS_FILE": filepath.Join(home, "credentials"),
	}}
	w.keep(t, irish)
	return w
}

// keep caches a token for a host, as of now.
func (w world) keep(t *testing.T, host string) {
	t.Helper()
	s, err := settings.Load(w.lookup, configfile.Parse)
	if err != nil {
		t.Fatal(err)
	}
	f, err := lookup.Find(s, host, lookup.Choice{})
	if err != nil || f.IdentityErr != nil {
		t.Fatal(err, f.IdentityErr)
	}
	now := time.Now()
	err = f.Cache.Put(f.Key, tokencache.Entry{
		Token:    token.New("AWS", token.NewPassword("the password"), token.Lifetime{Expires: now.Add(12 * time.Hour), LocalNow: now}),
		Endpoint: f.Registry.Endpoint, Hosts: []string{host},
	}, now)
	if err != nil {
		t.Fatal(err)
	}
}

func (w world) config(t *testing.T, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, "config.yaml"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsPlainlyAHitIsAnswered(t *testing.T) {
	// One after the other: app.Main names the program in the variables of the
	// protocol's package.
	for name, c := range map[string]struct {
		input string
		after time.Duration
		set   func(*testing.T, world)
		want  bool
	}{
		"a host that the token has served":      {input: irish, want: true},
		"with a newline":                        {input: irish + "\n", want: true},
		"written otherwise":                     {input: "https://" + strings.ToUpper(irish) + ":443/app", want: true},
		"just before its refresh":               {input: irish, after: 5*time.Hour + 59*time.Minute, want: true},
		"past its refresh":                      {input: irish, after: 6*time.Hour + time.Minute},
		"past its end":                          {input: irish, after: 13 * time.Hour},
		"from the future":                       {input: irish, after: -time.Minute},
		"a host that it has not served yet":     {input: "444455556666.dkr.ecr.eu-west-1.amazonaws.com"},
		"another region":                        {input: "111122223333.dkr.ecr.eu-west-2.amazonaws.com"},
		"a stranger":                            {input: "registry.example.com"},
		"nothing":                               {input: ""},
		"two lines":                             {input: irish + "\n" + irish},
		"a NUL":                                 {input: irish + "\x00"},
		"a megabyte":                            {input: irish + strings.Repeat(" ", 1<<20)},
		"other credentials":                     {input: irish, set: func(_ *testing.T, w world) { w.env["AWS_ACCESS_KEY_ID"] = "AKIABOBBOBBOBBOBBOB0" }},
		"no credentials":                        {input: irish, set: func(_ *testing.T, w world) { delete(w.env, "AWS_ACCESS_KEY_ID") }},
		"a disabled cache":                      {input: irish, set: func(_ *testing.T, w world) { w.env[settings.EnvDisableCache] = "1" }},
		"a log that wants to know":              {input: irish, set: func(_ *testing.T, w world) { w.env[settings.EnvLogLevel] = "debug" }},
		"a log that does not":                   {input: irish, set: func(_ *testing.T, w world) { w.env[settings.EnvLogLevel] = "info" }, want: true},
		"a wrong setting":                       {input: irish, set: func(_ *testing.T, w world) { w.env[settings.EnvTimeout] = "soon" }},
		"a configuration not read yet":          {input: irish, set: func(t *testing.T, w world) { w.config(t, "timeout: 10s\n") }},
		"a configuration with a mistake":        {input: irish, set: func(t *testing.T, w world) { w.config(t, "timeot: 10s\n") }},
		"a configuration that was read":         {input: irish, set: readConfig("timeout: 10s\n"), want: true},
		"a configuration that asks for a role":  {input: irish, set: readConfig("registries: [{host: '*.dkr.ecr.*.amazonaws.com', role_arn: 'arn:aws:iam::111122223333:role/x'}]\n")},
		"a configuration for other registries":  {input: irish, set: readConfig("registries: [{host: '*.dkr.ecr.us-east-1.amazonaws.com', profile: x}]\n"), want: true},
		"an alias that the token has served":    {input: "docker.example.com", set: keepAlias, want: true},
		"an alias that it has not served":       {input: "docker.example.com", set: readConfig(alias)},
		"a damaged entry":                       {input: irish, set: func(t *testing.T, w world) { damage(t, w) }},
		"a cache folder that is not there":      {input: irish, set: func(t *testing.T, w world) { w.env[settings.EnvCacheDir] = t.TempDir() }},
		"no home directory and no cache folder": {input: irish, set: func(_ *testing.T, w world) { delete(w.env, "HOME"); delete(w.env, "USERPROFILE") }},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if c.set != nil {
				c.set(t, w)
			}
			var out bytes.Buffer
			if got := answer("get", []byte(c.input), w.lookup, time.Now().Add(c.after), &out); got != c.want {
				t.Fatalf("answered: %v, with %q", got, out.String())
			}
			if !c.want {
				return
			}
			// The ordinary way says the same, to the last byte.
			var ordinary, stderr bytes.Buffer
			code := app.Main([]string{"get"}, w.lookup, app.Streams{In: strings.NewReader(c.input), Out: &ordinary, Err: &stderr})
			if code != 0 || ordinary.String() != out.String() || stderr.Len() > 0 {
				t.Errorf("here  %q\nthere %q, exit code %d, standard error %q", out.String(), ordinary.String(), code, stderr.String())
			}
			if !strings.Contains(out.String(), `"Username":"AWS","Secret":"the password"`) {
				t.Errorf("the answer is %q", out.String())
			}
		})
	}
}

func TestListSaysWhatTheOrdinaryWaySays(t *testing.T) {
	for name, c := range map[string]struct {
		verb string
		set  func(*testing.T, world)
		want bool
	}{
		"a list of what is kept":         {verb: "list", want: true},
		"a list of what is configured":   {verb: "list", set: readConfig(alias), want: true},
		"a list without a cache":         {verb: "list", set: func(_ *testing.T, w world) { w.env[settings.EnvDisableCache] = "1" }, want: true},
		"another helper's list is asked": {verb: "list", set: func(_ *testing.T, w world) { w.env[settings.EnvFallback] = "nobody" }},
		"a mistake is logged":            {verb: "list", set: func(t *testing.T, w world) { w.config(t, "timeot: 10s\n") }},
		"store":                          {verb: "store"},
		"version":                        {verb: "version"},
		"erase":                          {verb: "erase"},
		"nonsense":                       {verb: "nonsense"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if c.set != nil {
				c.set(t, w)
			}
			var out, ordinary bytes.Buffer
			if got := answer(c.verb, nil, w.lookup, time.Now(), &out); got != c.want {
				t.Fatalf("answered: %v, with %q", got, out.String())
			}
			if !c.want {
				return
			}
			code := app.Main([]string{c.verb}, w.lookup, app.Streams{In: strings.NewReader("unused"), Out: &ordinary, Err: &ordinary})
			if code != 0 || ordinary.String() != out.String() || out.Len() == 0 {
				t.Errorf("here  %q\nthere %q, exit code %d", out.String(), ordinary.String(), code)
			}
		})
	}
}

const alias = "registries: [{host: docker.example.com, account: '111122223333', region: eu-west-1}]\n"

// readConfig writes a configuration file and has it read once.
func readConfig(content string) func(*testing.T, world) {
	return func(t *testing.T, w world) {
		t.Helper()
		w.config(t, content)
		if _, err := settings.Load(w.lookup, configfile.Parse); err != nil {
			t.Fatal(err)
		}
	}
}

func keepAlias(t *testing.T, w world) {
	t.Helper()
	w.config(t, alias)
	w.keep(t, "docker.example.com")
}

func damage(t *testing.T, w world) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(w.dir, "tokens", "*.json"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(files[0], b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestStandardInputBeginsWithWhatWasReadInVain(t *testing.T) {
	consumed = []byte("read ")
	defer func() { consumed = nil }()
	got := make([]byte, len(consumed))
	if _, err := io.ReadFull(Stdin(), got); err != nil || string(got) != "read " {
		t.Errorf("got %q, %v", got, err)
	}
}
