package awsecr

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"ecr-credential-helper/ecr-login/internal/awsecr/identity"
	"ecr-credential-helper/ecr-login/registry"
)

// classify turns what the SDK returned into an *Error, or nil for nil. What the
// caller knows of the source of credentials sharpens the explanation; the
// SDK's own text is passed on only where it can hold no secret.
func classify(ctx context.Context, r Request, err error) error {
	if err == nil {
		return nil
	}
	f := failure{ctx: ctx, request: r, err: err}
	for _, rule := range []func(failure) *Error{
		failure.cancelled,
		failure.sharedConfig,
		failure.process,
		failure.session,
		failure.badAnswer,
		failure.api,
		failure.metadata,
		failure.container,
		failure.webIdentity,
		failure.transport,
		failure.timeout,
	} {
		if e := rule(f); e != nil {
			e.Cause, e.Hint, e.err = oneLine(e.Cause), oneLine(e.Hint), err
			return e
		}
	}
	return &Error{
		Reason: Unexpected,
		Cause:  oneLine("getting a token for " + f.where() + " failed: " + innermost(err).Error()),
		Hint:   "the log file has the details",
		err:    err,
	}
}

type failure struct {
	ctx     context.Context //nolint:containedctx // the context that the failed call ran under
	request Request
	err     error
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

// who names the identity for people, or says nothing.
func (f failure) who() string {
	if f.request.Identity.Kind() == 0 {
		return ""
	}
	return " as " + f.request.Identity.String()
}

func (f failure) profile() string {
	if p := f.request.Identity.Profile(); p != "" {
		return p
	}
	return f.request.Profile
}

func (f failure) cancelled() *Error {
	if errors.Is(context.Cause(f.ctx), context.Canceled) {
		return &Error{Reason: Cancelled, Cause: "interrupted while getting a token for " + f.where()}
	}
	return nil
}

func (f failure) timeout() *Error {
	var canceled *aws.RequestCanceledError
	if !errors.Is(f.err, context.DeadlineExceeded) && !errors.As(f.err, &canceled) && f.ctx.Err() == nil {
		return nil
	}
	return &Error{
		Reason: TimedOut, Transient: true,
		Cause: "time ran out while getting a token for " + f.where() + f.who(),
		Hint:  "check the network and the credential source, or raise AWS_ECR_TIMEOUT",
	}
}

func (f failure) sharedConfig() *Error {
	var missing config.SharedConfigProfileNotExistError
	var load config.SharedConfigLoadError
	var role config.SharedConfigAssumeRoleError
	var mfa config.AssumeRoleTokenProviderNotSetError
	var arn config.CredentialRequiresARNError
	switch {
	case errors.As(f.err, &mfa):
		return &Error{
			Reason: MFANeeded,
			Cause:  "profile " + f.profile() + " needs an MFA code for its role, which a credential helper cannot ask for",
			Hint:   "get a session first, for example with `aws sts assume-role --serial-number … --token-code …`, and point AWS_PROFILE at it",
		}
	case errors.As(f.err, &role):
		return &Error{
			Reason: BrokenSharedConfig,
			Cause:  fmt.Sprintf("profile %s cannot assume %s: its source_profile is missing or has no credentials", role.Profile, role.RoleARN),
			Hint:   "correct source_profile in ~/.aws/config, or add that profile",
		}
	case errors.As(f.err, &missing):
		return &Error{
			Reason: ProfileMissing,
			Cause:  fmt.Sprintf("there is no AWS profile %q", missing.Profile),
			Hint:   "`aws configure list-profiles` shows those there are; see AWS_PROFILE and the helper's config.yaml",
		}
	case errors.As(f.err, &load):
		return &Error{
			Reason: BrokenSharedConfig,
			Cause:  fmt.Sprintf("the AWS config file %s cannot be read: %v", load.Filename, innermost(load.Err)),
			Hint:   "correct the file; AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE say which one is read",
		}
	case errors.As(f.err, &arn):
		return &Error{
			Reason: BrokenSharedConfig,
			Cause:  fmt.Sprintf("profile %s has a %s but no role_arn", arn.Profile, arn.Type),
			Hint:   "add role_arn to the profile",
		}
	}
	return nil
}

func (f failure) process() *Error {
	var p *processError
	if !errors.As(f.err, &p) {
		return nil
	}
	hint := "run the credential_process of profile " + f.profile() + " by hand"
	if f.ctx.Err() != nil || errors.Is(p.err, context.DeadlineExceeded) {
		return &Error{
			Reason: TimedOut, Transient: true,
			Cause: "the credential_process of profile " + f.profile() + " did not end in time",
			Hint:  hint + ", or raise AWS_ECR_TIMEOUT",
		}
	}
	return &Error{Reason: ProcessFailed, Cause: "the credential_process of profile " + f.profile() + " failed: " + p.Error(), Hint: hint}
}

// session recognises a login that has ended, of `aws sso login` or `aws login`.
func (f failure) session() *Error {
	kind := f.request.Identity.Kind()
	if kind != identity.SSO && kind != identity.LoginSession {
		return nil
	}
	var invalid *ssocreds.InvalidTokenError
	code := apiCode(f.err)
	text := f.err.Error()
	ended := errors.As(f.err, &invalid) ||
		code == "UnauthorizedException" || code == "InvalidGrantException" || code == "ExpiredTokenException" && f.operation() != "GetAuthorizationToken" ||
		strings.Contains(text, "cached SSO token is expired") || strings.Contains(text, "cached SSO token file") ||
		strings.Contains(text, "please reauthenticate") || strings.Contains(text, "validate login token") || strings.Contains(text, "load login token")
	if !ended {
		return nil
	}
	command := "aws login"
	if kind == identity.SSO {
		command = "aws sso login"
	}
	if p := f.profile(); p != "" && p != config.DefaultSharedConfigProfile {
		command += " --profile " + p
	}
	return &Error{Reason: SessionEnded, Cause: "the login session of " + f.request.Identity.String() + " has ended or never began", Hint: "run `" + command + "`"}
}

func (f failure) badAnswer() *Error {
	what := ""
	for _, known := range []error{errNoData, errNoToken, errNoExpiry, errNotBase64, errNotAPair, errControl, errTokenTooBig, errBornExpired} {
		if errors.Is(f.err, known) {
			what = known.Error()
		}
	}
	transient := false
	switch {
	case what != "":
	case errors.Is(f.err, errBodyTooLarge):
		what, transient = errBodyTooLarge.Error(), true
	case errors.Is(f.err, io.ErrUnexpectedEOF):
		what, transient = "it ends too early", true
	case isBroken(f.err):
		what, transient = "it is cut off or not what AWS documents", true
	default:
		return nil
	}
	return &Error{
		Reason: BadAnswer, Transient: transient,
		Cause: f.where() + " gave an answer that cannot be used: " + what,
		Hint:  "see whether a proxy, a portal or AWS_ENDPOINT_URL stands between here and AWS",
	}
}

// transport explains failures below HTTP.
func (f failure) transport() *Error {
	var (
		dns      *net.DNSError
		cert     *tls.CertificateVerificationError
		unknown  x509.UnknownAuthorityError
		hostname x509.HostnameError
		record   tls.RecordHeaderError
		op       *net.OpError
		urlErr   *url.Error
	)
	host := f.host()
	switch {
	case errors.As(f.err, &op) && op.Op == "proxyconnect", strings.Contains(f.err.Error(), "proxyconnect "):
		return &Error{
			Reason: Proxy, Transient: true,
			Cause: "the proxy for " + host + " cannot be used: " + innermost(f.err).Error(),
			Hint:  "check HTTPS_PROXY, and put hosts that need none into NO_PROXY",
		}
	case errors.As(f.err, &dns):
		e := &Error{
			Reason: DNS, Transient: true,
			Cause: "the name " + dns.Name + " cannot be looked up",
			Hint:  "check the network and its DNS",
		}
		if dns.IsNotFound {
			e.Hint = "check the region in the registry's host name, the network and its DNS"
		}
		return e
	case errors.As(f.err, &cert), errors.As(f.err, &unknown), errors.As(f.err, &hostname), errors.As(f.err, &record):
		return &Error{
			Reason: TLS,
			Cause:  "the TLS connection to " + host + " is not trusted: " + innermost(f.err).Error(),
			Hint:   "if a proxy inspects TLS, give its CA with AWS_CA_BUNDLE; else check the clock and the CA certificates",
		}
	case errors.Is(f.err, syscall.ECONNREFUSED):
		return &Error{Reason: Network, Transient: true, Cause: host + " refuses connections", Hint: "check the network, HTTPS_PROXY and AWS_ENDPOINT_URL"}
	case errors.As(f.err, &urlErr) && isProxyRefusal(urlErr):
		return &Error{
			Reason: Proxy, Transient: true,
			Cause: "the proxy does not let " + host + " through: " + innermost(f.err).Error(),
			Hint:  "check HTTPS_PROXY, its password, and what the proxy allows",
		}
	case f.ctx.Err() != nil:
		return nil // a timeout, which has its own words
	case errors.As(f.err, &op), errors.Is(f.err, io.EOF), errors.As(f.err, &urlErr):
		return &Error{Reason: Network, Transient: true, Cause: "the connection to " + host + " failed: " + innermost(f.err).Error(), Hint: "check the network"}
	}
	return nil
}

// isProxyRefusal recognises the status line of a failed CONNECT, which is all
// that net/http leaves of it.
func isProxyRefusal(err *url.Error) bool {
	text := err.Err.Error()
	for _, status := range []int{
		http.StatusForbidden, http.StatusProxyAuthRequired, http.StatusMethodNotAllowed,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout,
	} {
		if strings.EqualFold(text, http.StatusText(status)) {
			return true
		}
	}
	return false
}

// host returns the host that was called, as far as the error tells.
func (f failure) host() string {
	var urlErr *url.Error
	if errors.As(f.err, &urlErr) {
		if u, err := url.Parse(urlErr.URL); err == nil && u.Host != "" {
			return u.Host
		}
	}
	return f.where()
}

func (f failure) metadata() *Error {
	if f.service() != imds.ServiceID && !errors.Is(f.err, errMetadataSilent) && !strings.Contains(f.err.Error(), "EC2 IMDS") {
		return nil
	}
	if f.ctx.Err() != nil {
		return nil
	}
	var status *smithyhttp.ResponseError
	switch {
	case errors.As(f.err, &status) && status.HTTPStatusCode() == http.StatusNotFound:
		return &Error{Reason: MetadataFailed, Cause: "this EC2 instance has no role", Hint: "attach an instance profile with ecr:GetAuthorizationToken, or set AWS_PROFILE"}
	case errors.As(f.err, &status):
		return &Error{
			Reason: MetadataFailed,
			Cause:  fmt.Sprintf("the instance metadata service refused with status %d", status.HTTPStatusCode()),
			Hint:   "in a container raise the hop limit to 2 (`aws ec2 modify-instance-metadata-options --http-put-response-hop-limit 2`), or check what blocks it",
		}
	}
	return &Error{
		Reason: NoCredentials,
		Cause:  "no AWS credentials found: nothing in the environment or in " + f.profileWords() + ", and the instance metadata service does not answer",
		Hint:   "run `aws configure` or `aws sso login`, or set AWS_PROFILE; in a container on EC2 raise the metadata hop limit to 2",
	}
}

func (f failure) profileWords() string {
	if p := f.profile(); p != "" {
		return "profile " + p
	}
	return "profile " + config.DefaultSharedConfigProfile
}

func (f failure) container() *Error {
	text := f.err.Error()
	switch {
	case strings.Contains(text, "only loopback/ecs/eks hosts are allowed"):
		return &Error{
			Reason: ContainerRefused,
			Cause:  "the container credentials endpoint is refused: over plain http only loopback and the ECS and EKS addresses are allowed",
			Hint:   "check AWS_CONTAINER_CREDENTIALS_FULL_URI",
		}
	case strings.Contains(text, "failed to load credentials"), f.request.Identity.Kind() == identity.Container && f.operation() != "GetAuthorizationToken":
		if f.ctx.Err() != nil {
			return nil
		}
		var status *smithyhttp.ResponseError
		why := innermost(f.err).Error()
		if errors.As(f.err, &status) {
			why = fmt.Sprintf("status %d", status.HTTPStatusCode())
		}
		return &Error{
			Reason: ContainerFailed, Transient: true,
			Cause: "the container credentials endpoint gives no credentials: " + why,
			Hint:  "check the task role or the pod identity, and AWS_CONTAINER_CREDENTIALS_FULL_URI",
		}
	}
	return nil
}

func (f failure) webIdentity() *Error {
	if f.request.Identity.Kind() != identity.WebIdentity && !strings.Contains(f.err.Error(), "AssumeRoleWithWebIdentity") {
		return nil
	}
	if !strings.Contains(f.err.Error(), "retrieve jwt") && !strings.Contains(f.err.Error(), "token file") && !strings.Contains(f.err.Error(), "role ARN is not set") {
		return nil
	}
	return &Error{
		Reason: WebIdentityFailed,
		Cause:  "the web identity token cannot be used: " + innermost(f.err).Error(),
		Hint:   "check AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN",
	}
}

func (f failure) service() string {
	var op *smithy.OperationError
	if errors.As(f.err, &op) {
		// The outermost operation is ECR's; the one that failed may be deeper.
		for {
			var inner *smithy.OperationError
			if !errors.As(op.Err, &inner) {
				return op.ServiceID
			}
			op = inner
		}
	}
	return ""
}

func (f failure) operation() string {
	var op *smithy.OperationError
	if !errors.As(f.err, &op) {
		return ""
	}
	for {
		var inner *smithy.OperationError
		if !errors.As(op.Err, &inner) {
			return op.OperationName
		}
		op = inner
	}
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
