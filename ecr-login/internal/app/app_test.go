package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker-credential-helpers/credentials"

	"ecr-credential-helper/ecr-login/internal/fallback"
)

// runMain runs the program in an environment without credentials.
func runMain(t *testing.T, env map[string]string, input string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	if env == nil {
		env = map[string]string{}
	}
	var out, errOut bytes.Buffer
	lookup := func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	code = Main(args, lookup, Streams{In: strings.NewReader(input), Out: &out, Err: &errOut})
	return code, out.String(), errOut.String()
}

const irish = "111122223333.dkr.ecr.eu-west-1.amazonaws.com"

func TestVerbsThatNeedNoAWS(t *testing.T) {
	for name, c := range map[string]struct {
		env    map[string]string
		input  string
		args   []string
		code   int
		stdout string
	}{
		"no arguments":        {nil, "", nil, 1, usage + "\n"},
		"two arguments":       {nil, "", []string{"get", irish}, 1, usage + "\n"},
		"help":                {nil, "", []string{"--help"}, 0, help},
		"a stranger":          {nil, "registry.example.com", []string{"get"}, 1, "credentials not found in native keychain\n"},
		"an unknown verb":     {nil, "", []string{"frobnicate"}, 1, Name + ": unknown action: frobnicate\n"},
		"a verb of two lines": {nil, "", []string{"a\nb"}, 1, Name + ": unknown action: a b\n"},
		"list of nothing":     {nil, "unused", []string{"list"}, 0, "{}\n"},
		"store for ECR":       {nil, `{"ServerURL":"` + irish + `","Username":"AWS","Secret":"x"}`, []string{"store"}, 0, ""},
		"erase for ECR":       {nil, irish, []string{"erase"}, 0, ""},
		"erase of a stranger, ignored": {
			map[string]string{"AWS_ECR_IGNORE_CREDS_STORAGE": "yes"}, "registry.example.com", []string{"erase"}, 0, "",
		},
		"a wrong setting": {
			map[string]string{"AWS_ECR_TIMEOUT": "soon"}, irish, []string{"get"}, 1, "AWS_ECR_TIMEOUT: \"soon\" is not a duration such as 20s\n",
		},
		"a wrong setting and a stranger": {
			map[string]string{"AWS_ECR_TIMEOUT": "soon"}, "registry.example.com", []string{"get"}, 1, "credentials not found in native keychain\n",
		},
		"a fallback helper that is not there": {
			map[string]string{"AWS_ECR_FALLBACK_HELPER": "absent"},
			"registry.example.com",
			[]string{"get"},
			1,
			"the fallback helper docker-credential-absent is not in PATH; hint: install it, or correct fallback_helper\n",
		},
		"a fallback helper that asks us in turn": {
			map[string]string{"AWS_ECR_FALLBACK_HELPER": "absent", fallback.Marker: "1"},
			"registry.example.com",
			[]string{"get"},
			1,
			"credentials not found in native keychain\n",
		},
		"a fallback helper does not keep the list from us": {
			map[string]string{"AWS_ECR_FALLBACK_HELPER": "absent"}, "unused", []string{"list"}, 0, "{}\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := runMain(t, c.env, c.input, c.args...)
			if code != c.code || stdout != c.stdout || stderr != "" {
				t.Errorf("exit code %d, stdout %q, stderr %q; want %d, %q", code, stdout, stderr, c.code, c.stdout)
			}
		})
	}
}

// failingWriter is a standard output that cannot be written.
type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

func TestWhatCannotBeWrittenIsAFailure(t *testing.T) {
	none := func(string) (string, bool) { return "", false }
	for _, args := range [][]string{{"list"}, {"version"}, {"--version"}, {"--help"}, {"get"}, {}} {
		if code := Main(args, none, Streams{In: strings.NewReader("registry.example.com"), Out: failingWriter{}, Err: io.Discard}); code != 1 {
			t.Errorf("%v: exit code %d", args, code)
		}
	}
}

func TestStandardInputThatCannotBeReadIsNamed(t *testing.T) {
	home := t.TempDir()
	dir, err := os.Open(home)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	var out bytes.Buffer
	none := func(string) (string, bool) { return "", false }
	code := Main([]string{"get"}, none, Streams{In: dir, Out: &out, Err: io.Discard})
	if code != 1 || !strings.HasPrefix(out.String(), "the request on standard input cannot be read: ") || strings.Count(out.String(), "\n") != 1 {
		t.Errorf("exit code %d, %q", code, out.String())
	}
}

func TestAnErrorOfTheJSONDecoderIsReworded(t *testing.T) {
	t.Parallel()
	const reworded = "the credentials on standard input are not the JSON object with ServerURL, Username and Secret that clients send"
	for _, input := range []string{"", "hunter2", `{"Secret":"hunter2`, `[]`, `{"Secret":{"hunter2":1}}`, `{"Secret":hunter2}`} {
		var c credentials.Credentials
		err := json.NewDecoder(strings.NewReader(input)).Decode(&c)
		if err == nil {
			t.Fatalf("%q was decoded", input)
		}
		if got := storeError(err).Error(); got != reworded {
			t.Errorf("%q: %s", input, got)
		}
	}
	other := errors.New("the vault is locked")
	if got := storeError(other); !errors.Is(got, other) {
		t.Errorf("another error became %v", got)
	}
}

func TestAnErrorIsOneLine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"a":               "a",
		"a\nb":            "a b",
		"a\r\n\tb\n":      "a b",
		"\x1b[31mred\x7f": "[31mred",
		"ä\n":             "ä",
		"":                "",
	} {
		if got := oneLine(errors.New(text)); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

func TestAServerIsShownWithoutPasswordAndShort(t *testing.T) {
	t.Parallel()
	for server, want := range map[string]string{
		"registry.example.com":                  "registry.example.com",
		"https://bob:hunter2@r.example.com/x":   "r.example.com/x",
		"bob:p@ss@r.example.com":                "r.example.com",
		strings.Repeat("a", 100):                strings.Repeat("a", 100),
		strings.Repeat("a", 101):                strings.Repeat("a", 100) + "…",
		strings.Repeat("a", 99) + "ää":          strings.Repeat("a", 99) + "…",
		"hunter2@" + strings.Repeat("b", 1<<10): strings.Repeat("b", 100) + "…",
	} {
		if got := shown(server); got != want {
			t.Errorf("%.50q is shown as %.120q, want %.120q", server, got, want)
		}
	}
}

func TestASignalEndsTheContextAndIsRemembered(t *testing.T) {
	for _, sig := range stopSignals {
		s, ok := sig.(syscall.Signal)
		if !ok {
			t.Fatalf("%v is no signal", sig)
		}
		// Should nohup have made this program deaf to it, it hears again.
		heard := make(chan os.Signal, 1)
		signal.Notify(heard, s)
		ctx, _, stop := signalContext()
		if _, ended := interrupted(ctx); ended {
			t.Error("interrupted before the signal")
		}
		self, err := os.FindProcess(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		if err := self.Signal(s); err != nil {
			stop()
			return // a system on which no process can signal itself
		}
		select {
		case <-ctx.Done():
		case <-time.After(10 * time.Second):
			t.Errorf("%v did not end the context", s)
		}
		signal.Stop(heard)
		if got, ended := interrupted(ctx); !ended || got != s {
			t.Errorf("interrupted by %v, %v; want %v", got, ended, s)
		}
		if !errors.Is(context.Cause(ctx), context.Canceled) {
			t.Errorf("the cause is %v", context.Cause(ctx))
		}
		stop()
	}
	ctx, _, stop := signalContext()
	stop()
	<-ctx.Done()
	if sig, ended := interrupted(ctx); ended {
		t.Errorf("an ordinary end is taken for %v", sig)
	}
}

func TestALogGoesBelowTheFolderOfTokens(t *testing.T) {
	home := t.TempDir()
	env := map[string]string{"HOME": home, "USERPROFILE": home, "AWS_ECR_FALLBACK_HELPER": "absent"}
	if code, stdout, _ := runMain(t, env, "registry.example.com", "get"); code != 1 {
		t.Fatal(stdout)
	}
	path := filepath.Join(home, ".ecr", "log", "ecr-login.log")
	content, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(content), "docker-credential-absent is not in PATH") {
		t.Errorf("%v: %s", err, content)
	}
}
