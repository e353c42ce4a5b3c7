package awsecr

import (
	"net/http"
	"testing"
	"time"

	"ecr-credential-helper/ecr-login/internal/awstest"
)

func TestWhatIsWrongWithTheInstance(t *testing.T) {
	t.Parallel()
	tell(t, toldOfInstances())
}

func toldOfInstances() []told {
	instance := func(w *world) { w.aws.SetInstance(&awstest.Instance{RoleARN: pull, AllowV1: true}) }
	quick := func(w *world) {
		w.after = func(o outcome) {
			if limit := metadataPatience + 300*time.Millisecond; o.Elapsed > limit {
				w.t.Errorf("it took %v, and the limit is %v", o.Elapsed, limit)
			}
		}
	}
	return []told{
		{
			name:   "no credentials and a dead metadata service",
			want:   "no AWS credentials found: none in the environment, none in profile default of {home}/.aws/config or {home}/.aws/credentials, and no EC2 instance metadata service answers; hint: run `aws configure` or `aws sso login`, or set AWS_PROFILE; in a container on EC2 raise the hop limit: `aws ec2 modify-instance-metadata-options --instance-id … --http-put-response-hop-limit 2`",
			reason: NoCredentials, transient: true, prepare: func(w *world) spec {
				quick(w)
				w.aws.Inject("imds:*", awstest.Fault{Kind: awstest.Hang})
				return spec{}
			},
		},
		{
			name:   "no credentials and no metadata service",
			want:   "no AWS credentials found: none in the environment, none in profile default of {home}/.aws/config or {home}/.aws/credentials, and no EC2 instance metadata service answers; hint: run `aws configure` or `aws sso login`, or set AWS_PROFILE; in a container on EC2 raise the hop limit: `aws ec2 modify-instance-metadata-options --instance-id … --http-put-response-hop-limit 2`",
			reason: NoCredentials, transient: true, prepare: func(w *world) spec {
				quick(w)
				w.set("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://"+w.place(nobody(), "{nobody}"))
				return spec{}
			},
		},
		{
			name:   "no credentials in the profile and a dead metadata service",
			want:   "no AWS credentials found: none in the environment, none in profile prod of {home}/.aws/config or {home}/.aws/credentials, and no EC2 instance metadata service answers; hint: run `aws configure` or `aws sso login`, or set AWS_PROFILE; in a container on EC2 raise the hop limit: `aws ec2 modify-instance-metadata-options --instance-id … --http-put-response-hop-limit 2`",
			reason: NoCredentials, transient: true, prepare: func(w *world) spec {
				quick(w)
				w.set(awsProfile, "prod").config("[profile prod]", "region = eu-west-1").aws.Inject("imds:*", awstest.Fault{Kind: awstest.Hang})
				return spec{}
			},
		},
		{
			name:   "no credentials, a dead metadata service and a short time-out",
			want:   "no AWS credentials found: none in the environment, none in profile default of {home}/.aws/config or {home}/.aws/credentials, and no EC2 instance metadata service answers; hint: run `aws configure` or `aws sso login`, or set AWS_PROFILE; in a container on EC2 raise the hop limit: `aws ec2 modify-instance-metadata-options --instance-id … --http-put-response-hop-limit 2`",
			reason: NoCredentials, transient: true, prepare: func(w *world) spec {
				w.aws.Inject("imds:*", awstest.Fault{Kind: awstest.Hang})
				return spec{Timeout: 400 * time.Millisecond}
			},
		},
		{
			name:   "no credentials and the metadata service switched off",
			want:   "no AWS credentials found: none in the environment, none in profile default of {home}/.aws/config or {home}/.aws/credentials, and AWS_EC2_METADATA_DISABLED keeps the EC2 instance metadata service out; hint: run `aws configure` or `aws sso login`, or set AWS_PROFILE",
			reason: NoCredentials, prepare: func(w *world) spec {
				w.set("AWS_EC2_METADATA_DISABLED", "true")
				return spec{}
			},
		},
		{
			name:   "an instance without a role",
			want:   "no AWS credentials found: none in the environment, none in profile default of {home}/.aws/config or {home}/.aws/credentials, and the metadata service of this machine has no role for it; hint: run `aws configure` or `aws sso login`, or set AWS_PROFILE; or attach a role to the EC2 instance",
			reason: NoCredentials, prepare: func(w *world) spec {
				w.aws.SetInstance(&awstest.Instance{})
				return spec{}
			},
		},
		{
			name:   "a named instance without a role",
			want:   "profile prod takes its credentials from the EC2 instance, but the metadata service of this machine has no role for it; hint: use another profile; or attach a role to the EC2 instance",
			reason: NoCredentials, prepare: func(w *world) spec {
				w.aws.SetInstance(&awstest.Instance{})
				w.set(awsProfile, "prod").config("[profile prod]", "role_arn = "+pull, "credential_source = Ec2InstanceMetadata")
				return spec{}
			},
		},
		{
			name:   "a named instance that is none",
			want:   "profile prod takes its credentials from the EC2 instance, but no EC2 instance metadata service answers; hint: use another profile; in a container on EC2 raise the hop limit: `aws ec2 modify-instance-metadata-options --instance-id … --http-put-response-hop-limit 2`",
			reason: NoCredentials, transient: true, prepare: func(w *world) spec {
				quick(w)
				w.aws.Inject("imds:*", awstest.Fault{Kind: awstest.Hang})
				w.set(awsProfile, "prod").config("[profile prod]", "role_arn = "+pull, "credential_source = Ec2InstanceMetadata")
				return spec{}
			},
		},
		{
			name:   "the answer with the token dies at the hop limit",
			want:   "the EC2 instance metadata service refuses with status 401; hint: in a container raise the hop limit: `aws ec2 modify-instance-metadata-options --instance-id … --http-put-response-hop-limit 2`; else see what blocks the metadata service",
			reason: MetadataFailed, prepare: func(w *world) spec {
				quick(w)
				w.aws.SetInstance(&awstest.Instance{RoleARN: pull})
				w.aws.Inject(awstest.OpMetadataToken, awstest.Fault{Kind: awstest.Hang})
				return spec{}
			},
		},
		{
			name:   "the answer with the token dies at the hop limit, and the old way is forbidden",
			want:   "no AWS credentials found: none in the environment, none in profile default of {home}/.aws/config or {home}/.aws/credentials, and no EC2 instance metadata service answers; hint: run `aws configure` or `aws sso login`, or set AWS_PROFILE; in a container on EC2 raise the hop limit: `aws ec2 modify-instance-metadata-options --instance-id … --http-put-response-hop-limit 2`",
			reason: NoCredentials, transient: true, prepare: func(w *world) spec {
				quick(w)
				w.aws.SetInstance(&awstest.Instance{RoleARN: pull})
				w.aws.Inject(awstest.OpMetadataToken, awstest.Fault{Kind: awstest.Hang})
				w.set("AWS_EC2_METADATA_V1_DISABLED", "true")
				return spec{}
			},
		},
		{
			name:   "a token is refused, and the old way is forbidden",
			want:   "the EC2 instance metadata service refuses with status 403; hint: in a container raise the hop limit: `aws ec2 modify-instance-metadata-options --instance-id … --http-put-response-hop-limit 2`; else see what blocks the metadata service",
			reason: MetadataFailed, prepare: func(w *world) spec {
				instance(w)
				w.aws.Inject(awstest.OpMetadataToken, awstest.Fault{Kind: awstest.Refuse, Status: 403})
				w.set("AWS_EC2_METADATA_V1_DISABLED", "true")
				return spec{}
			},
		},
		{
			name:   "the metadata service refuses",
			want:   "the EC2 instance metadata service refuses with status 403; hint: in a container raise the hop limit: `aws ec2 modify-instance-metadata-options --instance-id … --http-put-response-hop-limit 2`; else see what blocks the metadata service",
			reason: MetadataFailed, prepare: func(w *world) spec {
				instance(w)
				w.aws.Inject(awstest.OpMetadataRoleName, awstest.Fault{Kind: awstest.Refuse, Status: 403})
				return spec{}
			},
		},
		{
			name:   "the metadata service is broken",
			want:   "the EC2 instance metadata service answers with status 503; hint: try again; if it stays, see what answers there",
			reason: MetadataFailed, transient: true, prepare: func(w *world) spec {
				instance(w)
				w.aws.Inject(awstest.OpMetadataCredentials, awstest.Fault{Kind: awstest.Refuse, Status: 503})
				return spec{}
			},
		},
		{
			name:   "the metadata service has no keys for the role",
			want:   "the EC2 instance metadata service has no keys for the instance's role: AssumeRoleUnauthorizedAccess: EC2 cannot assume the role pull; hint: see whether the role of the instance profile still exists and trusts ec2.amazonaws.com",
			reason: MetadataFailed, prepare: func(w *world) spec {
				instance(w)
				w.aws.Inject(awstest.OpMetadataCredentials, awstest.Fault{Hook: say(http.StatusOK,
					`{"Code":"AssumeRoleUnauthorizedAccess","Message":"EC2 cannot assume the role pull."}`)})
				return spec{}
			},
		},
		{
			name:   "the metadata service talks nonsense",
			want:   "the EC2 instance metadata service gave an answer that cannot be used; hint: see what answers in its place",
			reason: MetadataFailed, transient: true, prepare: func(w *world) spec {
				instance(w)
				w.aws.Inject(awstest.OpMetadataCredentials, awstest.Fault{Kind: awstest.HTML})
				return spec{}
			},
		},
		{
			name:   "the metadata service talks nothing",
			want:   "the EC2 instance metadata service gave an answer that cannot be used; hint: see what answers in its place",
			reason: MetadataFailed, transient: true, prepare: func(w *world) spec {
				instance(w)
				w.aws.Inject(awstest.OpMetadataRoleName, awstest.Fault{Kind: awstest.EmptyBody})
				return spec{}
			},
		},
		{
			name:   "the metadata service is asked through a proxy",
			want:   "the EC2 instance metadata service 169.254.169.254 is asked through a proxy, which cannot reach it; hint: put 169.254.169.254 into NO_PROXY",
			reason: Proxy, transient: true, prepare: func(w *world) spec {
				delete(w.env, "AWS_EC2_METADATA_SERVICE_ENDPOINT")
				w.set("HTTP_PROXY", recorder(w.t).URL())
				return spec{}
			},
		},
		{
			name:   "the role of an instance may not assume the other role",
			want:   "not allowed to assume arn:aws:iam::444455556666:role/other: User: arn:aws:sts::111122223333:assumed-role/pull/i-0123456789abcdef0 is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::444455556666:role/other; hint: check that the role exists, its trust policy and external ID, and that the caller may sts:AssumeRole",
			reason: RoleDenied, prepare: func(w *world) spec {
				w.aws.SetInstance(&awstest.Instance{RoleARN: pull})
				return spec{RoleARN: "arn:aws:iam::444455556666:role/other"}
			},
		},
	}
}

func TestAnInstanceWithALowHopLimitIsAskedTheOldWay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, awstest.Options{})
	w.aws.SetInstance(&awstest.Instance{RoleARN: pull, AllowV1: true})
	w.aws.Inject(awstest.OpMetadataToken, awstest.Fault{Kind: awstest.Hang})
	if o := w.fetch(spec{}); o.Sentence != "" || o.Elapsed > metadataPatience {
		t.Errorf("after %v: %s", o.Elapsed, o.Sentence)
	}
}

func TestTheSDKsWarningsStayOffStandardError(t *testing.T) {
	t.Parallel()
	w := newWorld(t, awstest.Options{})
	w.aws.SetInstance(&awstest.Instance{RoleARN: pull, AllowV1: true})
	// It warns that it falls back to the old way; fetch looks at standard error.
	w.aws.Inject(awstest.OpMetadataToken, awstest.Fault{Kind: awstest.Refuse, Status: 403})
	if o := w.fetch(spec{}); o.Sentence != "" {
		t.Error(o.Sentence)
	}
}

func TestADeadMetadataServiceDoesNotHoldUpOtherCredentials(t *testing.T) {
	t.Parallel()
	w := newWorld(t, awstest.Options{}).alice().set("AWS_DEFAULTS_MODE", "auto")
	w.aws.Inject("imds:*", awstest.Fault{Kind: awstest.Hang})
	if o := w.fetch(spec{}); o.Sentence != "" || o.Elapsed > metadataPatience+300*time.Millisecond {
		t.Errorf("after %v: %s", o.Elapsed, o.Sentence)
	}
}

func TestWhatIsWrongWithTheWebIdentity(t *testing.T) {
	t.Parallel()
	tell(t, toldOfWebIdentities())
}

func toldOfWebIdentities() []told {
	const (
		issuer = "https://oidc.example.com"
		other  = "https://other.example.com"
	)
	pod := func(w *world, iss string, life time.Duration) {
		w.aws.AddRole(awstest.Role{ARN: pull, Federated: []awstest.WebIdentity{{Issuer: issuer, Subject: "pod"}}})
		token := w.aws.WebIdentityToken(iss, "pod", "sts.amazonaws.com", life)
		w.secrets = append(w.secrets, token)
		w.set("AWS_ROLE_ARN", pull, "AWS_WEB_IDENTITY_TOKEN_FILE", w.file("token", token))
	}
	return []told{
		{
			name:   "the web identity token is missing",
			want:   "the web identity token cannot be read: open {home}/token: no such file or directory; hint: check AWS_WEB_IDENTITY_TOKEN_FILE, or web_identity_token_file in the profile",
			reason: WebIdentityFailed, prepare: func(w *world) spec {
				w.set("AWS_ROLE_ARN", pull, "AWS_WEB_IDENTITY_TOKEN_FILE", w.home+"/token")
				return spec{}
			},
		},
		{
			name:   "the web identity token is missing, by profile",
			want:   "the web identity token cannot be read: open {home}/token: no such file or directory; hint: check AWS_WEB_IDENTITY_TOKEN_FILE, or web_identity_token_file in the profile",
			reason: WebIdentityFailed, prepare: func(w *world) spec {
				w.config("[profile pod]", "role_arn = "+pull, "web_identity_token_file = "+w.home+"/token")
				return spec{Profile: "pod"}
			},
		},
		{
			name:   "the token has expired",
			want:   "the web identity token has expired: Token expired: current date/time 2 must be before the expiration date/time 1; hint: it is for whoever writes the token file (the kubelet, the CI system) to renew it",
			reason: WebIdentityFailed, prepare: func(w *world) spec {
				pod(w, issuer, time.Hour)
				w.aws.Inject(awstest.OpAssumeRoleWithWebIdentity, awstest.Fault{
					Kind: awstest.Refuse, Status: 400, Code: "ExpiredTokenException",
					Message: "Token expired: current date/time 2 must be before the expiration date/time 1",
				})
				return spec{}
			},
		},
		{
			name:   "the token's issuer is not known",
			want:   "AWS STS does not accept the web identity token: No OpenIDConnect provider found in your account for https://other.example.com; hint: check the OIDC provider in IAM, and the token's issuer and audience",
			reason: WebIdentityFailed, prepare: func(w *world) spec {
				pod(w, other, time.Hour)
				return spec{}
			},
		},
		{
			name:   "the token is no token",
			want:   "AWS STS does not accept the web identity token: The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token); hint: check the OIDC provider in IAM, and the token's issuer and audience",
			reason: WebIdentityFailed, prepare: func(w *world) spec {
				pod(w, issuer, time.Hour)
				w.file("token", "not a token")
				return spec{}
			},
		},
		{
			name:   "the role does not trust the token",
			want:   "not allowed to assume arn:aws:iam::111122223333:role/pull with the web identity token: Not authorized to perform sts:AssumeRoleWithWebIdentity; hint: check that the role exists and that its trust policy names the token's issuer, subject and audience",
			reason: RoleDenied, prepare: func(w *world) spec {
				pod(w, issuer, time.Hour)
				w.aws.AddRole(awstest.Role{ARN: pull, Federated: []awstest.WebIdentity{{Issuer: issuer, Subject: "another pod"}}})
				return spec{}
			},
		},
	}
}
