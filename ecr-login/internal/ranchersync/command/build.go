package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpproxy"

	"ecr-credential-helper/ecr-login/internal/ranchersync"
	"ecr-credential-helper/ecr-login/internal/ranchersync/cattle"
	"ecr-credential-helper/ecr-login/registry"
	"ecr-credential-helper/ecr-login/token"
)

// Limits on files: an endless one such as /dev/zero must not fill the memory.
const (
	maxSecretFile = 64 << 10
	maxCAFile     = 4 << 20 // a system's whole bundle is a few hundred KiB
)

// builder makes jobs of sources.
type builder struct {
	ctx        context.Context //nolint:containedctx // of the one call that builds
	deps       Deps
	o          options
	log        ranchersync.Logger
	setup      *setup
	sources    []source                 // all of them
	slots      map[string]chan struct{} // by Rancher: one that hangs must not hold up another
	transports map[string]*http.Transport
}

func (b *builder) add(src source) error {
	address, err := cattle.ParseURL(src.URL)
	if err != nil {
		return err
	}
	if address.Plain() && !loopback(address.String()) {
		b.setup.warnings = append(b.setup.warnings, address.String()+" is not encrypted: keys and tokens can be read on the way")
	}
	secret, err := b.secret(src)
	if err != nil {
		return err
	}
	selection, err := b.selection(src)
	if err != nil {
		return err
	}
	transport, err := b.transport(src)
	if err != nil {
		return err
	}
	endpoint, err := b.endpoint()
	if err != nil {
		return err
	}
	if len(src.Projects) == 0 {
		src.Projects = []string{""}
	}
	for _, project := range src.Projects {
		target, err := cattle.New(cattle.Config{
			Address: address, Project: project, AccessKey: src.AccessKey, SecretKey: secret, KeyShown: keyShown(b.sources, address.String()),
			Email: src.Email, EmailOnUpdate: src.Email != "",
			Transport: transport, UserAgent: "ecr-login/" + b.deps.Version + " rancher-sync",
			Clock: b.deps.Clock, Log: b.log, Slots: b.slotsOf(address.String()), Chance: b.deps.Chance,
		})
		if err != nil {
			return err
		}
		if slices.ContainsFunc(b.setup.jobs, func(j ranchersync.Job) bool { return j.Target.Key() == target.Key() }) {
			return configError("%s is given twice", target.Name())
		}
		b.setup.jobs = append(b.setup.jobs, ranchersync.Job{
			Target: target, Selection: selection,
			Tokens: ranchersync.TokenOptions{Profile: src.Profile, RoleARN: src.RoleARN, Endpoint: endpoint},
			Create: src.Create, Activate: src.Activate, Force: b.o.force,
			Annotate: src.NoteExpiry, Probe: src.VerifyRegistry,
		})
	}
	return nil
}

// keyShown is how many characters tell the API keys of a Rancher apart.
func keyShown(sources []source, rancher string) int {
	shown := cattle.DefaultKeyShown
	var keys []string
	for _, src := range sources {
		address, err := cattle.ParseURL(src.URL)
		if err != nil || address.String() != rancher {
			continue
		}
		for _, other := range keys {
			if n := commonPrefix(other, src.AccessKey); other != src.AccessKey && n >= shown {
				shown = n + 1
			}
		}
		keys = append(keys, src.AccessKey)
	}
	return shown
}

func commonPrefix(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

func (b *builder) slotsOf(rancher string) chan struct{} {
	if b.slots[rancher] == nil {
		b.slots[rancher] = make(chan struct{}, b.o.concurrency)
	}
	return b.slots[rancher]
}

// secret is the secret half of the API key.
func (b *builder) secret(src source) (token.Password, error) {
	if src.SecretKeyFile == "" {
		return src.secret, nil
	}
	open := openFile(src.SecretKeyFile)
	if src.SecretKeyFile == "-" {
		open = func() (io.ReadCloser, error) { return io.NopCloser(b.deps.In), nil }
	}
	raw, err := b.read(src.SecretKeyFile, open, maxSecretFile)
	switch secret := strings.TrimSpace(string(raw)); {
	case errors.Is(err, errTooLarge):
		return token.Password{}, configError("the secret key's file %s is too large to hold a key", src.SecretKeyFile)
	case err != nil:
		return token.Password{}, configError("the secret key's file cannot be read: %w", err)
	case secret == "":
		return token.Password{}, configError("the secret key's file %s is empty", src.SecretKeyFile)
	default:
		return token.NewPassword(secret), nil
	}
}

var errTooLarge = errors.New("it is too large")

func openFile(path string) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return os.Open(path) }
}

// read reads what open opens, at most limit bytes of it. That may be a pipe, as
// a shell makes for <(command): one that nobody writes to, or a terminal, is
// waited for until ctx ends or a run would.
func (b *builder) read(name string, open func() (io.ReadCloser, error), limit int64) ([]byte, error) {
	type result struct {
		raw []byte
		err error
	}
	done := make(chan result, 1)
	go func() {
		in, err := open() // of a pipe, this is what waits
		if err != nil {
			done <- result{nil, err}
			return
		}
		defer func() { _ = in.Close() }()
		raw, err := io.ReadAll(io.LimitReader(in, limit+1))
		if err == nil && int64(len(raw)) > limit {
			err = errTooLarge
		}
		done <- result{raw, err}
	}()
	patience := time.NewTimer(b.o.timeout)
	defer patience.Stop()
	select {
	case r := <-done:
		return r.raw, r.err
	case <-b.ctx.Done():
		return nil, fmt.Errorf("%s: %w", name, context.Cause(b.ctx))
	case <-patience.C:
		return nil, fmt.Errorf("%s: its end did not come within %s", name, b.o.timeout)
	}
}

// selection finds out which registries are meant.
func (b *builder) selection(src source) (ranchersync.Selection, error) {
	sel := ranchersync.Selection{Regions: src.Regions}
	regions := src.Regions
	if len(regions) == 0 {
		if r := first(b.deps.env("AWS_REGION"), b.deps.env("AWS_DEFAULT_REGION")); r != "" {
			regions = []string{r}
		}
	}
	for _, host := range src.Registries {
		r, err := registry.Parse(host)
		if err != nil {
			return sel, configError("%s is no ECR registry", quote(host)).WithHint("it looks like 111122223333.dkr.ecr.eu-west-1.amazonaws.com")
		}
		sel.Hosts = append(sel.Hosts, r)
	}
	for _, region := range regions {
		if _, err := registry.New("111122223333", region); err != nil {
			return sel, configError("%s is no AWS region", quote(region)).WithHint("it looks like eu-west-1")
		}
	}
	if len(src.RegistryIDs) > 0 && len(regions) == 0 {
		return sel, configError("AWS accounts are given, but no region").WithHint("add --region, or set AWS_REGION")
	}
	for _, id := range src.RegistryIDs {
		for _, region := range regions {
			r, err := registry.New(id, region)
			if err != nil {
				return sel, configError("account %s and region %s make no registry", quote(id), quote(region))
			}
			sel.Hosts = append(sel.Hosts, r)
		}
	}
	if len(sel.Hosts) == 0 && src.Create {
		if len(regions) == 0 {
			return sel, configError("it is not said which registry to create").
				WithHint("add --registry, or --region for the AWS account's own registry there")
		}
		sel.Own = regions
	}
	return sel, nil
}

// transport is shared by the targets that trust the same authorities.
func (b *builder) transport(src source) (*http.Transport, error) {
	key := src.CAFile + "\n" + strconv.FormatBool(src.InsecureSkipVerify)
	if t := b.transports[key]; t != nil {
		return t, nil
	}
	o := cattle.TransportOptions{
		InsecureSkipVerify: src.InsecureSkipVerify, Connections: b.o.concurrency, Proxy: proxy(b.deps),
	}
	if src.InsecureSkipVerify {
		b.setup.warnings = append(b.setup.warnings, "certificates are not checked: anybody in between can read keys and tokens")
	}
	if src.CAFile != "" {
		pem, err := b.read(src.CAFile, openFile(src.CAFile), maxCAFile)
		switch {
		case errors.Is(err, errTooLarge):
			return nil, configError("the CA file %s is larger than %d MiB", src.CAFile, maxCAFile>>20)
		case err != nil:
			return nil, configError("the CA file cannot be read: %w", err)
		}
		if o.RootCAs, err = cattle.CertPool(pem); err != nil {
			return nil, configError("the CA file %s cannot be used: %w", src.CAFile, err)
		}
	}
	b.transports[key] = cattle.NewTransport(o)
	return b.transports[key], nil
}

// proxy follows the usual variables.
func proxy(d Deps) func(*http.Request) (*url.URL, error) {
	either := func(name string) string { return first(d.env(name), d.env(strings.ToLower(name))) }
	choose := (&httpproxy.Config{
		HTTPProxy: either("HTTP_PROXY"), HTTPSProxy: either("HTTPS_PROXY"), NoProxy: either("NO_PROXY"),
	}).ProxyFunc()
	return func(r *http.Request) (*url.URL, error) { return choose(r.URL) }
}

// endpoint is where the ECR API is asked instead of AWS.
func (b *builder) endpoint() (string, error) {
	raw := b.deps.env("AWS_ECR_ENDPOINT_URL")
	if raw == "" {
		return "", nil
	}
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return "", configError("AWS_ECR_ENDPOINT_URL is no URL of an API").WithHint("it looks like https://ecr.example.com")
	}
	return strings.TrimRight(raw, "/"), nil
}

func loopback(raw string) bool {
	u, err := url.Parse(raw)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}
