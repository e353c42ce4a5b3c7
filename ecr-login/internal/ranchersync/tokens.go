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
	// Identity tells the AWS identities apart that fetched it: equal strings mean
	// the same permissions. Empty when unknown. It is not a secret, but it is only
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
	// Token returns a token that opens host, with the times when it was issued and
	// ends.
	Token(ctx context.Context, host string, opts TokenOptions) (Token, error)
	// Own returns the host of the registry in region that belongs to the very
	// account whose credentials are used.
	Own(ctx context.Context, region string, opts TokenOptions) (string, error)
}

// purse hands out tokens and asks for each only once, however many targets want
// it at the same time.
type purse struct {
	tokens Tokens

	mu   sync.Mutex
	held map[purseKey]*purseEntry
}

// purses is the purse that all runs share that go on at the same time. With the
// last of them go the tokens.
type purses struct {
	tokens Tokens

	mu     sync.Mutex
	purse  *purse // nil when there is no run
	owners int
}

func (p *purses) open() *purse {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.purse == nil {
		p.purse = newPurse(p.tokens)
	}
	p.owners++
	return p.purse
}

func (p *purses) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.owners--; p.owners == 0 {
		p.purse = nil
	}
}

type purseKey struct {
	host string
	opts TokenOptions
}

type purseEntry struct {
	ready chan struct{} // closed when the others are set
	at    time.Time
	tok   Token
	err   error
}

func newPurse(tokens Tokens) *purse { return &purse{tokens: tokens, held: map[purseKey]*purseEntry{}} }

// token returns a token, or the reason why there is none, for a run that began
// at a time: what was found before may have changed.
func (p *purse) token(ctx context.Context, host string, opts TokenOptions, began time.Time) (*Token, error) {
	key := purseKey{host, opts}
	for {
		p.mu.Lock()
		e := p.held[key]
		if e == nil || e.done() && e.at.Before(began) {
			e = &purseEntry{ready: make(chan struct{})}
			p.held[key] = e
			p.mu.Unlock()
			p.fetch(ctx, key, e)
			return &e.tok, e.err
		}
		p.mu.Unlock()
		select {
		case <-e.ready:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if ReasonOf(e.err) != ReasonInterrupted {
			return &e.tok, e.err
		}
		// It was somebody else's run that ended.
		p.mu.Lock()
		if p.held[key] == e {
			delete(p.held, key)
		}
		p.mu.Unlock()
	}
}

func (e *purseEntry) done() bool {
	select {
	case <-e.ready:
		return true
	default:
		return false
	}
}

func (p *purse) fetch(ctx context.Context, key purseKey, e *purseEntry) {
	defer close(e.ready)
	defer func() { e.at = time.Now() }()
	e.tok, e.err = p.tokens.Token(ctx, key.host, key.opts)
	if e.err == nil && (e.tok.User == "" || e.tok.Password.Reveal() == "") {
		e.err = errors.New("the token is empty")
	}
	if e.err != nil {
		e.err = awsError(ctx, e.err)
	}
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
