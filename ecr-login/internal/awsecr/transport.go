package awsecr

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// plainBodies hides from net/http that a request's body can write itself. The
// SDK closes the body as soon as the answer begins, which its WriteTo reports as
// an error if it is still at work; net/http then closes the connection, and an
// answer that was on its way is lost and asked for again.
type plainBodies struct{ client aws.HTTPClient }

// Do sends a request.
func (c plainBodies) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = struct{ io.ReadCloser }{r.Body}
	}
	return c.client.Do(r)
}

// maxBody bounds what is read of any answer: no AWS API used here answers with
// a tenth of it, and an answer without end must not eat the memory.
const maxBody = 1 << 20

// errBodyTooLarge ends the reading of an answer beyond maxBody.
var errBodyTooLarge = errors.New("it is larger than 1 MiB")

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

// proxyRefusal is a proxy that did not open the way to AWS. net/http on its own
// leaves nothing of that but the words of the status line, which proxies choose
// as they like.
type proxyRefusal struct {
	proxy  string // host and port
	status int
}

func (e *proxyRefusal) Error() string {
	return fmt.Sprintf("the proxy %s answers with status %d", e.proxy, e.status)
}

// isHopeless reports whether a connection failed for a reason that another
// attempt will not change. The SDK repeats whatever has to do with connections.
func isHopeless(err error) bool {
	var (
		refusal *proxyRefusal
		cert    *tls.CertificateVerificationError
		record  tls.RecordHeaderError
		op      *net.OpError
	)
	return errors.As(err, &refusal) && refusal.status < http.StatusInternalServerError ||
		errors.As(err, &cert) || errors.As(err, &record) || errors.Is(err, http.ErrSchemeMismatch) ||
		errors.As(err, &op) && op.Op == remoteAlert
}

// remoteAlert is what crypto/tls calls the refusal of the other side.
const remoteAlert = "remote error"

// httpClient returns the SDK's own client, which explains itself when a proxy
// is the trouble.
func httpClient() *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.OnProxyConnectResponse = func(_ context.Context, proxy *url.URL, _ *http.Request, answer *http.Response) error {
			if answer.StatusCode == http.StatusOK {
				return nil
			}
			return &proxyRefusal{proxy.Host, answer.StatusCode}
		}
	})
}
