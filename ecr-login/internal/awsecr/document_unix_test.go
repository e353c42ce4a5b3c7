//go:build unix

package awsecr

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// documented is a line of docs/troubleshooting.md with the reason under it.
type documented struct {
	pattern string // … stands for anything
	reason  Reason
}

func readDocument(t *testing.T) []documented {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "troubleshooting.md"))
	if err != nil {
		t.Fatal(err)
	}
	var all []documented
	lines := strings.Split(string(text), "\n")
	for i, l := range lines {
		pattern, ok := strings.CutPrefix(l, "#### ")
		if !ok {
			continue
		}
		_, reason, _ := strings.Cut(lines[i+1], "`")
		reason, _, _ = strings.Cut(reason, "`")
		all = append(all, documented{pattern, Reason(reason)})
	}
	return all
}

// covers reports whether a cause is what the pattern describes. What follows
// the pattern is what others say: a colon, a bracket or a status begins it.
func (d documented) covers(cause string) bool {
	words := strings.Split(d.pattern, "…")
	rest, ok := strings.CutPrefix(cause, words[0])
	if !ok {
		return false
	}
	for i, word := range words[1:] {
		if word == "" && i == len(words)-2 {
			return true
		}
		at := strings.Index(rest, word)
		if at < 1 {
			return false
		}
		rest = rest[at+len(word):]
	}
	return rest == "" || strings.HasPrefix(rest, ": ") || strings.HasPrefix(rest, " (")
}

// Every line that a test provokes stands in the document under its reason, and
// every line and reason of the document is provoked by a test.
func TestEveryLineIsDocumented(t *testing.T) {
	t.Parallel()
	document := readDocument(t)
	used := make([]bool, len(document))
	reasons := map[Reason]bool{}
	check := func(name, sentence string, reason Reason) {
		t.Helper()
		cause, _, _ := strings.Cut(sentence, "; hint: ")
		found := false
		for i, d := range document {
			if d.reason == reason && d.covers(cause) {
				used[i], found = true, true
			}
		}
		if !found {
			t.Errorf("%s: no line of the document under %s is\n%s", name, reason, cause)
		}
		reasons[reason] = true
	}
	for _, table := range [][]told{
		toldOfSettings(), toldOfSessions(), toldOfInstances(), toldOfContainers(), toldOfWebIdentities(), toldByAWS(), toldOfNetworks(), toldOfProcesses(),
	} {
		for _, test := range table {
			check(test.name, test.want, test.reason)
		}
	}
	for _, test := range wrongAnswers() {
		check(test.name, test.want, test.reason)
	}
	for _, test := range oddities() {
		check(test.name, test.want, test.Reason)
	}
	for i, d := range document {
		if !used[i] {
			t.Errorf("no test provokes the documented line\n%s (%s)", d.pattern, d.reason)
		}
	}
	for _, reason := range []Reason{
		NoCredentials, SessionEnded, MFANeeded, ProfileMissing, BrokenSharedConfig, ProcessFailed, ContainerRefused, ContainerFailed, MetadataFailed,
		WebIdentityFailed, RoleDenied, Denied, InvalidKeys, ExpiredKeys, ClockSkew, UnknownRegion, Throttled, ServerError, BadAnswer, DNS, TLS, Proxy,
		Network, TimedOut, Cancelled, Unexpected,
	} {
		if !reasons[reason] {
			t.Errorf("no test provokes %s", reason)
		}
	}
}
