package ranchersync_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"ecr-credential-helper/ecr-login/internal/ranchersync"
	"ecr-credential-helper/ecr-login/internal/ranchertest"
)

// messy is a Rancher with a bit of everything, and the job that puts it in order.
func messy(t *testing.T) (*world, ranchersync.Job) {
	w := newWorld(t, ranchertest.Options{Settle: 300 * time.Millisecond})
	w.tokens.password = func(host string, _ int) string { return "token for " + host }
	w.has(hostA)
	inactive, c := w.has(hostB)
	w.SetState(inactive, "inactive")
	w.SetState(c, "inactive")
	w.AddRegistry(w.project, "222233334444.dkr.ecr.eu-west-1.amazonaws.com")
	job := w.job(asked(hostA, hostB, hostC,
		"222233334444.dkr.ecr.eu-west-1.amazonaws.com", "555566667777.dkr.ecr.eu-west-1.amazonaws.com"), creating, activating)
	return w, job
}

func TestARunCutAnywhereAndRunAgainEndsLikeAnUndisturbedOne(t *testing.T) {
	t.Parallel()
	undisturbed, job := messy(t)
	got := undisturbed.syncer().Run(t.Context(), []ranchersync.Job{job})
	wantSummary(t, got, "0 updated created created updated created")
	want, requests := undisturbed.Dump(undisturbed.project), len(undisturbed.Requests())

	for n := range requests {
		for _, cut := range []ranchertest.Cut{ranchertest.BeforeEffect, ranchertest.AfterEffect} {
			t.Run(fmt.Sprintf("one connection is cut at request %d, %v", n+1, cut), func(t *testing.T) {
				t.Parallel()
				w, job := messy(t)
				w.Inject(ranchertest.Fault{Skip: n, Cut: cut})
				got := w.syncer().Run(t.Context(), []ranchersync.Job{job})
				wantSummary(t, got, "0 updated created created updated created")
				if d := w.Dump(w.project); d != want {
					t.Errorf("left\n%swant\n%s", d, want)
				}
			})
			t.Run(fmt.Sprintf("the program dies at request %d, %v", n+1, cut), func(t *testing.T) {
				t.Parallel()
				w, job := messy(t)
				ctx, cancel := context.WithCancel(t.Context())
				w.Inject(ranchertest.Fault{Skip: n, Times: -1, Cut: cut, Before: cancel})
				// A program that dies saves nothing.
				dying := ranchersync.NewSyncer(ranchersync.Syncer{Tokens: w.tokens, Clock: w.clock, Concurrency: 1})
				if got := dying.Run(ctx, []ranchersync.Job{job}); got.ExitCode == 0 {
					t.Errorf("the run that was cut says %s", summary(got))
				}
				w.Heal()
				got := w.syncer().Run(t.Context(), []ranchersync.Job{job})
				if got.ExitCode != 0 {
					t.Errorf("the run after it says %s\n%s", summary(got), messages(got))
				}
				if d := w.Dump(w.project); d != want {
					t.Errorf("left\n%swant\n%s", d, want)
				}
			})
			t.Run(fmt.Sprintf("the run is ended at request %d, %v", n+1, cut), func(t *testing.T) {
				t.Parallel()
				w, job := messy(t)
				ctx, cancel := context.WithCancel(t.Context())
				w.Inject(ranchertest.Fault{Skip: n, Cut: cut, Before: cancel})
				w.syncer().Run(ctx, []ranchersync.Job{job}) // it saves what it knows
				got := w.syncer().Run(t.Context(), []ranchersync.Job{job})
				if got.ExitCode != 0 {
					t.Errorf("the run after it says %s\n%s", summary(got), messages(got))
				}
				if d := w.Dump(w.project); d != want {
					t.Errorf("left\n%swant\n%s", d, want)
				}
			})
		}
	}
}

// A program that is killed has no time to remember anything.
func TestWhatAKilledRunHasPushedIsNotTakenForTheTokenBefore(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	w.has(hostA)
	_, last := w.has(hostB)
	w.run()
	alices := w.tokens.held
	w.tokens.set(func(f *testTokens) { f.held, f.identity = map[string]ranchersync.Token{}, "bob" })
	var atKill string
	w.Inject(ranchertest.Fault{Match: on("PUT", last), Before: func() { // what is on disk now is all that is left
		atKill = t.TempDir()
		if err := os.CopyFS(atKill, os.DirFS(w.dir)); err != nil {
			t.Error(err)
		}
	}})
	s := w.syncer()
	s.Concurrency = 1
	wantSummary(t, s.Run(t.Context(), []ranchersync.Job{w.job()}), "0 updated updated")
	w.dir = atKill
	w.tokens.set(func(f *testTokens) { f.held, f.identity = alices, "alice" })
	wantSummary(t, w.run(), "0 updated updated")
	w.wantPull(hostA, w.tokens.issued(hostA))
}
