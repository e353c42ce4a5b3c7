package tokencache_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ecr-credential-helper/ecr-login/internal/tokencache"
	"ecr-credential-helper/ecr-login/registry"
	"ecr-credential-helper/ecr-login/token"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

var euWest = registry.Endpoint{Service: registry.Private, Region: "eu-west-1"}

func key(n int) tokencache.Key {
	return tokencache.NewKey([32]byte{byte(n), byte(n >> 8)}, euWest)
}

func entry(password string, hosts ...string) tokencache.Entry {
	return tokencache.Entry{
		Token: token.New("AWS", token.NewPassword(password), token.Lifetime{
			ServerNow: noon, Expires: noon.Add(12 * time.Hour), LocalNow: noon,
		}),
		Endpoint: euWest, Identity: "profile dev", Hosts: hosts,
	}
}

func mustPut(t *testing.T, c tokencache.Cache, k tokencache.Key, e tokencache.Entry) {
	t.Helper()
	if err := c.Put(k, e, noon); err != nil {
		t.Fatal(err)
	}
}

func TestPutThenGetGivesTheEntryBack(t *testing.T) {
	t.Parallel()
	c := tokencache.New(filepath.Join(t.TempDir(), "new", "dir"))
	want := entry(strings.Repeat("p", 4096), "a.example", "b.example")
	want.Token.Registry = "111122223333.dkr.ecr.eu-west-1.amazonaws.com"
	mustPut(t, c, key(1), want)
	got, ok := c.Get(key(1))
	if !ok {
		t.Fatal("not found")
	}
	if got.Token.Password.Reveal() != want.Token.Password.Reveal() || got.Token.User != "AWS" || got.Token.Registry != want.Token.Registry ||
		!got.Token.Refresh.Equal(want.Token.Refresh.Truncate(time.Millisecond)) ||
		!got.Token.Expires.Equal(want.Token.Expires) || !got.Token.ServerExpires.Equal(want.Token.ServerExpires) ||
		got.Endpoint != want.Endpoint || got.Identity != want.Identity || !slices.Equal(got.Hosts, want.Hosts) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	if _, ok := c.Get(key(2)); ok {
		t.Error("another key finds it")
	}
}

func TestTheKeyTellsIdentityEndpointAndRegionApart(t *testing.T) {
	t.Parallel()
	keys := map[tokencache.Key]string{}
	for _, fp := range [][32]byte{{}, {1}, {31: 1}} {
		for _, service := range []registry.Service{registry.Private, registry.Public} {
			for _, region := range []string{"us-east-1", "us-east-11"} {
				for _, fips := range []bool{false, true} {
					for _, dual := range []bool{false, true} {
						e := registry.Endpoint{Service: service, Region: region, FIPS: fips, DualStack: dual}
						name := fmt.Sprint(fp, e)
						k := tokencache.NewKey(fp, e)
						if other, dup := keys[k]; dup {
							t.Errorf("%s and %s share a key", name, other)
						}
						keys[k] = name
					}
				}
			}
		}
	}
}

func TestACacheWithoutDirKeepsNothing(t *testing.T) {
	t.Parallel()
	var c tokencache.Cache
	mustPut(t, c, key(1), entry("p"))
	if _, ok := c.Get(key(1)); ok {
		t.Error("found")
	}
	unlock, err := c.Lock(t.Context(), key(1))
	if err != nil {
		t.Fatal(err)
	}
	unlock()
	if got := hostsOf(c, noon); len(got) != 0 {
		t.Errorf("hosts %v", got)
	}
}

func TestHostsAreRememberedListedAndForgotten(t *testing.T) {
	t.Parallel()
	c := tokencache.New(t.TempDir())
	mustPut(t, c, key(1), entry("one", "a"))
	mustPut(t, c, key(2), entry("two", "b"))
	for _, h := range []string{"c", "a", "c"} {
		if err := c.AddHost(key(1), h); err != nil {
			t.Fatal(err)
		}
	}
	mustPut(t, c, key(1), entry("one again", "d")) // a refresh keeps what was served
	want := map[string]string{"a": "AWS", "b": "AWS", "c": "AWS", "d": "AWS"}
	if got := hostsOf(c, noon); !maps.Equal(got, want) {
		t.Errorf("hosts %v, want %v", got, want)
	}
	if got := hostsOf(c, noon.Add(12*time.Hour)); len(got) != 0 {
		t.Errorf("hosts of dead tokens are listed: %v", got)
	}
	if n, err := c.Forget("c"); n != 1 || err != nil {
		t.Errorf("Forget = %d, %v", n, err)
	}
	if _, ok := c.Get(key(1)); ok {
		t.Error("a forgotten token is still there")
	}
	if _, ok := c.Get(key(2)); !ok {
		t.Error("another host's token is gone")
	}
	if n, err := c.Forget("nobody"); n != 0 || err != nil {
		t.Errorf("Forget = %d, %v", n, err)
	}
}

// A file that is damaged in any way is an absent file: every single-bit flip,
// every truncation and every kind of wrong content.
func TestDamagedFilesAreAbsentAndReplaced(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := tokencache.New(dir)
	mustPut(t, c, key(1), entry("good", "host"))
	mustPut(t, c, key(2), entry("other"))
	path := filepath.Join(dir, "tokens", key(1).String()+".json")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	other, err := os.ReadFile(filepath.Join(dir, "tokens", key(2).String()+".json"))
	if err != nil {
		t.Fatal(err)
	}
	damaged := map[string][]byte{
		"empty": {}, "null": []byte("null"), "an array": []byte("[]"), "an object": []byte("{}"),
		"not JSON": []byte("hello"), "NULs": make([]byte, 300), "huge": bytes.Repeat([]byte("x"), 2<<20),
		"null entry": []byte(`{"sha256":"f026668d41f4dc463fdebcf5db48680292c27c035322d1ef051b725e25f95a46","password":"cA==","entry":null}` + "\n"),
		"deep":       bytes.Repeat([]byte("["), 1<<19), "doubled": append(bytes.Clone(good), good...),
		"another key's entry": other,
	}
	for i := range good {
		damaged[fmt.Sprintf("cut at %d", i)] = good[:i]
		for bit := range 8 {
			b := bytes.Clone(good)
			b[i] ^= 1 << bit
			damaged[fmt.Sprintf("bit %d of byte %d flipped", bit, i)] = b
		}
	}
	for name, content := range damaged {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		// A flip of letter case in the checksum's hexadecimal digits is no damage.
		if e, ok := c.Get(key(1)); ok && (e.Token.Password.Reveal() != "good" || !bytes.EqualFold(content, good)) {
			t.Errorf("%s: served %+v", name, e)
		}
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := hostsOf(c, noon); len(got) != 0 {
		t.Errorf("a damaged file is listed: %v", got)
	}
	mustPut(t, c, key(1), entry("new"))
	if e, ok := c.Get(key(1)); !ok || e.Token.Password.Reveal() != "new" {
		t.Error("a damaged file is not replaced")
	}
	if e, ok := c.Get(key(2)); !ok || e.Token.Password.Reveal() != "other" {
		t.Error("another entry was lost")
	}
}

func TestPutPrunesTheDead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := tokencache.New(dir)
	tokens := filepath.Join(dir, "tokens")
	mustPut(t, c, key(1), entry("dead by then"))
	living := entry("living")
	living.Token.Expires = noon.Add(48 * time.Hour)
	mustPut(t, c, key(2), living)
	old := time.Now().Add(-time.Hour)
	for name, mtime := range map[string]time.Time{
		".tmp-1-abc": old, ".tmp-2-def": time.Now(), "notes.txt": old,
		key(3).String() + ".json": noon, strings.ToUpper(key(2).String()) + ".json": old,
	} {
		path := filepath.Join(tokens, name)
		if err := os.WriteFile(path, []byte("junk"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, mtime, mtime); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Put(key(4), living, noon.Add(24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	for name, stays := range map[string]bool{
		key(1).String() + ".json": false, key(2).String() + ".json": true, key(4).String() + ".json": true,
		".tmp-1-abc": false, ".tmp-2-def": true, "notes.txt": true,
		key(3).String() + ".json": false, // malformed, and as old as a dead token
	} {
		if _, err := os.Stat(filepath.Join(tokens, name)); (err == nil) != stays {
			t.Errorf("%s: stays = %v, want %v", name, err == nil, stays)
		}
	}
}

func TestRotatingForEverLeavesAConstantNumberOfFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := tokencache.New(dir)
	for i := range 200 {
		mustPut(t, c, key(1), entry(fmt.Sprint("password ", i), "host"))
	}
	if names := tree(t, dir); len(names) != 1 {
		t.Errorf("left behind: %q", names)
	}
}

func TestAUnwritableFolderIsAnErrorNotAPanic(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, filepath.Join(file, "below")} {
		c := tokencache.New(dir)
		if err := c.Put(key(1), entry("p"), noon); err == nil {
			t.Error("Put succeeds")
		}
		if _, err := c.Lock(t.Context(), key(1)); err == nil {
			t.Error("Lock succeeds")
		}
		if _, ok := c.Get(key(1)); ok {
			t.Error("Get finds something")
		}
		if n, err := c.Forget("h"); n != 0 || err != nil {
			t.Errorf("Forget = %d, %v", n, err)
		}
	}
}

func TestParallelWritersOfDifferentKeysLoseNothing(t *testing.T) {
	t.Parallel()
	c := tokencache.New(t.TempDir())
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			if err := c.Put(key(i), entry(fmt.Sprint("password ", i)), noon); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for i := range 40 {
		if e, ok := c.Get(key(i)); !ok || e.Token.Password.Reveal() != fmt.Sprint("password ", i) {
			t.Errorf("entry %d: %v", i, ok)
		}
	}
}

func hostsOf(c tokencache.Cache, now time.Time) map[string]string {
	hosts := map[string]string{}
	for e := range c.Served(now) {
		for _, h := range e.Hosts {
			hosts[h] = e.User
		}
	}
	return hosts
}

func tree(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func BenchmarkGet(b *testing.B) {
	c := tokencache.New(b.TempDir())
	if err := c.Put(key(1), entry(strings.Repeat("p", 2300), "host"), noon); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := c.Get(key(1)); !ok {
			b.Fatal("gone")
		}
	}
}

func BenchmarkHostsOf1000(b *testing.B) {
	c := tokencache.New(b.TempDir())
	for i := range 1000 {
		if err := c.Put(key(i), entry(strings.Repeat("p", 2300), fmt.Sprint("host", i)), noon); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if n := len(hostsOf(c, noon)); n != 1000 {
			b.Fatal(n)
		}
	}
}
