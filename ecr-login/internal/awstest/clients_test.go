package awstest_test

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecrpublic"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"ecr-credential-helper/ecr-login/internal/awstest"
)

const (
	aliceID     = "AKIAALICEALICEALICE0"
	aliceSecret = "alice-secret/with+odd=characters"
	region      = "eu-west-1"
	pullRole    = "arn:aws:iam::444455556666:role/team/pull"
)

// start returns a running fake that knows the user alice.
func start(t *testing.T, opts awstest.Options) *awstest.Server {
	t.Helper()
	s, err := awstest.Start(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	s.AddUser("alice", aliceID, aliceSecret)
	return s
}

// static is an SDK configuration that touches neither environment nor files.
func static(s *awstest.Server, keyID, secret, session string) aws.Config {
	return aws.Config{
		Region:       region,
		BaseEndpoint: aws.String(s.URL()),
		Credentials:  credentials.NewStaticCredentialsProvider(keyID, secret, session),
	}
}

func asAlice(s *awstest.Server) aws.Config { return static(s, aliceID, aliceSecret, "") }

// isolate leads the SDK's configuration loader to the fake and to an empty home
// directory, which it returns.
func isolate(t *testing.T, s *awstest.Server, env map[string]string) string {
	t.Helper()
	home := t.TempDir()
	for _, kv := range os.Environ() {
		if k, _, _ := strings.Cut(kv, "="); strings.HasPrefix(k, "AWS_") {
			t.Setenv(k, "")
			if err := os.Unsetenv(k); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home)
	t.Setenv("AWS_REGION", region)
	// The SDK settles the default paths when the program starts.
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(home, ".aws", "config"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(home, ".aws", "credentials"))
	for k, v := range s.EnvMap() {
		t.Setenv(k, v)
	}
	for k, v := range env {
		t.Setenv(k, v)
	}
	return home
}

func writeConfig(t *testing.T, home, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(home, ".aws"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, ".aws", "config"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// loaded is the configuration that a program would get from its surroundings.
func loaded(t *testing.T) aws.Config {
	t.Helper()
	cfg, err := config.LoadDefaultConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// password fetches a token with the SDK and takes it apart.
func password(ctx context.Context, cfg aws.Config, accounts ...string) (string, time.Time, error) {
	out, err := ecr.NewFromConfig(cfg).GetAuthorizationToken(ctx, &ecr.GetAuthorizationTokenInput{RegistryIds: accounts}) //nolint:staticcheck // deprecated, but clients still send it
	if err != nil {
		return "", time.Time{}, err
	}
	d := out.AuthorizationData[0]
	b, err := base64.StdEncoding.DecodeString(aws.ToString(d.AuthorizationToken))
	if err != nil {
		return "", time.Time{}, err
	}
	pw, ok := strings.CutPrefix(string(b), "AWS:")
	if !ok {
		return "", time.Time{}, errors.New("the user is not AWS")
	}
	return pw, aws.ToTime(d.ExpiresAt), nil
}

func mustPassword(t *testing.T, cfg aws.Config) string {
	t.Helper()
	pw, _, err := password(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return pw
}

// wantCode asserts the AWS error code of err.
func wantCode(t *testing.T, err error, code string) string {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) {
		t.Fatalf("got %v, want the API error %s", err, code)
	}
	if api.ErrorCode() != code {
		t.Fatalf("got code %s (%s), want %s", api.ErrorCode(), api.ErrorMessage(), code)
	}
	return api.ErrorMessage()
}

func TestTheSDKGetsAPrivateToken(t *testing.T) {
	t.Parallel()
	s := start(t, awstest.Options{})
	before := time.Now()
	pw, expires, err := password(t.Context(), asAlice(s))
	if err != nil {
		t.Fatal(err)
	}
	if len(pw) != 2300 {
		t.Errorf("the password has %d bytes", len(pw))
	}
	if d := expires.Sub(before); d < 12*time.Hour-time.Minute || d > 12*time.Hour+time.Minute {
		t.Errorf("the token lives %v", d)
	}
	got, ok := s.Issued(pw)
	if !ok || got.Principal != "arn:aws:iam::111122223333:user/alice" || got.Region != region || got.Service != "ecr" || got.AccessKeyID != aliceID {
		t.Errorf("issued: %+v, %v", got, ok)
	}
	if !got.ExpiresAt.Equal(expires) {
		t.Errorf("remembered expiry %v, sent %v", got.ExpiresAt, expires)
	}
	if !s.Valid("AWS", pw) || s.Valid("aws", pw) || s.Valid("AWS", pw+"x") {
		t.Error("Valid does not tell right from wrong")
	}
	if again := mustPassword(t, asAlice(s)); again == pw {
		t.Error("the same password was issued twice")
	}
	s.RevokeToken(pw)
	if s.Valid("AWS", pw) {
		t.Error("a revoked password is valid")
	}
}

func TestEveryRequestedRegistryGetsAnEntry(t *testing.T) {
	t.Parallel()
	s := start(t, awstest.Options{})
	cfg := asAlice(s)
	cfg.Region = "cn-north-1"
	out, err := ecr.NewFromConfig(cfg).GetAuthorizationToken(t.Context(), &ecr.GetAuthorizationTokenInput{
		RegistryIds: []string{"123456789012", "210987654321"}, //nolint:staticcheck // deprecated, but clients still send it
	})
	if err != nil {
		t.Fatal(err)
	}
	var hosts []string
	for _, d := range out.AuthorizationData {
		hosts = append(hosts, aws.ToString(d.ProxyEndpoint))
	}
	want := "https://123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn https://210987654321.dkr.ecr.cn-north-1.amazonaws.com.cn"
	if got := strings.Join(hosts, " "); got != want {
		t.Errorf("got %s", got)
	}
	if got := s.Requests(awstest.OpECRToken)[0].Params["registryIds"]; got != "123456789012,210987654321" {
		t.Errorf("recorded registryIds %q", got)
	}
}

func TestTheSDKGetsAPublicToken(t *testing.T) {
	t.Parallel()
	s := start(t, awstest.Options{PasswordSize: 4096})
	cfg := asAlice(s)
	cfg.Region = "us-east-1"
	out, err := ecrpublic.NewFromConfig(cfg).GetAuthorizationToken(t.Context(), &ecrpublic.GetAuthorizationTokenInput{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := base64.StdEncoding.DecodeString(aws.ToString(out.AuthorizationData.AuthorizationToken))
	if err != nil {
		t.Fatal(err)
	}
	pw := strings.TrimPrefix(string(b), "AWS:")
	if len(pw) != 4096 || !s.Valid("AWS", pw) || out.AuthorizationData.ExpiresAt == nil {
		t.Errorf("password of %d bytes, valid %v, expiry %v", len(pw), s.Valid("AWS", pw), out.AuthorizationData.ExpiresAt)
	}
	cfg.Region = region
	_, err = ecrpublic.NewFromConfig(cfg).GetAuthorizationToken(t.Context(), &ecrpublic.GetAuthorizationTokenInput{})
	wantCode(t, err, "InvalidSignatureException")
}

func TestWrongCredentialsGetTheErrorOfAWS(t *testing.T) {
	t.Parallel()
	s := start(t, awstest.Options{})
	s.AddRole(awstest.Role{ARN: pullRole})
	live := s.IssueSession(pullRole, "live", 0)
	ended := s.IssueSession(pullRole, "ended", 0)
	s.ExpireKey(ended.AccessKeyID)
	s.AddUser("gone", "AKIAGONE", "x")
	s.RemoveKey("AKIAGONE")

	tests := []struct {
		name, id, secret, token, json, query, message string
	}{
		{"unknown key", "AKIANOBODY", "x", "", "UnrecognizedClientException", "InvalidClientTokenId", "security token included in the request is invalid"},
		{"deleted key", "AKIAGONE", "x", "", "UnrecognizedClientException", "InvalidClientTokenId", "is invalid"},
		{"wrong secret", aliceID, "guess", "", "InvalidSignatureException", "SignatureDoesNotMatch", "does not match the signature you provided"},
		{"wrong session token", live.AccessKeyID, live.SecretAccessKey, "forged", "UnrecognizedClientException", "InvalidClientTokenId", "is invalid"},
		{"missing session token", live.AccessKeyID, live.SecretAccessKey, "", "UnrecognizedClientException", "InvalidClientTokenId", "is invalid"},
		{"token with a user's key", aliceID, aliceSecret, "surplus", "UnrecognizedClientException", "InvalidClientTokenId", "is invalid"},
		{"expired session", ended.AccessKeyID, ended.SecretAccessKey, ended.SessionToken, "ExpiredTokenException", "ExpiredToken", "is expired"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg := static(s, tt.id, tt.secret, tt.token)
			_, _, err := password(t.Context(), cfg)
			if msg := wantCode(t, err, tt.json); !strings.Contains(msg, tt.message) {
				t.Errorf("message %q", msg)
			}
			_, err = sts.NewFromConfig(cfg).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
			if msg := wantCode(t, err, tt.query); !strings.Contains(msg, tt.message) {
				t.Errorf("message %q", msg)
			}
		})
	}
	if _, _, err := password(t.Context(), static(s, live.AccessKeyID, live.SecretAccessKey, live.SessionToken)); err != nil {
		t.Errorf("the live session was refused: %v", err)
	}
}

func TestADenialNamesPrincipalAndAction(t *testing.T) {
	t.Parallel()
	s := start(t, awstest.Options{})
	s.Deny("arn:aws:iam::111122223333:user/alice", awstest.OpECRToken)
	_, _, err := password(t.Context(), asAlice(s))
	want := "User: arn:aws:iam::111122223333:user/alice is not authorized to perform: ecr:GetAuthorizationToken on resource: * " +
		"because no identity-based policy allows the ecr:GetAuthorizationToken action"
	if msg := wantCode(t, err, "AccessDeniedException"); msg != want {
		t.Errorf("got %q", msg)
	}
	cfg := asAlice(s)
	cfg.Region = "us-east-1"
	public := ecrpublic.NewFromConfig(cfg)
	s.Deny("arn:aws:iam::111122223333:user/alice", "sts:GetServiceBearerToken")
	_, err = public.GetAuthorizationToken(t.Context(), &ecrpublic.GetAuthorizationTokenInput{})
	if msg := wantCode(t, err, "AccessDeniedException"); !strings.Contains(msg, "perform: sts:GetServiceBearerToken") {
		t.Errorf("got %q", msg)
	}
	s.Allow("arn:aws:iam::111122223333:user/alice", "sts:GetServiceBearerToken")
	if _, err := public.GetAuthorizationToken(t.Context(), &ecrpublic.GetAuthorizationTokenInput{}); err != nil {
		t.Error(err)
	}
}

func TestASkewedServerClockIsSeenAsAWSShowsIt(t *testing.T) {
	t.Parallel()
	for name, skew := range map[string]time.Duration{"ahead": time.Hour, "behind": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, awstest.Options{Skew: skew})
			cfg := asAlice(s)
			cfg.RetryMaxAttempts = 1
			_, _, err := password(t.Context(), cfg)
			msg := wantCode(t, err, "InvalidSignatureException")
			if skew > 0 && !strings.HasPrefix(msg, "Signature expired: ") || skew < 0 && !strings.HasPrefix(msg, "Signature not yet current: ") {
				t.Errorf("message %q", msg)
			}
			// The SDK learns the offset from the Date header and tries again.
			client := ecr.NewFromConfig(asAlice(s))
			if _, err := client.GetAuthorizationToken(t.Context(), &ecr.GetAuthorizationTokenInput{}); err != nil {
				t.Errorf("the SDK did not recover: %v", err)
			}
			resp, err := http.Get(s.URL())
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			date, err := http.ParseTime(resp.Header.Get("Date"))
			if d := time.Since(date) + skew; err != nil || d < -time.Minute || d > time.Minute {
				t.Errorf("Date %v, %v", date, err)
			}
		})
	}
}

func TestAnEndpointOfOneRegionRefusesSignaturesForAnother(t *testing.T) {
	t.Parallel()
	s := start(t, awstest.Options{})
	tests := []struct {
		name, endpoint string
		code           string
	}{
		{"same region", s.Endpoint("ecr", region), ""},
		{"any region", s.Endpoint("ecr", ""), ""},
		{"other region", s.Endpoint("ecr", "eu-central-1"), "InvalidSignatureException"},
		{"other service", s.Endpoint("sts", region), "UnknownOperationException"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg := asAlice(s)
			cfg.BaseEndpoint = aws.String(tt.endpoint)
			_, _, err := password(t.Context(), cfg)
			if tt.code == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantCode(t, err, tt.code)
		})
	}
	limited := start(t, awstest.Options{Regions: []string{"us-east-2"}})
	_, _, err := password(t.Context(), asAlice(limited))
	if msg := wantCode(t, err, "InvalidSignatureException"); !strings.Contains(msg, "valid region") {
		t.Errorf("message %q", msg)
	}
}
