package awsecr

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strings"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go"

	"ecr-credential-helper/ecr-login/internal/awsecr/identity"
	"ecr-credential-helper/ecr-login/registry"
)

// classify turns what the SDK returned into an *Error, or nil for nil. The
// SDK's own text is passed on only where it can hold no secret.
func classify(ctx context.Context, r Request, w *watch, err error) error {
	if err == nil {
		return nil
	}
	f := examine(ctx, r, w, err)
	e := f.explainAnything()
	e.err = err
	return e
}

// explainAnything survives errors that cannot even be printed, which is a way
// that some of the SDK's have if they are half empty.
func (f failure) explainAnything() (e *Error) {
	defer func() {
		if p := recover(); p != nil {
			e = &Error{
				Reason: Unexpected,
				Cause:  "getting a token for " + f.where() + " failed, and what the AWS SDK says about it cannot be read",
				Hint:   f.tryCLI(),
			}
		}
	}()
	return f.explain()
}

// failure is an error of the SDK with what is known about its circumstances.
type failure struct {
	ctx     context.Context //nolint:containedctx // the one that Fetch ran under
	request Request
	watch   *watch
	err     error

	call      call   // the innermost one that failed, or was being made; may be zero
	obtaining bool   // it was credentials that could not be had
	origin    origin // of the credentials
}

func examine(ctx context.Context, r Request, w *watch, err error) failure {
	f := failure{ctx: ctx, request: r, watch: w, err: err}
	var creds *credentialsError
	f.obtaining = errors.As(err, &creds)
	if f.origin = w.origin(); f.origin.kind == 0 {
		f.origin = origin{kind: r.Identity.Kind(), profile: r.Identity.Profile()}
	}
	var c *callError
	for inner := err; errors.As(inner, &c); inner = c.err {
		f.call = c.call
	}
	if f.obtaining && f.call.Attempts == 0 && !isMetadata(f.call.Operation) {
		// What failed are the credentials for that call, before any call for
		// them was made.
		f.call = call{}
	}
	if f.call.Operation == "" && ctx.Err() != nil {
		f.call = w.unfinished()
	}
	return f
}

// explain finds the words. The order matters: what is surely known comes
// before what is only likely.
func (f failure) explain() *Error {
	for _, rule := range []func(failure) *Error{
		failure.cancelled,
		failure.panicked,
		failure.loading,
		failure.process,
		failure.metadata,
		failure.timeout,
		failure.session,
		failure.container,
		failure.webIdentity,
		failure.environment,
		failure.role,
		failure.api,
		failure.badAnswer,
		failure.transport,
	} {
		if e := rule(f); e != nil {
			return f.finish(e)
		}
	}
	return f.finish(&Error{
		Reason: Unexpected,
		Cause:  "getting a token for " + f.where() + " failed: " + oneLine(innermost(f.err).Error()),
		Hint:   f.tryCLI(),
	})
}

func (f failure) finish(e *Error) *Error {
	e.Cause, e.Hint = line(e.Cause, longest), line(e.Hint, longest)
	e.Call = f.call.Call
	e.Call.Code, _ = f.apiError()
	if e.Reason == Cancelled {
		e.Call = Call{}
	}
	return e
}

// where names the endpoint for people.
func (f failure) where() string {
	e := f.request.Endpoint
	if e.Service == registry.Public {
		return "ECR Public"
	}
	name := "ECR in " + e.Region
	if e.FIPS {
		name += " (FIPS)"
	}
	return name
}

// who names the identity for people.
func (f failure) who() string {
	if f.request.Identity.Kind() != 0 {
		return f.request.Identity.String()
	}
	if f.origin.profile != "" && f.origin.kind != identity.Instance && f.origin.kind != identity.Container {
		return f.origin.kind.String() + " (profile " + f.origin.profile + ")"
	}
	return f.origin.kind.String()
}

// profile names the profile that the first credentials come from.
func (f failure) profile() string {
	for _, name := range []string{f.origin.profile, f.request.Identity.Profile(), f.request.Profile} {
		if name != "" {
			return name
		}
	}
	return config.DefaultSharedConfigProfile
}

// tryCLI proposes what tells a trouble of ours from one of everybody's.
func (f failure) tryCLI() string {
	service, profile := "ecr", ""
	if f.request.Endpoint.Service == registry.Public {
		service = "ecr-public"
	}
	if f.request.Profile != "" {
		profile = " --profile " + f.request.Profile
	}
	return "see whether `aws " + service + " get-login-password --region " + f.request.Endpoint.Region + profile + "` fares better"
}

// service names who was called, for people.
func (f failure) service() string {
	switch f.call.Operation {
	case opAssumeRole, opWebIdentity:
		return "AWS STS"
	case opSSORole, opSSORefresh:
		return "AWS SSO"
	case opLoginRefresh:
		return "AWS sign-in"
	case opMetadata, opMetadataToken, opMetadataRegion:
		return "the EC2 instance metadata service"
	case opContainer:
		return "the container credentials endpoint"
	}
	return f.where()
}

// apiError returns the code and the words of an error that AWS gave.
func (f failure) apiError() (code, said string) {
	var api smithy.APIError
	if errors.As(f.err, &api) {
		return oneLine(api.ErrorCode()), strings.TrimRight(oneLine(api.ErrorMessage()), ". ")
	}
	return "", ""
}

func (f failure) cancelled() *Error {
	if errors.Is(context.Cause(f.ctx), context.Canceled) {
		return &Error{Reason: Cancelled, Cause: "interrupted while getting a token for " + f.where()}
	}
	return nil
}

func (f failure) panicked() *Error {
	var p *panicError
	if !errors.As(f.err, &p) {
		return nil
	}
	if f.obtaining && f.origin.kind == identity.LoginSession {
		return f.ended("aws login", "the file of the `aws login` session of profile "+f.profile()+" is damaged")
	}
	if f.call.Operation != "" && f.call.Operation != opProcess {
		return f.unusable("the AWS SDK cannot read it")
	}
	return &Error{
		Reason: Unexpected,
		Cause:  "the AWS SDK fails on what it was given: " + oneLine(p.Error()),
		Hint:   f.tryCLI(),
	}
}

// timeout explains that time ran out, if that is all that can be said.
func (f failure) timeout() *Error {
	if f.ctx.Err() == nil || !isTimeout(f.err) {
		return nil
	}
	e := &Error{
		Reason: TimedOut, Transient: true,
		Cause: "time ran out while getting a token for " + f.where(),
		Hint:  "check the network and where the credentials come from, or raise AWS_ECR_TIMEOUT",
	}
	switch c := f.call; {
	case c.Operation == opProcess:
		return f.slowProcess("")
	case c.waiting || c.cut:
		e.Cause = "no answer from " + c.Host + " to " + c.Operation
		if c.proxied {
			e.Cause += ", by way of a proxy,"
		}
		e.Cause += " before time ran out"
		if c.partial {
			e.Cause = "the answer of " + c.Host + " to " + c.Operation + " began and did not end before time ran out"
		}
		e.Hint = "check the network, HTTPS_PROXY and VPC endpoints, or raise AWS_ECR_TIMEOUT"
	case c.last != nil:
		// It was about to ask again.
		because := f
		because.err = c.last
		if f.obtaining {
			because.err = &credentialsError{c.last}
		}
		for _, rule := range []func(failure) *Error{failure.api, failure.badAnswer, failure.transport} {
			if e := rule(because); e != nil {
				e.Cause += ", until time ran out"
				return e
			}
		}
	}
	return e
}

func isTimeout(err error) bool {
	var canceled *aws.RequestCanceledError
	var slow net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || errors.As(err, &canceled) ||
		errors.As(err, &slow) && slow.Timeout()
}

// pathError returns what the system says about a file that could not be used;
// one that does not exist does not count.
func (f failure) pathError() (string, bool) {
	var path *fs.PathError
	if !errors.As(f.err, &path) || errors.Is(path, fs.ErrNotExist) {
		return "", false
	}
	return oneLine(path.Error()), true
}

// What others say may take so many bytes of a sentence, and the whole of a
// cause or hint so many.
const (
	quoted  = 400
	longest = 1200
)

// oneLine makes what others say fit to stand in a sentence.
func oneLine(s string) string { return line(s, quoted) }

// line makes s fit to be a line that people and clients read: nothing in it
// moves a cursor, turns letters round or ends the line.
func line(s string, most int) string {
	s = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, "?"), func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsGraphic(r)
	}), " ")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most-len("…")], "") + "…"
	}
	return s
}

// innermost returns the last error of a chain, whose text is the shortest true
// one. Of several joined errors it takes the first.
func innermost(err error) error {
	for {
		switch e := err.(type) { //nolint:errorlint // walking the chain itself
		case interface{ Unwrap() error }:
			next := e.Unwrap()
			if next == nil {
				return err
			}
			err = next
		case interface{ Unwrap() []error }:
			all := e.Unwrap()
			if len(all) == 0 {
				return err
			}
			err = all[0]
		default:
			return err
		}
	}
}

// status words an HTTP status for people.
func status(code int) string { return fmt.Sprintf("status %d", code) }
