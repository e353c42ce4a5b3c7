package awsecr

import (
	"strings"
	"testing"

	"ecr-credential-helper/ecr-login/internal/awstest"
)

// told is a failure and the very line that a client gets to see of it. In the
// line {aws} stands for the fake's address, {home} for the home directory, and
// so on for other places.
type told struct {
	name      string
	prepare   func(*world) spec
	reason    Reason
	transient bool
	want      string
}

func tell(t *testing.T, tests []told) {
	t.Helper()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, awstest.Options{})
			o := w.fetch(test.prepare(w))
			if got := w.general(o.Sentence); got != test.want {
				t.Errorf("it says  %s\nand not  %s\nmade of  %s\ncall     %+v", got, test.want, o.Chain, o.Call)
			}
			if o.Reason != test.reason || o.Transient != test.transient {
				t.Errorf("reason %s, transient %v; want %s, %v", o.Reason, o.Transient, test.reason, test.transient)
			}
			if w.after != nil {
				w.after(o)
			}
		})
	}
}

// faulty prepares alice with a fault of one operation.
func faulty(op awstest.Op, f awstest.Fault) func(*world) spec {
	return func(w *world) spec {
		w.alice().aws.Inject(op, f)
		return spec{}
	}
}

const awsProfile = "AWS_PROFILE"

func TestWhatIsWrongWithTheSettings(t *testing.T) {
	t.Parallel()
	tell(t, toldOfSettings())
}

func toldOfSettings() []told {
	return []told{
		{
			name:   "AWS_PROFILE names no profile",
			want:   "there is no AWS profile \"prod\" in {home}/.aws/config or {home}/.aws/credentials; hint: correct AWS_PROFILE; `aws configure list-profiles` shows which there are",
			reason: ProfileMissing, prepare: func(w *world) spec {
				w.set(awsProfile, "prod").config("[profile dev]")
				return spec{}
			},
		},
		{
			name:   "our own settings name no profile",
			want:   "there is no AWS profile \"prod\" in {home}/.aws/config or {home}/.aws/credentials; hint: correct the profile in this helper's own settings; `aws configure list-profiles` shows which there are",
			reason: ProfileMissing, prepare: func(*world) spec {
				return spec{Profile: "prod"}
			},
		},
		{
			name:   "the source profile is missing",
			want:   "there is no AWS profile \"base\" in {home}/.aws/config or {home}/.aws/credentials, which arn:aws:iam::111122223333:role/pull is to be assumed with; hint: correct source_profile, or add that profile",
			reason: ProfileMissing, prepare: func(w *world) spec {
				w.set(awsProfile, "prod").config("[profile prod]", "role_arn = "+pull, "source_profile = base")
				return spec{}
			},
		},
		{
			name:   "the source profile has no credentials",
			want:   "AWS profile \"base\", which arn:aws:iam::111122223333:role/pull is to be assumed with, has no credentials; hint: correct source_profile, or give that profile credentials",
			reason: BrokenSharedConfig, prepare: func(w *world) spec {
				w.set(awsProfile, "prod").config("[profile prod]", "role_arn = "+pull, "source_profile = base", "[profile base]", "region = eu-west-1")
				return spec{}
			},
		},
		{
			name:   "a source profile without a role",
			want:   "AWS profile \"prod\" has a source_profile but no role_arn; hint: add role_arn to the profile, or take source_profile out",
			reason: BrokenSharedConfig, prepare: func(w *world) spec {
				w.set(awsProfile, "prod").config("[profile prod]", "source_profile = base", "[profile base]")
				return spec{}
			},
		},
		{
			name:   "two kinds of credentials in one profile",
			want:   "the AWS SDK cannot use its settings: only one credential type may be specified per profile: source profile, credential source, credential process, web identity token; hint: correct the AWS variable, or the profile in {home}/.aws/config or {home}/.aws/credentials",
			reason: BrokenSharedConfig, prepare: func(w *world) spec {
				w.set(awsProfile, "prod").config("[profile prod]", "role_arn = "+pull, "source_profile = base", "credential_process = x", "[profile base]")
				return spec{}
			},
		},
		{
			name:   "half a key in a profile",
			want:   "AWS profile \"prod\" has only one of aws_access_key_id and aws_secret_access_key; hint: add the other one in {home}/.aws/config or {home}/.aws/credentials",
			reason: BrokenSharedConfig, prepare: func(w *world) spec {
				w.set(awsProfile, "prod").config("[profile prod]", "aws_secret_access_key = "+secret)
				return spec{}
			},
		},
		{
			name:   "half a key in the environment",
			want:   "no AWS credentials found: of the pair AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY only AWS_SECRET_ACCESS_KEY is set; hint: set both",
			reason: NoCredentials, prepare: func(w *world) spec {
				w.set("AWS_SECRET_ACCESS_KEY", secret)
				return spec{}
			},
		},
		{
			name:   "the config file is a folder",
			want:   "the AWS config file {home}/.aws/config cannot be read: is a directory; hint: correct that file, or name another one in AWS_CONFIG_FILE or AWS_SHARED_CREDENTIALS_FILE",
			reason: BrokenSharedConfig, prepare: func(w *world) spec {
				w.file(".aws/config/file", "")
				return spec{}
			},
		},
		{
			name:   "a config file that is no config file",
			want:   "no AWS credentials found: none in the environment, none in profile default of {home}/.aws/config or {home}/.aws/credentials, and the metadata service of this machine has no role for it; hint: run `aws configure` or `aws sso login`, or set AWS_PROFILE; or attach a role to the EC2 instance",
			reason: NoCredentials, prepare: func(w *world) spec {
				w.config("{\"default\":", "aws_access_key_id "+keyID, "[default")
				return spec{}
			},
		},
		{
			name:   "a variable with an impossible value",
			want:   "the AWS SDK cannot use its settings: invalid value for environment variable, AWS_USE_FIPS_ENDPOINT=maybe, need true, false; hint: correct the AWS variable, or the profile in {home}/.aws/config or {home}/.aws/credentials",
			reason: BrokenSharedConfig, prepare: func(w *world) spec {
				w.alice().set("AWS_USE_FIPS_ENDPOINT", "maybe")
				return spec{}
			},
		},
		{
			name:   "a profile with an impossible value",
			want:   "the AWS SDK cannot use its settings: error fetching config from profile, default, failed to load retry_mode from shared config, unknown RetryMode, often; hint: correct the AWS variable, or the profile in {home}/.aws/config or {home}/.aws/credentials",
			reason: BrokenSharedConfig, prepare: func(w *world) spec {
				w.alice().config("[default]", "retry_mode = often")
				return spec{}
			},
		},
		{
			name:   "the CA bundle is missing",
			want:   "the CA bundle for AWS cannot be read: {home}/ca.pem: no such file or directory; hint: correct AWS_CA_BUNDLE, or ca_bundle in the profile",
			reason: TLS, prepare: func(w *world) spec {
				w.alice().set("AWS_CA_BUNDLE", w.home+"/ca.pem")
				return spec{}
			},
		},
		{
			name:   "the CA bundle holds nothing",
			want:   "the CA bundle for AWS holds no certificate; hint: correct AWS_CA_BUNDLE, or ca_bundle in the profile",
			reason: TLS, prepare: func(w *world) spec {
				w.alice().set("AWS_CA_BUNDLE", w.file("ca.pem", "nothing\n"))
				return spec{}
			},
		},
		{
			name:   "a role needs an MFA code",
			want:   "profile prod needs a code of the MFA device arn:aws:iam::111122223333:mfa/alice, which a credential helper cannot ask for; hint: put keys into the environment with `eval \"$(aws configure export-credentials --profile prod --format env)\"`, which asks for it",
			reason: MFANeeded, prepare: func(w *world) spec {
				w.set(awsProfile, "prod").config("[profile prod]", "role_arn = "+pull, "source_profile = base",
					"mfa_serial = arn:aws:iam::111122223333:mfa/alice",
					"[profile base]", "aws_access_key_id = "+keyID, "aws_secret_access_key = "+secret)
				return spec{}
			},
		},
		{
			name:   "a role needs an MFA code, and nobody knows the identity",
			want:   "profile prod needs an MFA code, which a credential helper cannot ask for; hint: put keys into the environment with `eval \"$(aws configure export-credentials --profile prod --format env)\"`, which asks for it",
			reason: MFANeeded, prepare: func(w *world) spec {
				w.config("[profile prod]", "role_arn = "+pull, "source_profile = base",
					"mfa_serial = arn:aws:iam::111122223333:mfa/alice",
					"[profile base]", "aws_access_key_id = "+keyID, "aws_secret_access_key = "+secret)
				return spec{Profile: "prod", Anonymous: true}
			},
		},
		{
			name:   "credentials from an environment that has none",
			want:   "profile prod takes its credentials from the environment, which has none; hint: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or use another profile",
			reason: NoCredentials, prepare: func(w *world) spec {
				w.set(awsProfile, "prod").config("[profile prod]", "role_arn = "+pull, "credential_source = Environment")
				return spec{}
			},
		},
		{
			name:   "credentials from a container that is none",
			want:   "profile prod takes its credentials from the container's endpoint, which nothing names here; hint: outside of ECS and EKS use another profile; inside, AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI must reach this program",
			reason: NoCredentials, prepare: func(w *world) spec {
				w.set(awsProfile, "prod").config("[profile prod]", "role_arn = "+pull, "credential_source = EcsContainer")
				return spec{}
			},
		},
		{
			name:   "credentials from an unknown source",
			want:   "the AWS SDK cannot use its settings: credential_source values must be EcsContainer, Ec2InstanceMetadata, or Environment; hint: correct the AWS variable, or the profile in {home}/.aws/config or {home}/.aws/credentials",
			reason: BrokenSharedConfig, prepare: func(w *world) spec {
				w.set(awsProfile, "prod").config("[profile prod]", "role_arn = "+pull, "credential_source = Nowhere")
				return spec{}
			},
		},
		{
			name:   "a web identity token without a role",
			want:   "AWS_WEB_IDENTITY_TOKEN_FILE is set, but AWS_ROLE_ARN is not; hint: set both or neither",
			reason: WebIdentityFailed, prepare: func(w *world) spec {
				w.set("AWS_WEB_IDENTITY_TOKEN_FILE", w.file("token", "x"))
				return spec{}
			},
		},
		{
			name:   "an SSO profile without its session",
			want:   "there is no sso-session \"corp\", which AWS profile \"prod\" belongs to; hint: correct sso_session, or add that section to the AWS config file",
			reason: BrokenSharedConfig, prepare: func(w *world) spec {
				w.set(awsProfile, "prod").config("[profile prod]", "sso_session = corp", "sso_account_id = 111122223333", "sso_role_name = Admin")
				return spec{}
			},
		},
		{
			name:   "an SSO profile that lacks a setting",
			want:   "the AWS SDK cannot use its settings: profile \"prod\" is configured to use SSO but is missing required configuration: sso_region; hint: correct the AWS variable, or the profile in {home}/.aws/config or {home}/.aws/credentials",
			reason: BrokenSharedConfig, prepare: func(w *world) spec {
				w.set(awsProfile, "prod").config("[profile prod]", "sso_start_url = "+startAt, "sso_account_id = 111122223333", "sso_role_name = Admin")
				return spec{}
			},
		},
		{
			name:   "an endpoint that is no URL",
			want:   "the endpoint that is configured for ECR in eu-west-1 is not a URL: unsupported protocol scheme \"\"; hint: correct AWS_ENDPOINT_URL, its kin for a single service, or endpoint_url in the profile",
			reason: BrokenSharedConfig, prepare: func(w *world) spec {
				w.alice().set("AWS_ENDPOINT_URL_ECR", "not a url")
				return spec{}
			},
		},
	}
}

// real takes the endpoints out of the environment: AWS's own names are called.
func (w *world) real() *world {
	for name := range w.env {
		if strings.HasPrefix(name, "AWS_ENDPOINT_URL") {
			delete(w.env, name)
		}
	}
	return w
}
