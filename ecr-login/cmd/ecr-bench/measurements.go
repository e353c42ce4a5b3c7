package main

import (
	"context"
	"fmt"
	"time"
)

// measurement is one table of the report.
type measurement struct {
	name  string // as -only selects it
	about string
	run   func(ctx context.Context, l *lab) (*table, error)
}

func measurements() []measurement {
	return []measurement{
		{"version", "start, say who we are, end", version},
		warmGet(1),
		warmGet(1_000),
		warmGet(10_000),
		{"instructions", "instructions of a warm get, 1 cached token", instructions},
		{"growth", "warm get of this helper, from 1 token to 10,000", growth},
		{"cold", "get without a cache, one call to AWS", cold},
		{"role", "get with a cached token and a profile that assumes a role", role},
		{"profiles", "warm get of this helper with a role, from a shared config of 2 profiles to one of 500", profiles},
		{"list", "list with 1,000 cached tokens; the reference asks AWS each time", listTokens},
		{"throughput", "warm get, 1 cached token, 8 loops at once", throughput},
		{"burst", "50 cold gets of one registry at once", burst},
		{"accounts", "one cold get for each of 40 accounts in a region, one after another", accounts},
		{"leftovers", "what stays on disk as the temporary keys of a role rotate", leftovers},
	}
}

func version(ctx context.Context, l *lab) (*table, error) {
	subjects, err := l.each(func(p program) (subject, error) {
		return l.subject(setting{program: p}, "version", "")
	})
	if err != nil {
		return nil, err
	}
	return l.compare(ctx, subjects)
}

func warmGet(tokens int) measurement {
	m := measurement{name: fmt.Sprintf("get %d", tokens), about: "warm get, " + count(tokens, "cached token")}
	m.run = func(ctx context.Context, l *lab) (*table, error) {
		subjects, err := l.getters(tokens)
		if err != nil {
			return nil, err
		}
		return l.compare(ctx, subjects, atMost(0.85, nameReference), atMost(1.05, nameLinked))
	}
	return m
}

func growth(ctx context.Context, l *lab) (*table, error) {
	var subjects []subject
	for _, tokens := range []int{10_000, 1_000, 1} {
		s, err := l.getter(setting{program: l.ours(), tokens: tokens})
		if err != nil {
			return nil, err
		}
		s.name = count(tokens, "token")
		subjects = append(subjects, s)
	}
	return l.compare(ctx, subjects, atMost(1.1, count(1, "token")))
}

func cold(ctx context.Context, l *lab) (*table, error) {
	subjects, err := l.each(func(p program) (subject, error) {
		s, err := l.getter(setting{program: p})
		s.env = append(s.env, "AWS_ECR_DISABLE_CACHE=1")
		s.mayCall = true
		return s, err
	})
	if err != nil {
		return nil, err
	}
	return l.compare(ctx, subjects)
}

func role(ctx context.Context, l *lab) (*table, error) {
	subjects, err := l.each(func(p program) (subject, error) {
		s, err := l.getter(setting{program: p, tokens: 1, profiles: 2})
		// The reference keys its cache by the role's temporary keys, which are
		// new each time.
		s.mayCall = p.name == nameReference
		return s, err
	})
	if err != nil {
		return nil, err
	}
	if l.paths.linked != "" {
		all, err := l.getters(1)
		if err != nil {
			return nil, err
		}
		subjects = append(subjects, all[len(all)-1])
	}
	return l.compare(ctx, subjects, atMost(0.05, nameReference), atMost(1.15, nameLinked))
}

func profiles(ctx context.Context, l *lab) (*table, error) {
	var subjects []subject
	for _, n := range []int{500, 2} {
		s, err := l.getter(setting{program: l.ours(), tokens: 1, profiles: n})
		if err != nil {
			return nil, err
		}
		s.name = count(n, "profile")
		subjects = append(subjects, s)
	}
	results, err := l.race(ctx, subjects)
	if err != nil {
		return nil, err
	}
	const most = 2 * time.Millisecond
	more := median(results[0].wall) - median(results[1].wall)
	t := compare(results)
	t.remarks = append(t.remarks, fmt.Sprintf("%s ms more with 500 profiles; goal at most %s ms: %s",
		milliseconds(more), milliseconds(most), verdict(more <= most)))
	return t, nil
}

func listTokens(ctx context.Context, l *lab) (*table, error) {
	subjects, err := l.each(func(p program) (subject, error) {
		s, err := l.subject(setting{program: p, tokens: 1_000}, "list", "unused")
		// The reference first fetches the token of the caller's own registry.
		s.mayCall = p.name == nameReference
		return s, err
	})
	if err != nil {
		return nil, err
	}
	return l.compare(ctx, subjects, atMost(0.1, nameReference))
}

// each returns a subject for every helper.
func (l *lab) each(prepare func(p program) (subject, error)) ([]subject, error) {
	var subjects []subject
	for _, p := range l.helpers() {
		s, err := prepare(p)
		if err != nil {
			return nil, err
		}
		subjects = append(subjects, s)
	}
	return subjects, nil
}

// compare races the subjects and makes the table.
func (l *lab) compare(ctx context.Context, subjects []subject, goals ...goal) (*table, error) {
	results, err := l.race(ctx, subjects)
	if err != nil {
		return nil, err
	}
	return compare(results, goals...), nil
}
