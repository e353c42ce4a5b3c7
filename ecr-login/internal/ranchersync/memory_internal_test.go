package ranchersync

import (
	"testing"
	"time"
)

func TestNothingIsKnownOfAnotherCredentialWithTheSameID(t *testing.T) {
	t.Parallel()
	end := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	pushedNow := pushed{marks: marks{Mark: "m", Owner: "o"}, Issued: end.Add(-time.Hour), Expires: end}
	for name, other := range map[string]*Entry{
		"of another database": {Host: "host", Credential: "1c7", UID: "another"},
		"for another host":    {Host: "other", Credential: "1c7", UID: "one"},
	} {
		m := NewMemory("")
		m.remember("key", &Entry{Host: "host", Credential: "1c7", UID: "one"}, pushedNow)
		if p, ok := m.recall("key", other); ok || p != (pushed{}) {
			t.Errorf("%s: recalled %+v", name, p)
		}
		m.doubt("key", other, pushed{Expires: end.Add(-time.Minute)})
		if n := len(m.tokens("key")); n != 0 {
			t.Errorf("%s: %d tokens are left", name, n)
		}
	}
}
