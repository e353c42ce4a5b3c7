package awstest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"

	"ecr-credential-helper/ecr-login/internal/awstest"
)

func TestTheEnvironmentIsEnoughForTheSDKOverTLS(t *testing.T) {
	s := awstest.New(awstest.Options{})
	if _, err := s.StartTLS(); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.AddUser("alice", aliceID, aliceSecret)
	bundle, err := s.WriteCA(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	isolate(t, s, map[string]string{
		"AWS_ACCESS_KEY_ID": aliceID, "AWS_SECRET_ACCESS_KEY": aliceSecret, "AWS_CA_BUNDLE": bundle,
	})
	if got := principal(t, s, loaded(t)).Principal; got != aliceARN {
		t.Errorf("principal %s", got)
	}
	for _, kv := range s.Env() {
		k, v, _ := strings.Cut(kv, "=")
		if os.Getenv(k) != v || !strings.HasPrefix(v, "https://127.0.0.1:") {
			t.Errorf("%s", kv)
		}
		if slices.Contains([]string{"AWS_REGION", "AWS_PROFILE", "AWS_ACCESS_KEY_ID"}, k) {
			t.Errorf("%s is none of its business", k)
		}
	}
}

func TestARequestIsRecordedWithWhatMatters(t *testing.T) {
	t.Parallel()
	s := start(t, awstest.Options{})
	mustPassword(t, asAlice(s))
	_, _, err := password(t.Context(), static(s, aliceID, "wrong", ""))
	wantCode(t, err, "InvalidSignatureException")
	all := s.Requests()
	if len(all) != 2 {
		t.Fatalf("%d requests", len(all))
	}
	good, bad := all[0], all[1]
	if good.Op != awstest.OpECRToken || good.Op.Service() != "ecr" || good.Op.Name() != "GetAuthorizationToken" || good.AccessKeyID != aliceID ||
		good.Principal != aliceARN || good.Region != region || good.Status != 200 || good.Code != "" || good.Method != http.MethodPost ||
		good.Host != strings.TrimPrefix(s.URL(), "http://") || !strings.Contains(good.UserAgent, "aws-sdk-go-v2") || time.Since(good.Time) > time.Minute {
		t.Errorf("recorded %+v", good)
	}
	if bad.AccessKeyID != aliceID || bad.Principal != "" || bad.Status != 400 || bad.Code != "InvalidSignatureException" {
		t.Errorf("recorded %+v", bad)
	}
	all[0].Params["x"] = "y"
	if s.Requests()[0].Params["x"] != "" {
		t.Error("Requests hands out its own map")
	}
	if s.Count() != 2 || s.Count("ecr:*") != 2 || s.Count(awstest.OpAssumeRole) != 0 || s.Count("sts:*", awstest.OpECRToken) != 2 {
		t.Error("Count counts wrongly")
	}
	s.ResetRequests()
	if s.Count() != 0 || len(s.Requests()) != 0 {
		t.Error("ResetRequests forgets nothing")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Wait(ctx, awstest.OpECRToken, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("Wait returned %v", err)
	}
}

func TestManyClientsAtOnce(t *testing.T) {
	t.Parallel()
	s := start(t, awstest.Options{})
	s.AddRole(awstest.Role{ARN: pullRole, Trust: []string{"*"}})
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if _, _, err := password(t.Context(), asAlice(s)); err != nil {
				t.Error(err)
			}
			if _, err := assume(t.Context(), asAlice(s), nil); err != nil {
				t.Error(err)
			}
			s.Requests()
		})
	}
	wg.Wait()
	if s.TokenCount() != 16 || s.Count(awstest.OpAssumeRole) != 16 {
		t.Errorf("%d tokens, %d roles", s.TokenCount(), s.Count(awstest.OpAssumeRole))
	}
}

func TestCloseIsFinal(t *testing.T) {
	t.Parallel()
	s := start(t, awstest.Options{})
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := s.Start(); err == nil {
		t.Error("a closed server starts again")
	}
	if resp, err := http.Get(s.URL()); err == nil {
		_ = resp.Body.Close()
		t.Error("a closed server answers")
	}
}

func TestAClockOfOnesOwnRulesEverything(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	offset := time.Duration(0)
	s := start(t, awstest.Options{TokenLife: time.Hour, Now: func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return time.Now().Add(offset)
	}})
	s.AddRole(awstest.Role{ARN: pullRole})
	k := s.IssueSession(pullRole, "x", 30*time.Minute)
	pw := mustPassword(t, asAlice(s))
	mu.Lock()
	offset = 2 * time.Hour
	mu.Unlock()
	if s.Valid("AWS", pw) {
		t.Error("the password outlived its hour")
	}
	if _, ok := s.Issued(pw); !ok {
		t.Error("the password was forgotten")
	}
	s.SetSkew(-2 * time.Hour)
	if !s.Valid("AWS", pw) {
		t.Error("the skew does not count")
	}
	if _, _, err := password(t.Context(), static(s, k.AccessKeyID, k.SecretAccessKey, k.SessionToken)); err != nil {
		t.Error(err)
	}
}

func TestHostsMayBeGivenAway(t *testing.T) {
	t.Parallel()
	s := start(t, awstest.Options{})
	s.HandleHost(func(h string) bool { return h == "registry.test" }, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "mine")
	}))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL()+"/v2/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "Registry.TEST:5000"
	if r := send(req); string(r.body) != "mine" || s.Count() != 0 {
		t.Errorf("%s, %d recorded", r.body, s.Count())
	}
}

func TestWhatNobodyKnowsIsRefusedInTheRightDialect(t *testing.T) {
	t.Parallel()
	s := start(t, awstest.Options{})
	tests := []struct {
		name, method, path, target, body string
		status                           int
		want                             string
	}{
		{"unknown target", http.MethodPost, "/", "AmazonEC2ContainerRegistry_V20150921.DeleteEverything", "{}", 400, "UnknownOperationException"},
		{"unknown action", http.MethodPost, "/", "", "Action=GetFederationToken", 400, "<Code>InvalidAction</Code>"},
		{"no action", http.MethodGet, "/", "", "", 404, "Not Found"},
		{"unknown path", http.MethodGet, "/x", "", "", 404, "Not Found"},
		{"metadata without an instance", http.MethodGet, "/latest/meta-data/", "", "", 404, "Not Found"},
		{"too much", http.MethodPost, "/", privateTarget, strings.Repeat("x", 5<<20), 413, "too large"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			req, err := http.NewRequestWithContext(t.Context(), tt.method, s.URL()+tt.path, strings.NewReader(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			if tt.target != "" {
				req.Header.Set("X-Amz-Target", tt.target)
			}
			if r := send(req); r.status != tt.status || !strings.Contains(string(r.body), tt.want) {
				t.Errorf("%d %s %v", r.status, r.body, r.err)
			}
		})
	}
}

func TestInstanceMetadata(t *testing.T) {
	t.Parallel()
	get := func(t *testing.T, s *awstest.Server, method, path string, header ...string) raw {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, s.URL()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		return send(req)
	}
	const ttl, token, rolePath = "X-aws-ec2-metadata-token-ttl-seconds", "X-aws-ec2-metadata-token", "/latest/meta-data/iam/security-credentials/"
	s := start(t, awstest.Options{})
	s.SetInstance(&awstest.Instance{RoleARN: pullRole, Region: "ap-south-1", Account: "444455556666"})

	granted := string(get(t, s, http.MethodPut, "/latest/api/token", ttl, "60").body)
	tests := []struct {
		name, method, path string
		header             []string
		status             int
		body               string
	}{
		{"a token without a lifetime", http.MethodPut, "/latest/api/token", nil, 400, ""},
		{"a token for too long", http.MethodPut, "/latest/api/token", []string{ttl, "21601"}, 400, ""},
		{"a token through a proxy", http.MethodPut, "/latest/api/token", []string{ttl, "60", "X-Forwarded-For", "10.0.0.1"}, 403, ""},
		{"a token by GET", http.MethodGet, "/latest/api/token", []string{ttl, "60"}, 405, ""},
		{"role without a token", http.MethodGet, rolePath, nil, 401, ""},
		{"role with a wrong token", http.MethodGet, rolePath, []string{token, "x"}, 401, ""},
		{"role", http.MethodGet, rolePath, []string{token, granted}, 200, "pull"},
		{"role without the slash", http.MethodGet, strings.TrimSuffix(rolePath, "/"), []string{token, granted}, 200, "pull"},
		{"credentials", http.MethodGet, rolePath + "pull", []string{token, granted}, 200, `"Code": "Success"`},
		{"credentials of another role", http.MethodGet, rolePath + "push", []string{token, granted}, 404, ""},
		{"region", http.MethodGet, "/latest/meta-data/placement/region", []string{token, granted}, 200, "ap-south-1"},
		{"no such thing", http.MethodGet, "/latest/meta-data/nothing", []string{token, granted}, 404, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if r := get(t, s, tt.method, tt.path, tt.header...); r.status != tt.status || !strings.Contains(string(r.body), tt.body) {
				t.Errorf("%d %s %v", r.status, r.body, r.err)
			}
		})
	}
	t.Run("identity document by the SDK", func(t *testing.T) {
		t.Parallel()
		client := imds.New(imds.Options{Endpoint: s.URL()})
		doc, err := client.GetInstanceIdentityDocument(t.Context(), &imds.GetInstanceIdentityDocumentInput{})
		if err != nil || doc.Region != "ap-south-1" || doc.AccountID != "444455556666" || doc.InstanceID == "" {
			t.Errorf("%+v, %v", doc, err)
		}
	})
	t.Run("version 1 when allowed", func(t *testing.T) {
		t.Parallel()
		old := start(t, awstest.Options{})
		old.SetInstance(&awstest.Instance{AllowV1: true})
		if r := get(t, old, http.MethodGet, "/latest/meta-data/instance-id"); r.status != 200 || !strings.HasPrefix(string(r.body), "i-") {
			t.Errorf("%d %s", r.status, r.body)
		}
		if r := get(t, old, http.MethodGet, rolePath); r.status != 404 {
			t.Errorf("a role out of nowhere: %d %s", r.status, r.body)
		}
	})
}

func TestProgramsCanHandOutSessionsThemselves(t *testing.T) {
	t.Parallel()
	s := start(t, awstest.Options{})
	s.AddRole(awstest.Role{ARN: pullRole})
	k := s.IssueSession(pullRole, "process", time.Minute)
	cfg := static(s, k.AccessKeyID, k.SecretAccessKey, k.SessionToken)
	issued, _ := s.Issued(mustPassword(t, cfg))
	if issued.Session.RoleARN != pullRole || issued.Principal != "arn:aws:sts::444455556666:assumed-role/pull/process" || issued.Registry != "444455556666" {
		t.Errorf("issued to %+v", issued)
	}
	s.RemoveRole(pullRole)
	_, err := assume(t.Context(), cfg, nil)
	wantCode(t, err, "AccessDenied")
	if aws.ToString(cfg.BaseEndpoint) != s.URL() {
		t.Error("the endpoint moved")
	}
}
