package awsecr

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"ecr-credential-helper/ecr-login/internal/awstest"
	"ecr-credential-helper/ecr-login/registry"
)

type wrongAnswer struct {
	name     string
	fault    awstest.Fault
	reason   Reason
	attempts int
	want     string
}

func wrongAnswers() []wrongAnswer {
	const (
		unusable = "ECR in eu-west-1 gave an answer that cannot be used: "
		portal   = "; hint: see whether a proxy, a login page of the network or AWS_ENDPOINT_URL stands between here and AWS"
		closed   = "{aws} closed the connection without an answer; hint: check the network, its firewall, and AWS_ENDPOINT_URL if it is set"
	)
	return []wrongAnswer{
		{"throttled", awstest.Throttled(0), Throttled, 3, "GetAuthorizationToken of ECR in eu-west-1 is throttled (ThrottlingException); hint: too many calls come from this account in this region; see whether the token cache is off (AWS_ECR_DISABLE_CACHE) or cannot be written"},
		{"a broken server", awstest.Broken(0), ServerError, 3, "GetAuthorizationToken of ECR in eu-west-1 failed with ServerException; hint: try again; https://health.aws.amazon.com says whether AWS has a problem"},
		{"dropped before the headers", awstest.Fault{Kind: awstest.DropBeforeHeaders}, Network, 3, closed},
		{"dropped after the headers", awstest.Fault{Kind: awstest.DropAfterHeaders}, BadAnswer, 3, unusable + "it ends too early" + portal},
		{"dropped half way", awstest.Fault{Kind: awstest.DropMidBody}, BadAnswer, 3, unusable + "it ends too early" + portal},
		{"cut off", awstest.Fault{Kind: awstest.Truncate}, BadAnswer, 3, unusable + "it is cut off or not what AWS documents" + portal},
		{"shorter than it says", awstest.Fault{Kind: awstest.WrongLength}, BadAnswer, 3, unusable + "it ends too early" + portal},
		{"64 MiB long", awstest.Fault{Kind: awstest.Huge}, BadAnswer, 3, unusable + "it is larger than 1 MiB" + portal},
		{"a web page", awstest.Fault{Kind: awstest.HTML}, BadAnswer, 3, unusable + "it is cut off or not what AWS documents" + portal},
		{"null", awstest.Fault{Kind: awstest.Null}, BadAnswer, 3, unusable + "it is cut off or not what AWS documents" + portal},
		{"empty", awstest.Fault{Kind: awstest.EmptyBody}, BadAnswer, 1, unusable + "it holds no authorization token" + portal},
		{"without data", awstest.Fault{Kind: awstest.NoData}, BadAnswer, 1, unusable + "it holds no authorization token" + portal},
		{"with null for data", awstest.Fault{Kind: awstest.NullData}, BadAnswer, 1, unusable + "it holds no authorization token" + portal},
		{"not base64", awstest.Fault{Kind: awstest.BadBase64}, BadAnswer, 1, unusable + "its authorization token is not base64" + portal},
		{"without a colon", awstest.Fault{Kind: awstest.NoColon}, BadAnswer, 1, unusable + "its authorization token is not user:password" + portal},
		{"without a password", awstest.Fault{Kind: awstest.EmptyPassword}, BadAnswer, 1, unusable + "its authorization token is not user:password" + portal},
		{"without an expiry", awstest.Fault{Kind: awstest.NoExpiry}, BadAnswer, 1, unusable + "it does not say when the token expires" + portal},
		{"with a word for an expiry", awstest.Fault{Kind: awstest.BadExpiry}, BadAnswer, 3, unusable + "it is cut off or not what AWS documents" + portal},
		{"expired already", awstest.Fault{Kind: awstest.PastExpiry}, BadAnswer, 1, unusable + "its token has expired already" + portal},
	}
}

// Whatever happens to an answer on its way is asked for again; what AWS itself
// puts into a well-formed answer is not.
func TestEveryWayAnAnswerCanBeWrong(t *testing.T) {
	t.Parallel()
	for _, service := range []struct {
		name, host string
		op         awstest.Op
	}{{"private", eu, awstest.OpECRToken}, {"public", public, awstest.OpPublicToken}} {
		for _, test := range wrongAnswers() {
			t.Run(service.name+", "+test.name, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, awstest.Options{}).alice()
				w.aws.Inject(service.op, test.fault)
				o := w.fetch(spec{Host: service.host})
				if got := w.general(o.Sentence); service.host == eu && got != test.want {
					t.Errorf("it says  %s\nand not  %s\nmade of  %s", got, test.want, o.Chain)
				}
				if o.Reason != test.reason || !o.Transient || o.Call.Attempts != test.attempts || w.aws.Count(service.op) != test.attempts {
					t.Errorf("%s, transient %v, after %d attempts (%d requests); want %s, true, %d: %s",
						o.Reason, o.Transient, o.Call.Attempts, w.aws.Count(service.op), test.reason, test.attempts, o.Chain)
				}
				// 3 MiB of answers, read into buffers that grow.
				if most := uint64(40 << 20); o.Allocated > most {
					t.Errorf("it took %d MiB of memory", o.Allocated>>20)
				}
				if test.attempts == 1 {
					return
				}
				w.aws.ClearFaults()
				w.aws.ResetRequests()
				test.fault.Times = 1
				w.aws.Inject(service.op, test.fault)
				if o := w.fetch(spec{Host: service.host}); o.Sentence != "" || w.aws.Count(service.op) != 2 {
					t.Errorf("one such answer and then a good one: %d requests, %s", w.aws.Count(service.op), o.Sentence)
				}
			})
		}
	}
}

func TestWhatIsFinalIsNotAskedForAgain(t *testing.T) {
	t.Parallel()
	for _, code := range []string{
		"AccessDeniedException", "UnrecognizedClientException", "InvalidSignatureException", "ExpiredTokenException", "RequestTimeTooSkewed",
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, awstest.Options{}).alice()
			w.aws.Inject(awstest.OpECRToken, awstest.Fault{Kind: awstest.Refuse, Code: code})
			if o := w.fetch(spec{}); o.Call.Attempts != 1 || w.aws.Count(awstest.OpECRToken) != 1 || o.Transient || o.Call.Code != code ||
				o.Call.Status != 400 || o.Call.RequestID == "" || o.Call.Host != w.address() {
				t.Errorf("%d requests, transient %v, call %+v", w.aws.Count(awstest.OpECRToken), o.Transient, o.Call)
			}
		})
	}
}

// Attempts of an outer call and of the inner one for its credentials must not
// multiply.
func TestAnInnerCallIsNotRepeatedByTheOuterOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t, awstest.Options{}).alice()
	w.aws.Inject(awstest.OpAssumeRole, awstest.Broken(0))
	o := w.fetch(spec{RoleARN: pull})
	if n := w.aws.Count(awstest.OpAssumeRole); n != 3 || o.Reason != ServerError {
		t.Errorf("%d requests, %s", n, o.Sentence)
	}
}

func TestACallForTheSourceOfARoleIsNotRepeatedEither(t *testing.T) {
	t.Parallel()
	w := newWorld(t, awstest.Options{})
	w.config("[profile prod]", "role_arn = "+pull, "source_profile = people",
		"[profile people]", "sso_start_url = "+startAt, "sso_region = eu-west-1", "sso_account_id = 111122223333", "sso_role_name = Admin")
	login := w.aws.LoginSSO(awstest.SSO{StartURL: startAt, Region: "eu-west-1"})
	if _, err := login.WriteCache(w.home, ""); err != nil {
		t.Fatal(err)
	}
	w.aws.Inject(awstest.OpSSORoleCredentials, awstest.Broken(0))
	o := w.fetch(spec{Profile: "prod"})
	if n := w.aws.Count(awstest.OpSSORoleCredentials); n != 3 || o.Reason != ServerError {
		t.Errorf("%d requests, %s", n, o.Sentence)
	}
}

func TestACallEndsWithTheFetchThatMadeIt(t *testing.T) {
	// In this process: a child takes its calls with it.
	w := newWorld(t, awstest.Options{})
	const path = "/v2/credentials/task"
	w.aws.AddContainer(awstest.Container{Path: path, RoleARN: pull})
	w.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", w.aws.ContainerURL(path), "AWS_CONFIG_FILE", w.home+"/config", "AWS_SHARED_CREDENTIALS_FILE", w.home+"/credentials",
		"AWS_PROFILE", "", "AWS_ACCESS_KEY_ID", "", "AWS_WEB_IDENTITY_TOKEN_FILE", "")
	for name, value := range w.env {
		t.Setenv(name, value)
	}
	gone := make(chan struct{})
	w.aws.Inject(awstest.OpContainerCredentials, awstest.Fault{Times: 1, Hook: func(_ http.ResponseWriter, r *http.Request) bool {
		<-r.Context().Done()
		close(gone)
		return true
	}})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err := Fetcher{}.Fetch(ctx, Request{Endpoint: registry.Endpoint{Service: registry.Private, Region: "eu-west-1"}})
	var e *Error
	if !errors.As(err, &e) || e.Reason != TimedOut {
		t.Errorf("%v", err)
	}
	select {
	case <-gone:
	case <-time.After(5 * time.Second):
		t.Error("the call goes on")
	}
}

func TestAWSMaxAttemptsIsHeeded(t *testing.T) {
	t.Parallel()
	for attempts, want := range map[string]int{"1": 1, "2": 2} {
		w := newWorld(t, awstest.Options{}).alice().set("AWS_MAX_ATTEMPTS", attempts)
		w.aws.Inject(awstest.OpECRToken, awstest.Broken(0))
		if w.fetch(spec{SlowRetry: true}); w.aws.Count(awstest.OpECRToken) != want {
			t.Errorf("AWS_MAX_ATTEMPTS=%s: %d requests", attempts, w.aws.Count(awstest.OpECRToken))
		}
	}
}

func TestTheSDKsOwnDelaysEndWithTheDeadline(t *testing.T) {
	t.Parallel()
	w := newWorld(t, awstest.Options{}).alice().set("AWS_MAX_ATTEMPTS", "100")
	w.aws.Inject(awstest.OpECRToken, awstest.Broken(0))
	o := w.fetch(spec{SlowRetry: true, Timeout: 2500 * time.Millisecond})
	if o.Reason != ServerError || !o.Transient || w.aws.Count(awstest.OpECRToken) < 2 {
		t.Errorf("%d requests, %s", w.aws.Count(awstest.OpECRToken), o.Sentence)
	}
}

func TestARecoveryInsideTheDeadlineWithTheSDKsOwnDelays(t *testing.T) {
	t.Parallel()
	w := newWorld(t, awstest.Options{}).alice()
	w.aws.Inject(awstest.OpECRToken, awstest.Throttled(1))
	if o := w.fetch(spec{SlowRetry: true}); o.Sentence != "" || w.aws.Count(awstest.OpECRToken) != 2 {
		t.Errorf("%d requests, %s", w.aws.Count(awstest.OpECRToken), o.Sentence)
	}
}

func TestLivesAreReckonedByTheServersClock(t *testing.T) {
	t.Parallel()
	for _, skew := range []time.Duration{-9 * time.Hour, -4 * time.Minute, 0, 4 * time.Minute, 9 * time.Hour} {
		t.Run(skew.String(), func(t *testing.T) {
			t.Parallel()
			const life = 12 * time.Hour
			w := newWorld(t, awstest.Options{Skew: skew, TokenLife: life}).alice()
			o := w.fetch(spec{})
			if o.Sentence != "" {
				t.Fatal(o.Sentence)
			}
			near := func(what string, got, want time.Time) {
				t.Helper()
				if d := got.Sub(want); d < -5*time.Second || d > 5*time.Second {
					t.Errorf("%s: %v, which is %v off", what, got, d)
				}
			}
			now := time.Now()
			near("expiry here", o.Expires, now.Add(life))
			near("expiry there", o.ServerExpires, now.Add(skew+life))
			if early := now.Add(life / 2 * 9 / 10); o.Refresh.Before(early) || o.Refresh.After(now.Add(life/2)) {
				t.Errorf("refresh at %v", o.Refresh)
			}
			// Beyond five minutes AWS refuses the signature, and the SDK signs
			// once more by the clock of the answer.
			want := 1
			if skew.Abs() > 5*time.Minute {
				want = 2
			}
			if n := w.aws.Count(awstest.OpECRToken); n != want {
				t.Errorf("%d requests, want %d", n, want)
			}
		})
	}
}

func TestAWrongClockIsNoObstacleToARole(t *testing.T) {
	t.Parallel()
	w := newWorld(t, awstest.Options{Skew: time.Hour}).alice()
	if o := w.fetch(spec{RoleARN: pull}); o.Sentence != "" {
		t.Error(o.Sentence)
	}
}

func TestAWrongClockWithoutCorrectionIsNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, awstest.Options{Skew: time.Hour}).alice().set("AWS_DISABLE_CLOCK_SKEW_CORRECTION", "true")
	if o := w.fetch(spec{}); o.Reason != ClockSkew {
		t.Errorf("%s: %s", o.Reason, o.Sentence)
	}
}
