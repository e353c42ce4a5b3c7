package ecrlogin

import (
	"context"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"ecr-credential-helper/ecr-login/internal/configfile"
	"ecr-credential-helper/ecr-login/internal/settings"
)

// Option changes what a [Client] does.
type Option func(*Client)

// New returns a client. Without options it keeps no tokens, logs nothing, reads
// no settings and takes at most 20 seconds for a call.
func New(options ...Option) *Client {
	discard := logrus.New()
	discard.SetOutput(io.Discard)
	c := &Client{
		settings: settings.Settings{Timeout: settings.DefaultTimeout, LookupEnv: settings.Process},
		log:      discard,
		context:  context.Background(),
		now:      time.Now,
	}
	for _, o := range options {
		o(c)
	}
	c.settings.Registries = append(c.rules, c.settings.Registries...)
	return c
}

// WithCacheDir keeps tokens in dir, which is made when needed, for this user
// alone. Several processes may share it. Empty, the default, keeps none.
func WithCacheDir(dir string) Option {
	return func(c *Client) { c.settings.Dir, c.settings.CacheDisabled = dir, false }
}

// WithLogger sends a line for every token fetched and every failure to l. The
// default is silence. Passwords are never logged.
func WithLogger(l logrus.FieldLogger) Option { return func(c *Client) { c.log = l } }

// WithTimeout bounds each call. The default is 20 seconds.
func WithTimeout(d time.Duration) Option { return func(c *Client) { c.settings.Timeout = d } }

// WithContext gives the methods that take no context of their own one to run
// under. The default is context.Background.
func WithContext(ctx context.Context) Option { return func(c *Client) { c.context = ctx } }

// WithUserAgent names the caller to AWS. The default is the helper's name.
func WithUserAgent(product string) Option { return func(c *Client) { c.fetcher.Product = product } }

// WithRegistry sets whose token serves the hosts that match a pattern, in which
// * stands for any run of characters without a dot. The first match wins, and
// these rules come before those of a configuration file. A pattern that no ECR
// host can match is an *[SettingsError] of the calls.
func WithRegistry(pattern string, r Identity) Option {
	return func(c *Client) {
		rule := settings.Rule{Host: strings.ToLower(pattern), Profile: r.Profile, RoleARN: r.RoleARN, ExternalID: r.ExternalID}
		if !settings.CanMatch(rule.Host) && c.settingsErr == nil {
			c.settingsErr = &SettingsError{Where: "WithRegistry", What: strconv.Quote(pattern) + " matches no Amazon ECR registry"}
		}
		c.rules = append(c.rules, rule)
	}
}

// Identity chooses AWS credentials. The zero value stands for the AWS SDK's own
// order of sources.
type Identity struct {
	Profile    string // an AWS profile, whatever AWS_PROFILE says
	RoleARN    string // a role to assume on top
	ExternalID string // what the role's owner asks for
}

// WithEnvironment takes the settings that the helper takes: AWS_ECR_CACHE_DIR
// and the other variables, and the configuration file. Options after it win,
// and so do the rules of [WithRegistry] wherever they stand. A setting that
// cannot be used is reported by the calls.
func WithEnvironment() Option {
	return func(c *Client) {
		c.settings, c.settingsErr = settings.Load(settings.Process, configfile.Parse)
	}
}

// WithSettings takes settings that were read already, and the error of reading
// them. It is for the commands of this module.
func WithSettings(s settings.Settings, err error) Option {
	return func(c *Client) { c.settings, c.settingsErr = s, err }
}
