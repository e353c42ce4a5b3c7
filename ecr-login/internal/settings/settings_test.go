package settings_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"ecr-credential-helper/ecr-login/internal/configfile"
	"ecr-credential-helper/ecr-login/internal/settings"
)

// environ is an environment.
type environ map[string]string

func (e environ) lookup(name string) (string, bool) {
	if runtime.GOOS == "windows" && name == "USERPROFILE" {
		name = "HOME"
	}
	v, ok := e[name]
	return v, ok
}

// write puts a file below a home directory.
func write(t *testing.T, home, name, content string) string {
	t.Helper()
	path := filepath.Join(home, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	s, err := settings.Load(environ{"HOME": home}.lookup, configfile.Parse)
	if err != nil {
		t.Fatal(err)
	}
	s.LookupEnv = nil
	want := settings.Settings{
		Dir: filepath.Join(home, ".ecr"), Home: home, Timeout: 20 * time.Second,
		Log: settings.Log{Level: "info", Format: "text", MaxSize: 5 << 20, Keep: 3},
	}
	if !reflect.DeepEqual(s, want) {
		t.Errorf("got  %+v\nwant %+v", s, want)
	}
	if _, err := os.Stat(s.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("reading settings made a folder: %v", err)
	}
}

func TestTheEnvironmentWinsOverTheFile(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	write(t, home, ".ecr/config.yaml", "timeout: 30s\nfallback_helper: pass\npublic_auth: required\nlog: {level: error, format: json, max_size: 1MB, keep: 9}\n")
	fromFile, err := settings.Load(environ{"HOME": home}.lookup, configfile.Parse)
	if err != nil {
		t.Fatal(err)
	}
	if fromFile.Timeout != 30*time.Second || fromFile.Fallback != "pass" || !fromFile.PublicAuthRequired ||
		fromFile.Log != (settings.Log{Level: "error", Format: "json", MaxSize: 1 << 20, Keep: 9}) {
		t.Errorf("the file reads as %+v", fromFile)
	}
	both, err := settings.Load(environ{
		"HOME": home, "AWS_ECR_TIMEOUT": "40", "AWS_ECR_FALLBACK_HELPER": "osxkeychain", "AWS_ECR_PUBLIC_AUTH": "Optional",
		"AWS_ECR_LOG_LEVEL": "DEBUG", "AWS_ECR_LOG_FORMAT": "Text",
	}.lookup, configfile.Parse)
	if err != nil {
		t.Fatal(err)
	}
	if both.Timeout != 40*time.Second || both.Fallback != "osxkeychain" || both.PublicAuthRequired ||
		both.Log != (settings.Log{Level: "debug", Format: "text", MaxSize: 1 << 20, Keep: 9}) {
		t.Errorf("with the environment it reads as %+v", both)
	}
	empty, err := settings.Load(environ{
		"HOME": home, "AWS_ECR_TIMEOUT": "", "AWS_ECR_FALLBACK_HELPER": "", "AWS_ECR_PUBLIC_AUTH": "", "AWS_ECR_LOG_LEVEL": "", "AWS_ECR_LOG_FORMAT": "",
		"AWS_ECR_CONFIG": "", "AWS_ECR_CACHE_DIR": "", "AWS_ECR_DISABLE_CACHE": "", "AWS_ECR_IGNORE_CREDS_STORAGE": "",
	}.lookup, configfile.Parse)
	empty.LookupEnv, fromFile.LookupEnv = nil, nil
	if err != nil || !reflect.DeepEqual(empty, fromFile) {
		t.Errorf("empty variables are not as good as none: %+v, %v", empty, err)
	}
}

func TestWhereThingsAreKept(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	other := t.TempDir()
	for name, c := range map[string]struct {
		env  environ
		want string
	}{
		"in the home directory":             {environ{"HOME": home}, filepath.Join(home, ".ecr")},
		"nowhere without one":               {environ{}, ""},
		"nowhere with an empty one":         {environ{"HOME": ""}, ""},
		"nowhere with a relative one":       {environ{"HOME": "home"}, ""},
		"where the variable says":           {environ{"HOME": home, "AWS_ECR_CACHE_DIR": other}, other},
		"there without a home too":          {environ{"AWS_ECR_CACHE_DIR": other}, other},
		"with a tilde":                      {environ{"HOME": home, "AWS_ECR_CACHE_DIR": "~/a/b"}, filepath.Join(home, "a", "b")},
		"with a tilde alone":                {environ{"HOME": home, "AWS_ECR_CACHE_DIR": "~"}, home},
		"a tilde without home is no place":  {environ{"AWS_ECR_CACHE_DIR": "~/a"}, ""},
		"another user's tilde is a name":    {environ{"HOME": home, "AWS_ECR_CACHE_DIR": "~bob/a"}, "~bob/a"},
		"a tilde in the middle is a letter": {environ{"HOME": home, "AWS_ECR_CACHE_DIR": other + "/~"}, other + "/~"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := settings.Load(c.env.lookup, configfile.Parse)
			if err != nil || s.Dir != c.want {
				t.Errorf("got %q, %v; want %q", s.Dir, err, c.want)
			}
		})
	}
}

func TestTruthIsReadGenerously(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]bool{
		"1": true, "t": true, "T": true, "true": true, "True": true, "TRUE": true, "y": true, "yes": true, "YES": true, "on": true, "On": true,
		"": false, "0": false, "f": false, "false": false, "no": false, "off": false, "2": false, "maybe": false,
	} {
		s, err := settings.Load(environ{"AWS_ECR_IGNORE_CREDS_STORAGE": value, "AWS_ECR_DISABLE_CACHE": value}.lookup, configfile.Parse)
		if err != nil || s.IgnoreStorage != want {
			t.Errorf("AWS_ECR_IGNORE_CREDS_STORAGE=%q is %v, %v", value, s.IgnoreStorage, err)
		}
		// As the reference helper has it: set to anything.
		if s.CacheDisabled != (value != "") {
			t.Errorf("AWS_ECR_DISABLE_CACHE=%q is %v", value, s.CacheDisabled)
		}
	}
}

func TestTimeouts(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"100ms": 100 * time.Millisecond, "20s": 20 * time.Second, "1m30s": 90 * time.Second, "1.5s": 1500 * time.Millisecond, "10m": 10 * time.Minute,
		"1": time.Second, "600": 10 * time.Minute,
	} {
		if got, err := settings.ParseTimeout(text); err != nil || got != want {
			t.Errorf("ParseTimeout(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"":                     `"" is not a duration such as 20s`,
		"soon":                 `"soon" is not a duration such as 20s`,
		"20 s":                 `"20 s" is not a duration such as 20s`,
		"-5":                   `"-5" is not a duration such as 20s`,
		"601":                  `"601" is not a duration such as 20s`,
		"99999999999999999999": `"99999999999999999999" is not a duration such as 20s`,
		"0":                    `"0" is not between 100ms and 10m0s`,
		"99ms":                 `"99ms" is not between 100ms and 10m0s`,
		"-5s":                  `"-5s" is not between 100ms and 10m0s`,
		"10m1s":                `"10m1s" is not between 100ms and 10m0s`,
		"9000h":                `"9000h" is not between 100ms and 10m0s`,
	} {
		if got, err := settings.ParseTimeout(text); err == nil || err.Error() != want {
			t.Errorf("ParseTimeout(%q) = %v, %v; want %s", text, got, err, want)
		}
	}
}

func TestAWrongSettingIsNamedAndTheRestIsRead(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		env  environ
		want string
	}{
		"timeout":    {environ{"AWS_ECR_TIMEOUT": "soon"}, `AWS_ECR_TIMEOUT: "soon" is not a duration such as 20s`},
		"public":     {environ{"AWS_ECR_PUBLIC_AUTH": "yes"}, `AWS_ECR_PUBLIC_AUTH: "yes" is neither optional nor required`},
		"log level":  {environ{"AWS_ECR_LOG_LEVEL": "loud"}, `AWS_ECR_LOG_LEVEL: "loud" is none of off, error, warn, info, debug`},
		"log format": {environ{"AWS_ECR_LOG_FORMAT": "xml"}, `AWS_ECR_LOG_FORMAT: "xml" is none of text, json`},
		"a file that is named and missing": {
			environ{"AWS_ECR_CONFIG": "/nonexistent/config.yaml"}, "/nonexistent/config.yaml: cannot be read: no such file or directory",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if runtime.GOOS == "windows" && strings.Contains(c.want, "no such file") {
				return // it has other words for it
			}
			c.env["AWS_ECR_IGNORE_CREDS_STORAGE"] = "true"
			c.env["AWS_ECR_FALLBACK_HELPER"] = "pass"
			s, err := settings.Load(c.env.lookup, configfile.Parse)
			var e *settings.Error
			if !errors.As(err, &e) || e.Error() != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
			if !s.IgnoreStorage || s.Fallback != "pass" || s.Timeout != settings.DefaultTimeout {
				t.Errorf("the rest reads as %+v", s)
			}
		})
	}
}

// counting counts how often a file is parsed.
func counting(n *int) settings.Parser {
	return func(name string, content []byte) (*settings.File, error) {
		*n++
		return configfile.Parse(name, content)
	}
}

func TestAFileIsParsedOncePerContent(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	env := environ{"HOME": home}
	path := write(t, home, ".ecr/config.yaml", "timeout: 30s\n")
	parsed := 0
	load := func(want time.Duration, parses int) {
		t.Helper()
		s, err := settings.Load(env.lookup, counting(&parsed))
		if err != nil || s.Timeout != want || parsed != parses {
			t.Errorf("timeout %v, %v after %d parses; want %v after %d", s.Timeout, err, parsed, want, parses)
		}
	}
	if _, err := settings.Load(env.lookup, nil); err == nil {
		t.Errorf("without a parser: %v", err)
	}
	load(30*time.Second, 1)
	load(30*time.Second, 1)
	if s, err := settings.Load(env.lookup, nil); err != nil || s.Timeout != 30*time.Second {
		t.Errorf("once parsed it needs no parser: %v, %v", s.Timeout, err)
	}

	// Another content, even of the same size and time, is another file.
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	write(t, home, ".ecr/config.yaml", "timeout: 31s\n")
	if err := os.Chtimes(path, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	load(31*time.Second, 2)

	// What was kept is worth nothing when it is damaged.
	for i, damage := range []string{"", "null", "{}", `{"version":1,"sha256":"","file":null}`, "\xff"} {
		write(t, home, ".ecr/config.compiled.json", damage)
		load(31*time.Second, 3+i)
	}

	// A mistake is not kept.
	write(t, home, ".ecr/config.yaml", "timeot: 31s\n")
	for range 2 {
		if _, err := settings.Load(env.lookup, configfile.Parse); err == nil {
			t.Error("a mistake was not reported")
		}
	}
	if _, err := settings.Load(env.lookup, nil); err == nil {
		t.Errorf("without a parser: %v", err)
	}
}

func TestWithoutAFolderAFileIsStillRead(t *testing.T) {
	t.Parallel()
	path := write(t, t.TempDir(), "config.yaml", "timeout: 30s\n")
	parsed := 0
	for range 2 {
		s, err := settings.Load(environ{"AWS_ECR_CONFIG": path}.lookup, counting(&parsed))
		if err != nil || s.Timeout != 30*time.Second {
			t.Errorf("got %v, %v", s.Timeout, err)
		}
	}
	if parsed != 2 {
		t.Errorf("it was parsed %d times", parsed)
	}
}
