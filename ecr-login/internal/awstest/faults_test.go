package awstest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"ecr-credential-helper/ecr-login/internal/awstest"
)

// spell prints values in every way that fmt has.
func spell(values ...any) string {
	var b strings.Builder
	for _, v := range values {
		fmt.Fprintf(&b, "%v %+v %#v\n", v, v, v)
	}
	return b.String()
}

// signed is a GetAuthorizationToken request, signed by the SDK's signer, that
// is not yet sent.
func signed(t *testing.T, s *awstest.Server, target, service, scope string, at time.Time) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+"/", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", target)
	creds := aws.Credentials{AccessKeyID: aliceID, SecretAccessKey: aliceSecret}
	const hash = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a" // of "{}"
	if err := v4.NewSigner().SignHTTP(t.Context(), creds, req, hash, service, scope, at); err != nil {
		t.Fatal(err)
	}
	return req
}

const (
	privateTarget = "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken"
	spencerTarget = "SpencerFrontendService.GetAuthorizationToken"
)

type raw struct {
	status int
	header http.Header
	body   []byte
	err    error // of sending or of reading the body
}

func send(req *http.Request) raw {
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	resp, err := (&http.Client{Transport: tr}).Do(req)
	if err != nil {
		return raw{err: err}
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return raw{resp.StatusCode, resp.Header, b, err}
}

func TestFaultsReachTheWire(t *testing.T) {
	t.Parallel()
	data := func(t *testing.T, r raw) map[string]any {
		t.Helper()
		var v struct{ AuthorizationData []map[string]any }
		if err := json.Unmarshal(r.body, &v); err != nil || r.err != nil || len(v.AuthorizationData) != 1 {
			t.Fatalf("%s, %v, %v", r.body, err, r.err)
		}
		return v.AuthorizationData[0]
	}
	token := func(t *testing.T, r raw) string {
		t.Helper()
		return decoded(t, data(t, r)["authorizationToken"])
	}
	tests := []struct {
		name  string
		fault awstest.Fault
		check func(t *testing.T, r raw)
	}{
		{"none", awstest.Fault{}, func(t *testing.T, r raw) {
			if !strings.HasPrefix(token(t, r), "AWS:") || r.header.Get("X-Amzn-Requestid") == "" {
				t.Errorf("%v", r.header)
			}
		}},
		{"throttled", awstest.Throttled(1), func(t *testing.T, r raw) {
			if r.status != 400 || !strings.Contains(string(r.body), `"__type":"ThrottlingException"`) || r.header.Get("X-Amzn-Errortype") != "ThrottlingException" {
				t.Errorf("%d %s", r.status, r.body)
			}
		}},
		{"broken", awstest.Broken(1), func(t *testing.T, r raw) {
			if r.status != 500 || !strings.Contains(string(r.body), `"__type":"ServerException"`) {
				t.Errorf("%d %s", r.status, r.body)
			}
		}},
		{"an error of one's own", awstest.Fault{Kind: awstest.Refuse, Status: 418, Code: "Teapot", Message: "short and stout"}, func(t *testing.T, r raw) {
			if r.status != 418 || string(r.body) != `{"__type":"Teapot","message":"short and stout"}` {
				t.Errorf("%d %s", r.status, r.body)
			}
		}},
		{"a bare status", awstest.Fault{Kind: awstest.Refuse, Status: 503}, func(t *testing.T, r raw) {
			if r.status != 503 || !strings.Contains(string(r.body), "ServiceUnavailable") {
				t.Errorf("%d %s", r.status, r.body)
			}
		}},
		{"dropped before headers", awstest.Fault{Kind: awstest.DropBeforeHeaders}, func(t *testing.T, r raw) {
			if r.status != 0 || r.err == nil {
				t.Errorf("%d %v", r.status, r.err)
			}
		}},
		{"dropped after headers", awstest.Fault{Kind: awstest.DropAfterHeaders}, func(t *testing.T, r raw) {
			if r.status != 200 || len(r.body) != 0 || !errors.Is(r.err, io.ErrUnexpectedEOF) {
				t.Errorf("%d %d %v", r.status, len(r.body), r.err)
			}
		}},
		{"dropped in the body", awstest.Fault{Kind: awstest.DropMidBody}, func(t *testing.T, r raw) {
			if r.status != 200 || len(r.body) < 1000 || !errors.Is(r.err, io.ErrUnexpectedEOF) {
				t.Errorf("%d %d %v", r.status, len(r.body), r.err)
			}
		}},
		{"wrong length", awstest.Fault{Kind: awstest.WrongLength}, func(t *testing.T, r raw) {
			if !json.Valid(r.body) || !errors.Is(r.err, io.ErrUnexpectedEOF) {
				t.Errorf("%d %v", len(r.body), r.err)
			}
		}},
		{"truncated", awstest.Fault{Kind: awstest.Truncate}, func(t *testing.T, r raw) {
			if r.err != nil || json.Valid(r.body) || len(r.body) < 1000 {
				t.Errorf("%d %v", len(r.body), r.err)
			}
		}},
		{"huge", awstest.Fault{Kind: awstest.Huge, Size: 3 << 20}, func(t *testing.T, r raw) {
			if len(r.body) != 3<<20 || !strings.HasPrefix(token(t, r), "AWS:") {
				t.Errorf("%d %v", len(r.body), r.err)
			}
		}},
		{"a web page", awstest.Fault{Kind: awstest.HTML}, func(t *testing.T, r raw) {
			if r.status != 200 || !strings.HasPrefix(r.header.Get("Content-Type"), "text/html") || !bytes.HasPrefix(r.body, []byte("<!DOCTYPE html>")) {
				t.Errorf("%d %s", r.status, r.body)
			}
		}},
		{"null", awstest.Fault{Kind: awstest.Null}, func(t *testing.T, r raw) {
			if string(r.body) != "null" {
				t.Errorf("%s", r.body)
			}
		}},
		{"an empty body", awstest.Fault{Kind: awstest.EmptyBody}, func(t *testing.T, r raw) {
			if r.status != 200 || len(r.body) != 0 {
				t.Errorf("%s", r.body)
			}
		}},
		{"no data", awstest.Fault{Kind: awstest.NoData}, func(t *testing.T, r raw) {
			if string(r.body) != `{"authorizationData":[]}` {
				t.Errorf("%s", r.body)
			}
		}},
		{"null data", awstest.Fault{Kind: awstest.NullData}, func(t *testing.T, r raw) {
			if string(r.body) != `{"authorizationData":[null]}` {
				t.Errorf("%s", r.body)
			}
		}},
		{"bad base64", awstest.Fault{Kind: awstest.BadBase64}, func(t *testing.T, r raw) {
			if v, _ := data(t, r)["authorizationToken"].(string); !strings.HasPrefix(v, "%%%") {
				t.Errorf("%.20s", v)
			}
		}},
		{"no colon", awstest.Fault{Kind: awstest.NoColon}, func(t *testing.T, r raw) {
			if v := token(t, r); strings.Contains(v, ":") || len(v) < 1000 {
				t.Errorf("%.20s", v)
			}
		}},
		{"empty password", awstest.Fault{Kind: awstest.EmptyPassword}, func(t *testing.T, r raw) {
			if v := token(t, r); v != "AWS:" {
				t.Errorf("%.20s", v)
			}
		}},
		{"no expiry", awstest.Fault{Kind: awstest.NoExpiry}, func(t *testing.T, r raw) {
			if v, ok := data(t, r)["expiresAt"]; ok {
				t.Errorf("%v", v)
			}
		}},
		{"an expiry of words", awstest.Fault{Kind: awstest.BadExpiry}, func(t *testing.T, r raw) {
			if v := data(t, r)["expiresAt"]; v != "tomorrow" {
				t.Errorf("%v", v)
			}
		}},
		{"an expiry in the past", awstest.Fault{Kind: awstest.PastExpiry}, func(t *testing.T, r raw) {
			if v, _ := data(t, r)["expiresAt"].(float64); v == 0 || v > float64(time.Now().Unix()) {
				t.Errorf("%v", v)
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, awstest.Options{})
			tt.fault.Times = 1
			s.Inject(awstest.OpECRToken, tt.fault)
			tt.check(t, send(signed(t, s, privateTarget, "ecr", region, time.Now())))
			if r := send(signed(t, s, privateTarget, "ecr", region, time.Now())); r.err != nil || r.status != 200 || !strings.HasPrefix(token(t, r), "AWS:") {
				t.Errorf("the second call was hit as well: %d %v", r.status, r.err)
			}
		})
	}
}

func TestFaultsSpoilThePublicAnswerInItsOwnShape(t *testing.T) {
	t.Parallel()
	for kind, want := range map[awstest.Kind]string{
		awstest.NoData:   `{"authorizationData":null}`,
		awstest.NullData: `{"authorizationData":null}`,
		awstest.NoExpiry: `{"authorizationData":{"authorizationToken":"`,
	} {
		s := start(t, awstest.Options{})
		s.Inject(awstest.OpPublicToken, awstest.Fault{Kind: kind})
		r := send(signed(t, s, spencerTarget, "ecr-public", "us-east-1", time.Now()))
		if !strings.HasPrefix(string(r.body), want) || strings.Contains(string(r.body), "expiresAt") {
			t.Errorf("kind %d: %.80s %v", kind, r.body, r.err)
		}
	}
}

func TestFaultsAreTakenInOrderAndPerOperation(t *testing.T) {
	t.Parallel()
	s := start(t, awstest.Options{})
	s.Inject("ecr:*", awstest.Throttled(2))
	s.Inject("*", awstest.Broken(0))
	cfg := asAlice(s)
	cfg.RetryMaxAttempts = 1
	for _, want := range []string{"ThrottlingException", "ThrottlingException", "ServerException", "ServerException"} {
		_, _, err := password(t.Context(), cfg)
		wantCode(t, err, want)
	}
	_, err := sts.NewFromConfig(cfg).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	wantCode(t, err, "InternalFailure")
	s.ClearFaults("*")
	if _, _, err := password(t.Context(), cfg); err != nil {
		t.Error(err)
	}
	s.Inject(awstest.OpGetCallerIdentity, awstest.Throttled(0))
	if _, _, err := password(t.Context(), cfg); err != nil {
		t.Error(err)
	}
	_, err = sts.NewFromConfig(cfg).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	wantCode(t, err, "Throttling")
}

func TestTheSDKRetriesWhatIsTransient(t *testing.T) {
	t.Parallel()
	s := start(t, awstest.Options{})
	s.Inject(awstest.OpECRToken, awstest.Throttled(1))
	s.Inject(awstest.OpECRToken, awstest.Fault{Kind: awstest.DropBeforeHeaders, Times: 1})
	cfg := asAlice(s)
	client := ecr.NewFromConfig(cfg, func(o *ecr.Options) { o.RetryMaxAttempts = 3 })
	if _, err := client.GetAuthorizationToken(t.Context(), &ecr.GetAuthorizationTokenInput{}); err != nil {
		t.Error(err)
	}
	if got := s.Count(awstest.OpECRToken); got != 3 {
		t.Errorf("%d calls", got)
	}
}

func TestHangingAndSlowCallsEndWithTheClientOrTheServer(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]awstest.Fault{
		"hang": {Kind: awstest.Hang}, "hang in the body": {Kind: awstest.HangMidBody}, "slow": {Latency: time.Hour},
	} {
		t.Run(name+" until the client leaves", func(t *testing.T) {
			t.Parallel()
			s := start(t, awstest.Options{})
			s.Inject(awstest.OpECRToken, f)
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan raw, 1)
			go func() { done <- send(signed(t, s, privateTarget, "ecr", region, time.Now()).WithContext(ctx)) }()
			if err := s.Wait(t.Context(), awstest.OpECRToken, 1); err != nil {
				t.Fatal(err)
			}
			cancel()
			if r := <-done; r.err == nil {
				t.Errorf("an answer came: %s", r.body)
			}
		})
		t.Run(name+" until the server closes", func(t *testing.T) {
			t.Parallel()
			s := start(t, awstest.Options{})
			s.Inject(awstest.OpECRToken, f)
			done := make(chan raw, 1)
			go func() { done <- send(signed(t, s, privateTarget, "ecr", region, time.Now())) }()
			if err := s.Wait(t.Context(), awstest.OpECRToken, 1); err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			if r := <-done; r.err == nil {
				t.Errorf("an answer came: %s", r.body)
			}
		})
	}
}

func TestAHookMayAnswerOrLookOn(t *testing.T) {
	t.Parallel()
	s := start(t, awstest.Options{})
	var seen atomic.Value
	s.Inject(awstest.OpECRToken, awstest.Fault{Times: 1, Hook: func(_ http.ResponseWriter, r *http.Request) bool {
		b, _ := io.ReadAll(r.Body)
		seen.Store(string(b))
		return false
	}})
	s.Inject(awstest.OpECRToken, awstest.Fault{Times: 1, Hook: func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusTeapot)
		return true
	}})
	if r := send(signed(t, s, privateTarget, "ecr", region, time.Now())); r.status != 200 || seen.Load() != "{}" {
		t.Errorf("%d, the hook saw %v", r.status, seen.Load())
	}
	if r := send(signed(t, s, privateTarget, "ecr", region, time.Now())); r.status != http.StatusTeapot {
		t.Errorf("%d", r.status)
	}
}

func TestLatencyIsAddedToEveryCall(t *testing.T) {
	t.Parallel()
	s := start(t, awstest.Options{})
	s.SetLatency("*", 30*time.Millisecond)
	began := time.Now()
	mustPassword(t, asAlice(s))
	if d := time.Since(began); d < 30*time.Millisecond {
		t.Errorf("took %v", d)
	}
}
