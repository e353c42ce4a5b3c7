package awsecr

import (
	"errors"
	"net/http"
	"strings"

	"ecr-credential-helper/ecr-login/internal/awsecr/identity"
)

func (f failure) process() *Error {
	var p *processError
	if !errors.As(f.err, &p) {
		return nil
	}
	if p.timedOut {
		return f.slowProcess(p.said)
	}
	return &Error{
		Reason: ProcessFailed,
		Cause:  "the credential_process of profile " + f.profile() + " " + p.Error(),
		Hint:   "run that command by hand",
	}
}

func (f failure) slowProcess(said string) *Error {
	p := processError{what: "did not end in time", said: said}
	return &Error{
		Reason: TimedOut, Transient: true,
		Cause: "the credential_process of profile " + f.profile() + " " + p.Error(),
		Hint:  "run that command by hand: it must not wait for anybody; or raise AWS_ECR_TIMEOUT",
	}
}

const raiseHopLimit = "`aws ec2 modify-instance-metadata-options --instance-id … --http-put-response-hop-limit 2`"

// metadata explains why an EC2 instance's own role could not be had, which
// for most people means that they have no credentials at all.
func (f failure) metadata() *Error {
	alive, tokenStatus := f.watch.metadata()
	op, code := f.call.Operation, f.call.Status
	switch {
	case op == "" && f.obtaining && f.origin.kind == identity.Instance:
		return f.noMetadata()
	case op != opMetadata && op != opMetadataToken, f.ctx.Err() != nil && alive:
		return nil
	case code == 0:
		code = tokenStatus
	}
	switch {
	case f.call.proxied && code != http.StatusOK:
		return &Error{
			Reason: Proxy, Transient: true,
			Cause: "the EC2 instance metadata service " + f.call.Host + " is asked through a proxy, which cannot reach it",
			Hint:  "put " + f.call.Host + " into NO_PROXY",
		}
	case code == http.StatusNotFound:
		return f.nothingFound("the metadata service of this machine has no role for it", "or attach a role to the EC2 instance")
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		return &Error{
			Reason: MetadataFailed,
			Cause:  "the EC2 instance metadata service refuses with " + status(code),
			Hint:   "in a container raise the hop limit: " + raiseHopLimit + "; else see what blocks the metadata service",
		}
	case code == http.StatusOK:
		return f.oddMetadata()
	case code != 0:
		return &Error{
			Reason: MetadataFailed, Transient: true,
			Cause: "the EC2 instance metadata service answers with " + status(code),
			Hint:  "try again; if it stays, see what answers there",
		}
	}
	e := f.nothingFound("no EC2 instance metadata service answers", "in a container on EC2 raise the hop limit: "+raiseHopLimit)
	// A service that answered yesterday may again in a minute.
	e.Transient = true
	return e
}

// oddMetadata is an answer of the metadata service that has no keys in it.
func (f failure) oddMetadata() *Error {
	if code, said := f.apiError(); code != "" {
		return &Error{
			Reason: MetadataFailed,
			Cause:  "the EC2 instance metadata service has no keys for the instance's role: " + code + ": " + said,
			Hint:   "see whether the role of the instance profile still exists and trusts ec2.amazonaws.com",
		}
	}
	return &Error{
		Reason: MetadataFailed, Transient: true,
		Cause: "the EC2 instance metadata service gave an answer that cannot be used",
		Hint:  "see what answers in its place",
	}
}

// noMetadata is a failure before any call was made, or between calls.
func (f failure) noMetadata() *Error {
	if strings.Contains(f.err.Error(), "access disabled to EC2 IMDS") {
		return f.nothingFound("AWS_EC2_METADATA_DISABLED keeps the EC2 instance metadata service out", "")
	}
	return f.oddMetadata()
}

// nothingFound says that no credentials are configured. Why the last resort
// has none either comes last, and so does what can be done about that.
func (f failure) nothingFound(last, also string) *Error {
	e := &Error{Reason: NoCredentials}
	switch {
	case f.origin.named:
		e.Cause = "profile " + f.profile() + " takes its credentials from the EC2 instance, but " + last
		e.Hint = "use another profile"
	case f.origin.half != "":
		e.Cause = "no AWS credentials found: of the pair AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY only " + f.origin.half + " is set"
		e.Hint = "set both"
		return e
	default:
		e.Cause = "no AWS credentials found: none in the environment, none in profile " + f.profile() + " of " + files() + ", and " + last
		e.Hint = "run `aws configure` or `aws sso login`, or set AWS_PROFILE"
	}
	if also != "" {
		e.Hint += "; " + also
	}
	return e
}

// environment is a profile that takes keys from the environment.
func (f failure) environment() *Error {
	if !f.obtaining || f.origin.kind != identity.EnvironmentKeys || f.call.Operation != "" {
		return nil
	}
	return &Error{
		Reason: NoCredentials,
		Cause:  "profile " + f.profile() + " takes its credentials from the environment, which has none",
		Hint:   "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or use another profile",
	}
}

func (f failure) container() *Error {
	if !f.obtaining || f.origin.kind != identity.Container || f.call.Operation != "" && f.call.Operation != opContainer {
		return nil
	}
	if errors.Is(f.err, errNothing) {
		return nil // a bad answer
	}
	if f.call.Operation == "" {
		why := oneLine(innermost(f.err).Error())
		if i := strings.Index(why, ": open "); i >= 0 {
			why = why[i+len(": "):]
		}
		return &Error{
			Reason: ContainerFailed,
			Cause:  "the container authorization token cannot be used: " + strings.TrimPrefix(why, "resolve auth token: "),
			Hint:   "check AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE and AWS_CONTAINER_AUTHORIZATION_TOKEN",
		}
	}
	code := f.call.Status
	switch {
	case f.call.proxied && code != http.StatusOK:
		return &Error{
			Reason: Proxy, Transient: true,
			Cause: "the container credentials endpoint " + f.call.Host + " is asked through a proxy, which cannot reach it",
			Hint:  "put " + f.call.Host + " into NO_PROXY",
		}
	case code == 0:
		return &Error{
			Reason: ContainerFailed, Transient: true,
			Cause: "the container credentials endpoint " + f.call.Host + " does not answer",
			Hint:  "check AWS_CONTAINER_CREDENTIALS_FULL_URI, and the ECS agent or the EKS Pod Identity agent",
		}
	case code == http.StatusOK:
		return nil // a bad answer
	}
	e := &Error{
		Reason: ContainerFailed, Transient: code >= http.StatusInternalServerError || code == http.StatusTooManyRequests,
		Cause: "the container credentials endpoint " + f.call.Host + " answers with " + status(code),
		Hint:  "check the task role (ECS) or the pod identity association (EKS)",
	}
	if e.Transient {
		e.Hint = "try again; if it stays, see the log of the ECS agent or the EKS Pod Identity agent"
	}
	if name, said := f.apiError(); said != "" {
		e.Cause += ": " + strings.TrimPrefix(name+": ", ": ") + said
	}
	return e
}

func (f failure) webIdentity() *Error {
	if !f.obtaining || f.origin.kind != identity.WebIdentity {
		return nil
	}
	code, said := f.apiError()
	switch {
	case f.call.Operation == "":
		_, why, _ := strings.Cut(innermost(f.err).Error(), ": ")
		return &Error{
			Reason: WebIdentityFailed,
			Cause:  "the web identity token cannot be read: " + oneLine(why),
			Hint:   "check AWS_WEB_IDENTITY_TOKEN_FILE, or web_identity_token_file in the profile",
		}
	case f.call.Operation != opWebIdentity:
		return nil
	case isExpiry(code):
		return &Error{
			Reason: WebIdentityFailed,
			Cause:  "the web identity token has expired: " + said,
			Hint:   "it is for whoever writes the token file (the kubelet, the CI system) to renew it",
		}
	case code == "InvalidIdentityToken", code == "IDPRejectedClaim", code == "IDPCommunicationError":
		return &Error{
			Reason: WebIdentityFailed,
			Cause:  "AWS STS does not accept the web identity token: " + said,
			Hint:   "check the OIDC provider in IAM, and the token's issuer and audience",
		}
	}
	return nil
}
