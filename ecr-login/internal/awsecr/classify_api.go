package awsecr

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Error codes that AWS services use for the same thing in their several ways
// (https://docs.aws.amazon.com/AmazonECR/latest/APIReference/CommonErrors.html
// and the "Common errors" pages of the other services).
var (
	deniedCodes  = []string{"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "NotAuthorized", "OptInRequired"}
	invalidCodes = []string{"UnrecognizedClientException", "InvalidClientTokenId", "InvalidSignatureException", "SignatureDoesNotMatch", "IncompleteSignature", "MissingAuthenticationToken", "InvalidAccessKeyId"}
	expiredCodes = []string{"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
	skewCodes    = []string{"RequestTimeTooSkewed", "RequestInTheFuture"}
)

// api explains an error that a service gave.
func (f failure) api() *Error {
	var api smithy.APIError
	if !errors.As(f.err, &api) {
		return f.status()
	}
	code, said := api.ErrorCode(), api.ErrorMessage()
	switch {
	case f.isSkew(code, said):
		return &Error{
			Reason: ClockSkew,
			Cause:  "AWS refuses the request because this machine's clock is wrong: " + said,
			Hint:   "set the clock, for example with NTP",
		}
	case slices.Contains(expiredCodes, code):
		return &Error{
			Reason: ExpiredKeys,
			Cause:  "the temporary AWS keys" + f.of() + " have expired",
			Hint:   "get new ones; keys in the environment or in ~/.aws/credentials are not renewed by themselves",
		}
	case slices.Contains(invalidCodes, code):
		return &Error{
			Reason: InvalidKeys,
			Cause:  "AWS does not accept the keys" + f.of() + " (" + code + ")",
			Hint:   "check access key, secret key and session token, and that the keys belong to this partition",
		}
	case slices.Contains(deniedCodes, code):
		return f.denied(said)
	case code == "InvalidIdentityToken" || code == "IDPRejectedClaim" || code == "IDPCommunicationError":
		return &Error{
			Reason: WebIdentityFailed,
			Cause:  "AWS does not accept the web identity token: " + said,
			Hint:   "check the role's trust policy and the token's audience and age",
		}
	case code == "RegionDisabledException":
		return &Error{Reason: UnknownRegion, Cause: "STS is not enabled in " + f.request.Endpoint.Region, Hint: "enable the region in the account settings"}
	case isThrottle(code):
		return &Error{
			Reason: Throttled, Transient: true,
			Cause: f.called() + " is throttled (" + code + ")",
			Hint:  "too many calls from this account and region; the token cache saves most of them, see AWS_ECR_DISABLE_CACHE",
		}
	}
	if e := f.status(); e != nil {
		return e
	}
	return &Error{Reason: Unexpected, Cause: fmt.Sprintf("%s failed: %s: %s", f.called(), code, said), Hint: "the log file has the details"}
}

// status explains an answer that has nothing but its HTTP status.
func (f failure) status() *Error {
	var resp *smithyhttp.ResponseError
	if !errors.As(f.err, &resp) || resp.Response == nil || f.isCredentialEndpoint() {
		return nil
	}
	switch status := resp.HTTPStatusCode(); {
	case status >= http.StatusInternalServerError:
		return &Error{Reason: ServerError, Transient: true, Cause: fmt.Sprintf("%s failed with status %d", f.called(), status), Hint: "try again; https://health.aws.amazon.com says whether AWS has a problem"}
	case status == http.StatusTooManyRequests:
		return &Error{Reason: Throttled, Transient: true, Cause: f.called() + " is throttled (status 429)", Hint: "try again later"}
	}
	return nil
}

// isCredentialEndpoint tells the answers of the metadata services, which have
// rules of their own, from those of AWS.
func (f failure) isCredentialEndpoint() bool {
	return f.service() != "" && f.operation() == metadataOperation || strings.Contains(f.err.Error(), "failed to load credentials")
}

func (f failure) denied(said string) *Error {
	if strings.HasPrefix(f.operation(), "AssumeRole") {
		role := "the role"
		if roles := f.request.Identity.Roles(); len(roles) > 0 {
			role = roles[len(roles)-1]
		}
		return &Error{
			Reason: RoleDenied,
			Cause:  "not allowed to assume " + role + ": " + said,
			Hint:   "check the role's trust policy, its external ID, and that the caller may sts:AssumeRole",
		}
	}
	if f.operation() != "GetAuthorizationToken" {
		return &Error{Reason: Denied, Cause: f.called() + " is denied: " + said, Hint: "check the permissions of " + f.request.Identity.String()}
	}
	action, hint := "ecr:GetAuthorizationToken", ""
	if f.service() == "ECR PUBLIC" {
		action, hint = "ecr-public:GetAuthorizationToken", " and sts:GetServiceBearerToken"
	}
	return &Error{
		Reason: Denied,
		Cause:  "AWS denies " + action + f.who() + ": " + said,
		Hint:   "allow " + action + hint + " on resource * (the managed policy AmazonEC2ContainerRegistryReadOnly does for private registries)",
	}
}

func (f failure) of() string {
	if f.request.Identity.Kind() == 0 {
		return ""
	}
	return " of " + f.request.Identity.String()
}

// called names the call that failed.
func (f failure) called() string {
	if s, o := f.service(), f.operation(); s != "" && o != "GetAuthorizationToken" {
		return s + " " + o
	}
	return "GetAuthorizationToken of " + f.where()
}

// isSkew recognises a wrong clock, for which services have codes and, under
// codes that also mean other things, words.
func (f failure) isSkew(code, said string) bool {
	return slices.Contains(skewCodes, code) ||
		slices.Contains(invalidCodes, code) && (strings.Contains(said, "Signature expired") || strings.Contains(said, "Signature not yet current"))
}

func isThrottle(code string) bool {
	_, ok := retry.DefaultThrottleErrorCodes[code]
	return ok
}

func apiCode(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}
