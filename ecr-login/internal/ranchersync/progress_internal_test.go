package ranchersync

import (
	"fmt"
	"slices"
	"testing"
)

func TestProgressIsAboutWhatIsWaitedFor(t *testing.T) {
	t.Parallel()
	var told []string
	s := newSteps(2, func(p Progress) { told = append(told, fmt.Sprintf("%s %d of %d", p.Part, p.Done, p.Total)) })
	s.read() // one target, with two credentials
	s.toPush(2)
	s.pushed()
	s.pushed()
	s.read() // the other, which took longer
	s.toPush(1)
	s.pushed()
	want := []string{
		"reading 0 of 2", "reading 1 of 2",
		"pushing 0 of 2", "pushing 1 of 2", "reading 1 of 2",
		"pushing 2 of 2", "pushing 2 of 3", "pushing 3 of 3",
	}
	if !slices.Equal(told, want) {
		t.Errorf("told %q", told)
	}
}

func TestTokensGoWithTheLastRun(t *testing.T) {
	t.Parallel()
	p := &purses{}
	one, other := p.open(), p.open()
	p.close()
	if one != other || p.purse != one {
		t.Error("runs at the same time do not share a purse")
	}
	p.close()
	if p.purse != nil {
		t.Error("a purse is kept without a run")
	}
}
