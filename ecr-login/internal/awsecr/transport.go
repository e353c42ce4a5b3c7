package awsecr

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// maxBody bounds what is read of any answer: no AWS API used here answers with
// a tenth of it, and an answer without end must not eat the memory.
const maxBody = 1 << 20

// errBodyTooLarge ends the reading of an answer beyond maxBody.
var errBodyTooLarge = errors.New("the answer is larger than 1 MiB")

// brokenAnswers adds to the retryer that the SDK was configured with: it also
// repeats a call whose answer cannot be parsed or is absurdly large. Something between
// us and AWS broke it, and it may not break the next.
func brokenAnswers(r aws.Retryer) aws.Retryer {
	if v2, ok := r.(aws.RetryerV2); ok {
		return &brokenAnswerRetryer{v2}
	}
	return r
}

type brokenAnswerRetryer struct{ aws.RetryerV2 }

func (r *brokenAnswerRetryer) IsErrorRetryable(err error) bool {
	return isBroken(err) || r.RetryerV2.IsErrorRetryable(err)
}

// isBroken reports whether an answer is missing its end, has none, or is not in
// the protocol at all: the SDK's parser does not tell a JSON text that was cut
// off from one that never was.
func isBroken(err error) bool {
	var parse *smithy.DeserializationError
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, errBodyTooLarge) || errors.As(err, &parse)
}

// limitBody makes every answer end in an error after maxBody bytes.
func limitBody(stack *middleware.Stack) error {
	return stack.Deserialize.Add(middleware.DeserializeMiddlewareFunc("LimitBody",
		func(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (
			middleware.DeserializeOutput, middleware.Metadata, error,
		) {
			out, metadata, err := next.HandleDeserialize(ctx, in)
			if resp, ok := out.RawResponse.(*smithyhttp.Response); ok && resp.Response != nil && resp.Body != nil {
				resp.Body = &limitedBody{body: resp.Body, left: maxBody}
			}
			return out, metadata, err
		}), middleware.After)
}

type limitedBody struct {
	body io.ReadCloser
	left int
}

func (b *limitedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		// The answer may end just here, which is fine.
		if n, err := b.body.Read(make([]byte, 1)); n == 0 {
			return 0, err
		}
		return 0, errBodyTooLarge
	}
	n, err := b.body.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

func (b *limitedBody) Close() error { return b.body.Close() }

// metadataPatience is what an instance metadata service that does not answer
// may cost. One that exists answers within milliseconds; where there is none,
// this is waited for by everybody who has no credentials.
const metadataPatience = 2 * time.Second

const metadataOperation = "GetMetadata"

// boundMetadataService gives the calls to the instance metadata service, until
// the first of them succeeds, metadataPatience together.
func boundMetadataService() func(*middleware.Stack) error {
	var (
		mu    sync.Mutex
		until time.Time
		alive bool
	)
	bounded := func(ctx context.Context) (context.Context, context.CancelFunc) {
		mu.Lock()
		defer mu.Unlock()
		if alive {
			return ctx, func() {}
		}
		if until.IsZero() {
			until = time.Now().Add(metadataPatience)
		}
		return context.WithDeadlineCause(ctx, until, errMetadataSilent)
	}
	return func(stack *middleware.Stack) error {
		// The metadata client is the one that registers no service; its stack
		// is told by the operation.
		if stack.ID() != metadataOperation {
			return nil
		}
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("BoundMetadataService",
			func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (
				middleware.InitializeOutput, middleware.Metadata, error,
			) {
				ctx, cancel := bounded(ctx)
				out, metadata, err := next.HandleInitialize(ctx, in)
				if err != nil {
					cancel()
					return out, metadata, err
				}
				mu.Lock()
				alive = true
				mu.Unlock()
				// The body is still to be read, within the whole call's deadline
				// and not beyond ours, so the timer is left to run out.
				context.AfterFunc(ctx, cancel)
				return out, metadata, nil
			}), middleware.Before)
	}
}

var errMetadataSilent = errors.New("the instance metadata service does not answer")
