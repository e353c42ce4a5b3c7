package cattle

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"ecr-credential-helper/ecr-login/internal/ranchersync"
	"ecr-credential-helper/ecr-login/token"
)

const (
	// maxAnswer bounds an answer. A page of [pageSize] resources with remarks of
	// full length stays well below.
	maxAnswer = 8 << 20
	// maxErrorAnswer is how much of an error's answer is read.
	maxErrorAnswer = 64 << 10
	// pageSize is how many resources are asked for at a time. The API allows
	// 3,000; fewer keep what is in memory at a time small.
	pageSize = 1000
	// maxOnPage is how many are taken: more than the API's limit, for a server
	// that ignores what it is asked.
	maxOnPage = 5000
	// maxPages and maxItems bound a list that pretends to have no end.
	maxPages = 1000
	maxItems = 100_000

	defaultRequestTimeout = 30 * time.Second
	defaultPatience       = time.Minute
	defaultSettle         = 30 * time.Second
	defaultConcurrency    = 4
	// defaultEmail satisfies the v1 API, which wants one for a new credential
	// and has no use for it.
	defaultEmail = "unused@ecr-login.invalid"
)

// DefaultKeyShown is the default of [Config.KeyShown].
const DefaultKeyShown = 5

// Config says which environment of which Rancher a [Target] is, and how to talk
// to it. Address, AccessKey and SecretKey are needed; everything else has a
// default.
type Config struct {
	Address   Address
	Project   string // the environment's id; default: the address's, or else the key's own
	AccessKey string
	SecretKey token.Password
	// KeyShown is how many characters of the access key the target's name shows
	// when there is no environment to show. Default 5.
	KeyShown int

	// Email is written into credentials that are created, and into those that
	// are updated when EmailOnUpdate is set. Default: an address that cannot exist.
	Email         string
	EmailOnUpdate bool

	Transport http.RoundTripper // default: one of [NewTransport] without options
	UserAgent string            // default "ecr-login"; "Mozilla" in it would earn web pages
	Clock     ranchersync.Clock // default: the system's
	Log       ranchersync.Logger
	// Slots bounds the requests under way at a time: its capacity is the number.
	// Share one among targets. Default: 4 of its own.
	Slots chan struct{}
	// Chance returns numbers in [0,1) for jitter. Default: math/rand/v2.
	Chance func() float64

	RequestTimeout time.Duration // for one request and its answer; default 30 s
	Patience       time.Duration // how long one request is tried again; default 1 min
	Settle         time.Duration // how long states may take to become active; default 30 s
}

// client talks to one environment.
type client struct {
	Config
	*shield
	http *http.Client

	mu      sync.Mutex
	version string // known once a list was answered
	hint    string // which environments the key sees, once asked for
	asked   bool
}

// call is one request.
type call struct {
	method, path string
	query        url.Values
	body         any
}

// write reports whether the call may change something.
func (r call) write() bool { return r.method != http.MethodGet }

// once sends one request and gives the answer's body to read. A write that has
// begun is not broken off when ctx ends.
func (c *client) once(ctx context.Context, version string, r call, read func(io.Reader) error) error {
	select {
	case c.Slots <- struct{}{}:
		defer func() { <-c.Slots }()
	case <-ctx.Done():
	}
	if ctx.Err() != nil {
		return &ranchersync.Error{Reason: ranchersync.ReasonInterrupted, Err: context.Cause(ctx)}
	}
	caller := ctx
	if r.write() {
		ctx = context.WithoutCancel(ctx)
	}
	limit := c.RequestTimeout
	if impatient(ctx) {
		limit = min(limit, noPatience)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	req, err := c.request(ctx, version, r)
	if err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return c.unreachable(caller, orTimeout(ctx, err), limit)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return c.refusal(resp, r)
	}
	if kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); err == nil && strings.Contains(kind, "html") {
		return errWebPage(c.Address.String())
	}
	body := &limited{r: resp.Body, left: maxAnswer}
	if err := read(body); err != nil {
		return c.unreadable(caller, body, orTimeout(ctx, err), limit)
	}
	return nil
}

// orTimeout is an error of a request, or that its time was up: what breaks then
// has many names.
func orTimeout(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return context.DeadlineExceeded
	}
	return err
}

func (c *client) request(ctx context.Context, version string, r call) (*http.Request, error) {
	address := c.Address.root(version, c.Project) + r.path
	if len(r.query) > 0 {
		address += "?" + r.query.Encode()
	}
	var body io.Reader
	if r.body != nil {
		encoded, err := json.Marshal(r.body)
		if err != nil {
			return nil, fmt.Errorf("write the request: %w", err)
		}
		body = bytes.NewReader(encoded)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, address, body)
	if err != nil {
		return nil, fmt.Errorf("write the request: %w", err)
	}
	req.SetBasicAuth(c.AccessKey, c.SecretKey.Reveal())
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", c.UserAgent)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

// repeat sends a request that may safely arrive twice, and again while it fails
// for reasons that pass.
func (c *client) repeat(ctx context.Context, r call, read func(io.Reader) error) error {
	b := c.backoff(r.method + " " + r.path)
	for {
		err := c.once(ctx, c.apiVersion(), r, read)
		if err == nil || !transient(err) || !b.wait(ctx, err) {
			return b.explain(err)
		}
	}
}

// apiVersion is the version in use; the preferred one until a list was answered.
func (c *client) apiVersion() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.version == "" {
		return versionTwo
	}
	return c.version
}

// one reads an answer that is a single resource.
func one(into any) func(io.Reader) error {
	return func(r io.Reader) error {
		if err := json.NewDecoder(r).Decode(into); err != nil {
			return err
		}
		if id, ok := into.(interface{ check() error }); ok {
			return id.check()
		}
		return nil
	}
}

// limited is a reader that says when it was cut short.
type limited struct {
	r    io.Reader
	left int64
	over bool
}

func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		l.over = true
		return 0, errTooLarge
	}
	if int64(len(p)) > l.left {
		p = p[:l.left]
	}
	n, err := l.r.Read(p)
	l.left -= int64(n)
	return n, err
}
