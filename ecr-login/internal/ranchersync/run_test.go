package ranchersync_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ecr-credential-helper/ecr-login/internal/ranchersync"
	"ecr-credential-helper/ecr-login/internal/ranchersync/cattle"
	"ecr-credential-helper/ecr-login/internal/ranchertest"
)

func TestEveryECRRegistryIsKeptFreshAndNoOtherTouched(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	w.has(hostA)
	w.has(strings.ToUpper(hostB))
	_, hub := w.has("index.docker.io")
	_, evil := w.has(hostA + ".evil.example.com")
	wantSummary(t, w.run(), "0 updated updated")
	w.wantPull(hostA, w.tokens.issued(hostA))
	w.wantPull(hostB, w.tokens.issued(hostB))
	for _, other := range []string{hub, evil} {
		if w.Field(other, "secretValue") != "old" {
			t.Errorf("credential %s was written", other)
		}
	}
	for _, r := range w.Writes() {
		if !slices.Equal(r.Fields, []string{"publicValue", "secretValue"}) {
			t.Errorf("%s %s writes %v", r.Method, r.Path, r.Fields)
		}
	}
}

func TestASecondRunOnlyReads(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	w.has(hostA)
	w.has(hostB)
	w.run()
	w.Forget()
	second := w.run()
	wantSummary(t, second, "0 unchanged unchanged")
	want := []string{"GET /v2-beta/registries", "GET /v2-beta/registrycredentials"}
	if got := w.paths(); !slices.Equal(got, want) {
		t.Errorf("the second run sent %v", got)
	}
	if e := second.Targets[0].Registries[0]; e.Expires == nil || !e.Expires.Equal(noon.Add(12*time.Hour)) {
		t.Errorf("it says that the token lives until %v", e.Expires)
	}
}

func TestADryRunChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	r, _ := w.has(hostA)
	inactive, _ := w.has(hostB)
	w.SetState(inactive, "inactive")
	before := w.Dump(w.project)
	s := w.syncer()
	plan := s.Plan(t.Context(), []ranchersync.Job{w.job(asked(hostA, hostB, hostC), creating, activating, annotated)})
	wantSummary(t, s.Preview(plan), "0 planned planned planned")
	if writes := w.Writes(); len(writes) != 0 {
		t.Errorf("a dry run of %s sent %+v", r, writes)
	}
	if after := w.Dump(w.project); after != before {
		t.Errorf("before:\n%safter:\n%s", before, after)
	}
	if files, err := os.ReadDir(w.dir); err != nil || len(files) != 0 {
		t.Errorf("a dry run left %v (%v)", files, err)
	}
}

func TestTokensAreReplacedBeforeTheyEnd(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		later    time.Duration
		interval time.Duration
		want     string
	}{
		{"an hour later", time.Hour, 0, "unchanged"},
		{"just before seven hours are left", 5*time.Hour - time.Second, 0, "unchanged"},
		{"by a timer of six hours", 6*time.Hour - time.Minute, 0, "updated"},
		{"after the end", 13 * time.Hour, 0, "updated"},
		{"by a loop of an hour, in the first half", 5*time.Hour + 50*time.Minute, time.Hour, "unchanged"},
		{"by a loop of an hour, in the second half", 6*time.Hour + time.Minute, time.Hour, "updated"},
		{"after the clock was set back", -time.Hour, 0, "updated"},
		{"after the clock was set back by years", -5 * 365 * 24 * time.Hour, 0, "updated"},
		{"after the clock went ahead by years", 5 * 365 * 24 * time.Hour, 0, "updated"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, ranchertest.Options{})
			w.has(hostA)
			w.run()
			w.clock.add(tt.later)
			s := w.syncer()
			s.Interval = tt.interval
			wantSummary(t, s.Run(t.Context(), []ranchersync.Job{w.job()}), "0 "+tt.want)
			w.wantPull(hostA, w.tokens.issued(hostA))
		})
	}
}

func TestTokensThatLiveShorterThanUsualAreNotPushedEveryTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	w.tokens.life = time.Hour
	w.has(hostA)
	w.run()
	w.clock.add(10 * time.Minute)
	wantSummary(t, w.run(), "0 unchanged")
	w.clock.add(30 * time.Minute)
	wantSummary(t, w.run(), "0 updated")
}

func TestWhatMakesAPushNecessary(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(w *world, credential string)
		job    func(*ranchersync.Job)
		why    string // empty: nothing is pushed
	}{
		{"nothing", func(*world, string) {}, nil, ""},
		{"another user name", func(w *world, c string) { w.SetField(c, "publicValue", "joe") }, nil, "its user name is not AWS"},
		{"a new token of the same identity", func(w *world, _ string) { w.tokens.set(func(f *testTokens) { clear(f.held) }) }, nil, ""},
		{"another identity", func(w *world, _ string) {
			w.tokens.set(func(f *testTokens) { clear(f.held); f.identity = "bob" })
		}, nil, "its token is not the one in use now"},
		{"an identity that cannot be told", func(w *world, _ string) {
			w.tokens.set(func(f *testTokens) { clear(f.held); f.identity = "" })
		}, nil, "its token is not the one in use now"},
		{"no cache, so the memory is gone", func(w *world, _ string) { w.dir = w.t.TempDir() }, nil, "nothing was pushed into it from here yet"},
		{"force", func(*world, string) {}, forced, "a push was asked for"},
		{"another credential comes first", func(w *world, c string) { w.SetState(c, "inactive") }, nil, "nothing was pushed into it from here yet"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, ranchertest.Options{})
			r, c := w.has(hostA)
			w.AddCredential(r, "AWS", "second")
			w.run()
			tt.change(w, c)
			job := w.job()
			if tt.job != nil {
				tt.job(&job)
			}
			got := w.syncer().Run(t.Context(), []ranchersync.Job{job})
			want := "0 updated"
			if tt.why == "" {
				want = "0 unchanged"
			}
			wantSummary(t, got, want)
			if e := got.Targets[0].Registries[0]; e.Why != tt.why {
				t.Errorf("because %q, want %q", e.Why, tt.why)
			}
		})
	}
}

func TestAnotherRancherAtTheSameURLIsNotMistakenForTheFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	w.has(hostA)
	w.run()
	// A new database: the same ids, other resources.
	w.Inject(ranchertest.Fault{Times: -1, Match: on("GET", "registrycredentials"), Rewrite: func(status int, body []byte) (int, []byte) {
		return status, []byte(strings.ReplaceAll(string(body), "00000000-0000-4000", "11111111-0000-4000"))
	}})
	wantSummary(t, w.run(), "0 updated")
}

func TestMemoryThatCannotBeTrustedIsForgotten(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		spoil func(t *testing.T, path string)
	}{
		{"cut short", func(t *testing.T, path string) { edit(t, path, func(b []byte) []byte { return b[:len(b)/2] }) }},
		{"empty", func(t *testing.T, path string) { edit(t, path, func([]byte) []byte { return nil }) }},
		{"null", func(t *testing.T, path string) { edit(t, path, func([]byte) []byte { return []byte("null") }) }},
		{"of another version", func(t *testing.T, path string) {
			edit(t, path, func(b []byte) []byte { return []byte(strings.Replace(string(b), `"version":1`, `"version":2`, 1)) })
		}},
		{"with another salt", func(t *testing.T, path string) {
			edit(t, path, func(b []byte) []byte { return []byte(strings.Replace(string(b), `"salt":"`, `"salt":"AAAA`, 1)) })
		}},
		{"a folder", func(t *testing.T, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		}},
		{"in a place that cannot be written", func(t *testing.T, path string) {
			dir := filepath.Dir(path)
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(dir, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, ranchertest.Options{})
			w.dir = filepath.Join(w.dir, "rancher")
			w.has(hostA)
			w.run()
			files, err := filepath.Glob(filepath.Join(w.dir, "*.json"))
			if err != nil || len(files) != 1 {
				t.Fatalf("files %v, %v", files, err)
			}
			tt.spoil(t, files[0])
			wantSummary(t, w.run(), "0 updated")
		})
	}
}

func edit(t *testing.T, path string, change func([]byte) []byte) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, change(data), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestTwoProgramsRememberTogether(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	w.has(hostA)
	w.has(hostB)
	w.run(asked(hostA)) // so that there is a file, and a salt
	w.clock.add(8 * time.Hour)
	one, other := w.syncer(), w.syncer()
	// Both have read the file before either writes it.
	one.Planned = func(*ranchersync.Report) {
		wantSummary(t, other.Run(t.Context(), []ranchersync.Job{w.job(asked(hostB))}), "0 updated")
	}
	wantSummary(t, one.Run(t.Context(), []ranchersync.Job{w.job(asked(hostA))}), "0 updated")
	wantSummary(t, w.run(), "0 unchanged unchanged")
}

func TestANoteInTheDescriptionTellsOtherMachines(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	_, c := w.has(hostA)
	w.SetField(c, "description", "for the build team")
	wantSummary(t, w.run(annotated), "0 updated")
	if d := w.Field(c, "description"); !strings.HasPrefix(d, "for the build team [ecr-login: token until 2026-03-02T00:00:00Z") {
		t.Errorf("description %q", d)
	}
	first := w.tokens.issued(hostA)

	w.dir = t.TempDir() // another machine, of the same identity, with a cache of its own
	w.tokens.set(func(f *testTokens) { clear(f.held) })
	wantSummary(t, w.run(annotated), "0 unchanged")
	w.wantPull(hostA, first)

	w.tokens.set(func(f *testTokens) { clear(f.held); f.identity = "bob" })
	wantSummary(t, w.run(annotated), "0 updated")

	// Somebody restores a backup of Rancher's database.
	w.SetField(c, "description", "for the build team")
	wantSummary(t, w.run(annotated), "0 updated")
	w.clock.add(11 * time.Hour)
	wantSummary(t, w.run(annotated), "0 updated")
	if d := w.Field(c, "description"); strings.Count(d, "[ecr-login:") != 1 || !strings.HasPrefix(d, "for the build team [") {
		t.Errorf("description %q", d)
	}
}

func TestADescriptionWithoutRoomStaysAsItIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	_, c := w.has(hostA)
	long := strings.Repeat("ü", 1000)
	w.SetField(c, "description", long)
	got := w.run(annotated)
	wantSummary(t, got, "0 updated")
	wantMessage(t, got, "too long to note the token's end")
	if w.Field(c, "description") != long {
		t.Error("the description was changed")
	}
	w.wantPull(hostA, w.tokens.issued(hostA))
	// What this machine remembers has to do then.
	wantSummary(t, w.run(annotated), "0 unchanged")
}

func TestADescriptionWithJustEnoughRoomIsUsed(t *testing.T) {
	t.Parallel()
	note := ranchersync.Note{Expires: noon, Mark: "0123456789abcdef", Owner: "0123456789abcdef"}
	for room, want := range map[int]bool{len(note.String()) + 1: true, len(note.String()): false} {
		w := newWorld(t, ranchertest.Options{})
		_, c := w.has(hostA)
		w.SetField(c, "description", strings.Repeat("ü", 1024-room))
		wantSummary(t, w.run(annotated), "0 updated")
		if got := strings.Contains(w.Field(c, "description"), "[ecr-login: token until"); got != want {
			t.Errorf("with room for %d characters a note is there: %t", room, got)
		}
		wantSummary(t, w.run(annotated), "0 unchanged")
	}
}

func TestOneTokenForAllEnvironments(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	account := ranchertest.Key{Access: "ACCOUNT", Secret: secretKey, Roles: map[string]ranchertest.Role{}}
	var jobs []ranchersync.Job
	for i := range 5 {
		p := w.AddProject(fmt.Sprintf("env %d", i))
		account.Roles[p] = ranchertest.Owner
		w.AddCredential(w.AddRegistry(p, hostA), "AWS", "old")
		jobs = append(jobs, w.job(func(j *ranchersync.Job) {
			j.Target = w.target(func(c *cattle.Config) { c.AccessKey, c.Project = "ACCOUNT", p })
		}))
	}
	w.AddKey(account)
	wantSummary(t, w.syncer().Run(t.Context(), jobs), "0 updated updated updated updated updated")
	if w.tokens.calls != 1 {
		t.Errorf("%d tokens were asked for", w.tokens.calls)
	}
	wantSummary(t, w.syncer().Run(t.Context(), jobs), "0 unchanged unchanged unchanged unchanged unchanged")
}

func TestOneTargetsFailureIsNotAnothers(t *testing.T) {
	t.Parallel()
	w, other := newWorld(t, ranchertest.Options{}), newWorld(t, ranchertest.Options{})
	w.has(hostA)
	other.has(hostA)
	other.DropKey(accessKey)
	got := w.syncer().Run(t.Context(), []ranchersync.Job{other.job(), w.job()})
	wantSummary(t, got, "3 !refused updated")
	wantMessage(t, got, "Rancher answers 401 Unauthorized", "check the access key")
	w.wantPull(hostA, w.tokens.issued(hostA))
}

func TestTheExitCodeNamesTheOnlyKindOfFailure(t *testing.T) {
	t.Parallel()
	aws := func(w *world) { w.tokens.err = fmt.Errorf("no credentials") }
	tests := []struct {
		name string
		set  func(w *world)
		want string
	}{
		{"all in order", func(w *world) { w.has(hostA) }, "0 updated"},
		{"Rancher refused", func(w *world) { w.has(hostA); w.DropKey(accessKey) }, "3 !refused"},
		{"AWS", func(w *world) { w.has(hostA); aws(w) }, "4 failed:aws"},
		{"missing", func(*world) {}, "1 !missing"},
		{"AWS and something else", func(w *world) { w.has(hostA); w.AddRegistry(w.project, hostB); aws(w) }, "1 failed:aws failed:missing"},
		{"not verified", func(w *world) { w.has("https://" + hostA) }, "5 unverified:unverified"},
		{"not verified and something else", func(w *world) { w.has("https://" + hostA); w.AddRegistry(w.project, hostB) }, "1 unverified:unverified failed:missing"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, ranchertest.Options{})
			tt.set(w)
			wantSummary(t, w.run(), tt.want)
		})
	}
}

func TestWhenAWSIsDownTheReportSaysHowLongTheOldTokenLasts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	w.has(hostA)
	w.run()
	w.clock.add(7 * time.Hour)
	w.tokens.err = fmt.Errorf("connection timed out")
	got := w.run()
	wantSummary(t, got, "4 failed:aws")
	wantMessage(t, got, "connection timed out (the token pushed before is good until 2026-03-02 00:00 UTC)")
}

func TestATokenTooLongForRancherIsNotPushed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		size int
		want string
	}{{4096, "0 updated created"}, {4097, "1 failed:rejected failed:rejected"}} {
		w := newWorld(t, ranchertest.Options{})
		w.has(hostA)
		w.tokens.password = func(string, int) string { return strings.Repeat("x", tt.size) }
		got := w.run(asked(hostA, hostB), creating)
		wantSummary(t, got, tt.want)
		if tt.size > 4096 {
			wantMessage(t, got, "the token has 4097 characters, and Rancher keeps 4096 at most")
			if len(w.Writes()) != 0 {
				t.Errorf("sent %v", w.paths())
			}
		}
	}
}

func TestOnlyPagesAreReadHoweverManyRegistriesThereAre(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{MaxPage: 100})
	const n = 220
	for i := range n {
		w.has(fmt.Sprintf("%012d.dkr.ecr.eu-west-1.amazonaws.com", i))
	}
	got := w.run()
	if got.Totals.Updated != n || got.ExitCode != 0 {
		t.Fatalf("%+v", got.Totals)
	}
	const pages = 2 * 3
	if requests := len(w.Requests()); requests != pages+n+pages {
		t.Errorf("%d requests for %d registries", requests, n)
	}
	w.Forget()
	if got := w.run(); got.Totals.Unchanged != n {
		t.Fatalf("%+v", got.Totals)
	}
	if requests := len(w.Requests()); requests != pages {
		t.Errorf("%d requests with nothing to do", requests)
	}
}

func TestAFewChangesAreReadBackOneByOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	for _, h := range []string{hostA, hostB} {
		w.has(h)
	}
	w.run()
	writes, reads := 0, 0
	for _, r := range w.Requests() {
		if r.Method == http.MethodPut {
			writes++
		} else if writes > 0 {
			reads++
		}
	}
	if writes != 2 || reads > 2 {
		t.Errorf("%d writes and %d reads: %v", writes, reads, w.paths())
	}
}
