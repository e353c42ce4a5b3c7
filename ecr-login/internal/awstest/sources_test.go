package awstest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"ecr-credential-helper/ecr-login/internal/awstest"
)

const (
	issuer   = "https://oidc.eks.eu-west-1.amazonaws.com/id/ABCDEF"
	subject  = "system:serviceaccount:build:runner"
	startURL = "https://example.awsapps.com/start"
)

// principal is who the fake ECR sees when the SDK fetches a token, and who STS
// says it is; both must agree.
func principal(t *testing.T, s *awstest.Server, cfg aws.Config) awstest.IssuedToken {
	t.Helper()
	issued, ok := s.Issued(mustPassword(t, cfg))
	if !ok {
		t.Fatal("the password was not issued here")
	}
	id, err := sts.NewFromConfig(cfg).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil {
		t.Fatal(err)
	}
	if aws.ToString(id.Arn) != issued.Principal {
		t.Fatalf("ECR saw %s, STS %s", issued.Principal, aws.ToString(id.Arn))
	}
	return issued
}

func TestCredentialSources(t *testing.T) {
	tests := []struct {
		name    string
		prepare func(t *testing.T, s *awstest.Server) (env map[string]string, config string)
		want    string // principal, up to a random session name
		ops     []awstest.Op
	}{
		{
			name: "static keys in the environment",
			prepare: func(*testing.T, *awstest.Server) (map[string]string, string) {
				return map[string]string{"AWS_ACCESS_KEY_ID": aliceID, "AWS_SECRET_ACCESS_KEY": aliceSecret}, ""
			},
			want: "arn:aws:iam::111122223333:user/alice",
		},
		{
			name: "static keys in a profile",
			prepare: func(*testing.T, *awstest.Server) (map[string]string, string) {
				return nil, "[default]\naws_access_key_id=" + aliceID + "\naws_secret_access_key=" + aliceSecret + "\n"
			},
			want: "arn:aws:iam::111122223333:user/alice",
		},
		{
			name: "a role assumed from a source profile",
			prepare: func(_ *testing.T, s *awstest.Server) (map[string]string, string) {
				s.AddRole(awstest.Role{ARN: pullRole, Trust: []string{"arn:aws:iam::111122223333:user/alice"}, ExternalID: "abc"})
				return map[string]string{"AWS_PROFILE": "pull"}, "[profile pull]\nrole_arn=" + pullRole +
					"\nsource_profile=base\nexternal_id=abc\nrole_session_name=ci\nduration_seconds=900\n" +
					"[profile base]\naws_access_key_id=" + aliceID + "\naws_secret_access_key=" + aliceSecret + "\n"
			},
			want: "arn:aws:sts::444455556666:assumed-role/pull/ci",
			ops:  []awstest.Op{awstest.OpAssumeRole},
		},
		{
			name: "a web identity token from the environment",
			prepare: func(t *testing.T, s *awstest.Server) (map[string]string, string) {
				s.AddRole(awstest.Role{ARN: pullRole, Federated: []awstest.WebIdentity{{Issuer: issuer, Subject: subject, Audience: "sts.amazonaws.com"}}})
				file := filepath.Join(t.TempDir(), "token")
				if err := os.WriteFile(file, []byte(s.WebIdentityToken(issuer, subject, "sts.amazonaws.com", time.Hour)), 0o600); err != nil {
					t.Fatal(err)
				}
				return map[string]string{"AWS_ROLE_ARN": pullRole, "AWS_WEB_IDENTITY_TOKEN_FILE": file, "AWS_ROLE_SESSION_NAME": "pod"}, ""
			},
			want: "arn:aws:sts::444455556666:assumed-role/pull/pod",
			ops:  []awstest.Op{awstest.OpAssumeRoleWithWebIdentity},
		},
		{
			name: "SSO of the old style",
			prepare: func(t *testing.T, s *awstest.Server) (map[string]string, string) {
				login(t, s, os.Getenv("HOME"), "", false)
				return nil, "[default]\nsso_start_url=" + startURL + "\nsso_region=eu-central-1\nsso_account_id=444455556666\nsso_role_name=Puller\n"
			},
			want: "arn:aws:sts::444455556666:assumed-role/AWSReservedSSO_Puller_",
			ops:  []awstest.Op{awstest.OpSSORoleCredentials},
		},
		{
			name: "an sso-session whose access token must be refreshed",
			prepare: func(t *testing.T, s *awstest.Server) (map[string]string, string) {
				login(t, s, os.Getenv("HOME"), "corp", true)
				return nil, "[default]\nsso_session=corp\nsso_account_id=444455556666\nsso_role_name=Puller\n" +
					"[sso-session corp]\nsso_start_url=" + startURL + "\nsso_region=eu-central-1\n"
			},
			want: "arn:aws:sts::444455556666:assumed-role/AWSReservedSSO_Puller_",
			ops:  []awstest.Op{awstest.OpSSOCreateToken, awstest.OpSSORoleCredentials},
		},
		{
			name: "aws login with credentials that are still good",
			prepare: func(t *testing.T, s *awstest.Server) (map[string]string, string) {
				return nil, consoleLogin(t, s, os.Getenv("HOME"), false)
			},
			want: "arn:aws:iam::111122223333:user/alice",
		},
		{
			name: "aws login with credentials that must be refreshed",
			prepare: func(t *testing.T, s *awstest.Server) (map[string]string, string) {
				return nil, consoleLogin(t, s, os.Getenv("HOME"), true)
			},
			want: "arn:aws:iam::111122223333:user/alice",
			ops:  []awstest.Op{awstest.OpSigninCreateToken},
		},
		{
			name: "container credentials without a token",
			prepare: func(_ *testing.T, s *awstest.Server) (map[string]string, string) {
				s.AddContainer(awstest.Container{Path: "/v2/credentials/7f3a", RoleARN: pullRole, SessionName: "task"})
				return map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": s.ContainerURL("/v2/credentials/7f3a")}, ""
			},
			want: "arn:aws:sts::444455556666:assumed-role/pull/task",
			ops:  []awstest.Op{awstest.OpContainerCredentials},
		},
		{
			name: "EKS pod identity",
			prepare: func(t *testing.T, s *awstest.Server) (map[string]string, string) {
				mine := s.WebIdentityToken(issuer, subject, "pods.eks.amazonaws.com", time.Hour)
				s.AddContainer(awstest.Container{Path: "/v1/credentials", Token: "another pod's", RoleARN: "arn:aws:iam::444455556666:role/other"})
				s.AddContainer(awstest.Container{Path: "/v1/credentials", Token: mine, RoleARN: pullRole, SessionName: "eks-pod"})
				file := filepath.Join(t.TempDir(), "token")
				if err := os.WriteFile(file, []byte(mine), 0o600); err != nil {
					t.Fatal(err)
				}
				return map[string]string{
					"AWS_CONTAINER_CREDENTIALS_FULL_URI":     s.ContainerURL("/v1/credentials"),
					"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": file,
				}, ""
			},
			want: "arn:aws:sts::444455556666:assumed-role/pull/eks-pod",
			ops:  []awstest.Op{awstest.OpContainerCredentials},
		},
		{
			name: "instance metadata",
			prepare: func(_ *testing.T, s *awstest.Server) (map[string]string, string) {
				s.SetInstance(&awstest.Instance{ID: "i-0aaaaaaaaaaaaaaaa", RoleARN: pullRole})
				return nil, ""
			},
			want: "arn:aws:sts::444455556666:assumed-role/pull/i-0aaaaaaaaaaaaaaaa",
			ops:  []awstest.Op{awstest.OpMetadataToken, awstest.OpMetadataRoleName, awstest.OpMetadataCredentials},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := start(t, awstest.Options{})
			home := isolate(t, s, nil)
			env, text := tt.prepare(t, s)
			for k, v := range env {
				t.Setenv(k, v)
			}
			writeConfig(t, home, text)
			cfg := loaded(t)
			issued := principal(t, s, cfg)
			if !strings.HasPrefix(issued.Principal, tt.want) {
				t.Errorf("got %s, want %s", issued.Principal, tt.want)
			}
			for _, op := range tt.ops {
				if s.Count(op) != 1 {
					t.Errorf("%s was called %d times", op, s.Count(op))
				}
			}
			seen := len(tt.ops) + 2
			if got := s.Count(); got != seen {
				t.Errorf("%d requests, want %d: %v", got, seen, s.Requests())
			}
		})
	}
}

// login opens an SSO session and leaves its cache file. A stale file makes the
// SDK refresh the access token first.
func login(t *testing.T, s *awstest.Server, home, session string, stale bool) awstest.SSOSession {
	t.Helper()
	l := s.LoginSSO(awstest.SSO{
		StartURL: startURL, Region: "eu-central-1", User: "bob",
		Grants: []awstest.SSOGrant{{Account: "444455556666", Role: "Puller"}},
	})
	if stale {
		l.ExpiresAt = time.Now().Add(-time.Minute).UTC()
	}
	if _, err := l.WriteCache(home, session); err != nil {
		t.Fatal(err)
	}
	return l
}

// consoleLogin opens an "aws login" session, leaves its cache file and returns
// the profile.
func consoleLogin(t *testing.T, s *awstest.Server, home string, stale bool) string {
	t.Helper()
	const arn = "arn:aws:iam::111122223333:user/alice"
	l, err := s.LoginConsole(awstest.Login{Principal: arn})
	if err != nil {
		t.Fatal(err)
	}
	if stale {
		l.AccessToken.ExpiresAt = time.Now().Add(-time.Minute).UTC()
	}
	if _, err := l.WriteCache(home); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("[default]\nlogin_session=%s\n", arn)
}

// retrieve resolves credentials and nothing else.
func retrieve(t *testing.T, cfg aws.Config) error {
	t.Helper()
	_, err := cfg.Credentials.Retrieve(t.Context())
	return err
}

const ssoProfile = "[default]\nsso_session=corp\nsso_account_id=444455556666\nsso_role_name=%s\n" +
	"[sso-session corp]\nsso_start_url=" + startURL + "\nsso_region=eu-central-1\n"

func TestAnEndedSSOSessionIsRefused(t *testing.T) {
	tests := []struct {
		name, role, code string
		stale            bool
		end              bool
	}{
		{name: "access token after the end", role: "Puller", end: true, code: "UnauthorizedException"},
		{name: "refresh token after the end", role: "Puller", end: true, stale: true, code: "InvalidGrantException"},
		{name: "a role that was not granted", role: "Admin", code: "ForbiddenException"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := start(t, awstest.Options{})
			home := isolate(t, s, nil)
			login(t, s, home, "corp", tt.stale)
			writeConfig(t, home, fmt.Sprintf(ssoProfile, tt.role))
			if tt.end {
				s.EndSSO(startURL)
			}
			wantCode(t, retrieve(t, loaded(t)), tt.code)
		})
	}
}

func TestAnEndedConsoleLoginIsRefused(t *testing.T) {
	const arn = "arn:aws:iam::111122223333:user/alice"
	tests := []struct {
		name  string
		spoil func(*awstest.Server)
		want  string
	}{
		{"the session ended", func(s *awstest.Server) { s.EndLogin(arn) }, "login session has expired"},
		{"the password was changed", func(s *awstest.Server) { s.ChangePassword(arn) }, "login session password has changed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := start(t, awstest.Options{})
			home := isolate(t, s, nil)
			writeConfig(t, home, consoleLogin(t, s, home, true))
			tt.spoil(s)
			if err := retrieve(t, loaded(t)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestAConsoleLoginWithAnotherKeyIsRefused(t *testing.T) {
	s := start(t, awstest.Options{})
	home := isolate(t, s, nil)
	writeConfig(t, home, consoleLogin(t, s, home, true))
	mine, err := s.LoginConsole(awstest.Login{Principal: "arn:aws:iam::111122223333:user/alice"})
	if err != nil {
		t.Fatal(err)
	}
	other, err := s.LoginConsole(awstest.Login{Principal: mine.Name})
	if err != nil {
		t.Fatal(err)
	}
	mine.DPoPKey = other.DPoPKey
	mine.AccessToken.ExpiresAt = time.Now().Add(-time.Minute)
	if _, err := mine.WriteCache(home); err != nil {
		t.Fatal(err)
	}
	if err := retrieve(t, loaded(t)); err == nil {
		t.Error("a refresh token worked with a key that it is not bound to")
	}
}

func TestARefreshedTokenStaysUsable(t *testing.T) {
	s := start(t, awstest.Options{})
	home := isolate(t, s, nil)
	login(t, s, home, "corp", true)
	writeConfig(t, home, fmt.Sprintf(ssoProfile, "Puller"))
	for range 2 {
		if err := retrieve(t, loaded(t)); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.Count(awstest.OpSSOCreateToken); got != 1 {
		t.Errorf("the token was refreshed %d times", got)
	}
}

func TestARelativeContainerURIArrivesThroughAProxy(t *testing.T) {
	s := start(t, awstest.Options{})
	isolate(t, s, map[string]string{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials/7f3a"})
	s.AddContainer(awstest.Container{Path: "/v2/credentials/7f3a", RoleARN: pullRole, SessionName: "task"})
	proxy, err := awstest.NewRecorder()
	if err != nil {
		t.Fatal(err)
	}
	defer proxy.Close()
	proxy.ForwardTo(s)
	// The SDK does not use its configured HTTP client for container credentials.
	cfg, err := config.LoadDefaultConfig(t.Context(), config.WithEndpointCredentialOptions(func(o *endpointcreds.Options) {
		o.HTTPClient = throughProxy(t, proxy, nil)
	}))
	if err != nil {
		t.Fatal(err)
	}
	if err := retrieve(t, cfg); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(proxy.Hosts(), " "); got != "169.254.170.2:80" {
		t.Errorf("went to %s", got)
	}
	if got := s.Requests()[0].Principal; got != "arn:aws:sts::444455556666:assumed-role/pull/task" {
		t.Errorf("principal %s", got)
	}
}

func TestAContainerTokenIsChecked(t *testing.T) {
	s := start(t, awstest.Options{})
	isolate(t, s, map[string]string{
		"AWS_CONTAINER_CREDENTIALS_FULL_URI": s.ContainerURL("/creds"),
		"AWS_CONTAINER_AUTHORIZATION_TOKEN":  "wrong",
	})
	s.AddContainer(awstest.Container{Path: "/creds", Token: "right", RoleARN: pullRole})
	wantCode(t, retrieve(t, loaded(t)), "AccessDeniedException")
	if r := s.Requests()[0]; r.Status != 401 || r.Principal != "" {
		t.Errorf("recorded %v", r)
	}
}

func TestWorkloadCredentialsRotate(t *testing.T) {
	t.Parallel()
	s := start(t, awstest.Options{})
	s.AddContainer(awstest.Container{Path: "/creds", RoleARN: pullRole})
	fetch := func() string {
		resp, err := http.Get(s.ContainerURL("/creds"))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var v struct {
			AccessKeyID string `json:"AccessKeyId"`
		}
		if err := json.NewDecoder(resp.Body).Decode(&v); err != nil {
			t.Fatal(err)
		}
		return v.AccessKeyID
	}
	first, second := fetch(), fetch()
	s.RotateRole(pullRole)
	third := fetch()
	if first != second || second == third {
		t.Errorf("got %s, %s and, rotated, %s", first, second, third)
	}
	if p, session, ok := s.SessionOf(first); !ok || session.RoleARN != pullRole || p.Account != "444455556666" {
		t.Errorf("the first session is %v %v %v", p, session, ok)
	}
}
