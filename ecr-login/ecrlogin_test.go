package ecrlogin

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker-credential-helpers/credentials"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/sirupsen/logrus"

	"ecr-credential-helper/ecr-login/internal/awsecr"
	"ecr-credential-helper/ecr-login/internal/awstest"
	"ecr-credential-helper/ecr-login/internal/awstest/ociregistry"
	"ecr-credential-helper/ecr-login/internal/settings"
)

const (
	host      = "111122223333.dkr.ecr.eu-west-1.amazonaws.com"
	otherHost = "444455556666.dkr.ecr.eu-west-1.amazonaws.com"
	keyID     = "AKIAALICE00000000000"
	secret    = "alice's secret key, forty characters long"
)

// startAWS starts a fake AWS that knows alice, whose keys stand in the
// environment. The SDK reads the environment of the process, so the tests that
// use it do not run in parallel.
func startAWS(t *testing.T) *awstest.Server {
	t.Helper()
	aws, err := awstest.Start(awstest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = aws.Close() })
	aws.AddUser("alice", keyID, secret)
	home := t.TempDir()
	env := aws.EnvMap()
	maps.Copy(env, map[string]string{
		"HOME": home, "USERPROFILE": home,
		"AWS_CONFIG_FILE": filepath.Join(home, "config"), "AWS_SHARED_CREDENTIALS_FILE": filepath.Join(home, "credentials"),
		"AWS_ACCESS_KEY_ID": keyID, "AWS_SECRET_ACCESS_KEY": secret,
		"AWS_PROFILE": "", "AWS_SESSION_TOKEN": "", "AWS_REGION": "", "AWS_MAX_ATTEMPTS": "1",
	})
	for k, v := range env {
		t.Setenv(k, v)
	}
	return aws
}

func newClient(t *testing.T, options ...Option) (*Client, *bytes.Buffer) {
	t.Helper()
	log := &bytes.Buffer{}
	l := logrus.New()
	l.SetOutput(log)
	l.SetLevel(logrus.DebugLevel)
	return New(append([]Option{WithCacheDir(filepath.Join(t.TempDir(), "cache")), WithLogger(l)}, options...)...), log
}

func mustGet(t *testing.T, c *Client, server string) string {
	t.Helper()
	tok, err := c.Credentials(t.Context(), server)
	if err != nil {
		t.Fatalf("Credentials(%s): %v", server, err)
	}
	return tok.Password.Reveal()
}

func wantCalls(t *testing.T, aws *awstest.Server, want int) {
	t.Helper()
	if got := aws.Count(awstest.OpECRToken); got != want {
		t.Errorf("%d calls of GetAuthorizationToken, want %d", got, want)
	}
}

func TestOneCallServesEveryAccountOfARegion(t *testing.T) {
	aws := startAWS(t)
	c, _ := newClient(t)
	first := mustGet(t, c, host)
	want := map[string]string{host: "AWS"}
	for i := range 40 {
		h := fmt.Sprintf("%012d.dkr.ecr.eu-west-1.amazonaws.com", i)
		want[h] = "AWS"
		if got := mustGet(t, c, "https://"+h+"/app"); got != first {
			t.Fatal("another account got another token")
		}
	}
	wantCalls(t, aws, 1)
	if !aws.Valid("AWS", first) {
		t.Error("the token is not one that was issued")
	}
	if got, err := c.List(); err != nil || !maps.Equal(got, want) {
		t.Errorf("List = %v, %v", got, err)
	}
	mustGet(t, c, "111122223333.dkr.ecr.us-east-1.amazonaws.com")
	mustGet(t, c, "111122223333.dkr.ecr-fips.eu-west-1.amazonaws.com")
	wantCalls(t, aws, 3)
}

func TestATokenIsRefreshedAtHalfOfItsLife(t *testing.T) {
	aws := startAWS(t)
	c, _ := newClient(t)
	first := mustGet(t, c, host)
	c.now = func() time.Time { return time.Now().Add(5 * time.Hour) }
	if mustGet(t, c, host) != first {
		t.Error("a token of five hours was replaced")
	}
	c.now = func() time.Time { return time.Now().Add(6*time.Hour + time.Minute) }
	if mustGet(t, c, host) == first {
		t.Error("a token past half of its life was served")
	}
	wantCalls(t, aws, 2)
}

func TestWhenTheRefreshFails(t *testing.T) {
	tests := []struct {
		name   string
		fault  awstest.Fault
		age    time.Duration
		served bool
	}{
		{"throttling is bridged", awstest.Throttled(0), 7 * time.Hour, true},
		{"a server error is bridged", awstest.Broken(0), 7 * time.Hour, true},
		{"a dropped connection is bridged", awstest.Fault{Kind: awstest.DropBeforeHeaders}, 7 * time.Hour, true},
		{"a truncated answer is bridged", awstest.Fault{Kind: awstest.Truncate}, 7 * time.Hour, true},
		{"not in the last five minutes", awstest.Throttled(0), 12*time.Hour - 4*time.Minute, false},
		{"not after the end", awstest.Throttled(0), 13 * time.Hour, false},
		{"a denial is not bridged", awstest.Fault{Kind: awstest.Refuse, Code: "AccessDeniedException"}, 7 * time.Hour, false},
		{"invalid keys are not bridged", awstest.Fault{Kind: awstest.Refuse, Code: "UnrecognizedClientException"}, 7 * time.Hour, false},
		{"an answer that makes no sense is bridged", awstest.Fault{Kind: awstest.NoColon}, 7 * time.Hour, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			aws := startAWS(t)
			c, log := newClient(t)
			first := mustGet(t, c, host)
			aws.Inject(awstest.OpECRToken, tt.fault)
			c.now = func() time.Time { return time.Now().Add(tt.age) }
			tok, err := c.Credentials(t.Context(), host)
			if served := err == nil; served != tt.served {
				t.Fatalf("served = %v, %v", served, err)
			}
			if tt.served && tok.Password.Reveal() != first {
				t.Error("another token came from nowhere")
			}
			if tt.served != strings.Contains(log.String(), "served once more") {
				t.Errorf("the log says %s", log)
			}
			var e *Error
			if !tt.served && !errors.As(err, &e) {
				t.Errorf("the error is a %T", err)
			}
			aws.ClearFaults()
			if mustGet(t, c, host) == first {
				t.Error("the old token is served although AWS is back")
			}
		})
	}
}

func TestManyAtOnceMakeOneCall(t *testing.T) {
	aws := startAWS(t)
	aws.SetLatency(awstest.OpECRToken, 50*time.Millisecond)
	dir := filepath.Join(t.TempDir(), "cache")
	var wg sync.WaitGroup
	passwords := make([]string, 50)
	for i := range passwords {
		wg.Go(func() {
			tok, err := New(WithCacheDir(dir)).Credentials(t.Context(), host)
			if err != nil {
				t.Error(err)
				return
			}
			passwords[i] = tok.Password.Reveal()
		})
	}
	wg.Wait()
	wantCalls(t, aws, 1)
	for _, p := range passwords {
		if p != passwords[0] {
			t.Error("not everybody got the same token")
		}
	}
}

func TestAHolderThatHangsIsNotWaitedForLonger(t *testing.T) {
	aws := startAWS(t)
	dir := filepath.Join(t.TempDir(), "cache")
	aws.Inject(awstest.OpECRToken, awstest.Fault{Kind: awstest.Hang, Times: 1})
	hung := make(chan struct{})
	go func() {
		defer close(hung)
		_, _ = New(WithCacheDir(dir), WithTimeout(30*time.Second)).Credentials(t.Context(), host)
	}()
	if err := aws.Wait(t.Context(), awstest.OpECRToken, 1); err != nil {
		t.Fatal(err)
	}
	c := New(WithCacheDir(dir), WithTimeout(2*time.Second))
	if _, err := c.Credentials(t.Context(), host); err != nil {
		t.Errorf("waiting for a stuck process failed the call: %v", err)
	}
	_ = aws.Close()
	<-hung
}

func TestWithoutACacheEveryCallFetches(t *testing.T) {
	aws := startAWS(t)
	c := New()
	mustGet(t, c, host)
	mustGet(t, c, host)
	wantCalls(t, aws, 2)
	if got, err := c.List(); err != nil || len(got) != 0 {
		t.Errorf("List = %v, %v", got, err)
	}
}

func TestACallerMayNeedALongerLife(t *testing.T) {
	aws := startAWS(t)
	c, _ := newClient(t)
	mustGet(t, c, host)
	c.now = func() time.Time { return time.Now().Add(4 * time.Hour) }
	for _, need := range []time.Duration{0, 7 * time.Hour, 9 * time.Hour} {
		if _, err := c.CredentialsFor(t.Context(), host, Need{Life: need}); err != nil {
			t.Fatal(err)
		}
	}
	wantCalls(t, aws, 2)
}

func TestIdentitiesDoNotShareTokens(t *testing.T) {
	aws := startAWS(t)
	aws.AddRole(awstest.Role{ARN: "arn:aws:iam::444455556666:role/pull", Trust: []string{"*"}, ExternalID: "abc"})
	pull := Identity{RoleARN: "arn:aws:iam::444455556666:role/pull", ExternalID: "abc"}
	c, _ := newClient(t, WithRegistry("444455556666.dkr.ecr.*.amazonaws.com", pull))
	asAlice := mustGet(t, c, host)
	asRole := mustGet(t, c, otherHost)
	if asAlice == asRole {
		t.Fatal("two identities share a token")
	}
	issued, _ := aws.Issued(asRole)
	if issued.Session.RoleARN != pull.RoleARN {
		t.Errorf("the token belongs to %+v", issued)
	}
	tok, err := c.CredentialsFor(t.Context(), host, Need{Identity: pull})
	if err != nil || tok.Password.Reveal() != asRole {
		t.Errorf("asking for an identity gives another token, %v", err)
	}
	if mustGet(t, c, host) != asAlice {
		t.Error("the first identity lost its token")
	}
	wantCalls(t, aws, 2)
}

func TestAnAliasIsServedTheTokenOfItsRegistry(t *testing.T) {
	aws := startAWS(t)
	c, _ := newClient(t)
	c.settings.Registries = []settings.Rule{{Host: "docker.example.com", Account: "111122223333", Region: "eu-west-1"}}
	if mustGet(t, c, "docker.example.com:443") != mustGet(t, c, host) {
		t.Error("the alias has a token of its own")
	}
	wantCalls(t, aws, 1)
	if err := c.Delete("https://docker.example.com"); err != nil {
		t.Fatal(err)
	}
	mustGet(t, c, host)
	wantCalls(t, aws, 2)
}

func TestTheHelpersVerbs(t *testing.T) {
	startAWS(t)
	c, _ := newClient(t)
	user, password, err := c.Get(host)
	if user != "AWS" || password == "" || err != nil {
		t.Fatalf("Get = %q, %v", user, err)
	}
	if _, _, err := c.Get("docker.io"); !credentials.IsErrCredentialsNotFound(err) {
		t.Errorf("Get of another registry: %v", err)
	}
	if err := c.Add(&credentials.Credentials{ServerURL: host, Username: "AWS", Secret: "s"}); err != nil {
		t.Errorf("Add: %v", err)
	}
	if err := c.Add(&credentials.Credentials{ServerURL: "docker.io", Username: "me", Secret: "s"}); !errors.Is(err, ErrNotECR) {
		t.Errorf("Add for another registry: %v", err)
	}
	if err := c.Delete("docker.io"); !errors.Is(err, ErrNotECR) {
		t.Errorf("Delete for another registry: %v", err)
	}
	for range 2 { // the second time there is nothing left, which is fine
		if err := c.Delete(host); err != nil {
			t.Errorf("Delete: %v", err)
		}
	}
	if _, again, err := c.Get(host); err != nil || again == password {
		t.Errorf("an erased token is served, %v", err)
	}
}

func TestThePublicRegistryWorksWithoutAPassword(t *testing.T) {
	aws := startAWS(t)
	c, log := newClient(t)
	if user, password, err := c.Get("public.ecr.aws"); user != "AWS" || password == "" || err != nil {
		t.Errorf("with credentials: %q, %v", user, err)
	}
	if r := aws.Requests(awstest.OpPublicToken); len(r) != 1 || r[0].Region != "us-east-1" {
		t.Errorf("requests %v", r)
	}
	aws.Inject(awstest.OpPublicToken, awstest.Fault{Kind: awstest.Refuse, Code: "AccessDeniedException"})
	_ = c.Delete("public.ecr.aws")
	if _, _, err := c.Get("public.ecr.aws"); !credentials.IsErrCredentialsNotFound(err) {
		t.Errorf("denied: %v, want not found", err)
	}
	if !strings.Contains(log.String(), "clients will pull without one") {
		t.Errorf("the log says %s", log)
	}
	c.settings.PublicAuthRequired = true
	var e *Error
	if _, _, err := c.Get("public.ecr.aws"); !errors.As(err, &e) || e.Reason != awsecr.Denied {
		t.Errorf("denied although required: %v", err)
	}
}

func TestSettingsThatCannotBeUsedAreSaidForECRHostsOnly(t *testing.T) {
	startAWS(t)
	t.Setenv("AWS_ECR_TIMEOUT", "soon")
	c := New(WithEnvironment())
	var bad *SettingsError
	if _, _, err := c.Get(host); !errors.As(err, &bad) || bad.Where != "AWS_ECR_TIMEOUT" {
		t.Errorf("Get: %v", err)
	}
	if _, _, err := c.Get("docker.io"); !credentials.IsErrCredentialsNotFound(err) {
		t.Errorf("Get of another registry: %v", err)
	}
}

func TestNothingLogsASecret(t *testing.T) {
	aws := startAWS(t)
	c, log := newClient(t)
	password := mustGet(t, c, host)
	aws.Inject(awstest.OpECRToken, awstest.Fault{Kind: awstest.Refuse, Code: "AccessDeniedException"})
	_, _ = c.Credentials(t.Context(), "111122223333.dkr.ecr.us-east-1.amazonaws.com")
	_ = c.Delete(host)
	for _, s := range []string{password, secret, keyID} {
		if strings.Contains(log.String(), s) {
			t.Errorf("the log holds %q:\n%s", s, log)
		}
	}
	if !strings.Contains(log.String(), "token fetched") || !strings.Contains(log.String(), host) {
		t.Errorf("the log says %s", log)
	}
}

// The registry takes only passwords that the fake ECR issued.
func TestGoContainerregistryPullsWithTheClientAsAuthnHelper(t *testing.T) {
	aws := startAWS(t)
	reg, err := ociregistry.Start(aws)
	if err != nil {
		t.Fatal(err)
	}
	defer reg.Close()
	c, _ := newClient(t)
	c.settings.Registries = []settings.Rule{{Host: strings.Split(reg.Host(), ":")[0], Account: "111122223333", Region: "eu-west-1"}}
	var helper authn.Helper = c
	keychain := remote.WithAuthFromKeychain(authn.NewKeychainFromHelper(helper))

	ref, err := name.ParseReference(reg.Host()+"/app:1", name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	image, err := random.Image(1000, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, image, keychain, remote.WithTransport(http.DefaultTransport)); err != nil {
		t.Fatalf("push: %v", err)
	}
	if _, err := remote.Image(ref, keychain); err != nil {
		t.Errorf("pull: %v", err)
	}
	if _, err := remote.Image(ref); err == nil {
		t.Error("the registry serves anybody")
	}
	wantCalls(t, aws, 1)
}
