package awsecr

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/config"

	"ecr-credential-helper/ecr-login/internal/awsecr/identity"
)

// files names the files that the SDK looks into for profiles: those of root,
// say, when the user's were meant.
func files() string {
	settings, credentials := config.DefaultSharedConfigFilename(), config.DefaultSharedCredentialsFilename()
	if env, err := config.NewEnvConfig(); err == nil {
		settings = cmp.Or(env.SharedConfigFile, settings)
		credentials = cmp.Or(env.SharedCredentialsFile, credentials)
	}
	return settings + " or " + credentials
}

// What the SDK says, where it has no type for it.
const (
	partialKeys  = "partial credentials found for profile "
	noSSOSession = "failed to find SSO session section, "
)

// loading explains what the SDK finds wrong before it makes a call. It has
// types for half of that; the texts of the other half are pinned by tests.
func (f failure) loading() *Error {
	var load *loadError
	if !errors.As(f.err, &load) {
		return nil
	}
	var (
		mfa     config.AssumeRoleTokenProviderNotSetError
		role    config.SharedConfigAssumeRoleError
		missing config.SharedConfigProfileNotExistError
		arn     config.CredentialRequiresARNError
		file    config.SharedConfigLoadError
	)
	text := oneLine(load.err.Error())
	switch {
	case errors.As(load, &mfa):
		return f.mfa()
	case errors.As(load, &role) && errors.As(role.Err, &missing):
		return &Error{
			Reason: ProfileMissing,
			Cause:  fmt.Sprintf("there is no AWS profile %q in %s, which %s is to be assumed with", role.Profile, files(), role.RoleARN),
			Hint:   "correct source_profile, or add that profile",
		}
	case errors.As(load, &role):
		return &Error{
			Reason: BrokenSharedConfig,
			Cause:  fmt.Sprintf("AWS profile %q, which %s is to be assumed with, has no credentials", role.Profile, role.RoleARN),
			Hint:   "correct source_profile, or give that profile credentials",
		}
	case errors.As(load, &missing):
		return f.noProfile(missing.Profile)
	case errors.As(load, &arn):
		return &Error{
			Reason: BrokenSharedConfig,
			Cause:  fmt.Sprintf("AWS profile %q has a %s but no role_arn", arn.Profile, arn.Type),
			Hint:   "add role_arn to the profile, or take " + arn.Type + " out",
		}
	case errors.As(load, &file):
		return &Error{
			Reason: BrokenSharedConfig,
			Cause:  "the AWS config file " + file.Filename + " cannot be read: " + strings.TrimPrefix(oneLine(innermost(file.Err).Error()), "read all: read "+file.Filename+": "),
			Hint:   "correct that file, or name another one in AWS_CONFIG_FILE or AWS_SHARED_CREDENTIALS_FILE",
		}
	case strings.Contains(text, partialKeys):
		_, name, _ := strings.Cut(text, partialKeys)
		return &Error{
			Reason: BrokenSharedConfig,
			Cause:  fmt.Sprintf("AWS profile %q has only one of aws_access_key_id and aws_secret_access_key", strings.TrimPrefix(name, "profile ")),
			Hint:   "add the other one in " + files(),
		}
	case strings.HasPrefix(text, noSSOSession):
		return &Error{
			Reason: BrokenSharedConfig,
			Cause:  fmt.Sprintf("there is no sso-session %q, which AWS profile %q belongs to", strings.TrimPrefix(text, noSSOSession), f.topProfile()),
			Hint:   "correct sso_session, or add that section to the AWS config file",
		}
	case strings.Contains(text, "role ARN is not set"):
		return &Error{Reason: WebIdentityFailed, Cause: "AWS_WEB_IDENTITY_TOKEN_FILE is set, but AWS_ROLE_ARN is not", Hint: "set both or neither"}
	}
	if e := f.caBundle(load, text); e != nil {
		return e
	}
	if e := f.containerAddress(text); e != nil {
		return e
	}
	return &Error{
		Reason: BrokenSharedConfig,
		Cause:  "the AWS SDK cannot use its settings: " + text,
		Hint:   "correct the AWS variable, or the profile in " + files(),
	}
}

func (f failure) mfa() *Error {
	cause := "profile " + f.topProfile() + " needs an MFA code, which a credential helper cannot ask for"
	if serial := f.request.Identity.MFASerial(); serial != "" {
		cause = "profile " + f.topProfile() + " needs a code of the MFA device " + serial + ", which a credential helper cannot ask for"
	}
	return &Error{
		Reason: MFANeeded, Cause: cause,
		Hint: "put keys into the environment with `eval \"$(aws configure export-credentials --profile " + f.topProfile() + " --format env)\"`, which asks for it",
	}
}

func (f failure) noProfile(name string) *Error {
	hint := "correct AWS_PROFILE"
	if f.request.Profile != "" {
		hint = "correct the profile in this helper's own settings"
	}
	return &Error{
		Reason: ProfileMissing,
		Cause:  fmt.Sprintf("there is no AWS profile %q in %s", name, files()),
		Hint:   hint + "; `aws configure list-profiles` shows which there are",
	}
}

// caBundle recognises trouble with AWS_CA_BUNDLE. It is the only file that
// must be there, so the only one that can be missing.
func (f failure) caBundle(load *loadError, text string) *Error {
	const hint = "correct AWS_CA_BUNDLE, or ca_bundle in the profile"
	if strings.Contains(text, "custom CA bundle PEM file") {
		return &Error{Reason: TLS, Cause: "the CA bundle for AWS holds no certificate", Hint: hint}
	}
	inner := innermost(load)
	if path, _, ok := strings.Cut(strings.TrimPrefix(text, "open "), ": "); ok && strings.HasPrefix(text, "open ") {
		return &Error{Reason: TLS, Cause: "the CA bundle for AWS cannot be read: " + path + ": " + inner.Error(), Hint: hint}
	}
	return nil
}

// containerAddress recognises the SDK's refusal of an address, without which
// anybody who can set a variable could have credentials sent anywhere.
func (f failure) containerAddress(text string) *Error {
	cause := ""
	switch {
	case strings.Contains(text, "only loopback/ecs/eks hosts are allowed"):
		cause = "over plain http only loopback and the addresses of ECS and EKS are allowed"
	case strings.Contains(text, "unable to parse host from local HTTP cred provider URL"), strings.HasPrefix(text, "invalid URL, "):
		cause = "it is not a URL"
	case strings.HasPrefix(text, "failed to resolve host "):
		cause = "its host name cannot be looked up"
	case strings.Contains(text, "EcsContainer was specified as the credential_source"):
		return &Error{
			Reason: NoCredentials,
			Cause:  "profile " + f.topProfile() + " takes its credentials from the container's endpoint, which nothing names here",
			Hint:   "outside of ECS and EKS use another profile; inside, AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI must reach this program",
		}
	default:
		return nil
	}
	return &Error{
		Reason: ContainerRefused,
		Cause:  "the container credentials endpoint is refused: " + cause,
		Hint:   "correct AWS_CONTAINER_CREDENTIALS_FULL_URI",
	}
}

// topProfile names the profile that was asked for.
func (f failure) topProfile() string {
	if f.request.Profile != "" {
		return f.request.Profile
	}
	if env, err := config.NewEnvConfig(); err == nil && env.SharedConfigProfile != "" {
		return env.SharedConfigProfile
	}
	return config.DefaultSharedConfigProfile
}

// session recognises a login that has ended, of `aws sso login` or `aws login`.
// Whatever else goes wrong before a call is made has to do with the file that
// the login left behind.
func (f failure) session() *Error {
	if !f.obtaining {
		return nil
	}
	code, said := f.apiError()
	switch {
	case f.origin.kind == identity.SSO && f.call.Operation == opSSORole && code != "" && code != "UnauthorizedException":
		return f.ssoDenied(code, said)
	case f.origin.kind == identity.SSO && (f.call.Operation == "" || isEnd(f, opSSORole, code) || isEnd(f, opSSORefresh, code)):
		return f.ended("aws sso login", f.sessionFile("AWS SSO"))
	case f.origin.kind == identity.LoginSession && strings.Contains(f.err.Error(), "permissions for the CreateOAuth2Token action"):
		return &Error{
			Reason: Denied,
			Cause:  "the `aws login` session of profile " + f.profile() + " cannot be renewed: signin:CreateOAuth2Token is not allowed",
			Hint:   "allow it (the managed policy SignInLocalDevelopmentAccess does)",
		}
	case f.origin.kind == identity.LoginSession && (f.call.Operation == "" || isEnd(f, opLoginRefresh, code)):
		return f.ended("aws login", f.sessionFile("`aws login`"))
	}
	return nil
}

// isEnd tells the refusal of a session from the failure of a call.
func isEnd(f failure, operation, code string) bool {
	return f.call.Operation == operation && code != "" && 400 <= f.call.Status && f.call.Status < 500 && !isThrottle(code, f.call.Status)
}

func (f failure) sessionFile(kind string) string {
	if why, ok := f.pathError(); ok {
		return "the " + kind + " session of profile " + f.profile() + " cannot be read or saved: " + why
	}
	return "the " + kind + " session of profile " + f.profile() + " has ended or never began"
}

func (f failure) ended(command, cause string) *Error {
	if p := f.profile(); p != config.DefaultSharedConfigProfile {
		command += " --profile " + p
	}
	e := &Error{Reason: SessionEnded, Cause: cause, Hint: "run `" + command + "`"}
	if _, ok := f.pathError(); ok {
		e.Hint = "correct the permissions of that file, then run `" + command + "`"
	}
	return e
}

func (f failure) ssoDenied(code, said string) *Error {
	if isThrottle(code, f.call.Status) || f.call.Status >= 500 {
		return nil
	}
	sso := f.request.Identity.SSO()
	role := ""
	if sso.RoleName != "" {
		role = " the role " + sso.RoleName + " in account " + sso.AccountID
	} else {
		role = " its role"
	}
	return &Error{
		Reason: RoleDenied,
		Cause:  "AWS SSO does not give profile " + f.profile() + role + ": " + said,
		Hint:   "correct sso_account_id and sso_role_name, or have the permission set assigned to you",
	}
}
