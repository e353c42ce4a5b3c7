package demo

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Columns of the story.
const (
	labelWidth = 17
	textWidth  = 66
	lineWidth  = 3 + labelWidth + textWidth
)

// teller prints the story. It keeps the first error of its output, so that the
// chapters need not look.
type teller struct {
	out io.Writer
	err error
}

func (t *teller) printf(format string, args ...any) {
	if t.err == nil {
		_, t.err = fmt.Fprintf(t.out, format, args...)
	}
}

func (t *teller) text(s string) { t.printf("%s", s) }

func (t *teller) title(s string) { t.printf("%s\n", s) }

func (t *teller) chapter(n int, title string) { t.printf("\n%d. %s\n", n, title) }

// fact prints a line without a time. A text that is too long goes on in lines
// of its own.
func (t *teller) fact(label, text string) {
	for _, line := range wrap(text, textWidth+10) {
		t.printf("   %-*s%s\n", labelWidth, label, line)
		label = ""
	}
}

// event prints a line with the time that something took.
func (t *teller) event(label, text string, took time.Duration) {
	t.printf("   %-*s%-*s%10s\n", labelWidth, label, textWidth, text, inWords(took))
}

// wrap breaks a text at spaces into lines of at most width characters, where
// its words allow that.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

// inWords rounds a duration to what a person reads: 2.1 ms, 83 ms, 1.4 s.
func inWords(d time.Duration) string {
	const few = 10 * time.Millisecond
	switch {
	case d < few:
		return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Round(time.Millisecond)/time.Millisecond)
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// calls says how often AWS was asked.
func calls(n int) string {
	switch n {
	case 0:
		return "no call to AWS"
	case 1:
		return "1 call to AWS"
	}
	return fmt.Sprintf("%d calls to AWS", n)
}

// masked shows that there is a password without showing it.
func masked(password string) string {
	const shown = 6
	if len(password) <= 2*shown {
		return fmt.Sprintf("(%d characters)", len(password))
	}
	return fmt.Sprintf("%s… (%d characters)", password[:shown], len(password))
}
