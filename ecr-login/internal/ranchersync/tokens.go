package ranchersync

import (
	"context"
	"errors"
	"sync"
	"time"

	"ecr-credential-helper/ecr-login/token"
)

// Token is a token and whose it is.
type Token struct {
	token.Token
	// Identity names the AWS identity that fetched it: equal strings mean the
	// same permissions. Empty when unknown. It is not a secret, but it is only
	// ever kept hashed.
	Identity string
}

// TokenOptions say which token is wanted. The zero value is what `get` uses.
type TokenOptions struct {
	Profile  string // AWS profile; overrides what the settings say for the host
	RoleARN  string // IAM role to assume; likewise
	Endpoint string // URL of the ECR API, for AWS-compatible services
	// MinLife is how long the token must live on: a cached one with less left
	// is not good enough, unless no other can be had.
	MinLife time.Duration
	// Refresh passes the cache by.
	Refresh bool
}

// Tokens is where tokens come from. Its methods are called concurrently.
// Every error counts as AWS's unless it is an *[Error]; one with a method
// Hint() string brings its remedy.
type Tokens interface {
	// Token returns a token that opens host.
	Token(ctx context.Context, host string, opts TokenOptions) (Token, error)
	// Own returns the host of the registry in region that belongs to the very
	// account whose credentials are used.
	Own(ctx context.Context, region string, opts TokenOptions) (string, error)
}

// purse hands out tokens within one run and asks for each only once, however
// many targets want it.
type purse struct {
	tokens Tokens
	// slots bounds how many are fetched at a time.
	slots chan struct{}

	mu   sync.Mutex
	held map[purseKey]*purseEntry
}

type purseKey struct {
	host string
	opts TokenOptions
}

type purseEntry struct {
	ready chan struct{}
	tok   Token
	err   error
}

func newPurse(tokens Tokens, concurrency int) *purse {
	return &purse{tokens: tokens, slots: make(chan struct{}, concurrency), held: map[purseKey]*purseEntry{}}
}

func (p *purse) token(ctx context.Context, host string, opts TokenOptions) (*Token, error) {
	key := purseKey{host, opts}
	p.mu.Lock()
	e, known := p.held[key]
	if !known {
		e = &purseEntry{ready: make(chan struct{})}
		p.held[key] = e
	}
	p.mu.Unlock()
	if known {
		select {
		case <-e.ready:
			return &e.tok, e.err
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	defer close(e.ready)
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	case <-ctx.Done():
		e.err = ctx.Err()
		return nil, e.err
	}
	e.tok, e.err = p.tokens.Token(ctx, host, opts)
	if e.err == nil && (e.tok.User == "" || e.tok.Password.Reveal() == "") {
		e.err = errors.New("the token is empty")
	}
	if e.err != nil {
		e.err = awsError(ctx, e.err)
	}
	return &e.tok, e.err
}

// awsError says that AWS is where an error comes from, unless the run ended.
func awsError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return &Error{Reason: ReasonInterrupted, Err: err}
	}
	var own *Error
	if errors.As(err, &own) {
		return err // it says itself whose fault it is
	}
	return &Error{Reason: ReasonAWS, Err: err, Hint: HintOf(err)}
}
