package identity

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzResolve feeds arbitrary files and environments: never a panic, always
// the same answer, no error but ErrUncertain, and no secret in words.
func FuzzResolve(f *testing.F) {
	for _, s := range sources() {
		var pairs []string
		for k, v := range s.world.env {
			pairs = append(pairs, k+"="+v)
		}
		f.Add(strings.Join(pairs, "\n"), s.world.config, s.world.credentials, s.world.files["token"], s.world.in.Profile, s.world.in.RoleARN)
	}
	f.Add("AWS_CONFIG_FILE=$HOME\nAWS_PROFILE=a", "[profile a]\nx = \"\n", "\x00", "", "", "")
	const secret = "5ecret5ecret5ecret"
	f.Fuzz(func(t *testing.T, variables, config, credentials, token, profile, role string) {
		w := world{
			env: map[string]string{}, config: config, files: map[string]string{"token": token},
			credentials: credentials + "\n[p]\naws_secret_access_key = " + secret + "\naws_session_token = " + secret + "\n",
			in:          Inputs{Profile: profile, RoleARN: role},
		}
		home := t.TempDir()
		for line := range strings.Lines(variables) {
			name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
			if strings.ContainsRune(value, 0) || strings.HasSuffix(name, "_FILE") && !strings.HasPrefix(value, "$HOME") {
				continue // no environment has the one, and the other may be any file of this machine
			}
			if strings.HasSuffix(name, "_FILE") && !strings.HasPrefix(filepath.Clean(strings.ReplaceAll(value, "$HOME", home)), home) {
				continue
			}
			w.env[name] = value
		}
		in := w.inputs(t, home)
		id, err := Resolve(in)
		again, errAgain := Resolve(in)
		if (err != nil) != (errAgain != nil) || id.Fingerprint() != again.Fingerprint() {
			t.Error("two answers to one question")
		}
		if err != nil && !errors.Is(err, ErrUncertain) {
			t.Errorf("%v is no ErrUncertain", err)
		}
		words := id.String()
		if err != nil {
			words = err.Error()
		}
		if strings.Contains(words, secret) && !strings.Contains(config+credentials+profile+role+variables, secret) {
			t.Errorf("a secret is told: %s", words)
		}
	})
}
