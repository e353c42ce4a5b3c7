package ranchersync

import (
	"slices"
	"time"
)

// Report is what became of a run. Its JSON form is documented in
// docs/rancher.md and is what --output json prints.
type Report struct {
	Version  int            `json:"version"` // 1
	DryRun   bool           `json:"dry_run"`
	Started  time.Time      `json:"started"`
	Finished time.Time      `json:"finished"`
	ExitCode int            `json:"exit_code"`
	Error    *Problem       `json:"error,omitempty"` // nothing could be done at all
	Totals   Totals         `json:"totals"`
	Targets  []TargetReport `json:"targets"`
}

// Totals count entries by status.
type Totals struct {
	Planned    int `json:"planned"`
	Unchanged  int `json:"unchanged"`
	Updated    int `json:"updated"`
	Created    int `json:"created"`
	Activated  int `json:"activated"`
	Skipped    int `json:"skipped"`
	Unverified int `json:"unverified"`
	Failed     int `json:"failed"` // a target that failed as a whole counts as one
}

// TargetReport is what became of one target.
type TargetReport struct {
	Name       string        `json:"name"`
	Seconds    float64       `json:"seconds"`
	Error      *Problem      `json:"error,omitempty"` // it failed as a whole
	Registries []EntryReport `json:"registries"`

	read bool // whether it is known what it holds
}

// EntryReport is what became of one credential.
type EntryReport struct {
	Registry     string     `json:"registry"` // the host, as images name it
	Address      string     `json:"address,omitempty"`
	RegistryID   string     `json:"registry_id,omitempty"`
	CredentialID string     `json:"credential_id,omitempty"`
	Action       Action     `json:"action"`
	Status       Status     `json:"status"`
	Why          string     `json:"why,omitempty"`
	Expires      *time.Time `json:"expires,omitempty"` // of the token that the credential holds
	Warnings     []string   `json:"warnings,omitempty"`
	Error        *Problem   `json:"error,omitempty"`

	life  time.Duration // of that token, from its issue to its end
	again bool          // the next run should not be long in coming
}

// The exit codes.
const (
	ExitOK         = 0
	ExitFailed     = 1
	ExitConfig     = 2
	ExitRefused    = 3
	ExitAWS        = 4
	ExitUnverified = 5
)

// Preview reports a plan that is not carried out.
func (s *Syncer) Preview(plan *Plan) *Report { return s.report(plan, true) }

func (s *Syncer) report(plan *Plan, dryRun bool) *Report {
	r := &Report{Version: 1, DryRun: dryRun, Started: plan.Started.UTC(), Finished: s.Clock.Now().UTC(), Targets: []TargetReport{}}
	for _, p := range plan.jobs {
		t := TargetReport{Name: p.Target.Name(), Seconds: p.took.Seconds(), Error: ProblemOf(p.err), Registries: []EntryReport{}, read: p.survey != nil}
		if p.err != nil {
			r.Totals.Failed++
		}
		for _, e := range p.entries {
			t.Registries = append(t.Registries, e.report())
			r.Totals.count(e.Status)
		}
		r.Targets = append(r.Targets, t)
	}
	r.ExitCode = r.exitCode()
	return r
}

func (e *Entry) report() EntryReport {
	out := EntryReport{
		Registry: e.Host, Address: e.Address, RegistryID: e.Registry, CredentialID: e.Credential,
		Action: e.Action, Status: e.Status, Why: e.Why, Warnings: e.Warnings, Error: ProblemOf(e.Err), life: e.life, again: e.again,
	}
	if !e.Expires.IsZero() {
		expires := e.Expires.UTC()
		out.Expires = &expires
	}
	return out
}

func (t *Totals) count(s Status) {
	switch s {
	case Planned:
		t.Planned++
	case Unchanged:
		t.Unchanged++
	case Updated:
		t.Updated++
	case Created:
		t.Created++
	case Activated:
		t.Activated++
	case Skipped:
		t.Skipped++
	case Unverified:
		t.Unverified++
	case Failed:
		t.Failed++
	}
}

// exitCode is the code of the only kind of failure that there was, or 1 for
// several kinds. What was pushed and not verified counts only when nothing else
// failed.
func (r *Report) exitCode() int {
	codes := map[int]bool{}
	for _, t := range r.Targets {
		if t.Error != nil {
			codes[t.Error.Reason.exitCode()] = true
		}
		for _, e := range t.Registries {
			if e.Error != nil && (e.Status == Failed || e.Status == Unverified) {
				codes[e.Error.Reason.exitCode()] = true
			}
		}
	}
	if len(codes) > 1 {
		delete(codes, ExitUnverified)
	}
	if len(codes) > 1 {
		return ExitFailed
	}
	for code := range codes {
		return code
	}
	return ExitOK
}

func (r Reason) exitCode() int {
	switch r {
	case ReasonConfig:
		return ExitConfig
	case ReasonRefused:
		return ExitRefused
	case ReasonAWS:
		return ExitAWS
	case ReasonUnverified:
		return ExitUnverified
	default:
		return ExitFailed
	}
}

// Failed reports whether anything of the target is not in order.
func (t TargetReport) Failed() bool {
	if t.Error != nil {
		return true
	}
	for _, e := range t.Registries {
		if e.Error != nil {
			return true
		}
	}
	return false
}

// again reports whether the next run should not be long in coming.
func (t TargetReport) again() bool {
	return slices.ContainsFunc(t.Registries, func(e EntryReport) bool { return e.again })
}

// Earliest is when the first of the tokens ends that the target holds; the zero
// time when none is known.
func (t TargetReport) Earliest() time.Time {
	var first time.Time
	for _, e := range t.Registries {
		if e.Expires != nil && (first.IsZero() || e.Expires.Before(first)) {
			first = *e.Expires
		}
	}
	return first
}
