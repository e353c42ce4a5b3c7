package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// table is the outcome of one measurement.
type table struct {
	columns []string
	rows    [][]string
	remarks []string
}

// goal is the most that the first subject's time may be of another's.
type goal struct {
	most    float64
	against string
}

func atMost(most float64, against string) goal { return goal{most, against} }

// compare makes the table of a race: one row per subject, and how the first
// stands to each of the others.
func compare(results []figures, goals ...goal) *table {
	first := results[0]
	t := &table{columns: []string{"", "wall ms", "cpu ms", "peak MiB", "wall ratio", "cpu ratio", "goal"}}
	for i, r := range results {
		row := []string{r.name, milliseconds(median(r.wall)), milliseconds(median(r.cpu)), mebibytes(r.peak)}
		if i > 0 {
			wall, cpu := ratios(first.wall, r.wall), ratios(first.cpu, r.cpu)
			row = append(row,
				fmt.Sprintf("%.3f (%.3f-%.3f)", quantile(wall, 0.5), quantile(wall, 0.25), quantile(wall, 0.75)),
				fmt.Sprintf("%.3f", quantile(cpu, 0.5)))
			for _, g := range goals {
				if g.against == r.name {
					row = append(row, fmt.Sprintf("%s (at most %.2f)", verdict(quantile(wall, 0.5) <= g.most), g.most))
				}
			}
		}
		t.rows = append(t.rows, row)
	}
	t.remarks = append(t.remarks, fmt.Sprintf("Medians of %d rounds. A ratio is %s divided by the row, round by round; in brackets its quartiles.",
		len(first.wall), first.name))
	return t
}

// ratios returns a/b of every round, sorted.
func ratios(a, b []time.Duration) []float64 {
	all := make([]float64, len(a))
	for round := range all {
		all[round] = float64(a[round]) / float64(b[round])
	}
	slices.Sort(all)
	return all
}

func verdict(met bool) string {
	if met {
		return "met"
	}
	return "missed"
}

// String returns the table with its columns aligned, a line for each row and
// remark.
func (t *table) String() string {
	lines := t.rows
	if len(t.columns) > 0 {
		lines = append([][]string{t.columns}, t.rows...)
	}
	var widths []int
	for _, line := range lines {
		for i, cell := range line {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var out strings.Builder
	for _, line := range lines {
		var row strings.Builder
		for i, cell := range line {
			fmt.Fprintf(&row, "  %-*s", widths[i], cell)
		}
		out.WriteString(strings.TrimRight(row.String(), " ") + "\n")
	}
	for _, r := range t.remarks {
		out.WriteString("  " + r + "\n")
	}
	return out.String()
}

func median(of []time.Duration) time.Duration {
	sorted := slices.Clone(of)
	slices.Sort(sorted)
	return sorted[len(sorted)/2]
}

// quantile returns the value below which the given part of a sorted list lies.
func quantile(sorted []float64, part float64) float64 {
	return sorted[min(int(part*float64(len(sorted))), len(sorted)-1)]
}

func milliseconds(d time.Duration) string {
	return strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'f', 2, 64)
}

func mebibytes(n int64) string {
	if n == 0 {
		return "-"
	}
	return strconv.FormatFloat(float64(n)/(1<<20), 'f', 1, 64)
}

// count returns "1 token" or "1,000 tokens".
func count(n int, noun string) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	if n != 1 {
		noun += "s"
	}
	return digits + " " + noun
}
