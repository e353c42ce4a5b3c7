package command

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"ecr-credential-helper/ecr-login/internal/ranchersync"
	"ecr-credential-helper/ecr-login/token"
)

// setup is what flags, environment and configuration file add up to.
type setup struct {
	jobs     []ranchersync.Job
	interval time.Duration // 0: one run
	listen   string        // empty: nothing
	warnings []string
}

// source is one target as somebody described it: the flags and the environment
// together, or an entry of the configuration file.
type source struct {
	FileTarget
	secret token.Password // when it is not in a file
}

// resolve turns settings into jobs. Its errors are of ReasonConfig.
func resolve(ctx context.Context, d Deps, o options, log ranchersync.Logger) (*setup, error) {
	s := &setup{}
	if err := s.timing(d, o); err != nil {
		return nil, err
	}
	sources, err := s.sources(d, o)
	if err != nil {
		return nil, err
	}
	b := builder{ctx: ctx, deps: d, o: o, log: log, setup: s, sources: sources, slots: map[string]chan struct{}{}, transports: map[string]*http.Transport{}}
	for _, src := range sources {
		if err := b.add(src); err != nil {
			return nil, at(src.Where, err)
		}
	}
	return s, nil
}

// at says where in the configuration file an error comes from.
func at(where string, err error) error {
	if where == "" {
		return err
	}
	return &ranchersync.Error{Reason: ranchersync.ReasonConfig, Err: fmt.Errorf("%s: %w", where, err), Hint: ranchersync.HintOf(err)}
}

// intervalText is how often to run as somebody wrote it, and where they did; an
// empty text means once.
func intervalText(d Deps, o options) (name, text string) {
	name, text = "--interval", o.interval
	if !o.given("interval") {
		name, text = "RANCHER_SYNC_INTERVAL", d.env("RANCHER_SYNC_INTERVAL")
		if o.dryRun {
			text = "" // asked for by hand in a place that is set up for the loop
		}
	}
	if text == "0" {
		text = ""
	}
	return name, text
}

// timing reads how often to run and where to listen.
func (s *setup) timing(d Deps, o options) error {
	switch {
	case o.output != "text" && o.output != "json":
		return configError("--output cannot be %s", quote(o.output)).WithHint("it is text or json")
	case o.concurrency < 1 || o.concurrency > 64:
		return configError("--concurrency must be from 1 to 64, not %d", o.concurrency)
	case o.timeout < time.Second:
		return configError("--timeout must be a second at least")
	}
	name, value := intervalText(d, o)
	if value != "" {
		interval, err := time.ParseDuration(value)
		switch {
		case err != nil:
			return configError("%s cannot be %s", name, quote(value)).WithHint("write a duration such as 30m or 6h")
		case interval < ranchersync.MinInterval:
			return configError("%s must be a minute at least", name)
		case o.dryRun:
			return configError("--dry-run and --interval exclude each other")
		}
		s.interval = interval
	}
	if s.interval == 0 {
		if o.given("listen") {
			return configError("--listen is for running for ever").WithHint("add --interval, or leave --listen out")
		}
		return nil
	}
	name, value = "--listen", o.listen
	if !o.given("listen") {
		if name, value = "LISTEN_PORT", d.env("LISTEN_PORT"); value == "" {
			value = "8080"
		}
	}
	if value == "off" {
		return nil
	}
	host, port, err := net.SplitHostPort(value)
	if err != nil {
		host, port = "", value
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 || strings.ContainsAny(host, "/ ") {
		return configError("%s cannot be %s", name, quote(value)).WithHint("write a port such as 8080, or an address such as 127.0.0.1:8080")
	}
	s.listen = net.JoinHostPort(host, port)
	return nil
}

// sources finds the targets: the one on the command line alone, or else that of
// the environment and those of the configuration file.
func (s *setup) sources(d Deps, o options) ([]source, error) {
	var sources []source
	direct, err := s.direct(d, o)
	if err != nil {
		return nil, err
	}
	if direct != nil {
		sources = append(sources, *direct)
	}
	if d.Targets != nil && (!o.given("url") || o.given("config")) {
		listed, err := d.Targets(o.config)
		if err != nil {
			return nil, &ranchersync.Error{Reason: ranchersync.ReasonConfig, Err: err, Hint: ranchersync.HintOf(err)}
		}
		if len(listed) == 0 && o.given("config") && direct == nil {
			return nil, configError("the configuration file has no targets under rancher:")
		}
		for _, t := range listed {
			src, err := fromFile(t, o)
			if err != nil {
				return nil, at(t.Where, err)
			}
			sources = append(sources, src)
		}
	}
	if len(sources) > 0 {
		return sources, nil
	}
	return nil, configError("no Rancher is given: CATTLE_URL is not set").WithHint(
		"in a Rancher service, set the labels io.rancher.container.create_agent: 'true' and " +
			"io.rancher.container.agent.role: environment; elsewhere give --url")
}

// direct is the target of flags and environment; nil when neither names one.
func (s *setup) direct(d Deps, o options) (*source, error) {
	t := &source{}
	t.URL = first(o.url, d.env("PLATFORM_URL"), d.env("CATTLE_URL"))
	if t.URL == "" {
		for _, flag := range []string{"access-key", "secret-key", "secret-key-file", "project"} {
			if o.given(flag) {
				return nil, configError("--%s without a Rancher to use it for", flag).WithHint("add --url, or set CATTLE_URL")
			}
		}
		return nil, nil
	}
	if err := s.keys(d, o, t); err != nil {
		return nil, err
	}
	t.Projects = o.projects
	t.Registries, t.Regions = o.registries, o.regions
	var err error
	if t.RegistryIDs, err = accounts("--registry-ids", o.registryIDs); err != nil {
		return nil, err
	}
	if !o.given("registry-ids") {
		if ids := d.env("AWS_ECR_REGISTRY_IDS"); ids != "" && len(t.Registries) == 0 {
			if t.RegistryIDs, err = accounts("AWS_ECR_REGISTRY_IDS", []string{ids}); err != nil {
				return nil, err
			}
		}
	}
	t.Create = o.create
	if v := d.env("AUTO_CREATE"); v != "" && !o.given("create") {
		if t.Create, err = strconv.ParseBool(v); err != nil {
			return nil, configError("AUTO_CREATE cannot be %s", quote(v)).WithHint("it is true or false")
		}
	}
	t.RoleARN = o.roleARN
	if !o.given("role-arn") && d.env("AWS_WEB_IDENTITY_TOKEN_FILE") == "" {
		// With a web identity's token the variable belongs to the AWS SDK, which
		// assumes the role by itself.
		t.RoleARN = d.env("AWS_ROLE_ARN")
	}
	t.Profile, t.Email, t.CAFile = o.profile, o.email, o.caFile
	t.Activate, t.VerifyRegistry, t.NoteExpiry, t.InsecureSkipVerify = o.activate, o.verifyRegistry, o.noteExpiry, o.insecure
	return t, nil
}

// keys finds the API key. A half that is not on the command line comes from the
// environment; both halves of a pair there have the same prefix.
func (s *setup) keys(d Deps, o options, t *source) error {
	if o.secretKey != "" && o.secretKeyFile != "" {
		return configError("--secret-key and --secret-key-file exclude each other")
	}
	if o.secretKey != "" {
		s.warnings = append(s.warnings, "--secret-key shows the key to everybody on this machine: use --secret-key-file")
		t.secret = token.NewPassword(o.secretKey)
	}
	t.AccessKey, t.SecretKeyFile = o.accessKey, o.secretKeyFile
	secretGiven := o.secretKey != "" || o.secretKeyFile != ""
	if t.AccessKey != "" && secretGiven {
		return nil
	}
	half := (d.env("PLATFORM_ACCESS_KEY") == "") != (d.env("PLATFORM_SECRET_KEY") == "")
	if half && o.url == "" && o.accessKey == "" && !secretGiven && d.env("PLATFORM_URL") != "" {
		// The keys of CATTLE_URL must not go to another Rancher by an oversight.
		return configError("of PLATFORM_ACCESS_KEY and PLATFORM_SECRET_KEY only one is set, though PLATFORM_URL is").
			WithHint("set both")
	}
	missing := "no API key for Rancher: CATTLE_ACCESS_KEY and CATTLE_SECRET_KEY are not set"
	// A container with several agent roles has a key for each; that of the role
	// environment is the one that may write registries.
	for _, prefix := range []string{"CATTLE", "CATTLE_ENVIRONMENT", "PLATFORM"} {
		access, secret := d.env(prefix+"_ACCESS_KEY"), d.env(prefix+"_SECRET_KEY")
		switch {
		case access != "" && secret == "" && !secretGiven:
			missing = prefix + "_SECRET_KEY is not set, though " + prefix + "_ACCESS_KEY is"
		case access == "" && secret != "" && o.accessKey == "":
			missing = prefix + "_ACCESS_KEY is not set, though " + prefix + "_SECRET_KEY is"
		case secretGiven && access != "":
			t.AccessKey = access
		case !secretGiven && secret != "" && (o.accessKey == "" || access == "" || access == o.accessKey):
			t.AccessKey, t.secret = first(o.accessKey, access), token.NewPassword(secret)
		}
	}
	switch {
	case secretGiven && t.AccessKey == "":
		return configError("a secret key is given, but no access key").WithHint("add --access-key")
	case !secretGiven && o.accessKey != "" && t.secret.Reveal() == "":
		return configError("an access key is given, but no secret key").WithHint("add --secret-key-file")
	case !secretGiven && t.secret.Reveal() == "":
		return configError("%s", missing).WithHint("give --access-key and --secret-key-file; a Rancher service gets both with " +
			"the labels io.rancher.container.create_agent: 'true' and io.rancher.container.agent.role: environment")
	}
	return nil
}

// fromFile completes an entry of the configuration file with the flags that
// apply to every target.
func fromFile(t FileTarget, o options) (source, error) {
	name := "registry_ids"
	if o.given("registry") || o.given("registry-ids") {
		name, t.Registries, t.RegistryIDs = "--registry-ids", o.registries, o.registryIDs
	}
	var err error
	if t.RegistryIDs, err = accounts(name, t.RegistryIDs); err != nil {
		return source{}, err
	}
	override(o, "region", &t.Regions, o.regions)
	override(o, "create", &t.Create, o.create)
	override(o, "activate", &t.Activate, o.activate)
	override(o, "profile", &t.Profile, o.profile)
	override(o, "role-arn", &t.RoleARN, o.roleARN)
	override(o, "email", &t.Email, o.email)
	override(o, "ca-file", &t.CAFile, o.caFile)
	override(o, "insecure-skip-tls-verify", &t.InsecureSkipVerify, o.insecure)
	override(o, "verify-registry", &t.VerifyRegistry, o.verifyRegistry)
	override(o, "expiry-in-description", &t.NoteExpiry, o.noteExpiry)
	return source{FileTarget: t}, nil
}

func override[T any](o options, flag string, field *T, value T) {
	if o.given(flag) {
		*field = value
	}
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// accounts reads lists of AWS accounts, as the updaters before this one did.
func accounts(name string, lists []string) ([]string, error) {
	var ids []string
	for _, list := range lists {
		found := false
		for id := range strings.SplitSeq(list, ",") {
			if id = strings.TrimSpace(id); id == "" {
				continue
			}
			found = true
			if len(id) != 12 || strings.Trim(id, "0123456789") != "" {
				return nil, configError("%s holds %s, which is no AWS account", name, quote(id)).WithHint("an account is 12 digits")
			}
			if !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
		if !found {
			return nil, configError("%s names no account", name)
		}
	}
	return ids, nil
}
