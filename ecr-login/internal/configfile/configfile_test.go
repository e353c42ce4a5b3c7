package configfile_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"ecr-credential-helper/ecr-login/internal/configfile"
	"ecr-credential-helper/ecr-login/internal/settings"
)

const file = "config.yaml"

func TestEverySettingIsRead(t *testing.T) {
	t.Parallel()
	content := []byte(`
registries:
  - host: "111122223333.dkr.ecr.*.amazonaws.com"
    profile: prod
  - host: 444455556666.DKR.ecr.eu-west-1.amazonaws.com
    role_arn: arn:aws:iam::444455556666:role/path/pull
    external_id: abc
    profile: base
  - host: Docker.example.com
    account: "111122223333"
    region: eu-west-1
fallback_helper: osxkeychain
public_auth: required
timeout: 45s
log: {level: debug, format: json, max_size: 2MB, keep: 7}
rancher:
  - url: https://rancher.example.com/v2-beta/projects/1a5
    access_key: ABC
    secret_key_file: /run/secrets/cattle
    registries: [111122223333.dkr.ecr.eu-west-1.amazonaws.com]
    create: true
  - url: https://other.example.com
`)
	got, err := configfile.Parse(file, content)
	if err != nil {
		t.Fatal(err)
	}
	want := &settings.File{
		Registries: []settings.Rule{
			{Host: "111122223333.dkr.ecr.*.amazonaws.com", Profile: "prod"},
			{
				Host: "444455556666.dkr.ecr.eu-west-1.amazonaws.com", RoleARN: "arn:aws:iam::444455556666:role/path/pull",
				ExternalID: "abc", Profile: "base",
			},
			{Host: "docker.example.com", Account: "111122223333", Region: "eu-west-1"},
		},
		Fallback:   "osxkeychain",
		PublicAuth: "required",
		Timeout:    45 * time.Second,
		Log:        settings.Log{Level: "debug", Format: "json", MaxSize: 2 << 20, Keep: 7},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}

	targets, err := configfile.Rancher(file, content)
	if err != nil {
		t.Fatal(err)
	}
	wantTargets := []configfile.RancherTarget{
		{
			URL: "https://rancher.example.com/v2-beta/projects/1a5", AccessKey: "ABC", SecretKeyFile: "/run/secrets/cattle",
			Registries: []string{"111122223333.dkr.ecr.eu-west-1.amazonaws.com"}, Create: true, Line: 17,
		},
		{URL: "https://other.example.com", Line: 22},
	}
	if !reflect.DeepEqual(targets, wantTargets) {
		t.Errorf("got  %+v\nwant %+v", targets, wantTargets)
	}
}

func TestAFileThatSaysNothingSetsNothing(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"nothing":                   "",
		"comments":                  "# nothing\n\n# yet\n",
		"an empty document":         "---\n",
		"a null":                    "~\n",
		"an empty mapping":          "{}\n",
		"keys without values":       "registries:\nfallback_helper:\ntimeout:\nlog:\nrancher:\npublic_auth:\n",
		"empty lists and mappings":  "registries: []\nlog: {}\nrancher: []\n",
		"a byte order mark":         "\ufeff# nothing\n",
		"Windows line ends":         "# nothing\r\nlog:\r\n",
		"a directive before it all": "%YAML 1.1\n---\n{}\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := configfile.Parse(file, []byte(content))
			if err != nil || !reflect.DeepEqual(got, &settings.File{}) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestAMistakeIsNamedWithItsLine(t *testing.T) {
	t.Parallel()
	for name, m := range configfile.Mistakes() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := configfile.Parse(file, []byte(m.Content))
			var e *settings.Error
			if !errors.As(err, &e) {
				t.Fatalf("got %+v, %v", got, err)
			}
			text := e.Error()
			if strings.Contains(m.Want, "an element of rancher") {
				text = text[:min(len(text), len(m.Want))] // its keys are many, and listed in its own page
			}
			if text != m.Want {
				t.Errorf("got  %s\nwant %s", e, m.Want)
			}
			if _, err := configfile.Rancher(file, []byte(m.Content)); err == nil || err.Error() != e.Error() {
				t.Errorf("Rancher says otherwise: %v", err)
			}
		})
	}
}

func TestSizesAreReadAsPeopleWriteThem(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		"1024": 1 << 10, "1KB": 1 << 10, "500kb": 500 << 10, "5MB": 5 << 20, "5 MB": 5 << 20, "'5 mb '": 5 << 20, "1GB": 1 << 30, "2048B": 2 << 10,
	} {
		got, err := configfile.Parse(file, []byte("log: {max_size: "+text+"}\n"))
		if err != nil || got.Log.MaxSize != want {
			t.Errorf("max_size: %s is %+v, %v; want %d", text, got, err, want)
		}
	}
}

func TestNamesOfHelpers(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"osxkeychain": true, "secretservice": true, "my-helper_2.0": true, "docker-credential-pass": true,
		"": false, ".": false, "..": false, "a/b": false, `a\b`: false, "-h": false, "a b": false, "ä": false, "a\n": false, "a;b": false, "$(x)": false,
	} {
		if got := settings.ValidHelperName(name); got != want {
			t.Errorf("ValidHelperName(%q) = %v", name, got)
		}
	}
}

// FuzzParse holds what a file of any content leads to: settings that can be
// kept as JSON and say the same when read again, or an error with a place.
func FuzzParse(f *testing.F) {
	for _, m := range configfile.Mistakes() {
		f.Add([]byte(m.Content))
	}
	f.Add([]byte("registries:\n  - {host: a.example.com, account: '111122223333', region: eu-west-1}\nlog: {level: info}\ntimeout: 5\n"))
	f.Add([]byte("a: &a [*a, *a]\n"))
	f.Add([]byte("rancher:\n- url: x\n  registries: [111122223333.dkr.ecr.eu-west-1.amazonaws.com]\n  create: yes\n"))
	f.Add([]byte(strings.Repeat("[", 1000)))
	f.Fuzz(func(t *testing.T, content []byte) {
		got, err := configfile.Parse(file, content)
		if err != nil {
			var e *settings.Error
			if !errors.As(err, &e) || e.Where != file && !strings.HasPrefix(e.Where, file+":") || e.What == "" {
				t.Fatalf("the error has no place: %v", err)
			}
			return
		}
		for _, r := range got.Registries {
			if r.Host == "" || r.Host != strings.ToLower(r.Host) || (r.Account == "") != (r.Region == "") {
				t.Fatalf("a rule that makes no sense was accepted: %+v", r)
			}
		}
		data, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		var again settings.File
		if err := json.Unmarshal(data, &again); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(normal(got), normal(&again)) {
			t.Fatalf("%+v was kept as %s", got, data)
		}
	})
}

// normal makes no difference between no list and an empty one.
func normal(f *settings.File) settings.File {
	c := *f
	if len(c.Registries) == 0 {
		c.Registries = nil
	}
	return c
}
