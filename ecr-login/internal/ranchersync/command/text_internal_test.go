package command

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ecr-credential-helper/ecr-login/internal/ranchersync"
)

func TestColoursDoNotDisturbTheColumns(t *testing.T) {
	t.Parallel()
	rows := [][]cell{head("ONE", "TWO", "THREE"), {{"längeres", red}, {"x", green}, {"", ""}}, {{"a", ""}, {"b", ""}, {"c", dim}}}
	var colored, plainText strings.Builder
	printer{w: &colored, color: true}.table(rows)
	printer{w: &plainText}.table(rows)
	stripped := strings.NewReplacer(red, "", green, "", dim, "", plain, "").Replace(colored.String())
	if stripped != plainText.String() || colored.String() == stripped {
		t.Errorf("%q and %q", colored.String(), plainText.String())
	}
	if want := "  ONE       TWO  THREE\n  längeres  x\n  a         b    c\n"; plainText.String() != want {
		t.Errorf("%s", plainText.String())
	}
}

func TestTheSameRemarkIsMadeOnce(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	p := &ranchersync.Problem{Reason: "refused", Message: "no", Hint: "try"}
	printer{w: &b}.remarks(ranchersync.TargetReport{Registries: []ranchersync.EntryReport{
		{Registry: "a", Error: p}, {Registry: "b", Error: p, Warnings: []string{"odd"}}, {Registry: "c", Error: p},
	}})
	if want := "  error: a and 2 more: no\n    hint: try\n  warning: b: odd\n"; b.String() != want {
		t.Errorf("%s", b.String())
	}
}

func TestOnlyTerminalsGetColoursAndProgress(t *testing.T) {
	t.Parallel()
	f, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	env := func(string) string { return "xterm" }
	if colorful(f, env) || colorful(&strings.Builder{}, env) || terminal(f) {
		t.Error("a file gets colours")
	}
	s := newScreen(f, env)
	s.progress(ranchersync.Progress{Part: "pushing", Done: 1, Total: 2})
	s.warn("careful")
	s.close()
	got, err := os.ReadFile(f.Name())
	if err != nil || string(got) != "warning: careful\n" {
		t.Errorf("%q %v", got, err)
	}
}

func TestProgressKeepsOutOfTheWay(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	s := &screen{w: &b, shown: true, stop: make(chan struct{})}
	s.progress(ranchersync.Progress{Part: "pushing", Done: 1, Total: 2})
	s.redraw(time.Now())
	if b.String() != "" {
		t.Errorf("drawn at once: %q", b.String())
	}
	s.redraw(time.Now().Add(2 * time.Second))
	s.warn("careful")
	s.redraw(time.Now().Add(2 * time.Second))
	s.progress(ranchersync.Progress{Part: "pushing", Done: 2, Total: 2})
	s.redraw(time.Now().Add(2 * time.Second))
	line := wipe + "pushing 1 of 2 …"
	if want := line + wipe + "warning: careful\n" + line + wipe; b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
}

func TestFlagsAreGuessed(t *testing.T) {
	t.Parallel()
	tests := []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"", "ab", 2}, {"registies", "registries", 1}, {"abc", "bcd", 2}, {strings.Repeat("x", 100), "x", 100}}
	for _, tt := range tests {
		if got := distance(tt.a, tt.b); got != tt.want {
			t.Errorf("%q and %q: %d", tt.a, tt.b, got)
		}
	}
}
