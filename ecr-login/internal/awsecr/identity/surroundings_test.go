package identity

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestACommandThatNamesSomethingHereDependsOnTheFolder(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("creds.json", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for command, want := range map[string]bool{
		"/bin/cat /etc/creds":           false,
		"aws-vault export prod":         false,
		"curl https://vault/v1/aws":     false,
		"cat creds.json":                true,
		"cat 'creds.json'":              true,
		"cat --file=creds.json":         true,
		"cat sub/creds.json":            true,
		"./creds":                       true,
		"/bin/sh -c \"cat creds.json\"": true,
	} {
		if got := relativeCommand(command); got != want {
			t.Errorf("relativeCommand(%q) = %v", command, got)
		}
	}
}

func TestARelativeHomeIsAnotherInEveryFolder(t *testing.T) {
	w := world{in: Inputs{Profile: "p"}, config: "[profile p]\nsso_start_url = https://a\nsso_region = r\nsso_account_id = 111122223333\nsso_role_name = x\n"}
	files := t.TempDir()
	in := w.inputs(t, files)
	in.Home = ""
	env := map[string]string{
		"HOME": "home", "USERPROFILE": "home",
		"AWS_CONFIG_FILE": filepath.Join(files, ".aws", "config"), "AWS_SHARED_CREDENTIALS_FILE": filepath.Join(files, ".aws", "credentials"),
	}
	in.LookupEnv = func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	fingerprint := func() [32]byte {
		t.Chdir(t.TempDir())
		id, err := Resolve(in)
		if err != nil {
			t.Fatal(err)
		}
		return id.Fingerprint()
	}
	here, there := fingerprint(), fingerprint()
	if here == there {
		t.Error("two users' sessions have one fingerprint")
	}
}

func TestFilesThatChangedAndChangedBackAreNoticed(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	w := world{credentials: "[default]\n" + alice}
	in := w.inputs(t, home)
	id, err := Resolve(in)
	if err != nil {
		t.Fatal(err)
	}
	if !id.Unchanged() {
		t.Fatal("nothing has changed")
	}
	path := filepath.Join(home, ".aws", "credentials")
	for _, text := range []string{"[default]\n" + bob, "[default]\n" + alice} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	later := time.Now().Add(time.Second)
	if err := os.Chtimes(path, later, later); err != nil {
		t.Fatal(err)
	}
	again, err := Resolve(in)
	if err != nil || again.Fingerprint() != id.Fingerprint() {
		t.Fatalf("the same content is another identity, %v", err)
	}
	if id.Unchanged() {
		t.Error("a file that was written meanwhile counts as unchanged")
	}
	if err := os.Remove(filepath.Join(home, ".aws", "config")); err != nil {
		t.Fatal(err)
	}
	if again.Unchanged() {
		t.Error("a file that is gone counts as unchanged")
	}
}
