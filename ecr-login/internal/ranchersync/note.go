package ranchersync

import (
	"strings"
	"time"
	"unicode/utf8"
)

// Note is what a credential's visible remarks can say about the token in it, so
// that another machine knows it too.
type Note struct {
	Expires time.Time
	Mark    string // tells tokens apart; says nothing about them
	Owner   string // tells identities apart, likewise; empty when unknown
}

const (
	noteOpen  = "[ecr-login:"
	noteClose = "]"
	// maxNote is more than any note has, with the space before it.
	maxNote = 120
)

// String writes the note, such as
// [ecr-login: token until 2026-03-01T12:00:00Z, mark 0123456789abcdef, owner 0123456789abcdef].
func (n Note) String() string {
	s := noteOpen + " token until " + n.Expires.UTC().Format(time.RFC3339) + ", mark " + n.Mark
	if n.Owner != "" {
		s += ", owner " + n.Owner
	}
	return s + noteClose
}

// split cuts remarks around the last note in them. It reports false when there
// is none, or one that somebody broke up.
func split(remarks string) (before, inner, after string, found bool) {
	at := strings.LastIndex(remarks, noteOpen)
	if at < 0 {
		return remarks, "", "", false
	}
	inner, after, found = strings.Cut(remarks[at+len(noteOpen):], noteClose)
	if !found {
		return remarks, "", "", false
	}
	return remarks[:at], inner, after, true
}

// ParseNote finds a note among remarks; nil when there is none that can be read.
func ParseNote(remarks string) *Note {
	_, inner, _, found := split(remarks)
	if !found {
		return nil
	}
	var n Note
	for part := range strings.SplitSeq(inner, ",") {
		part = strings.TrimSpace(part)
		if v, ok := strings.CutPrefix(part, "token until "); ok {
			expires, err := time.Parse(time.RFC3339, v)
			if err != nil {
				return nil
			}
			n.Expires = expires
		}
		if v, ok := strings.CutPrefix(part, "mark "); ok {
			n.Mark = v
		}
		if v, ok := strings.CutPrefix(part, "owner "); ok {
			n.Owner = v
		}
	}
	if n.Expires.IsZero() || n.Mark == "" {
		return nil
	}
	return &n
}

// Annotate puts the note into remarks in place of an earlier one, and leaves
// what people wrote there alone. It reports false when limit characters are not
// enough for both.
func (n Note) Annotate(remarks string, limit int) (string, bool) {
	before, _, after, _ := split(remarks)
	text := strings.TrimSpace(strings.TrimSpace(before) + " " + n.String() + after)
	return text, utf8.RuneCountInString(text) <= limit
}

// NoteFits reports whether remarks of at most limit characters have room for any
// note.
func NoteFits(remarks string, limit int) bool {
	if len(remarks)+maxNote < limit {
		return true // of thousands of credentials, hardly one has more to say
	}
	digits := strings.Repeat("0", markDigits)
	longest := Note{Expires: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), Mark: digits, Owner: digits}
	_, fits := longest.Annotate(remarks, limit)
	return fits
}
