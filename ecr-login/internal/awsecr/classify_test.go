package awsecr

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"ecr-credential-helper/ecr-login/internal/awsecr/identity"
	"ecr-credential-helper/ecr-login/registry"
)

func TestNoErrorIsNoError(t *testing.T) {
	t.Parallel()
	if err := classify(t.Context(), Request{}, newWatch(t.Context()), nil); err != nil {
		t.Error(err)
	}
}

func TestWhatIsTolerable(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		err  error
		want bool
	}{
		{&Error{Reason: Network, Transient: true}, true},
		{fmt.Errorf("wrapped: %w", &Error{Reason: Throttled, Transient: true}), true},
		{&Error{Reason: SessionEnded}, true},
		{&Error{Reason: Denied}, false},
		{&Error{Reason: ExpiredKeys}, false},
		{errors.New("anything"), false},
		{nil, false},
	} {
		if got := Tolerable(test.err); got != test.want {
			t.Errorf("Tolerable(%v) = %v", test.err, got)
		}
	}
}

// odd is a failure that cannot be provoked over the wire in reasonable time,
// or at all.
type odd struct {
	name string
	late bool // time has run out
	err  error
	want string
	Reason
}

func oddities() []odd {
	return []odd{
		{
			name: "time runs out before any call is made", late: true, err: context.DeadlineExceeded, Reason: TimedOut,
			want: "time ran out while getting a token for ECR in eu-west-1; hint: check the network and where the credentials come from, or raise AWS_ECR_TIMEOUT",
		},
		{
			name: "a connection takes too long for the system", Reason: Network,
			err:  &callError{call{Call: Call{Operation: opECRToken, Host: "aws.example", Attempts: 3}}, &net.OpError{Op: "dial", Net: "tcp", Err: os.ErrDeadlineExceeded}},
			want: "aws.example does not answer; hint: check the network, its firewall, and AWS_ENDPOINT_URL if it is set",
		},
		{
			name: "the SDK panics", err: &panicError{"index out of range"}, Reason: Unexpected,
			want: "the AWS SDK fails on what it was given: the AWS SDK panicked: index out of range; hint: see whether `aws ecr get-login-password --region eu-west-1` fares better",
		},
		{
			name: "what nobody foresaw", err: errors.New("nobody\nforesaw this"), Reason: Unexpected,
			want: "getting a token for ECR in eu-west-1 failed: nobody foresaw this; hint: see whether `aws ecr get-login-password --region eu-west-1` fares better",
		},
		{
			name: "what cannot be printed", err: &loadError{&smithyhttp.ResponseError{}}, Reason: Unexpected,
			want: "getting a token for ECR in eu-west-1 failed, and what the AWS SDK says about it cannot be read; hint: see whether `aws ecr get-login-password --region eu-west-1` fares better",
		},
	}
}

func TestOddFailuresAreExplained(t *testing.T) {
	t.Parallel()
	for _, test := range oddities() {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			if test.late {
				late, cancel := context.WithTimeout(ctx, -1)
				defer cancel()
				ctx = late
			}
			var e *Error
			err := classify(ctx, Request{Endpoint: registry.Endpoint{Service: registry.Private, Region: "eu-west-1"}}, newWatch(ctx), test.err)
			if !errors.As(err, &e) || e.Error() != test.want || e.Reason != test.Reason {
				t.Errorf("%s: %v", e.Reason, e)
			}
		})
	}
}

func TestKeysAreHidden(t *testing.T) {
	t.Parallel()
	key := "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	token := "/" + strings.Repeat("Ab1/", 40) + "=="
	jwt := "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln_-x"
	tests := map[string]string{
		"access denied": "access denied",
		"User: arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_AdministratorAccess_0123456789abcdef/me is not authorized": "User: arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_AdministratorAccess_0123456789abcdef/me is not authorized",
		"aws_secret_access_key=" + key:            "aws_secret_access_[redacted]",
		`{"SecretAccessKey":"` + key + `","x":1}`: `{"SecretAccessKey":"[redacted]","x":1}`,
		"token " + token + " is expired":          "token [redacted] is expired",
		"id_token: " + jwt + ", sorry":            "id_token: [redacted], sorry",
		"sha256:" + strings.Repeat("0a", 32):      "sha256:" + strings.Repeat("0a", 32),
		"":                                        "",
	}
	for in, want := range tests {
		if got := hideKeys(in); got != want {
			t.Errorf("hideKeys(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestTheLastLineShowsNoEndOfAKey(t *testing.T) {
	t.Parallel()
	l := &lastLine{}
	for range 1000 {
		if _, err := l.Write([]byte("Ab1/xyz")); err != nil {
			t.Fatal(err)
		}
	}
	_, _ = l.Write([]byte(" is no key"))
	if got := l.String(); got != "is no key" {
		t.Errorf("%q", got)
	}
}

func FuzzHideKeys(f *testing.F) {
	f.Add("the key is ", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", ", sorry")
	f.Add("", "/Ab1Ab1Ab1Ab1Ab1Ab1Ab1Ab1Ab1Ab1Ab1Ab1Ab1", "=")
	f.Add("eyJ", "eyJhbGciOiJIUzI1NiJ9eyJhbGciOiJIUzI1NiJ9A", ".")
	f.Fuzz(func(t *testing.T, before, key, after string) {
		got := hideKeys(before + key + after)
		if strings.ContainsFunc(key, func(r rune) bool { return !isBase64(r) }) || len(key) < 40 ||
			strings.ToUpper(key) == key || strings.ToLower(key) == key {
			return
		}
		if strings.Contains(got, key) {
			t.Errorf("%q still holds %q", got, key)
		}
	})
}

func FuzzReadKeys(f *testing.F) {
	for _, s := range []string{
		`{"Version":1,"AccessKeyId":"a","SecretAccessKey":"s","SessionToken":"t","Expiration":"2026-01-02T03:04:05Z"}`,
		`{"Version":2}`, `{"Version":1}`, `{"Version":1,"AccessKeyId":"a"}`, `null`, `[]`, `"x"`, ``, ` `, `{`, `{"Version":1e99}`,
		`{"Version":1,"AccessKeyId":"a","SecretAccessKey":"s","Expiration":"tomorrow"}`, "\x00", "\\\"",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, output []byte) {
		b := &limitedBuffer{most: 1 << 10}
		_, _ = b.Write(output)
		creds, what := readKeys(b)
		if what == "" && !creds.HasKeys() {
			t.Errorf("neither keys nor a complaint out of %q", output)
		}
		if what != "" && creds.AccessKeyID+creds.SecretAccessKey != "" {
			t.Errorf("%s, and keys all the same", what)
		}
		if len(what) > 80 {
			t.Errorf("it says a lot: %s", what)
		}
	})
}

// builder builds chains of errors out of bytes, such as the SDK and the
// network might one day return.
type builder struct {
	data []byte
	text string
}

func (o *builder) next() byte {
	if len(o.data) == 0 {
		return 0
	}
	b := o.data[0]
	o.data = o.data[1:]
	return b
}

func (o *builder) operation() string {
	all := []string{opECRToken, opAssumeRole, opWebIdentity, opSSORole, opSSORefresh, opLoginRefresh, opMetadata, opMetadataToken, opContainer, opProcess, "", o.text}
	return all[int(o.next())%len(all)]
}

func (o *builder) leaf() error {
	codes := []string{
		"AccessDenied", "ExpiredToken", "InvalidSignatureException", "UnrecognizedClientException", "ThrottlingException", "ValidationError",
		"UnauthorizedException", "InvalidIdentityToken", "RegionDisabledException", "RequestTimeTooSkewed", "", o.text,
	}
	leaves := []error{
		errors.New(o.text), context.DeadlineExceeded, context.Canceled, io.EOF, io.ErrUnexpectedEOF, syscall.ECONNREFUSED, syscall.ECONNRESET,
		&smithy.GenericAPIError{Code: codes[int(o.next())%len(codes)], Message: o.text}, &net.DNSError{Name: o.text, Err: o.text, IsNotFound: o.next()%2 == 0},
		&processError{what: o.text, said: o.text}, &processError{timedOut: true}, &panicError{o.text}, &panicError{nil},
		x509.UnknownAuthorityError{},
		x509.HostnameError{Certificate: &x509.Certificate{}, Host: o.text},
		x509.CertificateInvalidError{Reason: x509.Expired},
		tls.RecordHeaderError{Msg: o.text},
		http.ErrSchemeMismatch, &proxyRefusal{o.text, int(o.next()) * 3}, &aws.RequestCanceledError{},
		errNothing, errNoToken, errBodyTooLarge,
		config.AssumeRoleTokenProviderNotSetError{},
		config.SharedConfigAssumeRoleError{Profile: o.text},
		config.SharedConfigProfileNotExistError{Profile: o.text},
		config.CredentialRequiresARNError{Type: o.text},
		&fs.PathError{Op: "open", Path: o.text, Err: fs.ErrPermission},
	}
	return leaves[int(o.next())%len(leaves)]
}

func (o *builder) chain(depth int) error {
	if depth == 0 || len(o.data) == 0 {
		return o.leaf()
	}
	inner := o.chain(depth - 1)
	switch o.next() % 16 {
	case 0:
		return fmt.Errorf("%s: %w", o.text, inner)
	case 1:
		return &smithy.OperationError{ServiceID: o.text, OperationName: o.operation(), Err: inner}
	case 2:
		resp := &http.Response{StatusCode: int(o.next()) * 3, Header: http.Header{}}
		return &smithyhttp.ResponseError{Response: &smithyhttp.Response{Response: resp}, Err: inner}
	case 3, 4, 5:
		return &callError{call{
			Call:   Call{Operation: o.operation(), Host: o.text, Attempts: int(o.next() % 4), Status: int(o.next()) * 3},
			target: o.text, proxied: o.next()%4 == 0, cut: o.next()%4 == 0, partial: o.next()%4 == 0, last: inner,
		}, inner}
	case 6, 7:
		return &credentialsError{inner}
	case 8:
		return &loadError{inner}
	case 9:
		ops := []string{"dial", "proxyconnect", "remote error", "read", o.text}
		return &net.OpError{Op: ops[int(o.next())%len(ops)], Net: "tcp", Err: inner}
	case 10:
		return &url.Error{Op: "Post", URL: o.text, Err: inner}
	case 11:
		return errors.Join(inner, o.leaf())
	case 12:
		return &tls.CertificateVerificationError{Err: inner}
	case 13:
		return &smithy.DeserializationError{Err: inner}
	case 14:
		return &smithyhttp.RequestSendError{Err: inner}
	default:
		return &retryAs{true, inner}
	}
}

func FuzzClassify(f *testing.F) {
	for i := range byte(28) {
		f.Add([]byte{i, 4, 0, 1, 2, 3, i, 6, 5, 1, i}, "trouble")
		f.Add([]byte{i, i, i, i, i, i, i, i, i, i, i, i}, "two\nlines. \u202e\x1b[31m")
	}
	f.Add([]byte{7, 7, 7, 7, 4, 1, 1, 100, 0, 0, 0, 6}, strings.Repeat("long ", 1000))
	f.Fuzz(func(t *testing.T, data []byte, text string) {
		o := &builder{data: data, text: text}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		switch o.next() % 4 {
		case 0:
			expired, stop := context.WithTimeout(ctx, -1)
			defer stop()
			ctx = expired
		case 1:
			cancel()
		}
		w := newWatch(ctx)
		w.setOrigin(origin{kind: identity.Kind(o.next() % 9), profile: text, named: o.next()%2 == 0})
		r := Request{Endpoint: registry.Endpoint{Region: "eu-west-1"}, Profile: text}
		if o.next()%2 == 0 {
			r.Endpoint.Service = registry.Public
		}
		cause := o.chain(8)
		err := classify(ctx, r, w, cause)
		var e *Error
		if !errors.As(err, &e) || e.Reason == "" || e.Cause == "" {
			t.Fatalf("%#v became %#v", cause, err)
		}
		if strings.Contains(e.Cause, "cannot be read") && !strings.Contains(text, "cannot be read") && e.Reason == Unexpected {
			t.Errorf("it panics over %#v", cause)
		}
		if e.Hint == "" && e.Reason != Cancelled {
			t.Errorf("there is nothing to do about %q", e.Cause)
		}
		if !errors.Is(err, cause) && e.Unwrap() == nil {
			t.Errorf("the cause of %v is lost", err)
		}
		for _, s := range []string{e.Cause, e.Hint} {
			if s != line(s, longest) {
				t.Errorf("not a clean line: %q", s)
			}
		}
	})
}
