package cattle

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"ecr-credential-helper/ecr-login/internal/ranchersync"
)

// Target is one environment of a Rancher 1.x.
type Target struct{ c *client }

// New returns the target that cfg describes. Its errors are of
// [ranchersync.ReasonConfig].
func New(cfg Config) (*Target, error) {
	bad := func(format string, args ...any) error {
		return ranchersync.Errorf(ranchersync.ReasonConfig, format, args...)
	}
	if cfg.Project == "" {
		cfg.Project = cfg.Address.Project
	}
	switch {
	case cfg.Address.origin == "":
		return nil, bad("no Rancher URL")
	case cfg.AccessKey == "":
		return nil, bad("no access key for %s", cfg.Address)
	case cfg.SecretKey.Reveal() == "":
		return nil, bad("no secret key for %s", cfg.Address)
	case !plainKey(cfg.AccessKey) || strings.Contains(cfg.AccessKey, ":") || !plainKey(cfg.SecretKey.Reveal()):
		return nil, bad("the access key or the secret key for %s holds a character that none can have", cfg.Address)
	case cfg.Project != "" && !plainID(cfg.Project):
		return nil, ranchersync.Errorf(ranchersync.ReasonConfig, "%q cannot be the id of an environment", clean(cfg.Project)).
			WithHint("an environment's id looks like 1a5; the web interface shows it in the address bar")
	case len(cfg.Email) > 255:
		return nil, bad("the email address is longer than the 255 characters that Rancher takes")
	}
	if cfg.Email == "" {
		cfg.Email, cfg.EmailOnUpdate = defaultEmail, false
	}
	if cfg.Transport == nil {
		cfg.Transport = NewTransport(TransportOptions{})
	}
	if cfg.KeyShown <= 0 {
		cfg.KeyShown = DefaultKeyShown
	}
	if cfg.UserAgent == "" {
		cfg.UserAgent = "ecr-login"
	}
	if cfg.Clock == nil {
		cfg.Clock = ranchersync.SystemClock{}
	}
	if cfg.Log == nil {
		cfg.Log = ranchersync.Silent{}
	}
	if cfg.Slots == nil {
		cfg.Slots = make(chan struct{}, defaultConcurrency)
	}
	if cfg.Chance == nil {
		cfg.Chance = rand.Float64
	}
	basic := base64.StdEncoding.EncodeToString([]byte(cfg.AccessKey + ":" + cfg.SecretKey.Reveal()))
	orElse(&cfg.RequestTimeout, defaultRequestTimeout)
	orElse(&cfg.Patience, defaultPatience)
	orElse(&cfg.Settle, defaultSettle)
	return &Target{&client{Config: cfg, shield: newShield(cfg.SecretKey.Reveal(), basic), http: &http.Client{
		Transport: cfg.Transport,
		// The answer itself says that it is a redirect, and is refused.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}}, nil
}

// plainKey reports whether a key has printable characters of ASCII only: others
// come from a file of another kind, and would end up in headers and labels.
func plainKey(key string) bool {
	return !strings.ContainsFunc(key, func(c rune) bool { return c <= ' ' || c >= 0x7f })
}

func orElse(d *time.Duration, otherwise time.Duration) {
	if *d <= 0 {
		*d = otherwise
	}
}

// Name is the Rancher's URL and the environment's id, or where that is not
// known the beginning of the access key, which tells environments apart too:
// see [Config.KeyShown].
func (t *Target) Name() string { return t.c.name() }

func (c *client) name() string {
	if c.Project != "" {
		return c.Address.String() + " environment " + c.Project
	}
	shown := c.AccessKey
	if len(shown) > c.KeyShown {
		shown = shown[:c.KeyShown] + "…"
	}
	return c.Address.String() + " key " + shown
}

// Key tells environments apart in the local memory.
func (t *Target) Key() string {
	if t.c.Project != "" {
		return t.c.Address.String() + "\nproject " + t.c.Project
	}
	return t.c.Address.String() + "\nkey " + t.c.AccessKey
}

// TransportOptions say how connections are made.
type TransportOptions struct {
	// RootCAs are trusted; nil: those of the system.
	RootCAs *x509.CertPool
	// InsecureSkipVerify accepts every certificate: whoever stands in between
	// gets the keys and the tokens.
	InsecureSkipVerify bool
	// Proxy picks the proxy for a request; nil: none.
	Proxy func(*http.Request) (*url.URL, error)
	// Connections is how many are kept open; default 4.
	Connections int
}

// NewTransport makes a transport for [Config]. Targets on the same server
// should share one.
func NewTransport(o TransportOptions) *http.Transport {
	if o.Connections <= 0 {
		o.Connections = defaultConcurrency
	}
	return &http.Transport{
		Proxy:       o.Proxy,
		DialContext: (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig: &tls.Config{
			RootCAs: o.RootCAs, MinVersion: tls.VersionTLS12,
			InsecureSkipVerify: o.InsecureSkipVerify, //nolint:gosec // asked for by name, and warned of
		},
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    10 * time.Second,
		MaxIdleConns:           o.Connections,
		MaxIdleConnsPerHost:    o.Connections,
		IdleConnTimeout:        30 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
	}
}

// CertPool is the system's authorities and those in a PEM file.
func CertPool(pem []byte) (*x509.CertPool, error) {
	pool, err := x509.SystemCertPool()
	if err != nil { // a system without any
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("no certificate in PEM form in it")
	}
	return pool, nil
}
