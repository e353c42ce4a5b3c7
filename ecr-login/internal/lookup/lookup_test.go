package lookup_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"ecr-credential-helper/ecr-login/internal/lookup"
	"ecr-credential-helper/ecr-login/internal/settings"
	"ecr-credential-helper/ecr-login/internal/tokencache"
	"ecr-credential-helper/ecr-login/registry"
	"ecr-credential-helper/ecr-login/token"
)

const (
	irish  = "111122223333.dkr.ecr.eu-west-1.amazonaws.com"
	german = "111122223333.dkr.ecr.eu-central-1.amazonaws.com"
	other  = "444455556666.dkr.ecr.eu-west-1.amazonaws.com"
)

// alice has keys in her environment, and a profile for another identity.
func alice(t *testing.T) (s settings.Settings, home string) {
	t.Helper()
	home = t.TempDir()
	profile(t, home, "prod", "AKIAPRODPRODPRODPRD0")
	env := map[string]string{
		"HOME": home, "USERPROFILE": home, "AWS_ACCESS_KEY_ID": "AKIAALICEALICEALICE0", "AWS_SECRET_ACCESS_KEY": "secret",
		"AWS_CONFIG_FILE": filepath.Join(home, "config"), "AWS_SHARED_CREDENTIALS_FILE": filepath.Join(home, "credentials"),
	}
	return settings.Settings{
		Dir: filepath.Join(home, ".ecr"), Home: home,
		LookupEnv:  func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		Registries: []settings.Rule{{Host: german, Profile: "prod"}, {Host: "docker.example.com", Account: "111122223333", Region: "eu-west-1"}},
	}, home
}

func profile(t *testing.T, home, name, keyID string) {
	t.Helper()
	content := "[" + name + "]\naws_access_key_id = " + keyID + "\naws_secret_access_key = secret\n"
	if err := os.WriteFile(filepath.Join(home, "credentials"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func find(t *testing.T, s settings.Settings, server string, c lookup.Choice) lookup.Found {
	t.Helper()
	f, err := lookup.Find(s, server, c)
	if err != nil {
		t.Fatal(err)
	}
	if f.IdentityErr != nil {
		t.Fatal(f.IdentityErr)
	}
	return f
}

func TestOneKeyForAllAccountsOfAnIdentityInARegion(t *testing.T) {
	t.Parallel()
	s, _ := alice(t)
	key := find(t, s, irish, lookup.Choice{}).Key
	for name, c := range map[string]struct {
		server string
		choice lookup.Choice
		same   bool
	}{
		"the same host, written otherwise": {"HTTPS://" + irish + ":443/app", lookup.Choice{}, true},
		"another account":                  {other, lookup.Choice{}, true},
		"an alias":                         {"docker.example.com", lookup.Choice{}, true},
		"another region":                   {"111122223333.dkr.ecr.eu-west-2.amazonaws.com", lookup.Choice{}, false},
		"FIPS":                             {"111122223333.dkr.ecr-fips.eu-west-1.amazonaws.com", lookup.Choice{}, false},
		"dual-stack":                       {"111122223333.dkr-ecr.eu-west-1.on.aws", lookup.Choice{}, false},
		"the public registry":              {"public.ecr.aws", lookup.Choice{}, false},
		"another profile":                  {irish, lookup.Choice{Profile: "prod"}, false},
		"a role":                           {irish, lookup.Choice{RoleARN: "arn:aws:iam::111122223333:role/pull"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := find(t, s, c.server, c.choice).Key; (got == key) != c.same {
				t.Errorf("the key is %v, that of %s is %v", got, irish, key)
			}
		})
	}
	role := find(t, s, irish, lookup.Choice{RoleARN: "arn:aws:iam::111122223333:role/pull"})
	if withID := find(t, s, irish, lookup.Choice{RoleARN: role.Rule.RoleARN, ExternalID: "x"}); withID.Key == role.Key {
		t.Error("an external ID makes no difference")
	}
}

func TestAChoiceReplacesTheRule(t *testing.T) {
	t.Parallel()
	s, _ := alice(t)
	if f := find(t, s, german, lookup.Choice{}); f.Rule.Profile != "prod" {
		t.Errorf("the rule is %+v", f.Rule)
	}
	f := find(t, s, german, lookup.Choice{RoleARN: "arn:aws:iam::111122223333:role/pull"})
	if f.Rule.Profile != "" || f.Rule.RoleARN != "arn:aws:iam::111122223333:role/pull" {
		t.Errorf("the rule is mixed with the choice: %+v", f.Rule)
	}
}

func TestATokenIsFoundWhereItWasPut(t *testing.T) {
	t.Parallel()
	s, _ := alice(t)
	now := time.Now()
	f := find(t, s, irish, lookup.Choice{})
	if f.Hit || f.Fresh(now) || f.Listed() {
		t.Errorf("something was found in an empty cache: %+v", f)
	}
	entry := tokencache.Entry{
		Token:    token.New("AWS", token.NewPassword("secret"), token.Lifetime{Expires: now.Add(12 * time.Hour), LocalNow: now}),
		Endpoint: f.Registry.Endpoint, Hosts: []string{irish},
	}
	if err := f.Cache.Put(f.Key, entry, now); err != nil {
		t.Fatal(err)
	}
	if f.Hit {
		t.Error("it was found before it was looked for again")
	}
	if f.Again(); !f.Hit || !f.Fresh(now) || !f.Listed() {
		t.Errorf("it was not found: %+v", f)
	}
	for age, fresh := range map[time.Duration]bool{-time.Minute: false, 5 * time.Hour: true, 6*time.Hour + time.Second: false, 13 * time.Hour: false} {
		if got := f.Fresh(now.Add(age)); got != fresh {
			t.Errorf("after %v it is fresh: %v", age, got)
		}
	}
	if g := find(t, s, other, lookup.Choice{}); !g.Fresh(now) || g.Listed() {
		t.Errorf("for another account: fresh %v, listed %v", g.Fresh(now), g.Listed())
	}
	if f.Forgo(); f.Hit || f.Fresh(now) {
		t.Error("it is found though nobody wants it")
	}

	s.CacheDisabled = true
	if g := find(t, s, irish, lookup.Choice{}); g.Hit {
		t.Error("the disabled cache was read")
	} else if err := g.Cache.Put(g.Key, entry, now); err != nil {
		t.Error(err)
	} else if g.Again(); g.Hit {
		t.Error("the disabled cache was written")
	}
}

func TestAnIdentityThatCannotBeToldKeepsOutOfTheCache(t *testing.T) {
	t.Parallel()
	s, _ := alice(t)
	f, err := lookup.Find(s, irish, lookup.Choice{Profile: "no-such-profile"})
	if err != nil || f.IdentityErr == nil {
		t.Fatalf("got %v, %v", err, f.IdentityErr)
	}
	if err := f.Cache.Put(f.Key, tokencache.Entry{}, time.Now()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(s.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("something was kept: %v", err)
	}
	if f.Certain() {
		t.Error("nobody is the same as nobody")
	}
}

func TestAnIdentityThatChangesMeanwhileIsNoticed(t *testing.T) {
	t.Parallel()
	s, home := alice(t)
	f := find(t, s, german, lookup.Choice{})
	if !f.Certain() {
		t.Error("nothing has changed")
	}
	profile(t, home, "prod", "AKIAOTHEROTHEROTHER0")
	if f.Certain() {
		t.Error("the profile's key has changed")
	}
	profile(t, home, "test", "AKIAPRODPRODPRODPRD0")
	if f.Certain() {
		t.Error("the profile is gone")
	}
}

func TestAStrangerIsNotLookedUp(t *testing.T) {
	t.Parallel()
	s, _ := alice(t)
	for _, server := range []string{"", "registry.example.com", irish + ".evil.com"} {
		if _, err := lookup.Find(s, server, lookup.Choice{}); !errors.Is(err, registry.ErrNotECR) {
			t.Errorf("Find(%q): %v", server, err)
		}
	}
}
