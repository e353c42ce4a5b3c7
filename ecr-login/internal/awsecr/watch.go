package awsecr

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"reflect"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sso"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// The operations that the classification of failures knows by name. Those of
// the metadata services are the SDK's own names.
const (
	opECRToken       = "GetAuthorizationToken"
	opAssumeRole     = "AssumeRole"
	opWebIdentity    = "AssumeRoleWithWebIdentity"
	opSSORole        = "GetRoleCredentials"
	opSSORefresh     = "CreateToken"
	opLoginRefresh   = "CreateOAuth2Token"
	opMetadata       = "GetMetadata"
	opMetadataToken  = "getToken"
	opMetadataRegion = "GetRegion"
	opContainer      = "GetCredentials"
	opProcess        = "credential_process" // a command, which waits and fails like a call
	requestIDHeader  = "X-Amzn-Requestid"
)

// watch sees every call that one Fetch makes, wherever in the SDK it is made:
// for ECR itself, for a role, for a login session, for metadata. It holds them
// to Fetch's deadline, keeps them from panicking, and remembers what failed.
type watch struct {
	ctx context.Context //nolint:containedctx // Fetch's: the SDK's cache of credentials hides it from the calls that it makes

	mu            sync.Mutex
	from          origin
	open          []*call // begun and not ended; the last one is what is waited for
	cut           *call   // the first that ended waiting, for time ran out
	ended         call    // the last that ended
	metadataUntil time.Time
	metadataAlive bool
	tokenStatus   int // of the metadata service's latest answer to a request for a token, whose errors the SDK mislays
}

func newWatch(ctx context.Context) *watch { return &watch{ctx: ctx} }

// call is one operation with its attempts.
type call struct {
	Call
	target  string // what it is about: the role that is assumed
	proxied bool   // it went through a proxy, as far as the environment tells
	waiting bool   // for an answer
	cut     bool   // the latest attempt was still waiting when its time ran out
	partial bool   // and had part of its answer
	last    error  // of the latest attempt that ended by itself
}

// callError is the failure of a call. The innermost one of a chain is the one
// that started the trouble.
type callError struct {
	call call
	err  error
}

func (e *callError) Error() string { return e.call.Operation + ": " + e.err.Error() }
func (e *callError) Unwrap() error { return e.err }

// RetryableError keeps the SDK from repeating an outer call, and with it an
// inner one, such as that for its credentials, which had its attempts.
func (*callError) RetryableError() bool { return false }

// panicError is a panic of the SDK.
type panicError struct{ value any }

func (e *panicError) Error() string { return fmt.Sprintf("the AWS SDK panicked: %v", e.value) }

// errNothing is an answer that has the right form and holds nothing.
var errNothing = errors.New("it holds nothing")

// retryAs tells the SDK whether an attempt may be repeated, which it asks
// errors themselves before it looks at anything else.
type retryAs struct {
	retry bool
	err   error
}

func (e *retryAs) Error() string        { return e.err.Error() }
func (e *retryAs) Unwrap() error        { return e.err }
func (e *retryAs) RetryableError() bool { return e.retry }

type callKey struct{}

// follow adds the watch to the stack of an operation.
func (w *watch) follow(stack *middleware.Stack) error {
	operation := stack.ID()
	err := stack.Initialize.Add(middleware.InitializeMiddlewareFunc("Watch",
		func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (
			out middleware.InitializeOutput, metadata middleware.Metadata, err error,
		) {
			c := &call{Call: Call{Operation: operation}, target: targetOf(in.Parameters)}
			w.begin(c)
			defer func() {
				if p := recover(); p != nil {
					err = &panicError{p}
				}
				if err == nil && isNothing(out.Result) {
					err = errNothing
				}
				snapshot := w.end(c, err == nil)
				if err != nil {
					err = &callError{snapshot, err}
				}
			}()
			ctx, cancel := w.bound(ctx, operation)
			defer cancel()
			return next.HandleInitialize(context.WithValue(ctx, callKey{}, c), in)
		}), middleware.Before)
	if err != nil {
		return err
	}
	return stack.Deserialize.Add(middleware.DeserializeMiddlewareFunc("WatchAttempt", w.attempt), middleware.Before)
}

// attempt notes where a request goes and what comes of it.
func (w *watch) attempt(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (
	middleware.DeserializeOutput, middleware.Metadata, error,
) {
	c, ok := ctx.Value(callKey{}).(*call)
	if !ok {
		return next.HandleDeserialize(ctx, in)
	}
	w.sent(c, in.Request)
	out, metadata, err := next.HandleDeserialize(ctx, in)
	w.answered(ctx, c, out.RawResponse, err)
	switch {
	case err == nil:
	case isBroken(err):
		// Something between us and AWS broke the answer, and it may not break
		// the next.
		err = &retryAs{true, err}
	case c.Operation == opMetadataToken && c.Status == 0:
		// In a container the answer that carries the token often dies on its
		// way, for the hop limit of the instance. Asking again costs time that
		// the SDK's next step, to try without a token, needs.
		err = &retryAs{false, err}
	case c.Operation == opMetadata && isUnreachable(err), isHopeless(err):
		// There is no such service here, or somebody said no and will again.
		err = &retryAs{false, err}
	}
	return out, metadata, err
}

func isUnreachable(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial" && !op.Timeout()
}

func (w *watch) begin(c *call) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open = append(w.open, c)
}

func (w *watch) end(c *call, succeeded bool) call {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := len(w.open) - 1; i >= 0; i-- {
		if w.open[i] == c {
			w.open = append(w.open[:i], w.open[i+1:]...)
			break
		}
	}
	c.waiting = false
	if c.cut && w.cut == nil && w.ctx.Err() != nil {
		w.cut = c
	}
	if succeeded && isMetadata(c.Operation) {
		w.metadataAlive = true
	}
	w.ended = *c
	return *c
}

// blame makes err a failure of the last call, which was none to the SDK.
func (w *watch) blame(err error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return &callError{w.ended, err}
}

func (w *watch) sent(c *call, request any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c.Attempts++
	c.waiting, c.cut = true, false
	if r, ok := request.(*smithyhttp.Request); ok && r.URL != nil {
		c.Host = r.URL.Host
		proxy, err := http.ProxyFromEnvironment(&http.Request{URL: r.URL})
		c.proxied = err == nil && proxy != nil
	}
}

func (w *watch) answered(ctx context.Context, c *call, response any, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c.waiting = false
	c.partial = false
	if c.cut = err != nil && ctx.Err() != nil; !c.cut {
		c.last = err
	}
	if r, ok := response.(*smithyhttp.Response); ok && r != nil && r.Response != nil && r.StatusCode != 0 {
		c.Status, c.RequestID, c.partial = r.StatusCode, r.Header.Get(requestIDHeader), c.cut
		if c.Operation == opMetadataToken {
			w.tokenStatus = c.Status
		}
	}
}

// setOrigin notes where the first credentials come from.
func (w *watch) setOrigin(from origin) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.from = from
}

func (w *watch) origin() origin {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.from
}

// metadata returns whether the metadata service ever gave what it was asked
// for, and the status that it refused a token with.
func (w *watch) metadata() (alive bool, tokenStatus int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.metadataAlive, w.tokenStatus
}

// unfinished returns the call that time ran out for: the one that is still
// being made, or that ended for it.
func (w *watch) unfinished() call {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch n := len(w.open); {
	case n > 0 && (w.open[n-1].waiting || w.cut == nil):
		return *w.open[n-1]
	case w.cut != nil:
		return *w.cut
	}
	return call{}
}

// metadataPatience is what an instance metadata service that does not answer
// may cost. One that exists answers within milliseconds; where there is none,
// this is waited for by everybody who has no credentials.
const metadataPatience = 2 * time.Second

func isMetadata(operation string) bool {
	return operation == opMetadata || operation == opMetadataRegion
}

// bound returns ctx, ending no later than Fetch's context. Calls to the
// instance metadata service, until the first of them succeeds, get
// metadataPatience together.
func (w *watch) bound(ctx context.Context, operation string) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(w.ctx, func() { cancel(context.Cause(w.ctx)) })
	release := func() { stop(); cancel(nil) }
	if !isMetadata(operation) {
		return ctx, release
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.metadataAlive {
		return ctx, release
	}
	if w.metadataUntil.IsZero() {
		w.metadataUntil = time.Now().Add(metadataPatience)
	}
	ctx, expire := context.WithDeadline(ctx, w.metadataUntil)
	return ctx, func() { expire(); release() }
}

// isNothing recognises results that the SDK takes for granted and would
// dereference.
func isNothing(result any) bool {
	if v := reflect.ValueOf(result); v.Kind() == reflect.Pointer && v.IsNil() {
		return true
	}
	role, ok := result.(*sso.GetRoleCredentialsOutput)
	return ok && role.RoleCredentials == nil
}

func targetOf(parameters any) string {
	switch p := parameters.(type) {
	case *sts.AssumeRoleInput:
		if p.RoleArn != nil {
			return *p.RoleArn
		}
	case *sts.AssumeRoleWithWebIdentityInput:
		if p.RoleArn != nil {
			return *p.RoleArn
		}
	}
	return ""
}
