package ranchersync_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"ecr-credential-helper/ecr-login/internal/ranchersync"
)

func TestNotesLeavePeoplesWordsAlone(t *testing.T) {
	t.Parallel()
	n := ranchersync.Note{Expires: noon, Mark: "0123", Owner: "4567"}
	const note = "[ecr-login: token until 2026-03-01T12:00:00Z, mark 0123, owner 4567]"
	tests := []struct{ name, before, after string }{
		{"nothing", "", note},
		{"words", "for us", "for us " + note},
		{"an older note", "for us [ecr-login: token until 2020-01-01T00:00:00Z, mark x] and them", "for us " + note + " and them"},
		{"a note that was broken up", "for us [ecr-login: token until", "for us [ecr-login: token until " + note},
		{"a note of an older kind", "[ecr-login:]", note},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, fits := n.Annotate(tt.before, 1024)
			if got != tt.after || !fits {
				t.Errorf("%q, %v", got, fits)
			}
			if back := ranchersync.ParseNote(got); back == nil || *back != n {
				t.Errorf("read back as %+v", back)
			}
		})
	}
	if _, fits := n.Annotate(strings.Repeat("ü", 1024-len(note)), 1024); fits {
		t.Error("a space too much fits")
	}
	if _, fits := n.Annotate(strings.Repeat("ü", 1024-len(note)-1), 1024); !fits {
		t.Error("what fits exactly does not fit")
	}
}

func TestWhatIsNoNote(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"", "words", "[ecr-login:]", "[ecr-login: token until soon, mark x]", "[ecr-login: token until 2026-03-01T12:00:00Z]",
		"[ecr-login: mark x]", "[ecr-login: token until 2026-03-01T12:00:00Z, mark x", "ecr-login: token until 2026-03-01T12:00:00Z, mark x]",
	} {
		if n := ranchersync.ParseNote(s); n != nil {
			t.Errorf("%q is read as %+v", s, n)
		}
	}
}

func FuzzNote(f *testing.F) {
	for _, s := range []string{
		"", "for us", "[ecr-login: token until 2026-03-01T12:00:00Z, mark 0123, owner 4567]", "[ecr-login:[ecr-login:]]", "]", "a [ecr-login: b", "\xff",
	} {
		f.Add(s)
	}
	n := ranchersync.Note{Expires: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), Mark: "m", Owner: "o"}
	f.Fuzz(func(t *testing.T, s string) {
		ranchersync.ParseNote(s)
		once, fits := n.Annotate(s, 1024)
		if fits != (utf8.RuneCountInString(once) <= 1024) {
			t.Errorf("%q fits: %v", once, fits)
		}
		if got := ranchersync.ParseNote(once); got == nil || *got != n {
			t.Errorf("%q is read as %+v", once, got)
		}
		if twice, _ := n.Annotate(once, 1024); twice != once {
			t.Errorf("noted twice: %q, then %q", once, twice)
		}
	})
}
