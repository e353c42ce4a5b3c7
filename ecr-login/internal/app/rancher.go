package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/sirupsen/logrus"

	ecrlogin "ecr-credential-helper/ecr-login"
	"ecr-credential-helper/ecr-login/internal/configfile"
	"ecr-credential-helper/ecr-login/internal/privatefile"
	"ecr-credential-helper/ecr-login/internal/ranchersync"
	"ecr-credential-helper/ecr-login/internal/ranchersync/command"
	"ecr-credential-helper/ecr-login/internal/settings"
	"ecr-credential-helper/ecr-login/internal/version"
	"ecr-credential-helper/ecr-login/registry"
)

// rancherSync runs the command that pushes tokens into Rancher. Unlike the
// Docker verbs it is for people and containers: it writes to both streams and
// has exit codes of its own (see package ranchersync).
func rancherSync(ctx context.Context, args []string, env settings.LookupEnv, s Streams) int {
	set, log, closeLog, err := load(env)
	defer closeLog()
	stateDir := ""
	if set.Dir != "" {
		stateDir = filepath.Join(set.Dir, "rancher")
	}
	return command.Run(ctx, args, command.Deps{
		In: s.In, Out: s.Out, Err: s.Err,
		LookupEnv: env,
		Version:   version.String(),
		Tokens:    &tokens{ecrlogin.New(ecrlogin.WithSettings(set, err), ecrlogin.WithLogger(log), ecrlogin.WithUserAgent(Name+"-rancher-sync"))},
		Targets:   func(path string) ([]command.FileTarget, error) { return rancherTargets(set, path) },
		StateDir:  stateDir,
		Log:       logrusAdapter{log},
	})
}

// tokens hands out the same tokens as `get`, from the same cache.
type tokens struct{ client *ecrlogin.Client }

// Token returns a token that opens host.
func (t *tokens) Token(ctx context.Context, host string, o ranchersync.TokenOptions) (ranchersync.Token, error) {
	creds, err := t.get(ctx, host, o, false)
	if err != nil {
		return ranchersync.Token{}, err
	}
	return ranchersync.Token{Token: creds.Token, Identity: creds.Fingerprint}, nil
}

// Own returns the host of the caller's own registry in a region, which the ECR
// API names beside every token.
func (t *tokens) Own(ctx context.Context, region string, o ranchersync.TokenOptions) (string, error) {
	// Any account's host leads to the region's endpoint.
	anybodys, err := registry.New("000000000000", region)
	if err != nil {
		return "", withHint(fmt.Errorf("%q is not an AWS region", region), "a region is a name such as eu-west-1")
	}
	creds, err := t.get(ctx, anybodys.Host(), o, true)
	if err != nil {
		return "", err
	}
	if creds.Registry == "" {
		return "", withHint(errors.New("AWS does not say which registry belongs to the credentials"), "name the registries, or their accounts with --registry-ids")
	}
	return creds.Registry, nil
}

func (t *tokens) get(ctx context.Context, host string, o ranchersync.TokenOptions, unlisted bool) (ecrlogin.Credentials, error) {
	creds, err := t.client.CredentialsFor(ctx, host, ecrlogin.Need{
		Life: o.MinLife, Fetch: o.Refresh, Endpoint: o.Endpoint, Unlisted: unlisted,
		Identity: ecrlogin.Identity{Profile: o.Profile, RoleARN: o.RoleARN},
	})
	var bad *ecrlogin.SettingsError
	if errors.As(err, &bad) {
		return creds, &ranchersync.Error{Reason: ranchersync.ReasonConfig, Err: bad}
	}
	var e *ecrlogin.Error
	if errors.As(err, &e) {
		return creds, hinted{e, e.Cause, e.Hint}
	}
	return creds, err
}

// hinted gives an error the remedy in the form that package ranchersync asks
// for.
type hinted struct {
	error
	cause, hint string
}

func withHint(err error, hint string) error { return hinted{err, err.Error(), hint} }

func (h hinted) Error() string { return h.cause }
func (h hinted) Hint() string  { return h.hint }
func (h hinted) Unwrap() error { return h.error }

// rancherTargets reads the targets of a configuration file. Of the usual one,
// an empty path, there need not be one.
func rancherTargets(s settings.Settings, path string) ([]command.FileTarget, error) {
	by, named := "--config", true
	if path == "" {
		by = settings.EnvConfig
		path, named = s.ConfigPath()
	}
	if path == "" || path == os.DevNull {
		return nil, nil
	}
	content, err := settings.ReadFile(path)
	if !named && absent(err) {
		return nil, nil
	}
	if err != nil {
		var pathErr *fs.PathError
		if errors.As(err, &pathErr) {
			err = pathErr.Err // the path is about to be said
		}
		if !named {
			return nil, fmt.Errorf("%s cannot be read: %w", path, err)
		}
		said := fmt.Errorf("%s, which %s names, cannot be read: %w", path, by, err)
		if absent(err) || errors.Is(err, privatefile.ErrNotRegular) {
			return nil, withHint(said, by+" is to be the path of a file, or to be left out")
		}
		return nil, said
	}
	entries, err := configfile.Rancher(path, content)
	if err != nil {
		return nil, err
	}
	targets := make([]command.FileTarget, len(entries))
	for i, e := range entries {
		targets[i] = command.FileTarget{
			Where: path + ":" + strconv.Itoa(e.Line),
			URL:   e.URL, AccessKey: e.AccessKey, SecretKeyFile: e.SecretKeyFile, CAFile: e.CAFile, InsecureSkipVerify: e.InsecureSkipVerify,
			Projects: e.Projects, Registries: e.Registries, RegistryIDs: e.RegistryIDs, Regions: e.Regions,
			Profile: e.Profile, RoleARN: e.RoleARN, Email: e.Email,
			Create: e.Create, Activate: e.Activate, VerifyRegistry: e.VerifyRegistry, NoteExpiry: e.NoteExpiry,
		}
	}
	return targets, nil
}

// absent reports whether an error says that there is no file. HOME=/dev/null, as
// daemons have it, is no folder for one either; Windows says of such a path that
// it does not exist.
func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// logrusAdapter writes the command's lines to the log file.
type logrusAdapter struct{ log *logrus.Logger }

func (a logrusAdapter) Log(_ context.Context, level slog.Level, msg string, args ...any) {
	fields := logrus.Fields{}
	for i := 0; i+1 < len(args); i += 2 {
		if key, ok := args[i].(string); ok {
			fields[key] = args[i+1]
		}
	}
	to := logrus.ErrorLevel
	switch {
	case level < slog.LevelInfo:
		to = logrus.DebugLevel
	case level < slog.LevelWarn:
		to = logrus.InfoLevel
	case level < slog.LevelError:
		to = logrus.WarnLevel
	}
	a.log.WithFields(fields).Log(to, msg)
}
