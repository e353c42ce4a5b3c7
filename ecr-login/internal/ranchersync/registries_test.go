package ranchersync_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"ecr-credential-helper/ecr-login/internal/ranchersync"
	"ecr-credential-helper/ecr-login/internal/ranchersync/cattle"
	"ecr-credential-helper/ecr-login/internal/ranchertest"
)

func TestRegistriesAsTheyAreFound(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		opts ranchertest.Options
		set  func(w *world)
		job  []func(*ranchersync.Job)
		want string
		says []string
		pull bool // a pull of hostA works afterwards
	}{
		{
			name: "with a scheme, which pulls ignore",
			set:  func(w *world) { w.has("https://" + hostA) },
			want: "5 unverified:unverified",
			says: []string{`pulls ignore the address "https://` + hostA + `"`, "--create"},
		},
		{
			name: "with a scheme beside a plain one",
			set:  func(w *world) { w.has("https://" + hostA + "/"); w.has(hostA) },
			want: "0 updated updated", says: []string{"warning: pulls ignore the address"}, pull: true,
		},
		{
			name: "with a scheme, and a plain one is created",
			set:  func(w *world) { w.has("https://" + hostA) },
			job:  []func(*ranchersync.Job){asked(hostA), creating},
			want: "0 created updated", says: []string{"warning: pulls ignore the address"}, pull: true,
		},
		{
			name: "with a scheme, and nobody asked for a plain one",
			set:  func(w *world) { w.has("https://" + hostA); w.has(hostB) },
			job:  []func(*ranchersync.Job){creating},
			want: "5 unverified:unverified updated",
		},
		{
			name: "with a scheme and no credential, beside a plain one",
			set:  func(w *world) { w.AddRegistry(w.project, "https://"+hostA); w.has(hostA) },
			job:  []func(*ranchersync.Job){asked(hostA), creating},
			want: "0 updated skipped", says: []string{"warning: pulls ignore the address"}, pull: true,
		},
		{
			name: "with a scheme and no credential, and a plain one to be created",
			set:  func(w *world) { w.AddRegistry(w.project, "https://"+hostA) },
			job:  []func(*ranchersync.Job){asked(hostA), creating},
			want: "0 created skipped", pull: true,
		},
		{
			name: "with a scheme and no credential, and nothing else",
			set:  func(w *world) { w.AddRegistry(w.project, "https://"+hostA) },
			job:  []func(*ranchersync.Job){creating},
			want: "1 failed:missing", says: []string{"pulls ignore the address", "hint: add a registry with the host name alone, or let --registry " + hostA + " --create do it"},
		},
		{
			name: "with a scheme, in a state that nobody knows",
			set:  func(w *world) { r, _ := w.has("https://" + hostA); w.SetState(r, "frobnicating") },
			want: "1 failed:state", says: []string{"registry 1sp2 is frobnicating", "warning: pulls ignore the address"},
		},
		{
			name: "with a scheme and about to go, beside a plain one",
			set: func(w *world) {
				r, _ := w.has("https://" + hostA)
				w.SetState(r, "removing")
				w.has(hostA)
			},
			want: "0 updated skipped", pull: true,
		},
		{
			name: "without credential, and nobody asked for one",
			set:  func(w *world) { w.AddRegistry(w.project, hostA) },
			job:  []func(*ranchersync.Job){creating},
			want: "1 failed:missing", says: []string{"registry 1sp2 has no credential", "let --registry " + hostA + " --create do it"},
		},
		{
			name: "with a scheme, beside a plain one that is inactive",
			set: func(w *world) {
				r, _ := w.has(hostA)
				w.SetState(r, "inactive")
				w.has("https://" + hostA)
			},
			want: "5 skipped unverified:unverified", says: []string{"registry 1sp2 is inactive", "hint: put the registry with the host name alone in order"},
		},
		{
			name: "with a credential that is stuck before an active one",
			opts: ranchertest.Options{Settle: -1},
			set: func(w *world) {
				r := w.AddRegistry(w.project, hostA)
				w.SetState(w.AddCredential(r, "AWS", "stuck"), "activating")
				w.AddCredential(r, "AWS", "old")
				w.AddCredential(r, "AWS", "never used")
			},
			want: "0 updated updated", pull: true,
			says: []string{"warning: credential 1c7 is activating; until it is active, pulls use 1c8", "pulls use credential 1c8 only, and ignore 1c9"},
		},
		{
			name: "in capitals",
			set:  func(w *world) { w.has(strings.ToUpper(hostA)) },
			want: "0 updated", pull: true,
		},
		{
			name: "twice",
			set:  func(w *world) { w.has(hostA); w.has(hostA) },
			want: "0 updated updated", pull: true,
		},
		{
			name: "not at all, and not asked for",
			set:  func(w *world) { w.has("index.docker.io") },
			want: "1 !missing", says: []string{"there is no ECR registry, and it has only index.docker.io"},
		},
		{
			name: "not at all, though asked for",
			set:  func(w *world) { w.has(hostB); w.has("index.docker.io") },
			job:  []func(*ranchersync.Job){asked(hostA)},
			want: "1 failed:missing",
			says: []string{"Rancher has no registry with the address " + hostA + ", but " + hostB + ", index.docker.io", "--create"},
		},
		{
			name: "not at all, and asked to be created",
			set:  func(w *world) { w.has(hostB) },
			job:  []func(*ranchersync.Job){asked(hostA), creating},
			want: "0 created", pull: true,
		},
		{
			name: "without credential",
			set:  func(w *world) { w.AddRegistry(w.project, hostA) },
			want: "1 failed:missing", says: []string{"registry 1sp2 has no credential", "--create"},
		},
		{
			name: "without credential, which is created",
			set:  func(w *world) { w.AddRegistry(w.project, hostA) },
			job:  []func(*ranchersync.Job){asked(hostA), creating},
			want: "0 created", pull: true,
		},
		{
			name: "with several credentials",
			set:  func(w *world) { r, _ := w.has(hostA); w.AddCredential(r, "joe", "x"); w.AddCredential(r, "AWS", "y") },
			want: "0 updated", says: []string{"pulls use credential 1c7 only, and ignore 1c8, 1c9"}, pull: true,
		},
		{
			name: "whose ids have more and more digits",
			set: func(w *world) {
				r, _ := w.has(hostA)
				for range 5 {
					w.AddCredential(r, "AWS", "x")
				}
			},
			want: "0 updated", says: []string{"pulls use credential 1c7 only, and ignore 1c8, 1c9, 1c10, 1c11, 1c12"}, pull: true,
		},
		{
			name: "with an inactive credential before an active one",
			set:  func(w *world) { r, c := w.has(hostA); w.SetState(c, "inactive"); w.AddCredential(r, "AWS", "y") },
			want: "0 updated", pull: true,
		},
		{
			name: "with an inactive credential only",
			set:  func(w *world) { _, c := w.has(hostA); w.SetState(c, "inactive") },
			want: "1 !state skipped", says: []string{"credential 1c7 is inactive, so pulls do not use it", "none of its ECR registries is kept fresh", "--activate"},
		},
		{
			name: "with an inactive credential only, though asked for",
			set:  func(w *world) { _, c := w.has(hostA); w.SetState(c, "inactive") },
			job:  []func(*ranchersync.Job){asked(hostA)},
			want: "1 failed:state", says: []string{"credential 1c7 is inactive", "--activate"},
		},
		{
			name: "with an inactive credential to be activated",
			set:  func(w *world) { _, c := w.has(hostA); w.SetState(c, "inactive") },
			job:  []func(*ranchersync.Job){activating},
			want: "0 updated", pull: true,
		},
		{
			name: "inactive",
			set:  func(w *world) { r, _ := w.has(hostA); w.SetState(r, "inactive") },
			want: "1 !state skipped", says: []string{"registry 1sp2 is inactive"},
		},
		{
			name: "inactive, though asked for",
			set:  func(w *world) { r, _ := w.has(hostA); w.SetState(r, "inactive") },
			job:  []func(*ranchersync.Job){asked(hostA), creating},
			want: "1 failed:state", says: []string{"registry 1sp2 is inactive", "--activate"},
		},
		{
			name: "inactive with an inactive credential, to be activated",
			set: func(w *world) {
				r, c := w.has(hostA)
				w.SetState(r, "inactive")
				w.SetState(c, "inactive")
			},
			job: []func(*ranchersync.Job){activating}, want: "0 updated", pull: true,
		},
		{
			name: "inactive without a credential, to be created and activated",
			set: func(w *world) {
				w.SetState(w.AddRegistry(w.project, hostA), "inactive")
			},
			job: []func(*ranchersync.Job){asked(hostA), activating, creating}, want: "0 created", pull: true,
			says: []string{"the registry has no credential, and it is inactive"},
		},
		{
			name: "being removed",
			set:  func(w *world) { r, _ := w.has(hostA); w.SetState(r, "removing") },
			want: "1 !state skipped", says: []string{"registry 1sp2 is being removed"},
		},
		{
			name: "being removed, though asked for",
			set:  func(w *world) { r, _ := w.has(hostA); w.SetState(r, "removing") },
			job:  []func(*ranchersync.Job){asked(hostA), creating},
			want: "1 failed:state", says: []string{"registry 1sp2 is being removed", "run again once it is gone"},
		},
		{
			name: "removed but still shown, and one more",
			opts: ranchertest.Options{ShowRemoved: true},
			set: func(w *world) {
				r, _ := w.has(hostA)
				w.SetState(r, "removed")
				_, c := w.has(hostA)
				w.SetState(w.AddCredential("1sp3", "AWS", "gone"), "purged")
				_ = c
			},
			want: "0 updated", pull: true,
		},
		{
			name: "with a credential that is being removed",
			set:  func(w *world) { r, c := w.has(hostA); w.SetState(c, "removing"); w.AddCredential(r, "AWS", "y") },
			want: "0 updated", pull: true,
		},
		{
			name: "in a state that nobody knows",
			set:  func(w *world) { r, _ := w.has(hostA); w.SetState(r, "frobnicating") },
			want: "1 failed:state", says: []string{"registry 1sp2 is frobnicating"},
		},
		{
			name: "on its way to active",
			opts: ranchertest.Options{Settle: time.Second},
			set:  func(w *world) { w.has(hostB) },
			job:  []func(*ranchersync.Job){asked(hostA), creating}, want: "0 created", pull: true,
		},
		{
			name: "by an old Rancher",
			opts: ranchertest.Options{V1Only: true},
			set:  func(w *world) { w.has(hostB) },
			job:  []func(*ranchersync.Job){asked(hostA, hostB), creating}, want: "0 created updated", pull: true,
		},
		{
			name: "public, without credential",
			set:  func(w *world) { w.AddRegistry(w.project, "public.ecr.aws"); w.has(hostA) },
			want: "0 updated skipped", says: []string{"pulls need none"}, pull: true,
		},
		{
			name: "in one region of two",
			set:  func(w *world) { w.has(hostA); w.has(hostC) },
			job:  []func(*ranchersync.Job){func(j *ranchersync.Job) { j.Selection.Regions = []string{"eu-west-1"} }},
			want: "0 updated", pull: true,
		},
		{
			name: "in none of the regions asked for",
			set:  func(w *world) { w.has(hostA) },
			job:  []func(*ranchersync.Job){func(j *ranchersync.Job) { j.Selection.Regions = []string{"sa-east-1"} }},
			want: "1 !missing", says: []string{"there is no ECR registry in sa-east-1"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, tt.opts)
			tt.set(w)
			got := w.run(tt.job...)
			wantSummary(t, got, tt.want)
			wantMessage(t, got, tt.says...)
			if tt.pull {
				w.wantPull(hostA, w.tokens.issued(hostA))
			}
			for _, r := range w.Requests() {
				if r.Query.Get("action") != "" && r.Query.Get("action") != "activate" || r.Method == http.MethodDelete {
					t.Errorf("sent %s %s", r.Method, r.Path)
				}
			}
			// Whatever it was, a second run finds nothing more to write.
			w.Forget()
			if w.run(tt.job...); len(w.Writes()) != 0 {
				t.Errorf("the second run wrote: %v", w.paths())
			}
		})
	}
}

func TestWithTheRegionsOwnRegistryTheOldUpdatersAreMatched(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	w.has(hostB)
	w.tokens.own = "999988887777"
	own := "999988887777.dkr.ecr.eu-west-1.amazonaws.com"
	got := w.run(creating, func(j *ranchersync.Job) { j.Selection.Own = []string{"eu-west-1"} })
	wantSummary(t, got, "0 updated created")
	w.wantPull(own, w.tokens.issued(own))

	w.tokens.own = ""
	got = w.run(creating, func(j *ranchersync.Job) { j.Selection.Own = []string{"eu-west-1"} })
	wantSummary(t, got, "4 !aws")
}

func TestCreatingSendsWhatBothVersionsOfTheAPIWant(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{V1Only: true})
	target := w.target(func(c *cattle.Config) { c.Email, c.EmailOnUpdate = "ops@example.com", true })
	change := func(j *ranchersync.Job) { j.Target = target }
	wantSummary(t, w.run(asked(hostA), creating, change), "0 created")
	p, _ := w.Pull(w.project, hostA)
	if got := w.Field(p.CredentialID, "email"); got != "ops@example.com" {
		t.Errorf("email %q", got)
	}
	w.SetField(p.CredentialID, "email", "x@example.com")
	wantSummary(t, w.run(asked(hostA), forced, change), "0 updated")
	if got := w.Field(p.CredentialID, "email"); got != "ops@example.com" {
		t.Errorf("email %q", got)
	}
	// Without being told, a person's own entry stays.
	w.SetField(p.CredentialID, "email", "me@example.com")
	w.run(asked(hostA), forced)
	if got := w.Field(p.CredentialID, "email"); got != "me@example.com" {
		t.Errorf("email %q", got)
	}
}

func TestVerifyingSaysWhatKeepsAPullFromIt(t *testing.T) {
	t.Parallel()
	afterPush := func(w *world, f func()) {
		w.Inject(ranchertest.Fault{
			Match: on("GET", "/registrycredentials"), Skip: 1, // the first belongs to the plan
			Before: f,
		})
	}
	tests := []struct {
		name string
		set  func(w *world)
		want string
		says string
	}{
		{"the credential's activation fails", func(w *world) { w.FailNext("registryCredential", "out of space") }, "5 unverified:unverified", "and failed there: out of space"},
		{"the registry's activation fails", func(w *world) { w.FailNext("registry", "no driver") }, "5 unverified:unverified", "registry 1sp2 is activating, and failed there: no driver"},
		{"the credential is deactivated meanwhile", func(w *world) {
			afterPush(w, func() { w.SetState("1c7", "inactive") })
		}, "5 unverified:unverified", "credential 1c7 is inactive, so pulls do not use it"},
		{"the credential is removed meanwhile", func(w *world) {
			afterPush(w, func() { w.SetState("1c7", "removed") })
		}, "5 unverified:unverified", "credential 1c7 is gone"},
		{"the user name changes meanwhile", func(w *world) {
			afterPush(w, func() { w.SetField("1c7", "publicValue", "joe") })
		}, "5 unverified:unverified", `the user name "joe", not "AWS"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, ranchertest.Options{})
			tt.set(w)
			got := w.run(asked(hostA), creating)
			wantSummary(t, got, tt.want)
			wantMessage(t, got, tt.says)
		})
	}
}

func TestAnOlderCredentialThatTurnsActiveIsNoticed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	r := w.AddRegistry(w.project, hostA)
	older := w.AddCredential(r, "AWS", "older")
	w.SetState(older, "inactive")
	w.AddCredential(r, "AWS", "newer")
	w.Inject(ranchertest.Fault{Match: on("GET", "/registrycredentials"), Skip: 1, Before: func() { w.SetState(older, "active") }})
	got := w.run()
	wantSummary(t, got, "5 unverified:unverified")
	wantMessage(t, got, "a pull uses credential 1c7, not 1c8, which was written")
	wantSummary(t, w.run(), "0 updated")
	w.wantPull(hostA, w.tokens.issued(hostA))
}

func TestWhatNeverSettlesIsNotWaitedForForEver(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{Settle: -1})
	start := w.clock.Now()
	got := w.run(asked(hostA), creating)
	wantSummary(t, got, "5 unverified:unverified")
	wantMessage(t, got, "registry 1sp2 is still requested", "run again in a minute")
	if took := w.clock.Now().Sub(start); took < 30*time.Second || took > time.Minute {
		t.Errorf("it waited for %s", took)
	}
	for range 3 {
		w.Step()
	}
	wantSummary(t, w.run(asked(hostA), creating), "0 updated")
}

func TestOnlyTheWantedRegistriesAreTouched(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	w.has(hostA)
	_, b := w.has(hostB)
	wantSummary(t, w.run(asked(hostA)), "0 updated")
	if w.Field(b, "secretValue") != "old" {
		t.Error("another registry was written")
	}
	var dump []string
	for line := range strings.Lines(w.Dump(w.project)) {
		dump = append(dump, line)
	}
	if len(dump) != 4 || !slices.ContainsFunc(dump, func(l string) bool { return strings.Contains(l, `"old"`) }) {
		t.Errorf("%q", dump)
	}
}

func TestACredentialThatBecomesActiveMeanwhileHasTheTokenToo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{Settle: -1})
	r := w.AddRegistry(w.project, hostA)
	first := w.AddCredential(r, "AWS", "stuck")
	w.SetState(first, "activating")
	second := w.AddCredential(r, "AWS", "old")
	w.Inject(ranchertest.Fault{Match: on("PUT", second), Before: func() { w.SetState(first, "active") }})
	s := w.syncer()
	s.Concurrency = 1
	wantSummary(t, s.Run(t.Context(), []ranchersync.Job{w.job()}), "0 updated updated")
	w.wantPull(hostA, w.tokens.issued(hostA))
}

func TestWhatWasPushedBeforeIsInOrderOnlyOnceItIsUsed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{Settle: -1})
	r, _ := w.has(hostA)
	w.SetState(r, "activating")
	ctx, cancel := context.WithCancel(t.Context())
	w.Inject(ranchertest.Fault{Match: on("PUT", ""), Before: cancel})
	wantSummary(t, w.syncer().Run(ctx, []ranchersync.Job{w.job()}), "5 unverified:unverified")
	got := w.run()
	wantSummary(t, got, "5 unverified:unverified")
	wantMessage(t, got, "registry 1sp2 is still activating")
	if n := len(w.Writes()); n != 1 {
		t.Errorf("%d writes", n)
	}
	w.SetState(r, "active")
	wantSummary(t, w.run(), "0 unchanged")
}
