package cattle

import (
	"strings"
	"unicode"
)

const (
	// maxShown is how many characters of a server's text are worth a person's time.
	maxShown = 200
	// longRun is how long an unbroken word must be to be taken for a secret:
	// Rancher's secret keys have 40 characters, tokens thousands. No word, id or
	// code of the API is as long, and host names have dots in between.
	longRun = 40
)

// clean makes a server's text fit for a terminal and a log: one line, printable
// characters only, short, and without anything that could be a token or key. A
// server may well quote in an error what it was sent.
func clean(s string) string {
	if len(s) > 8*maxShown {
		s = s[:8*maxShown]
	}
	var out, word strings.Builder
	flush := func() {
		if word.Len() >= longRun {
			out.WriteString("[…]")
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

// secretLike reports whether c belongs to the alphabets that keys and tokens
// are written in.
func secretLike(c rune) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' ||
		c == '+' || c == '/' || c == '=' || c == '-' || c == '_'
}

// without takes secrets out of a text, whatever their length.
func without(s string, secrets ...string) string {
	for _, secret := range secrets {
		if secret != "" {
			s = strings.ReplaceAll(s, secret, "[…]")
		}
	}
	return s
}
