package awsecr

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"ecr-credential-helper/ecr-login/internal/awsecr/identity"
	"ecr-credential-helper/ecr-login/registry"
)

// Error codes that AWS services use for the same thing in their several ways
// (https://docs.aws.amazon.com/AmazonECR/latest/APIReference/CommonErrors.html
// and the "Common errors" pages of the other services).
func isDenial(code string) bool {
	return slices.Contains([]string{"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "NotAuthorized", "OptInRequired"}, code)
}

func isUnknownKey(code string) bool {
	return slices.Contains([]string{
		"UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId",
		"MissingAuthenticationToken", "MissingAuthenticationTokenException",
	}, code)
}

func isWrongSignature(code string) bool {
	return slices.Contains([]string{"InvalidSignatureException", "SignatureDoesNotMatch", "IncompleteSignature", "IncompleteSignatureException"}, code)
}

func isExpiry(code string) bool {
	return slices.Contains([]string{"ExpiredToken", "ExpiredTokenException"}, code)
}

// isSkew recognises a wrong clock, for which services have codes and, under
// codes that also mean other things, words.
func isSkew(code, said string) bool {
	return slices.Contains([]string{"RequestTimeTooSkewed", "RequestInTheFuture", "RequestExpired"}, code) ||
		isWrongSignature(code) && (strings.Contains(said, "Signature expired") || strings.Contains(said, "Signature not yet current"))
}

func isThrottle(code string, status int) bool {
	_, known := retry.DefaultThrottleErrorCodes[code]
	return known || status == http.StatusTooManyRequests
}

// api explains an error that a service gave.
func (f failure) api() *Error {
	code, said := f.apiError()
	status := f.status()
	switch {
	case isThrottle(code, status):
		return &Error{
			Reason: Throttled, Transient: true,
			Cause: f.called() + " is throttled (" + named(code, status) + ")",
			Hint:  "too many calls come from this account in this region; see whether the token cache is off (AWS_ECR_DISABLE_CACHE) or cannot be written",
		}
	case status >= http.StatusInternalServerError:
		return &Error{
			Reason: ServerError, Transient: true,
			Cause: f.called() + " failed with " + named(code, status),
			Hint:  "try again; https://health.aws.amazon.com says whether AWS has a problem",
		}
	case code == "" || status == http.StatusOK:
		return nil
	case isSkew(code, said):
		return &Error{
			Reason: ClockSkew,
			Cause:  "AWS refuses the request because the clock of this machine is wrong: " + said,
			Hint:   "set the clock, for example with NTP",
		}
	case isExpiry(code):
		return &Error{
			Reason: ExpiredKeys,
			Cause:  "the temporary AWS keys have expired: " + f.who(),
			Hint:   f.renew(),
		}
	case isWrongSignature(code):
		return &Error{
			Reason: InvalidKeys,
			Cause:  "the AWS secret key does not belong to the access key ID, or a proxy changes requests (" + code + "): " + f.who(),
			Hint:   "check the secret key: is it whole, without a blank or a line break at its end",
		}
	case isUnknownKey(code):
		return &Error{
			Reason: InvalidKeys,
			Cause:  "AWS does not know these keys in " + f.request.Endpoint.Region + " (" + code + "): " + f.who(),
			Hint:   "check that they are not deleted, that the session token is theirs, and that their account is in this partition and has enabled the region",
		}
	case isDenial(code):
		return f.denied(said)
	}
	return &Error{Reason: Unexpected, Cause: f.called() + " failed with " + code + ": " + said, Hint: f.tryCLI()}
}

// named prefers AWS's own name for an error to the status it came with.
func named(code string, number int) string {
	if code != "" {
		return code
	}
	return status(number)
}

// status returns the HTTP status of the answer that is the error; zero when the
// error is not an answer.
func (f failure) status() int {
	var resp *smithyhttp.ResponseError
	if !errors.As(f.err, &resp) || resp.Response == nil || resp.Response.Response == nil {
		return 0
	}
	return resp.HTTPStatusCode()
}

// called names the call that failed.
func (f failure) called() string {
	switch f.call.Operation {
	case opECRToken, "":
		return "GetAuthorizationToken of " + f.where()
	}
	return f.call.Operation + " of " + f.service()
}

// renew says how to get new keys, which depends on where the old ones are from.
func (f failure) renew() string {
	switch f.origin.kind {
	case identity.EnvironmentKeys:
		return "set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN anew; keys in the environment are not renewed by themselves"
	case identity.ProfileKeys:
		return "put new keys into profile " + f.profile() + "; or let SSO, a role or a credential_process renew them by themselves"
	case identity.CredentialProcess:
		return "run the credential_process of profile " + f.profile() + " by hand: it hands out keys that have expired"
	}
	return "check the clock of this machine, and try again"
}

func (f failure) denied(said string) *Error {
	if f.request.Endpoint.Service == registry.Public {
		return &Error{
			Reason: Denied,
			Cause:  "AWS denies the token for ECR Public to " + f.who() + ": " + said,
			Hint:   "allow ecr-public:GetAuthorizationToken and sts:GetServiceBearerToken on resource * (the managed policy AmazonElasticContainerRegistryPublicReadOnly does)",
		}
	}
	return &Error{
		Reason: Denied,
		Cause:  "AWS denies ecr:GetAuthorizationToken to " + f.who() + ": " + said,
		Hint:   "allow ecr:GetAuthorizationToken on resource * (the managed policy AmazonEC2ContainerRegistryReadOnly does), also in service control and VPC endpoint policies",
	}
}

// role explains a role that could not be assumed.
func (f failure) role() *Error {
	if f.call.Operation != opAssumeRole && f.call.Operation != opWebIdentity {
		return nil
	}
	code, said := f.apiError()
	switch {
	case isDenial(code) && f.call.Operation == opWebIdentity:
		return &Error{
			Reason: RoleDenied,
			Cause:  "not allowed to assume " + f.call.target + " with the web identity token: " + said,
			Hint:   "check that the role exists and that its trust policy names the token's issuer, subject and audience",
		}
	case isDenial(code):
		return &Error{
			Reason: RoleDenied,
			Cause:  "not allowed to assume " + f.call.target + ": " + said,
			Hint:   "check that the role exists, its trust policy and external ID, and that the caller may sts:AssumeRole",
		}
	case code == "ValidationError":
		return &Error{
			Reason: RoleDenied,
			Cause:  "AWS STS refuses to give out " + f.call.target + ": " + said,
			Hint:   "correct role_arn, role_session_name or duration_seconds",
		}
	case code == "RegionDisabledException":
		return &Error{
			Reason: UnknownRegion,
			Cause:  "AWS STS is not enabled in " + f.request.Endpoint.Region + " for this account",
			Hint:   "enable the region in the settings of the account",
		}
	}
	return nil
}
