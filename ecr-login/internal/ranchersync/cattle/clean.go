package cattle

import (
	"strings"
	"sync"
	"unicode"
)

const (
	// maxShown is how many characters of a server's text are worth a person's time.
	maxShown = 200
	// longRun is how long an unbroken word must be to be taken for a secret:
	// Rancher's secret keys have 40 characters, tokens thousands. No word, id or
	// code of the API is as long, and host names have dots in between.
	longRun = 40
	hidden  = "[…]"
)

// clean makes a server's text fit for a terminal and a log: one line, printable
// characters only, short, and without anything that could be a token or key. A
// server may well quote in an error what it was sent.
func clean(s string) string {
	if harmless(s) {
		return s
	}
	if len(s) > 8*maxShown {
		s = s[:8*maxShown]
	}
	var out, word strings.Builder
	flush := func() {
		if word.Len() >= longRun {
			out.WriteString(hidden)
		} else {
			out.WriteString(word.String())
		}
		word.Reset()
	}
	for _, c := range s {
		if secretLike(c) {
			word.WriteRune(c)
			continue
		}
		flush()
		switch {
		case unicode.IsSpace(c):
			out.WriteByte(' ')
		case unicode.IsPrint(c):
			out.WriteRune(c)
		default:
			out.WriteRune('?')
		}
	}
	flush()
	shown := []rune(strings.TrimSpace(out.String()))
	if len(shown) > maxShown {
		shown = append(shown[:maxShown-1], '…')
	}
	return string(shown)
}

// harmless reports whether clean would leave s as it is; most texts are.
func harmless(s string) bool {
	if len(s) > maxShown {
		return false
	}
	run := 0
	for i, c := range s {
		run++
		if !secretLike(c) {
			run = 0
		}
		if run >= longRun || c < ' ' || c > '~' || c == ' ' && (i == 0 || i == len(s)-1) {
			return false
		}
	}
	return true
}

// secretLike reports whether c belongs to the alphabets that keys and tokens
// are written in.
func secretLike(c rune) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' ||
		c == '+' || c == '/' || c == '=' || c == '-' || c == '_'
}

// word makes a server's name for something fit to be shown: such names are
// letters, and anything else is left out.
func word(s string) string {
	if len(s) > 40 || strings.ContainsFunc(s, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != ' ' && c != '-'
	}) {
		return ""
	}
	return s
}

// shield knows what must never be shown, so that it is not when a server quotes
// it.
type shield struct {
	mu     sync.Mutex
	keys   []string        // always
	tokens map[string]bool // of this run
}

func newShield(keys ...string) *shield {
	return &shield{keys: keys, tokens: map[string]bool{}}
}

// forget drops the tokens of the run before.
func (s *shield) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.tokens)
}

func (s *shield) add(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if token != "" {
		s.tokens[token] = true
	}
}

// show makes a server's text fit to be shown.
func (s *shield) show(text string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, secret := range s.keys {
		text = strings.ReplaceAll(text, secret, hidden)
	}
	for secret := range s.tokens {
		if len(secret) <= len(text) {
			text = strings.ReplaceAll(text, secret, hidden)
		}
	}
	return clean(text)
}
