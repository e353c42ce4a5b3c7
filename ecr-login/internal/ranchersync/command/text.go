package command

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"ecr-credential-helper/ecr-login/internal/ranchersync"
)

const (
	bold   = "\x1b[1m"
	red    = "\x1b[31m"
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	dim    = "\x1b[2m"
	plain  = "\x1b[0m"
)

// printer writes reports for people.
type printer struct {
	w     *strings.Builder
	color bool
}

func (p printer) paint(color, text string) string {
	if !p.color || color == "" || text == "" {
		return text
	}
	return color + text + plain
}

// cell is one field of a table.
type cell struct{ text, color string }

// table writes rows in columns. The first row is the head.
func (p printer) table(rows [][]cell) {
	var widths []int
	for _, row := range rows {
		for i, c := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(c.text))
		}
	}
	for _, row := range rows {
		line := " "
		for i, c := range row {
			line += " " + p.paint(c.color, c.text)
			if i < len(row)-1 {
				line += strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c.text)+1)
			}
		}
		fmt.Fprintln(p.w, strings.TrimRight(line, " "))
	}
}

func head(names ...string) []cell {
	row := make([]cell, len(names))
	for i, n := range names {
		row[i] = cell{n, dim}
	}
	return row
}

// plan says what is going to be done. Without a result to follow it tells the
// warnings and errors as well.
func (p printer) plan(r *ranchersync.Report, dryRun bool) {
	for _, t := range r.Targets {
		if t.Error != nil && !dryRun {
			continue // the result says it
		}
		fmt.Fprintln(p.w, p.paint(bold, "Plan for "+t.Name))
		if t.Error != nil {
			p.problem(*t.Error, "")
			p.remarks(t)
			continue
		}
		rows := [][]cell{head("REGISTRY", "CREDENTIAL", "ACTION", "WHY")}
		for _, e := range t.Registries {
			switch e.Action {
			case ranchersync.Keep:
				if !quiet(e) {
					rows = append(rows, []cell{{text: address(e)}, {text: e.CredentialID}, {"keep", dim}, {text: "its token is good"}})
				}
			case ranchersync.Fail:
				rows = append(rows, []cell{{text: address(e)}, {text: orDash(e.CredentialID)}, {"none", red}, {text: "see below"}})
			case ranchersync.Skip:
				rows = append(rows, []cell{{text: address(e)}, {text: orDash(e.CredentialID)}, {"none", dim}, {text: "left alone, see below"}})
			default:
				where := e.CredentialID
				if e.Action == ranchersync.Create {
					where = "new"
				}
				rows = append(rows, []cell{{text: address(e)}, {text: where}, {string(e.Action), yellow}, {text: e.Why}})
			}
		}
		if len(rows) > 1 {
			p.table(rows)
		}
		p.kept(t)
		if dryRun {
			p.remarks(t)
		}
	}
	fmt.Fprintln(p.w)
}

// kept writes how many credentials need nothing, and until when.
func (p printer) kept(t ranchersync.TargetReport) {
	n := 0
	for _, e := range t.Registries {
		if quiet(e) {
			n++
		}
	}
	if n > 0 {
		fmt.Fprintf(p.w, "  %s\n", p.unchanged(n, t))
	}
}

// address is how the registry is written in Rancher, where that makes a
// difference, and its host elsewhere.
func address(e ranchersync.EntryReport) string {
	if e.Address != "" && !strings.EqualFold(e.Address, e.Registry) {
		return e.Address
	}
	return e.Registry
}

// quiet reports whether there is nothing to say about an entry on its own.
func quiet(e ranchersync.EntryReport) bool {
	return e.Action == ranchersync.Keep && e.Error == nil && len(e.Warnings) == 0
}

// unchanged says that credentials need nothing, and until when.
func (p printer) unchanged(n int, t ranchersync.TargetReport) string {
	var first time.Time
	for _, e := range t.Registries {
		if quiet(e) && e.Expires != nil && (first.IsZero() || e.Expires.Before(first)) {
			first = *e.Expires
		}
	}
	text := fmt.Sprintf("%d credentials are good until %s at least", n, clock(first))
	if n == 1 {
		text = "1 credential is good until " + clock(first)
	}
	return text
}

// dryRunEnd sums up a dry run.
func (p printer) dryRunEnd(r *ranchersync.Report) {
	if r.Totals.Planned == 0 && r.ExitCode == ranchersync.ExitOK {
		fmt.Fprintln(p.w, p.paint(green, "Nothing to do.")+" This was a dry run.")
		return
	}
	fmt.Fprintf(p.w, "%s to change%s. This was a dry run: nothing was changed.\n",
		count(r.Totals.Planned, "credential"), p.failures(r.Totals))
}

// result says what became of it.
func (p printer) result(r *ranchersync.Report) {
	for _, t := range r.Targets {
		rows := [][]cell{head("REGISTRY", "CREDENTIAL", "RESULT", "TOKEN UNTIL")}
		for _, e := range t.Registries {
			until := ""
			if e.Expires != nil {
				until = clock(*e.Expires)
			}
			color := green
			switch e.Status {
			case ranchersync.Failed, ranchersync.Planned:
				color = red
			case ranchersync.Unverified:
				color = yellow
			case ranchersync.Unchanged, ranchersync.Skipped:
				color = ""
			}
			if quiet(e) {
				continue
			}
			rows = append(rows, []cell{{text: address(e)}, {text: orDash(e.CredentialID)}, {string(e.Status), color}, {text: until}})
		}
		fmt.Fprintln(p.w, p.paint(bold, "Result for "+t.Name))
		if len(rows) > 1 {
			p.table(rows)
		}
		p.kept(t)
		if t.Error != nil {
			p.problem(*t.Error, "")
		}
		p.remarks(t)
	}
	fmt.Fprintln(p.w)
	p.total(r)
}

// total is the last line.
func (p printer) total(r *ranchersync.Report) {
	if r.ExitCode == ranchersync.ExitOK && r.Totals.Updated+r.Totals.Created+r.Totals.Activated == 0 {
		fmt.Fprintln(p.w, p.paint(green, "Nothing to do."))
		return
	}
	var parts []string
	add := func(n int, word, color string) {
		if n > 0 {
			parts = append(parts, p.paint(color, fmt.Sprintf("%d %s", n, word)))
		}
	}
	add(r.Totals.Updated, "updated", green)
	add(r.Totals.Created, "created", green)
	add(r.Totals.Activated, "activated", green)
	add(r.Totals.Unchanged, "unchanged", "")
	add(r.Totals.Skipped, "left alone", "")
	add(r.Totals.Unverified, "not verified", yellow)
	add(r.Totals.Failed, "failed", red)
	// Targets are dealt with at the same time, and not by the clock on the wall.
	var longest float64
	for _, t := range r.Targets {
		longest = max(longest, t.Seconds)
	}
	fmt.Fprintf(p.w, "%s in %s.\n", strings.Join(parts, ", "), took(time.Duration(longest*float64(time.Second))))
}

func (p printer) failures(t ranchersync.Totals) string {
	if n := t.Failed + t.Unverified; n > 0 {
		return ", " + p.paint(red, fmt.Sprintf("%d not in order", n))
	}
	return ""
}

// remarks writes the warnings and errors of a target, the same ones only once.
func (p printer) remarks(t ranchersync.TargetReport) {
	type remark struct {
		problem *ranchersync.Problem
		text    string
	}
	var order []string
	hosts := map[string][]string{}
	remarks := map[string]remark{}
	note := func(key, host string, r remark) {
		if _, known := remarks[key]; !known {
			order = append(order, key)
			remarks[key] = r
		}
		hosts[key] = append(hosts[key], host)
	}
	for _, e := range t.Registries {
		for _, w := range e.Warnings {
			note("w"+w, e.Registry, remark{text: w})
		}
		if e.Error != nil {
			note("e"+e.Error.Message+"\n"+e.Error.Hint, e.Registry, remark{problem: e.Error})
		}
	}
	for _, key := range order {
		where := hosts[key][0]
		if more := len(hosts[key]) - 1; more > 0 {
			where += fmt.Sprintf(" and %d more", more)
		}
		if r := remarks[key]; r.problem != nil {
			p.problem(*r.problem, where)
		} else {
			fmt.Fprintf(p.w, "  %s %s: %s\n", p.paint(yellow, "warning:"), where, r.text)
		}
	}
}

func (p printer) problem(e ranchersync.Problem, where string) {
	label := p.paint(red, "error:")
	if e.Reason == ranchersync.ReasonUnverified {
		label = p.paint(yellow, "not verified:")
	}
	if where != "" {
		label += " " + where + ":"
	}
	fmt.Fprintf(p.w, "  %s %s\n", label, e.Message)
	if e.Hint != "" {
		fmt.Fprintf(p.w, "    hint: %s\n", e.Hint)
	}
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

func took(d time.Duration) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return d.Round(time.Second).String()
}
