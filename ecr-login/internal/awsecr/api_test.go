package awsecr

import (
	"net/http"
	"testing"
	"time"

	"ecr-credential-helper/ecr-login/internal/awstest"
)

func TestWhatAWSRefuses(t *testing.T) {
	t.Parallel()
	tell(t, toldByAWS())
}

func toldByAWS() []told {
	const alice = "arn:aws:iam::111122223333:user/alice"
	refuse := func(op awstest.Op, code, message string) func(*world) spec {
		return faulty(op, awstest.Fault{Kind: awstest.Refuse, Code: code, Message: message})
	}
	// prod is a profile whose keys assume a role, and may change the role.
	prod := func(w *world, role awstest.Role, lines ...string) {
		role.ARN = pull
		w.aws.AddRole(role)
		w.set(awsProfile, "prod").config(append([]string{
			"[profile base]", "aws_access_key_id = " + keyID, "aws_secret_access_key = " + secret,
			"[profile prod]", "role_arn = " + pull, "source_profile = base",
		}, lines...)...)
	}
	return []told{
		{
			name:   "the token",
			want:   "AWS denies ecr:GetAuthorizationToken to environment keys AKIA…0000: User: arn:aws:iam::111122223333:user/alice is not authorized to perform: ecr:GetAuthorizationToken on resource: * because no identity-based policy allows the ecr:GetAuthorizationToken action; hint: allow ecr:GetAuthorizationToken on resource * (the managed policy AmazonEC2ContainerRegistryReadOnly does), also in service control and VPC endpoint policies",
			reason: Denied, prepare: func(w *world) spec {
				w.alice().aws.Deny(alice, awstest.OpECRToken)
				return spec{}
			},
		},
		{
			name:   "the token, to a role",
			want:   "AWS denies ecr:GetAuthorizationToken to role arn:aws:iam::111122223333:role/pull (profile base, static keys AKIA…0000): User: arn:aws:sts::111122223333:assumed-role/pull/me is not authorized to perform: ecr:GetAuthorizationToken on resource: * because no identity-based policy allows the ecr:GetAuthorizationToken action; hint: allow ecr:GetAuthorizationToken on resource * (the managed policy AmazonEC2ContainerRegistryReadOnly does), also in service control and VPC endpoint policies",
			reason: Denied, prepare: func(w *world) spec {
				prod(w, awstest.Role{}, "role_session_name = me")
				w.aws.Deny(pull, awstest.OpECRToken)
				return spec{}
			},
		},
		{
			name:   "the token, to a role that nobody named",
			want:   "AWS denies ecr:GetAuthorizationToken to static keys (profile base): User: arn:aws:sts::111122223333:assumed-role/pull/me is not authorized to perform: ecr:GetAuthorizationToken on resource: * because no identity-based policy allows the ecr:GetAuthorizationToken action; hint: allow ecr:GetAuthorizationToken on resource * (the managed policy AmazonEC2ContainerRegistryReadOnly does), also in service control and VPC endpoint policies",
			reason: Denied, prepare: func(w *world) spec {
				prod(w, awstest.Role{}, "role_session_name = me")
				w.aws.Deny(pull, awstest.OpECRToken)
				return spec{Anonymous: true}
			},
		},
		{
			name:   "the token for ECR Public",
			want:   "AWS denies the token for ECR Public to environment keys AKIA…0000: User: arn:aws:iam::111122223333:user/alice is not authorized to perform: ecr-public:GetAuthorizationToken on resource: * because no identity-based policy allows the ecr-public:GetAuthorizationToken action; hint: allow ecr-public:GetAuthorizationToken and sts:GetServiceBearerToken on resource * (the managed policy AmazonElasticContainerRegistryPublicReadOnly does)",
			reason: Denied, prepare: func(w *world) spec {
				w.alice().aws.Deny(alice, awstest.OpPublicToken)
				return spec{Host: public}
			},
		},
		{
			name:   "the bearer token for ECR Public",
			want:   "AWS denies the token for ECR Public to environment keys AKIA…0000: User: arn:aws:iam::111122223333:user/alice is not authorized to perform: sts:GetServiceBearerToken on resource: * because no identity-based policy allows the sts:GetServiceBearerToken action; hint: allow ecr-public:GetAuthorizationToken and sts:GetServiceBearerToken on resource * (the managed policy AmazonElasticContainerRegistryPublicReadOnly does)",
			reason: Denied, prepare: func(w *world) spec {
				w.alice().aws.Deny(alice, "sts:GetServiceBearerToken")
				return spec{Host: public}
			},
		},
		{
			name:   "a role",
			want:   "not allowed to assume arn:aws:iam::111122223333:role/pull: User: arn:aws:iam::111122223333:user/alice is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::111122223333:role/pull; hint: check that the role exists, its trust policy and external ID, and that the caller may sts:AssumeRole",
			reason: RoleDenied, prepare: func(w *world) spec {
				prod(w, awstest.Role{Trust: []string{"arn:aws:iam::444455556666:root"}})
				return spec{}
			},
		},
		{
			name:   "a role without its external ID",
			want:   "not allowed to assume arn:aws:iam::111122223333:role/pull: User: arn:aws:iam::111122223333:user/alice is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::111122223333:role/pull; hint: check that the role exists, its trust policy and external ID, and that the caller may sts:AssumeRole",
			reason: RoleDenied, prepare: func(w *world) spec {
				w.aws.AddRole(awstest.Role{ARN: pull, ExternalID: "abc"})
				w.alice()
				return spec{RoleARN: pull, ExternalID: "xyz"}
			},
		},
		{
			name:   "a role for so long",
			want:   "AWS STS refuses to give out arn:aws:iam::111122223333:role/pull: The requested DurationSeconds exceeds the MaxSessionDuration set for this role; hint: correct role_arn, role_session_name or duration_seconds",
			reason: RoleDenied, prepare: func(w *world) spec {
				prod(w, awstest.Role{MaxSession: time.Hour}, "duration_seconds = 43200")
				return spec{}
			},
		},
		{
			name:   "roles in a region that is not enabled",
			want:   "AWS STS is not enabled in eu-west-1 for this account; hint: enable the region in the settings of the account",
			reason: UnknownRegion, prepare: func(w *world) spec {
				prod(w, awstest.Role{})
				w.aws.Inject(awstest.OpAssumeRole, awstest.Fault{Kind: awstest.Refuse, Status: 403, Code: "RegionDisabledException", Message: "STS is not activated in this region"})
				return spec{}
			},
		},
		{
			name:   "too many calls",
			want:   "GetAuthorizationToken of ECR in eu-west-1 is throttled (ThrottlingException); hint: too many calls come from this account in this region; see whether the token cache is off (AWS_ECR_DISABLE_CACHE) or cannot be written",
			reason: Throttled, transient: true, prepare: faulty(awstest.OpECRToken, awstest.Throttled(0)),
		},
		{
			name:   "too many calls, with a status alone",
			want:   "GetAuthorizationToken of ECR in eu-west-1 is throttled (status 429); hint: too many calls come from this account in this region; see whether the token cache is off (AWS_ECR_DISABLE_CACHE) or cannot be written",
			reason: Throttled, transient: true,
			prepare: faulty(awstest.OpECRToken, awstest.Fault{Hook: say(http.StatusTooManyRequests, "slow down")}),
		},
		{
			name:   "too many calls of STS",
			want:   "AssumeRole of AWS STS is throttled (Throttling); hint: too many calls come from this account in this region; see whether the token cache is off (AWS_ECR_DISABLE_CACHE) or cannot be written",
			reason: Throttled, transient: true, prepare: func(w *world) spec {
				w.alice().aws.Inject(awstest.OpAssumeRole, awstest.Fault{Kind: awstest.Refuse, Code: "Throttling"})
				return spec{RoleARN: pull}
			},
		},
		{
			name:   "anything, for it is broken",
			want:   "GetAuthorizationToken of ECR in eu-west-1 failed with ServerException; hint: try again; https://health.aws.amazon.com says whether AWS has a problem",
			reason: ServerError, transient: true, prepare: faulty(awstest.OpECRToken, awstest.Broken(0)),
		},
		{
			name:   "anything, with a web page",
			want:   "GetAuthorizationToken of ECR in eu-west-1 failed with status 503; hint: try again; https://health.aws.amazon.com says whether AWS has a problem",
			reason: ServerError, transient: true,
			prepare: faulty(awstest.OpECRToken, awstest.Fault{Hook: say(http.StatusServiceUnavailable, "<html>down</html>")}),
		},
		{
			name:   "anything, with a web page that is no fault of the server",
			want:   "ECR in eu-west-1 gave an answer that cannot be used: it has status 403 and not the form that AWS documents; hint: see whether a proxy, a login page of the network or AWS_ENDPOINT_URL stands between here and AWS",
			reason: BadAnswer, transient: true,
			prepare: faulty(awstest.OpECRToken, awstest.Fault{Hook: say(http.StatusForbidden, "<html>blocked by policy</html>")}),
		},
		{
			name:   "a wrong clock, by name",
			want:   "AWS refuses the request because the clock of this machine is wrong: The difference between the request time and the current time is too large; hint: set the clock, for example with NTP",
			reason: ClockSkew, prepare: refuse(awstest.OpECRToken, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large."),
		},
		{
			name:   "a clock that is behind",
			want:   "AWS refuses the request because the clock of this machine is wrong: Signature expired: 20260101T000000Z is now earlier than 20260101T005500Z (20260101T010000Z - 5 min.); hint: set the clock, for example with NTP",
			reason: ClockSkew, prepare: refuse(awstest.OpECRToken, "InvalidSignatureException",
				"Signature expired: 20260101T000000Z is now earlier than 20260101T005500Z (20260101T010000Z - 5 min.)"),
		},
		{
			name:   "a clock that is ahead",
			want:   "AWS refuses the request because the clock of this machine is wrong: Signature not yet current: 20260101T010000Z is still later than 20260101T000500Z (20260101T000000Z + 5 min.); hint: set the clock, for example with NTP",
			reason: ClockSkew, prepare: func(w *world) spec {
				w.alice().aws.Inject(awstest.OpAssumeRole, awstest.Fault{
					Kind: awstest.Refuse, Status: 403, Code: "SignatureDoesNotMatch",
					Message: "Signature not yet current: 20260101T010000Z is still later than 20260101T000500Z (20260101T000000Z + 5 min.)",
				})
				return spec{RoleARN: pull}
			},
		},
		{
			name:   "a wrong secret key",
			want:   "the AWS secret key does not belong to the access key ID, or a proxy changes requests (InvalidSignatureException): environment keys AKIA…0000; hint: check the secret key: is it whole, without a blank or a line break at its end",
			reason: InvalidKeys, prepare: func(w *world) spec {
				w.alice().set("AWS_SECRET_ACCESS_KEY", "another secret")
				return spec{}
			},
		},
		{
			name:   "a wrong secret key, quoting the session token",
			want:   "the AWS secret key does not belong to the access key ID, or a proxy changes requests (InvalidSignatureException): environment keys AKIA…0000; hint: check the secret key: is it whole, without a blank or a line break at its end",
			reason: InvalidKeys, prepare: func(w *world) spec {
				w.secrets = append(w.secrets, "the-session-token")
				w.alice().set("AWS_SESSION_TOKEN", "the-session-token")
				w.aws.Inject(awstest.OpECRToken, awstest.Fault{
					Kind: awstest.Refuse, Status: 403, Code: "InvalidSignatureException",
					Message: "The request signature we calculated does not match. The Canonical String for this request should have been 'POST\nx-amz-security-token:the-session-token'",
				})
				return spec{}
			},
		},
		{
			name:   "a key that does not exist",
			want:   "AWS does not know these keys in eu-west-1 (UnrecognizedClientException): environment keys AKIA…0000; hint: check that they are not deleted, that the session token is theirs, and that their account is in this partition and has enabled the region",
			reason: InvalidKeys, prepare: func(w *world) spec {
				w.alice().aws.RemoveKey(keyID)
				return spec{}
			},
		},
		{
			name:   "a key that does not exist, to STS",
			want:   "AWS does not know these keys in eu-west-1 (InvalidClientTokenId): role arn:aws:iam::111122223333:role/pull (environment keys AKIA…0000); hint: check that they are not deleted, that the session token is theirs, and that their account is in this partition and has enabled the region",
			reason: InvalidKeys, prepare: func(w *world) spec {
				w.alice().aws.RemoveKey(keyID)
				return spec{RoleARN: pull}
			},
		},
		{
			name:   "keys that have expired, of the environment",
			want:   "the temporary AWS keys have expired: environment keys; hint: set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN anew; keys in the environment are not renewed by themselves",
			reason: ExpiredKeys, prepare: func(w *world) spec {
				w.expired(func(k awstest.Key) {
					w.set("AWS_ACCESS_KEY_ID", k.AccessKeyID, "AWS_SECRET_ACCESS_KEY", k.SecretAccessKey, "AWS_SESSION_TOKEN", k.SessionToken)
				})
				return spec{Anonymous: true}
			},
		},
		{
			name:   "keys that have expired, of a profile",
			want:   "the temporary AWS keys have expired: static keys (profile prod); hint: put new keys into profile prod; or let SSO, a role or a credential_process renew them by themselves",
			reason: ExpiredKeys, prepare: func(w *world) spec {
				w.expired(func(k awstest.Key) {
					w.file(".aws/credentials", "[prod]\naws_access_key_id="+k.AccessKeyID+"\naws_secret_access_key="+k.SecretAccessKey+"\naws_session_token="+k.SessionToken+"\n")
				})
				return spec{Profile: "prod", Anonymous: true}
			},
		},
		{
			name:   "keys that have expired, of an instance",
			want:   "the temporary AWS keys have expired: EC2 instance role; hint: check the clock of this machine, and try again",
			reason: ExpiredKeys, prepare: func(w *world) spec {
				w.aws.SetInstance(&awstest.Instance{RoleARN: pull})
				w.aws.Inject(awstest.OpECRToken, awstest.Fault{Kind: awstest.Refuse, Code: "ExpiredTokenException"})
				return spec{}
			},
		},
		{
			name:   "something new",
			want:   "GetAuthorizationToken of ECR in eu-west-1 failed with NoSuchThingException: Nobody knows the trouble; hint: see whether `aws ecr get-login-password --region eu-west-1` fares better",
			reason: Unexpected, prepare: refuse(awstest.OpECRToken, "NoSuchThingException", "Nobody knows\nthe trouble."),
		},
		{
			name:   "something new, for a profile",
			want:   "GetAuthorizationToken of ECR Public failed with NoSuchThingException: Nobody knows; hint: see whether `aws ecr-public get-login-password --region us-east-1 --profile prod` fares better",
			reason: Unexpected, prepare: func(w *world) spec {
				prod(w, awstest.Role{})
				w.aws.Inject(awstest.OpPublicToken, awstest.Fault{Kind: awstest.Refuse, Status: 404, Code: "NoSuchThingException", Message: "Nobody knows"})
				return spec{Profile: "prod", Host: public}
			},
		},
	}
}

// expired issues keys that have expired already.
func (w *world) expired(use func(awstest.Key)) {
	k := w.aws.IssueSession(pull, "me", time.Hour)
	w.aws.ExpireKey(k.AccessKeyID)
	w.secrets = append(w.secrets, k.SecretAccessKey, k.SessionToken)
	use(k)
}
