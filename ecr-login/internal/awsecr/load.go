package awsecr

import (
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/logincreds"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/signin"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/logging"
	"github.com/aws/smithy-go/middleware"

	"ecr-credential-helper/ecr-login/internal/awsecr/identity"
	"ecr-credential-helper/ecr-login/internal/settings"
	"ecr-credential-helper/ecr-login/internal/version"
)

// loadError is what the SDK finds wrong with environment and shared config
// before it makes any call.
type loadError struct{ err error }

func (e *loadError) Error() string { return "loading the AWS configuration: " + e.err.Error() }
func (e *loadError) Unwrap() error { return e.err }

// credentialsError is a failure to obtain credentials, as opposed to one of the
// call that they were for.
type credentialsError struct{ err error }

func (e *credentialsError) Error() string { return "obtaining credentials: " + e.err.Error() }
func (e *credentialsError) Unwrap() error { return e.err }

// RetryableError keeps the SDK from asking for credentials once more when the
// asking had its attempts.
func (*credentialsError) RetryableError() bool { return false }

// origin is where the SDK found the first credentials of a chain.
type origin struct {
	kind    identity.Kind
	profile string // whose settings they come from; default if none is named
	// named tells that the profile's credential_source says so, and not that
	// nothing else was found.
	named bool
	// half tells that the environment has one half of a key: AWS_ACCESS_KEY_ID
	// or AWS_SECRET_ACCESS_KEY.
	half string
}

// loadConfig returns the SDK's configuration with the credentials of r.
func (f Fetcher) loadConfig(ctx context.Context, r Request, w *watch) (aws.Config, error) {
	product := f.Product
	if product == "" {
		product = "docker-credential-ecr-login"
	}
	options := []func(*config.LoadOptions) error{
		// The region of the host, whatever AWS_REGION says: a token opens the
		// registries of the region that gave it.
		config.WithRegion(r.Endpoint.Region),
		// The SDK would warn on standard error, which is our client's.
		config.WithLogger(logging.Nop{}),
		config.WithHTTPClient(httpClient()),
		config.WithAPIOptions([]func(*middleware.Stack) error{
			awsmiddleware.AddUserAgentKeyValue(product, version.String()),
			limitBody,
			w.follow,
		}),
	}
	if r.Profile != "" {
		options = append(options, config.WithSharedConfigProfile(r.Profile))
	}
	if f.retryDelay != nil {
		options = append(options, config.WithRetryer(func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) { o.Backoff = retry.BackoffDelayerFunc(f.retryDelay) })
		}))
	}
	if err := endless(); err != nil {
		return aws.Config{}, &loadError{err}
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return aws.Config{}, &loadError{err}
	}
	shared := sharedConfig(cfg)
	sources := sourcesOf(cfg.Credentials)
	from := findOrigin(shared, sources)
	w.setOrigin(from)
	if from.kind == identity.CredentialProcess || from.kind == identity.LoginSession {
		if cfg.Credentials, err = rebuild(cfg, &shared, w); err != nil {
			return aws.Config{}, &loadError{err}
		}
	}
	if r.RoleARN != "" {
		cfg.Credentials = assume(cfg, r.RoleARN, func(o *stscreds.AssumeRoleOptions) {
			if r.ExternalID != "" {
				o.ExternalID = aws.String(r.ExternalID)
			}
		})
	}
	cfg.Credentials = provider{cfg.Credentials, sources}
	cfg.HTTPClient = plainBodies{cfg.HTTPClient}
	return cfg, nil
}

// provider marks the failures of the provider it wraps.
type provider struct {
	aws.CredentialsProvider
	sources []aws.CredentialSource
}

// Retrieve returns the credentials.
func (p provider) Retrieve(ctx context.Context) (creds aws.Credentials, err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			err = &panicError{panicked}
		}
		if err == nil && !creds.HasKeys() {
			err = errNothing
		}
		if err != nil {
			err = &credentialsError{err}
		}
	}()
	return p.CredentialsProvider.Retrieve(ctx)
}

// ProviderSources tells the SDK where the credentials come from, which it puts
// into the user agent.
func (p provider) ProviderSources() []aws.CredentialSource { return p.sources }

func sourcesOf(p aws.CredentialsProvider) []aws.CredentialSource {
	if s, ok := p.(aws.CredentialProviderSource); ok {
		return s.ProviderSources()
	}
	return nil
}

// sharedConfig returns the profile as the SDK has read it.
func sharedConfig(cfg aws.Config) config.SharedConfig {
	for _, source := range cfg.ConfigSources {
		if shared, ok := source.(config.SharedConfig); ok {
			return shared
		}
	}
	return config.SharedConfig{}
}

// findOrigin asks the SDK's own notes, which it keeps for the user agent, where
// the credentials come from.
func findOrigin(shared config.SharedConfig, sources []aws.CredentialSource) origin {
	from := origin{}
	for kind, names := range map[identity.Kind][]aws.CredentialSource{
		identity.EnvironmentKeys:   {aws.CredentialSourceEnvVars},
		identity.ProfileKeys:       {aws.CredentialSourceProfile},
		identity.WebIdentity:       {aws.CredentialSourceEnvVarsSTSWebIDToken, aws.CredentialSourceProfileSTSWebIDToken},
		identity.SSO:               {aws.CredentialSourceSSO, aws.CredentialSourceSSOLegacy},
		identity.LoginSession:      {aws.CredentialSourceLogin},
		identity.CredentialProcess: {aws.CredentialSourceProcess},
		identity.Container:         {aws.CredentialSourceHTTP},
		identity.Instance:          {aws.CredentialSourceIMDS},
	} {
		for _, name := range names {
			if slices.Contains(sources, name) {
				from.kind = kind
			}
		}
	}
	if from.kind == identity.EnvironmentKeys || slices.Contains(sources, aws.CredentialSourceEnvVarsSTSWebIDToken) {
		return from
	}
	last := &shared
	for last.Source != nil {
		last = last.Source
	}
	from.profile, from.named = last.Profile, last.CredentialSource != ""
	if last.CredentialSource == "Environment" {
		// The SDK notes this one as container credentials.
		from.kind = identity.EnvironmentKeys
	}
	from.half = halfKey()
	return from
}

// halfKey returns the name of the variable that holds one half of a key whose
// other half is missing. The SDK then goes on as if there were none.
func halfKey() string {
	set := func(names ...string) bool {
		for _, name := range names {
			if value, _ := settings.Process(name); value != "" {
				return true
			}
		}
		return false
	}
	id, key := set("AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY"), set("AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY")
	switch {
	case id && !key:
		return "AWS_ACCESS_KEY_ID"
	case key && !id:
		return "AWS_SECRET_ACCESS_KEY"
	}
	return ""
}

// rebuild puts providers of our own at the end of a profile's chain of roles,
// and the roles around it again as the SDK would, from its own reading of the
// profile.
//
// A credential_process has its reasons in [processProvider]. The provider of
// `aws login` sessions is the SDK's, but not in the SDK's cache: it panics on
// some session files, and in the cache nobody can recover from that.
func rebuild(cfg aws.Config, shared *config.SharedConfig, w *watch) (aws.CredentialsProvider, error) {
	switch {
	case shared.Source != nil:
		source, err := rebuild(cfg, shared.Source, w)
		if err != nil {
			return nil, err
		}
		cfg.Credentials = source
	case shared.LoginSession != "":
		// The SDK reads this variable the same way.
		dir, _ := settings.Process("AWS_LOGIN_CACHE_DIRECTORY")
		file, err := logincreds.StandardCachedTokenFilepath(shared.LoginSession, dir)
		if err != nil {
			return nil, err
		}
		cfg.Credentials = logincreds.New(signin.NewFromConfig(cfg), file, func(o *logincreds.Options) {
			o.RestrictPermissions = cfg.RestrictFilePermissions != aws.RestrictFilePermissionsUnrestricted
		})
	default:
		cfg.Credentials = processProvider{shared.CredentialProcess, w}
	}
	if shared.RoleARN == "" {
		return cfg.Credentials, nil
	}
	return assume(cfg, shared.RoleARN, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = shared.RoleSessionName
		if shared.ExternalID != "" {
			o.ExternalID = aws.String(shared.ExternalID)
		}
		// The SDK takes durations above its default only, counted in whole
		// minutes.
		if d := shared.RoleDurationSeconds; d != nil && d.Truncate(time.Minute) > stscreds.DefaultDuration {
			o.Duration = *d
		}
	}), nil
}

func assume(cfg aws.Config, roleARN string, option func(*stscreds.AssumeRoleOptions)) aws.CredentialsProvider {
	return stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), roleARN, option)
}
