package logfile

import (
	"errors"
	"fmt"
	"strings"

	"github.com/sirupsen/logrus"
)

// redactHook rewrites what an entry says before it is formatted. It works on
// the entry that logrus made for this line, which nobody else holds.
type redactHook struct{}

func (redactHook) Levels() []logrus.Level { return logrus.AllLevels }

func (redactHook) Fire(e *logrus.Entry) error {
	e.Message = Redact(e.Message)
	clean := make(logrus.Fields, len(e.Data))
	for k, v := range e.Data {
		switch v := v.(type) {
		case string:
			clean[k] = Redact(v)
		case error:
			clean[k] = errors.New(Redact(v.Error()))
		case fmt.Stringer:
			clean[k] = Redact(v.String())
		default:
			clean[k] = v
		}
	}
	e.Data = clean
	return nil
}

const hidden = "[redacted]"

// Redact replaces, in every URL that stands in s, the user information and the
// query: passwords of proxies and presigned requests travel there.
func Redact(s string) string {
	var out strings.Builder
	for {
		i := strings.Index(s, "://")
		if i < 0 {
			out.WriteString(s)
			return out.String()
		}
		i += len("://")
		out.WriteString(s[:i])
		s = s[i:]
		url := s[:urlEnd(s)]
		s = s[len(url):]

		authorityEnd := len(url)
		if j := strings.IndexAny(url, "/?#"); j >= 0 {
			authorityEnd = j
		}
		authority, rest := url[:authorityEnd], url[authorityEnd:]
		if at := strings.LastIndexByte(authority, '@'); at >= 0 {
			authority = hidden + authority[at:]
		} else if at := strings.LastIndexByte(rest, '@'); at >= 0 && !strings.Contains(authority, ".") {
			// A password with an unescaped slash: what looks like a path is
			// still user information.
			authority, rest = hidden, rest[at:]
		}
		out.WriteString(authority)
		if path, _, ok := strings.Cut(rest, "?"); ok {
			rest = path + "?" + hidden
		}
		out.WriteString(rest)
	}
}

// urlEnd returns where the URL that s begins with ends: at what cannot stand in
// one, quotes included.
func urlEnd(s string) int {
	end := strings.IndexFunc(s, func(r rune) bool {
		return r <= ' ' || r == 0x7f || strings.ContainsRune("\"'<>`|\\", r)
	})
	if end < 0 {
		return len(s)
	}
	return end
}
