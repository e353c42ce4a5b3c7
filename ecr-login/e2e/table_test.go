//go:build linux

package e2e_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"
)

// rows are all operations, in the order of the table.
var rows = []string{
	"pull, credHelpers", "push, credHelpers", "manifest, credHelpers",
	"pull, credsStore", "push, credsStore", "manifest, credsStore",
	"pull, another region", "pull, FIPS", "pull, dual-stack",
	"pull, public.ecr.aws", "pull, public.ecr.aws without key", "pull, not ECR, credsStore",
	"pull, HOME unset", "pull, HOME read-only",
	"build, credHelpers", "build, credsStore, warm", "build, credsStore, configured", "BuildKit, credHelpers",
	"login, credHelpers", "login with password, credHelpers", "logout, credHelpers",
	"login, credsStore", "login with password, credsStore", "logout, credsStore",
	"refused: helper not configured", "refused: helper not installed", "refused: tampered token", "refused: revoked token",
	"AWS denies: the cause is told",
}

// table is what a reader of the run gets to see: operations by clients.
type table struct {
	columns []client

	mu    sync.Mutex
	cells map[string]map[string]string // by row and column
}

// clients runs an operation for every client that has it, one after another,
// and notes result and time in a row of the table. A wanted failure is a
// result like any other: only a test that fails is marked as such.
func (tb *table) clients(t *testing.T, row, good string, op func(t *testing.T, c client) (has bool)) {
	t.Helper()
	if !slices.Contains(rows, row) {
		t.Fatalf("the table has no row for %q", row)
	}
	for _, c := range tb.columns {
		t.Run(c.name, func(t *testing.T) {
			start := time.Now()
			cell := "FAILED"
			t.Cleanup(func() { tb.note(row, c.name, cell) })
			if !op(t, c) {
				cell = "-"
				return
			}
			if !t.Failed() {
				cell = fmt.Sprintf("%s %4.2fs", good, time.Since(start).Seconds())
			}
		})
	}
}

func (tb *table) note(row, column, cell string) {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	if tb.cells == nil {
		tb.cells = map[string]map[string]string{}
	}
	if tb.cells[row] == nil {
		tb.cells[row] = map[string]string{}
	}
	tb.cells[row][column] = cell
}

// String lays the table out; it leaves out what did not run.
func (tb *table) String() string {
	lines := [][]string{{"operation"}}
	for _, c := range tb.columns {
		lines[0] = append(lines[0], c.name)
	}
	for _, r := range rows {
		if tb.cells[r] == nil {
			continue // left out by -run
		}
		line := []string{r}
		for _, c := range tb.columns {
			line = append(line, tb.cells[r][c.name])
		}
		lines = append(lines, line)
	}
	widths := make([]int, len(lines[0]))
	for _, line := range lines {
		for i, cell := range line {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var text strings.Builder
	for _, line := range lines {
		var padded strings.Builder
		for i, cell := range line {
			padded.WriteString(cell + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2))
		}
		text.WriteString(strings.TrimRight(padded.String(), " ") + "\n")
	}
	return text.String()
}
