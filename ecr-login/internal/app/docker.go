package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"unicode"

	"github.com/docker/docker-credential-helpers/credentials"
	"github.com/sirupsen/logrus"

	ecrlogin "ecr-credential-helper/ecr-login"
	"ecr-credential-helper/ecr-login/internal/fallback"
	"ecr-credential-helper/ecr-login/internal/request"
	"ecr-credential-helper/ecr-login/internal/settings"
)

// docker serves a verb of the credential helper protocol. The answer, or one
// line that says what is wrong, goes to standard output; standard error stays
// silent, because some clients read both as one.
func docker(ctx context.Context, verb string, env settings.LookupEnv, s Streams) int {
	input, err := readRequest(ctx, verb, s.In)
	if err != nil {
		return say(s.Out, oneLine(err)+"\n", exitFailed)
	}
	h := newHelper(ctx, env, s.Err)
	defer h.close()
	return answer(s.Out, func(out io.Writer) error {
		err := credentials.HandleCommand(h, verb, bytes.NewReader(input), out)
		if err != nil && verb == credentials.ActionStore {
			err = storeError(err)
		}
		if err != nil {
			return errors.New(oneLine(err))
		}
		return nil
	})
}

// readRequest reads what a verb takes on standard input. List's word "unused"
// and whatever an unknown verb may be sent are left unread.
func readRequest(ctx context.Context, verb string, in io.Reader) ([]byte, error) {
	switch verb {
	case credentials.ActionGet, credentials.ActionErase, credentials.ActionStore:
	default:
		return nil, nil
	}
	input, err := read(ctx, in)
	if err != nil {
		return nil, fmt.Errorf("the request on standard input cannot be read: %w", err)
	}
	if verb == credentials.ActionStore {
		if len(input) > request.MaxSize {
			return nil, request.ErrTooLarge
		}
		return input, nil
	}
	server, err := request.Server(input)
	if (errors.Is(err, request.ErrMalformed) || errors.Is(err, request.ErrTooLong)) && verb == credentials.ActionGet {
		// Not a registry of ours for certain, and nobody else's either.
		return nil, credentials.NewErrCredentialsNotFound()
	}
	return []byte(server), err
}

// read reads a request until ctx ends: a person who runs a verb by hand and
// thinks better of it presses Ctrl-C once.
func read(ctx context.Context, in io.Reader) ([]byte, error) {
	type result struct {
		input []byte
		err   error
	}
	done := make(chan result, 1)
	go func() {
		input, err := request.Read(in)
		done <- result{input, err}
	}()
	select {
	case r := <-done:
		return r.input, r.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// storeError rewords what the JSON decoder says, which may quote the input.
func storeError(err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	if errors.As(err, &syntax) || errors.As(err, &kind) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the credentials on standard input are not the JSON object with ServerURL, Username and Secret that clients send")
	}
	return err
}

func oneLine(err error) string {
	// What a fallback helper or a configuration file put into it must not move
	// a cursor or turn letters round on somebody's terminal.
	return strings.Join(strings.FieldsFunc(strings.ToValidUTF8(err.Error(), "?"), func(r rune) bool {
		return r != ' ' && (unicode.IsSpace(r) || !unicode.IsGraphic(r))
	}), " ")
}

// helper answers for ECR registries itself and has the fallback helper answer
// for the others.
type helper struct {
	ctx      context.Context //nolint:containedctx // the interface of helpers takes none
	settings settings.Settings
	ecr      *ecrlogin.Client
	log      *logrus.Logger
	stderr   io.Writer
	close    func()
}

var _ credentials.Helper = (*helper)(nil)

func newHelper(ctx context.Context, env settings.LookupEnv, stderr io.Writer) *helper {
	s, log, closeLog, err := load(env)
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	return &helper{
		ctx: ctx, settings: s, log: log, stderr: stderr,
		ecr:   ecrlogin.New(ecrlogin.WithSettings(s, err), ecrlogin.WithLogger(log), ecrlogin.WithContext(ctx)),
		close: func() { cancel(); closeLog() },
	}
}

func (h *helper) isECR(server string) bool {
	_, err := h.settings.Match(server)
	return err == nil
}

// Get returns the password of an ECR registry, or what the fallback helper says
// of another one.
func (h *helper) Get(server string) (user, password string, err error) {
	if h.isECR(server) {
		return h.ecr.Get(server)
	}
	other, err := h.fallback()
	if err != nil {
		return "", "", err
	}
	if other == nil {
		return "", "", credentials.NewErrCredentialsNotFound()
	}
	return other.Get(server)
}

// Add accepts the credentials of ECR registries without keeping them.
func (h *helper) Add(creds *credentials.Credentials) error {
	switch {
	case h.settings.IgnoreStorage:
		return nil
	case h.isECR(creds.ServerURL):
		return h.ecr.Add(creds)
	}
	other, err := h.fallback()
	if err != nil {
		return err
	}
	if other == nil {
		return h.notOurs("store", creds.ServerURL)
	}
	return other.Add(creds)
}

// Delete drops the cached tokens of an ECR registry.
func (h *helper) Delete(server string) error {
	switch {
	case h.settings.IgnoreStorage:
		return nil
	case h.isECR(server):
		return h.ecr.Delete(server)
	}
	other, err := h.fallback()
	if err != nil {
		return err
	}
	if other == nil {
		return h.notOurs("erase", server)
	}
	return other.Delete(server)
}

// List merges our registries with those of the fallback helper. A fallback
// helper that fails is logged and left out: a client that lists would drop
// every registry on an error, ours included.
func (h *helper) List() (map[string]string, error) {
	list, err := h.ecr.List()
	if err != nil {
		return nil, err
	}
	other, err := h.fallback()
	if err == nil && other != nil {
		var more map[string]string
		if more, err = other.List(); err == nil {
			maps.Copy(more, list)
			list = more
		}
	}
	if err != nil {
		h.log.WithError(err).Error("the fallback helper's registries are missing from the list")
	}
	return list, nil
}

// fallback returns the fallback helper, or nil if there is none.
func (h *helper) fallback() (credentials.Helper, error) {
	name := h.settings.Fallback
	if name == "" {
		return nil, nil
	}
	if !settings.ValidHelperName(name) {
		return nil, fmt.Errorf("%q is not the name of a credential helper; hint: correct AWS_ECR_FALLBACK_HELPER, for example to osxkeychain", name)
	}
	if v, ok := h.settings.LookupEnv(fallback.Marker); ok && v != "" {
		// We are somebody's fallback ourselves, perhaps our own.
		return nil, nil
	}
	other, err := fallback.New(h.ctx, name, h.stderr)
	if err != nil {
		h.log.Error(err)
		return nil, err
	}
	return other, nil
}

// notOurs explains a refusal to store or erase what does not belong to ECR.
func (h *helper) notOurs(verb, server string) error {
	return fmt.Errorf("cannot %s credentials for %s, which is no Amazon ECR registry; "+
		"hint: name a credential helper for other registries in AWS_ECR_FALLBACK_HELPER or as fallback_helper in config.yaml, "+
		"or use ecr-login in credHelpers instead of credsStore", verb, shown(server))
}

// shown shortens a server address for an error, and drops what may be a
// password in front of an at sign.
func shown(server string) string {
	const most = 100
	server, _, _ = strings.Cut(server, "?")
	if i := strings.LastIndexByte(server, '@'); i >= 0 {
		server = server[i+1:]
	}
	if len(server) > most {
		server = strings.ToValidUTF8(server[:most], "") + "…"
	}
	return server
}
