package main

import (
	"context"
	"fmt"
)

// measurement is one table of the report.
type measurement struct {
	name  string // as -only selects it
	about string
	run   func(ctx context.Context, l *lab) (*table, error)
}

// Goals against the reference helper and against the floor.
const (
	mostOfReference = 0.85
	mostOfLinked    = 1.05
	mostOfOneToken  = 1.10
)

func measurements() []measurement {
	return []measurement{
		{"version", "start, say who we are, end", version},
		warmGet(1),
		warmGet(1_000),
		warmGet(10_000),
		{"growth", "warm get of this helper, from 1 token to 10,000", growth},
		{"list 1000", "list with 1,000 cached tokens; the reference asks AWS each time", listTokens},
	}
}

func version(ctx context.Context, l *lab) (*table, error) {
	var subjects []subject
	for _, p := range l.helpers() {
		home, err := l.home(p, 0)
		if err != nil {
			return nil, err
		}
		subjects = append(subjects, l.subject(p, home, "version", ""))
	}
	results, err := l.race(ctx, subjects)
	if err != nil {
		return nil, err
	}
	return compare(results), nil
}

func warmGet(tokens int) measurement {
	name := fmt.Sprintf("get %d", tokens)
	about := fmt.Sprintf("warm get, %s", count(tokens, "cached token"))
	return measurement{name, about, func(ctx context.Context, l *lab) (*table, error) {
		subjects, err := l.getters(tokens)
		if err != nil {
			return nil, err
		}
		results, err := l.race(ctx, subjects)
		if err != nil {
			return nil, err
		}
		return compare(results, goal{nameReference, mostOfReference}, goal{nameLinked, mostOfLinked}), nil
	}}
}

func growth(ctx context.Context, l *lab) (*table, error) {
	var subjects []subject
	for _, tokens := range []int{10_000, 1_000, 1} {
		home, err := l.home(l.ours(), tokens)
		if err != nil {
			return nil, err
		}
		s := l.subject(l.ours(), home, "get", targetHost)
		s.name = count(tokens, "token")
		subjects = append(subjects, s)
	}
	results, err := l.race(ctx, subjects)
	if err != nil {
		return nil, err
	}
	return compare(results, goal{count(1, "token"), mostOfOneToken}), nil
}

func listTokens(ctx context.Context, l *lab) (*table, error) {
	const tokens = 1_000
	var subjects []subject
	for _, p := range l.helpers() {
		home, err := l.home(p, tokens)
		if err != nil {
			return nil, err
		}
		s := l.subject(p, home, "list", "unused")
		// The reference refreshes the default and the public registry's token first.
		s.mayCall = p.name == nameReference
		subjects = append(subjects, s)
	}
	results, err := l.race(ctx, subjects)
	if err != nil {
		return nil, err
	}
	return compare(results, goal{nameReference, 0.1}), nil
}
