package ranchersync

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// DefaultConcurrency is how many requests are under way at a time.
const DefaultConcurrency = 4

// GCPercent is for whoever runs a Syncer as a program of its own to set (see
// debug.SetGCPercent). A run waits for answers most of the time, so it can afford
// to collect its garbage twice as often, and thousands of credentials stay within
// 64 MiB.
const GCPercent = 50

// Job is one target and what is wanted of it.
type Job struct {
	Target    Target
	Selection Selection
	Tokens    TokenOptions // MinLife is set by the run, Refresh for a token that its registry refused
	Create    bool         // add what is missing, of what was asked for
	Activate  bool         // activate what is inactive
	Force     bool         // push even what is still good
	Annotate  bool         // note a token's end among the credential's remarks
	Probe     bool         // try each token against its registry
}

// Syncer carries out runs. Tokens is needed; everything else has a default.
type Syncer struct {
	Tokens      Tokens
	Memory      *Memory       // default: one that lasts as long as the Syncer
	Clock       Clock         // default: the system's
	Log         Logger        // default: none
	Prober      Prober        // for jobs with Probe
	Concurrency int           // default: DefaultConcurrency
	Interval    time.Duration // until the next run; 0: not known
	// Progress, if set, is told about every step; it is called concurrently.
	Progress func(Progress)
	// Planned, if set, is shown the plan for each target before Run carries it
	// out; it is called concurrently.
	Planned func(*Report)

	purses *purses
}

// Plan is what a run is going to do.
type Plan struct {
	Started time.Time
	jobs    []*jobPlan
}

// jobPlan is the plan for one target.
type jobPlan struct {
	Job
	survey  Survey
	entries []*Entry
	supply  map[string]*supply // by host
	err     error
	began   time.Time // in real time, for the clock on the wall may jump meanwhile
	took    time.Duration
}

// supply is what a host's registries are given in a target.
type supply struct {
	tok   *Token // nil when there is none
	marks marks
	short bool  // it does not live long enough, and AWS gives no other at the moment
	doubt error // the token could not be tried
	err   error // why there is none
}

// NewSyncer returns s with its defaults filled in.
func NewSyncer(s Syncer) *Syncer {
	if s.Memory == nil {
		s.Memory = NewMemory("")
	}
	if s.Clock == nil {
		s.Clock = SystemClock{}
	}
	if s.Log == nil {
		s.Log = Silent{}
	}
	if s.Concurrency <= 0 {
		s.Concurrency = DefaultConcurrency
	}
	if s.Progress == nil {
		s.Progress = func(Progress) {}
	}
	s.purses = &purses{tokens: s.Tokens}
	return &s
}

// Run plans and carries out every job, each as soon as it can: a target that
// does not answer holds up none of the others.
func (s *Syncer) Run(ctx context.Context, jobs []Job) *Report {
	return s.report(s.forAll(ctx, jobs, func(p *jobPlan, steps *steps) {
		if s.Planned != nil && p.err == nil {
			s.Planned(s.report(&Plan{Started: s.Clock.Now(), jobs: []*jobPlan{p}}, true))
		}
		s.apply(ctx, p, steps)
	}), false)
}

// Plan looks at all targets at the same time and decides what to do. It changes
// nothing anywhere, except that tokens may be fetched into the cache.
func (s *Syncer) Plan(ctx context.Context, jobs []Job) *Plan {
	return s.forAll(ctx, jobs, func(*jobPlan, *steps) {})
}

// forAll plans all jobs at the same time and calls then with each that is
// planned.
func (s *Syncer) forAll(ctx context.Context, jobs []Job, then func(*jobPlan, *steps)) *Plan {
	plan := &Plan{Started: s.Clock.Now()}
	purse := s.purses.open()
	defer s.purses.close()
	steps := newSteps(len(jobs), s.Progress)
	var all sync.WaitGroup
	for _, job := range jobs {
		p := &jobPlan{Job: job, supply: map[string]*supply{}, began: time.Now()}
		plan.jobs = append(plan.jobs, p)
		all.Go(func() {
			p.err = s.plan(ctx, p, purse)
			steps.read()
			then(p, steps)
			p.took = time.Since(p.began)
		})
	}
	all.Wait()
	return plan
}

func (s *Syncer) plan(ctx context.Context, p *jobPlan, purse *purse) error {
	survey, err := p.Target.Survey(ctx)
	if err != nil {
		return err
	}
	chosen, err := p.Selection.choose(ctx, survey.Registries(), s.Tokens, p.Tokens)
	if err != nil {
		return err
	}
	p.survey = survey // from here on it is known what the target holds
	if len(chosen) == 0 {
		return nothingToDo(survey, p.Selection)
	}
	for _, w := range chosen {
		p.entries = append(p.entries, survey.Plan(w.registry, Want{Asked: w.asked, Create: p.Create, Activate: p.Activate})...)
	}
	s.fetch(ctx, p, purse)
	idle := true
	for _, e := range p.entries {
		s.decide(p, e)
		idle = idle && e.Action == Skip
	}
	if idle {
		return Errorf(ReasonState, "none of its ECR registries is kept fresh: all are left alone, for the reasons given").
			WithHint("name those that shall be kept fresh with --registry; --activate activates what is inactive")
	}
	return nil
}

// fetch gets a token for every host that needs one, and tries it if wanted.
func (s *Syncer) fetch(ctx context.Context, p *jobPlan, purse *purse) {
	var hosts []string
	for _, e := range p.entries {
		if (e.Action == Update || e.Action == Create) && p.supply[e.Host] == nil {
			p.supply[e.Host] = &supply{}
			hosts = append(hosts, e.Host)
		}
	}
	opts := p.Tokens
	opts.MinLife = needed(s.Interval)
	key := p.Target.Key()
	each(s.Concurrency, hosts, func(host string) {
		have := p.supply[host]
		tok, err := purse.token(ctx, host, opts, p.began)
		if err == nil && !tok.Expires.After(s.Clock.Now()) {
			err = Errorf(ReasonAWS, "the token for %s has ended already", host)
		}
		if err != nil {
			have.err = err
			return
		}
		have.tok, have.marks = tok, s.Memory.marks(key, *tok)
		// The source gives what it has while AWS does not answer. A token that was
		// born short-lived is as good as any that could be had.
		have.short = tok.Expires.Sub(s.Clock.Now()) < opts.MinLife && tok.Expires.Sub(tok.Issued) >= opts.MinLife
		if !p.Probe || s.Prober == nil {
			return
		}
		have.doubt = s.Prober.Probe(ctx, host, tok.User, tok.Password)
		if errors.Is(have.doubt, ErrTokenRefused) {
			// A cached token may have been revoked; a new one tells.
			again := opts
			again.Refresh = true
			if fresh, err := purse.token(ctx, host, again, p.began); err == nil {
				have.tok, have.marks = fresh, s.Memory.marks(key, *fresh)
				have.doubt = s.Prober.Probe(ctx, host, fresh.User, fresh.Password)
			}
		}
		if errors.Is(have.doubt, ErrTokenRefused) {
			have.err = &Error{Reason: ReasonAWS, Err: have.doubt, Hint: "the AWS identity may not pull from this registry: check its IAM policy and the account"}
		}
	})
	for _, e := range p.entries {
		have := p.supply[e.Host]
		if e.Action != Update && e.Action != Create || have.err == nil {
			continue
		}
		e.Action, e.Err = Fail, have.err
		if known, ok := s.Memory.recall(key, e); ok && s.Clock.Now().Before(known.Expires) {
			e.holds(known)
			e.Err = &Error{
				Reason: ReasonOf(have.err), Hint: HintOf(have.err),
				Err: fmt.Errorf("%w (the token pushed before is good until %s)", have.err, stamp(known.Expires)),
			}
		}
	}
}

// nothingToDo is the error for a target without a single registry that is meant:
// whoever runs this expects to see one kept fresh.
func nothingToDo(survey Survey, selection Selection) error {
	addresses := survey.Addresses()
	shown := "it has none at all"
	switch n := len(addresses); {
	case n > 20:
		shown = fmt.Sprintf("it has %d others, such as %s", n, joinSome(addresses[:20]))
	case n > 0:
		shown = "it has only " + joinSome(addresses)
	}
	where := ""
	if len(selection.Regions) > 0 {
		where = " in " + joinSome(selection.Regions)
	}
	return Errorf(ReasonMissing, "there is no ECR registry%s, and %s", where, shown).
		WithHint("add the registry in Rancher, or name it with --registry and let --create add it; " +
			"with an account key, name the environment with --project")
}

// due are the entries that have something to be done about.
func (p *jobPlan) due() []*Entry {
	var due []*Entry
	for _, e := range p.entries {
		if e.Action == Update || e.Action == Create || e.Action == Activate {
			due = append(due, e)
		}
	}
	return due
}

const (
	// maxStrikes is after how many failures in a row to get a useful answer the
	// rest is tried only once each: each of them has waited for a minute.
	maxStrikes = 3
	// maxSilence is after how many failures in a row to get any answer the rest
	// is not tried at all.
	maxSilence = 13
)

// mood is what a run has come to think of a target while it pushes. A target may
// have trouble with a few credentials only, and they must not keep the others
// from their tokens.
type mood struct {
	mu     sync.Mutex
	broken int   // failures in a row that may pass
	silent int   // those without an answer
	down   error // why the rest is not even tried
}

// judge takes in how a push ended.
func (m *mood) judge(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case err == nil || ReasonOf(err) != ReasonUnreachable:
		m.broken, m.silent = 0, 0
	case Answered(err):
		m.broken, m.silent = m.broken+1, 0
	default:
		m.broken, m.silent = m.broken+1, m.silent+1
	}
	if m.down == nil && (whole(err) || m.silent >= maxSilence) {
		m.down = &Error{Reason: ReasonOf(err), Hint: HintOf(err), Err: fmt.Errorf("not tried any more: %w", err)}
	}
}

// ask returns why a push shall not be tried, or that it shall be tried only
// once.
func (m *mood) ask() (once bool, down error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.broken >= maxStrikes, m.down
}

// apply carries out a plan, verifies it and remembers. When ctx ends, writes
// under way are finished and no others are begun.
func (s *Syncer) apply(ctx context.Context, p *jobPlan, steps *steps) {
	due := p.due()
	steps.toPush(len(due))
	var (
		mood    mood
		mu      sync.Mutex
		applied []*Entry
	)
	key := p.Target.Key()
	// On disk as well before anything is written, for a run may be killed: what a
	// credential holds then is the token from before, or the new one after all.
	for _, e := range due {
		if e.Action != Activate {
			tok := p.supply[e.Host].tok
			s.Memory.doubt(key, e, pushed{Issued: tok.Issued, Expires: tok.Expires})
		}
	}
	_ = s.Memory.save(key, s.Clock.Now()) // the last one tells
	each(s.Concurrency, due, func(e *Entry) {
		defer steps.pushed()
		once, stop := mood.ask()
		if stop == nil && ctx.Err() != nil {
			stop = &Error{Reason: ReasonInterrupted, Err: fmt.Errorf("not reached: %w", context.Cause(ctx)), Hint: "run again: what is done is not done twice"}
		}
		known, _ := s.Memory.recall(key, e)
		if stop != nil {
			e.holds(known)
			e.fail(stop)
			return
		}
		have := p.supply[e.Host]
		now := pushed{marks: have.marks, Issued: have.tok.Issued, Expires: have.tok.Expires}
		push := s.push(p, e, have.tok)
		push.Once = once
		err := p.survey.Apply(ctx, e, push)
		mood.judge(err)
		if err != nil {
			e.holds(known)
			e.fail(err)
			s.Log.Log(ctx, slog.LevelDebug, "push failed", "target", p.Target.Name(), "registry", e.Host, "because", err.Error())
			return
		}
		if have.short && e.Expires.Sub(s.Clock.Now()) < needed(s.Interval) {
			e.Warnings = append(e.Warnings, noNewer(e.Expires))
			e.again = true
		}
		if e.Action != Activate {
			e.User = have.tok.User
			e.holds(now)
			// At once, for a run that ends before it has read back shall not have to
			// begin again: what is there is looked at by the next one anyway.
			s.Memory.remember(key, e, now)
		}
		mu.Lock()
		defer mu.Unlock()
		applied = append(applied, e)
	})
	for _, e := range p.entries {
		if e.Action == Keep && e.Settling && e.Status == Unchanged {
			applied = append(applied, e) // by a run before, which did not see how it ends
		}
	}
	// Before it is read back as well, for a run may be killed meanwhile.
	_ = s.Memory.save(key, s.Clock.Now()) // likewise
	s.verify(ctx, p, applied)
	if err := s.Memory.save(key, s.Clock.Now()); err != nil {
		s.Log.Log(ctx, slog.LevelWarn, "what was pushed cannot be remembered, so the next run pushes again", "because", err.Error())
	}
}

// noNewer says that a token was to be replaced and could not be.
func noNewer(until time.Time) string {
	return "AWS gives no newer token at the moment; this one is good until " + stamp(until)
}

// verify reads back what was applied and settles what became of it.
func (s *Syncer) verify(ctx context.Context, p *jobPlan, applied []*Entry) {
	if len(applied) == 0 {
		return
	}
	open := make(map[*Entry]bool, len(applied))
	for _, e := range applied {
		open[e] = true
	}
	key := p.Target.Key()
	err := p.survey.Verify(ctx, applied, func(e *Entry, verdict error) {
		delete(open, e)
		s.settle(key, p, e, verdict)
	})
	if err != nil && ctx.Err() != nil {
		err = &Error{Reason: ReasonInterrupted, Err: context.Cause(ctx), Hint: HintOf(err)}
	}
	if err == nil && len(open) > 0 {
		err = errors.New("the target said nothing about it")
	}
	for e := range open {
		e.fail(&Error{Reason: ReasonUnverified, Err: fmt.Errorf("pushed, but not read back: %w", err), Hint: HintOf(err)})
	}
}

func (s *Syncer) settle(key string, p *jobPlan, e *Entry, verdict error) {
	if verdict != nil {
		if e.Action == Update || e.Action == Create {
			s.Memory.doubt(key, e, pushed{Issued: p.supply[e.Host].tok.Issued, Expires: p.supply[e.Host].tok.Expires})
		}
		e.fail(verdict)
		return
	}
	switch e.Action {
	case Create:
		e.Status = Created
	case Activate:
		e.Status = Activated
	case Keep:
		e.Status = Unchanged
	default:
		e.Status = Updated
	}
	have := p.supply[e.Host]
	switch {
	case e.Unused != nil:
		e.fail(e.Unused)
	case have.doubt != nil:
		e.fail(&Error{Reason: ReasonUnverified, Err: have.doubt})
	}
}
