package awstest_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"ecr-credential-helper/ecr-login/internal/awstest"
)

const aliceARN = "arn:aws:iam::111122223333:user/alice"

func assume(ctx context.Context, cfg aws.Config, edit func(*sts.AssumeRoleInput)) (*sts.AssumeRoleOutput, error) {
	in := &sts.AssumeRoleInput{RoleArn: aws.String(pullRole), RoleSessionName: aws.String("session")}
	if edit != nil {
		edit(in)
	}
	return sts.NewFromConfig(cfg).AssumeRole(ctx, in)
}

func TestAssumeRoleFollowsTheTrustPolicy(t *testing.T) {
	t.Parallel()
	const notAllowed = "User: " + aliceARN + " is not authorized to perform: sts:AssumeRole on resource: " + pullRole
	tests := []struct {
		name string
		role awstest.Role
		in   func(*sts.AssumeRoleInput)
		code string
		says string
	}{
		{name: "trusts the user", role: awstest.Role{Trust: []string{aliceARN}}},
		{name: "trusts the user's account", role: awstest.Role{Trust: []string{"arn:aws:iam::111122223333:root"}}},
		{name: "trusts everyone", role: awstest.Role{Trust: []string{"*"}}},
		{name: "trusts only its own account", code: "AccessDenied", says: notAllowed},
		{name: "trusts someone else", role: awstest.Role{Trust: []string{aliceARN + "2"}}, code: "AccessDenied", says: notAllowed},
		{
			name: "wants an external id", role: awstest.Role{Trust: []string{"*"}, ExternalID: "abc"},
			code: "AccessDenied", says: notAllowed,
		},
		{
			name: "gets the external id", role: awstest.Role{Trust: []string{"*"}, ExternalID: "abc"},
			in: func(in *sts.AssumeRoleInput) { in.ExternalId = aws.String("abc") },
		},
		{
			name: "wants MFA", role: awstest.Role{Trust: []string{"*"}, MFASerial: "arn:aws:iam::111122223333:mfa/a", MFACode: "123456"},
			code: "AccessDenied", says: notAllowed,
		},
		{
			name: "gets a wrong MFA code", role: awstest.Role{Trust: []string{"*"}, MFASerial: "arn:aws:iam::111122223333:mfa/a", MFACode: "123456"},
			in: func(in *sts.AssumeRoleInput) {
				in.SerialNumber, in.TokenCode = aws.String("arn:aws:iam::111122223333:mfa/a"), aws.String("654321")
			},
			code: "AccessDenied", says: "MultiFactorAuthentication failed",
		},
		{
			name: "gets the MFA code", role: awstest.Role{Trust: []string{"*"}, MFASerial: "arn:aws:iam::111122223333:mfa/a", MFACode: "123456"},
			in: func(in *sts.AssumeRoleInput) {
				in.SerialNumber, in.TokenCode = aws.String("arn:aws:iam::111122223333:mfa/a"), aws.String("123456")
			},
		},
		{
			name: "duration beyond the role's", role: awstest.Role{Trust: []string{"*"}},
			in:   func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(7200) },
			code: "ValidationError", says: "MaxSessionDuration",
		},
		{
			name: "duration too short", role: awstest.Role{Trust: []string{"*"}},
			in:   func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(60) },
			code: "ValidationError", says: "greater than or equal to 900",
		},
		{
			name: "session name with a space", role: awstest.Role{Trust: []string{"*"}},
			in:   func(in *sts.AssumeRoleInput) { in.RoleSessionName = aws.String("a b") },
			code: "ValidationError", says: "roleSessionName",
		},
		{
			name: "a role that does not exist", role: awstest.Role{Trust: []string{"*"}},
			in:   func(in *sts.AssumeRoleInput) { in.RoleArn = aws.String(pullRole + "er") },
			code: "AccessDenied", says: "sts:AssumeRole on resource: " + pullRole + "er",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, awstest.Options{})
			tt.role.ARN = pullRole
			s.AddRole(tt.role)
			out, err := assume(t.Context(), asAlice(s), tt.in)
			if tt.code != "" {
				if msg := wantCode(t, err, tt.code); !strings.Contains(msg, tt.says) {
					t.Errorf("message %q", msg)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := aws.ToString(out.AssumedRoleUser.Arn); got != "arn:aws:sts::444455556666:assumed-role/pull/session" {
				t.Errorf("assumed %s", got)
			}
			if !strings.HasPrefix(aws.ToString(out.Credentials.AccessKeyId), "ASIA") || out.Credentials.Expiration == nil {
				t.Errorf("credentials %v", out.Credentials)
			}
		})
	}
}

func TestRolesChain(t *testing.T) {
	t.Parallel()
	const hop, end = "arn:aws:iam::444455556666:role/hop", "arn:aws:iam::777788889999:role/end"
	s := start(t, awstest.Options{})
	s.AddRole(awstest.Role{ARN: hop, Trust: []string{aliceARN}})
	s.AddRole(awstest.Role{ARN: end, Trust: []string{hop}, MaxSession: 12 * time.Hour})
	first, err := assume(t.Context(), asAlice(s), func(in *sts.AssumeRoleInput) { in.RoleArn = aws.String(hop) })
	if err != nil {
		t.Fatal(err)
	}
	c := first.Credentials
	mid := static(s, *c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken)
	_, err = assume(t.Context(), mid, func(in *sts.AssumeRoleInput) {
		in.RoleArn, in.DurationSeconds = aws.String(end), aws.Int32(2*3600)
	})
	wantCode(t, err, "ValidationError")
	second, err := assume(t.Context(), mid, func(in *sts.AssumeRoleInput) {
		in.RoleArn = aws.String(end)
		in.ExternalId, in.SourceIdentity = aws.String("ext"), aws.String("alice")
		in.Policy = aws.String(`{"Version":"2012-10-17"}`)
		in.PolicyArns = []types.PolicyDescriptorType{{Arn: aws.String("arn:aws:iam::aws:policy/ReadOnly")}}
		in.Tags = []types.Tag{{Key: aws.String("team"), Value: aws.String("build")}}
	})
	if err != nil {
		t.Fatal(err)
	}
	c = second.Credentials
	cfg := static(s, *c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken)
	issued, _ := s.Issued(mustPassword(t, cfg))
	got := issued.Session
	if issued.Principal != "arn:aws:sts::777788889999:assumed-role/end/session" || got.RoleARN != end || got.Via != awstest.OpAssumeRole ||
		got.Caller != "arn:aws:sts::444455556666:assumed-role/hop/session" || got.ExternalID != "ext" || got.SourceIdentity != "alice" ||
		got.Policy != `{"Version":"2012-10-17"}` || len(got.PolicyARNs) != 1 || got.Tags["team"] != "build" {
		t.Errorf("issued to %+v", issued)
	}
	rec := s.Requests(awstest.OpAssumeRole)[2]
	if rec.Params["RoleArn"] != end || rec.Params["ExternalId"] != "ext" || rec.Principal != "arn:aws:sts::444455556666:assumed-role/hop/session" || rec.Status != 200 {
		t.Errorf("recorded %v", rec)
	}
	// Denying the role denies its sessions; ending them is another matter.
	s.Deny(end, awstest.OpECRToken)
	_, _, err = password(t.Context(), cfg)
	wantCode(t, err, "AccessDeniedException")
	s.ExpireSessions(end)
	_, _, err = password(t.Context(), cfg)
	wantCode(t, err, "ExpiredTokenException")
}

func TestWebIdentityTokensAreJudgedByTheirClaims(t *testing.T) {
	t.Parallel()
	s := start(t, awstest.Options{})
	s.AddRole(awstest.Role{ARN: pullRole, Federated: []awstest.WebIdentity{
		{Issuer: issuer, Subject: subject, Audience: "sts.amazonaws.com"},
		{Token: "opaque"},
	}})
	tests := []struct {
		name, role, token, code string
	}{
		{"the trusted subject", pullRole, s.WebIdentityToken(issuer, subject, "sts.amazonaws.com", time.Hour), ""},
		{"a token known as a whole", pullRole, "opaque", ""},
		{"another subject", pullRole, s.WebIdentityToken(issuer, subject+"2", "sts.amazonaws.com", time.Hour), "AccessDenied"},
		{"another audience", pullRole, s.WebIdentityToken(issuer, subject, "elsewhere", time.Hour), "AccessDenied"},
		{"another issuer", pullRole, s.WebIdentityToken("https://x.test", subject, "sts.amazonaws.com", time.Hour), "InvalidIdentityToken"},
		{"expired", pullRole, s.WebIdentityToken(issuer, subject, "sts.amazonaws.com", -time.Hour), "ExpiredTokenException"},
		{"no JWT", pullRole, "garbage", "InvalidIdentityToken"},
		{"a JWT of no JSON", pullRole, "a.b.c", "InvalidIdentityToken"},
		{"another role", pullRole + "2", s.WebIdentityToken(issuer, subject, "sts.amazonaws.com", time.Hour), "AccessDenied"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			out, err := sts.NewFromConfig(asAlice(s)).AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{
				RoleArn: aws.String(tt.role), RoleSessionName: aws.String("pod"), WebIdentityToken: aws.String(tt.token),
			})
			if tt.code != "" {
				wantCode(t, err, tt.code)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			c := out.Credentials
			issued, _ := s.Issued(mustPassword(t, static(s, *c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken)))
			if issued.Principal != "arn:aws:sts::444455556666:assumed-role/pull/pod" {
				t.Errorf("issued to %s", issued.Principal)
			}
		})
	}
}

func TestNoSecretIsRecordedOrPrinted(t *testing.T) {
	t.Parallel()
	s := start(t, awstest.Options{})
	s.AddRole(awstest.Role{ARN: pullRole, Trust: []string{"*"}, MFASerial: "serial", MFACode: "987654"})
	out, err := assume(t.Context(), asAlice(s), func(in *sts.AssumeRoleInput) {
		in.SerialNumber, in.TokenCode = aws.String("serial"), aws.String("987654")
	})
	if err != nil {
		t.Fatal(err)
	}
	c := out.Credentials
	pw := mustPassword(t, static(s, *c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken))
	issued, _ := s.Issued(pw)
	key := s.IssueSession(pullRole, "x", 0)
	sso := s.LoginSSO(awstest.SSO{StartURL: startURL})
	console, err := s.LoginConsole(awstest.Login{Principal: aliceARN})
	if err != nil {
		t.Fatal(err)
	}
	text := spell(s.Requests(), issued, key, &key, sso, console)
	for what, secret := range map[string]string{
		"user's secret": aliceSecret, "MFA code": "987654", "session's secret": *c.SecretAccessKey, "session token": *c.SessionToken,
		"password": pw, "issued secret": key.SecretAccessKey, "issued token": key.SessionToken, "SSO token": sso.AccessToken,
		"SSO refresh token": sso.RefreshToken, "login secret": console.AccessToken.SecretAccessKey, "login key": console.DPoPKey,
	} {
		if strings.Contains(text, secret) {
			t.Errorf("the %s is printed", what)
		}
	}
}
