package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"ecr-credential-helper/ecr-login/internal/tokencache"
	"ecr-credential-helper/ecr-login/registry"
	"ecr-credential-helper/ecr-login/token"
)

func TestTheFloorReadsWhatTheCacheWrites(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	now := time.Now()
	want := answer{"111122223333.dkr.ecr.eu-west-1.amazonaws.com", "AWS", `a "password" + more`}
	r, err := registry.Parse(want.ServerURL)
	if err != nil {
		t.Fatal(err)
	}
	err = tokencache.New(dir).Put(tokencache.NewKey([32]byte{1}, r.Endpoint), tokencache.Entry{
		Token:    token.New(want.Username, token.NewPassword(want.Secret), token.Lifetime{LocalNow: now, Expires: now.Add(time.Hour)}),
		Endpoint: r.Endpoint,
		Hosts:    []string{want.ServerURL},
	}, now)
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "tokens", "*.json"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	if got, err := parse(data); err != nil || got != want {
		t.Errorf("got %+v and %v, want %+v", got, err, want)
	}
}

func TestTheFloorRefusesWhatIsNoTokenFile(t *testing.T) {
	t.Parallel()
	for _, data := range []string{"", "null", "{}", `{"password":"YQ=="}`, `{"entry":{"hosts":["a"],"user":"b"}}`, `{"password":"?","entry":{"hosts":["a"]}}`} {
		if got, err := parse([]byte(data)); err == nil {
			t.Errorf("%q gave %+v", data, got)
		}
	}
}
