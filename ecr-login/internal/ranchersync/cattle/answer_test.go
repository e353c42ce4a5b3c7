package cattle

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestIDsAreOrderedByTheirNumbers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		a, b string
		want int
	}{
		{"1c9", "1c18", -1},
		{"1c18", "1c9", 1},
		{"1c18", "1c18", 0},
		{"1c2", "1d1", -1},
		{"1c", "1c1", -1},
		{"1c99999999999999999999", "1c1", 1}, // no number at all: by the letters
		{"", "", 0},
	}
	for _, tt := range tests {
		if got := compareIDs(tt.a, tt.b); got != tt.want {
			t.Errorf("%q and %q: %d", tt.a, tt.b, got)
		}
	}
}

func TestTextIsCleaned(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, want string }{
		{"words", "all is well", "all is well"},
		{"a host", "111122223333.dkr.ecr.eu-west-1.amazonaws.com", "111122223333.dkr.ecr.eu-west-1.amazonaws.com"},
		{"a UUID", "9f1909af-0039-6509-1003-d177b1bf5f8e", "9f1909af-0039-6509-1003-d177b1bf5f8e"},
		{"a key", "the key " + strings.Repeat("aB3", 14) + " is wrong", "the key […] is wrong"},
		{"lines", "one\r\ntwo\tthree", "one  two three"},
		{"escapes", "\x1b[31mred\x07", "?[31mred?"},
		{"text that turns round", "a\u202eb", "a?b"},
		{"no UTF-8", "a\xffb", "a\ufffdb"},
		{"a long one", strings.Repeat("word ", 100), strings.Repeat("word ", 39) + "word…"},
	}
	for _, tt := range tests {
		if got := clean(tt.text); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
	s := newShield("shh")
	s.add("tok3n")
	if got := s.show("shh, tok3n!"); got != "[…], […]!" {
		t.Errorf("%q", got)
	}
	s.forget()
	if got := s.show("shh, tok3n!"); got != "[…], tok3n!" {
		t.Errorf("%q", got)
	}
}

func FuzzClean(f *testing.F) {
	for _, s := range []string{"", "hello", strings.Repeat("A", 100), "\x1b[2J", "ü\u202e\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := clean(s)
		if utf8.RuneCountInString(got) > maxShown || !utf8.ValidString(got) {
			t.Errorf("%q", got)
		}
		run := 0
		for _, c := range got {
			if !unicode.IsPrint(c) {
				t.Errorf("%q holds %q", got, c)
			}
			if run++; !secretLike(c) {
				run = 0
			}
			if run >= longRun {
				t.Errorf("%q has a long run", got)
			}
		}
		word(s)
	})
}

func FuzzCollection(f *testing.F) {
	for _, s := range []string{
		`{"type":"collection","data":[{"id":"1sp1","serverAddress":"x"}],"pagination":{"next":"http://x?marker=m1"}}`,
		`{"pagination":null,"data":null,"type":"collection"}`, `{"data":[],"data":[{}]}`, `[]`, `null`, `{"type":`, ``,
		`{"type":"collection","data":[{"id":"1sp1","id":"../x"}]}`, `{"type":"collection","data":[[[[]]]]}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var p collection[registryJSON]
		if err := p.read(bytes.NewReader(body)); err != nil {
			return
		}
		// What is accepted is a list for encoding/json as well.
		var plain struct {
			Type string
			Data []registryJSON
		}
		if err := json.NewDecoder(bytes.NewReader(body)).Decode(&plain); err != nil || plain.Type != "collection" {
			t.Fatalf("accepted %q, which is none: %v", body, err)
		}
		for _, r := range p.data {
			if !plainID(r.ID) {
				t.Errorf("accepted the id %q", r.ID)
			}
		}
		if p.next != "" {
			if marker, err := markerOf(p.next); err == nil && marker == "" {
				t.Errorf("no marker in %q", p.next)
			}
		}
	})
}
