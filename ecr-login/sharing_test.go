package ecrlogin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"ecr-credential-helper/ecr-login/internal/awstest"
)

func TestWhoWaitedForTheTokenIsListedToo(t *testing.T) {
	aws := startAWS(t)
	aws.SetLatency(awstest.OpECRToken, 50*time.Millisecond)
	dir := filepath.Join(t.TempDir(), "cache")
	accounts := func(i int) string { return fmt.Sprintf("%012d.dkr.ecr.eu-west-1.amazonaws.com", i) }
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			if _, err := New(WithCacheDir(dir)).Credentials(t.Context(), accounts(i)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	wantCalls(t, aws, 1)
	c := New(WithCacheDir(dir))
	if list, err := c.List(); err != nil || len(list) != 20 {
		t.Errorf("%d of 20 hosts are listed, %v", len(list), err)
	}
	if err := c.Delete(accounts(7)); err != nil {
		t.Fatal(err)
	}
	if list, _ := c.List(); len(list) != 0 {
		t.Errorf("the token of an erased host is still there: %v", list)
	}
}

func TestAHangingRefreshOfALivingTokenIsGivenUpEarly(t *testing.T) {
	aws := startAWS(t)
	c, _ := newClient(t, WithTimeout(4*time.Second))
	first := mustGet(t, c, host)
	aws.Inject(awstest.OpECRToken, awstest.Fault{Kind: awstest.Hang})
	c.now = func() time.Time { return time.Now().Add(7 * time.Hour) }
	start := time.Now()
	if mustGet(t, c, host) != first {
		t.Error("another token came from nowhere")
	}
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("it took %v of a deadline of 4 s", took)
	}
}

func TestAnInterruptedPublicCallIsNoAnonymousPull(t *testing.T) {
	aws := startAWS(t)
	aws.Inject(awstest.OpPublicToken, awstest.Fault{Kind: awstest.Hang})
	c, log := newClient(t)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	var e *Error
	if _, err := c.Credentials(ctx, "public.ecr.aws"); errors.Is(err, ErrAnonymous) || !errors.As(err, &e) || e.Reason != ReasonCancelled {
		t.Errorf("got %v", err)
	}
	if strings.Contains(log.String(), "level=warn") || strings.Contains(log.String(), "level=error") {
		t.Errorf("the log says %s", log)
	}
}

func TestAnonymousErrorsAreOneLine(t *testing.T) {
	aws := startAWS(t)
	aws.Inject(awstest.OpPublicToken, awstest.Fault{Kind: awstest.Refuse, Code: "AccessDeniedException"})
	c, _ := newClient(t)
	if _, err := c.Credentials(t.Context(), "public.ecr.aws"); !errors.Is(err, ErrAnonymous) || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %q", err)
	}
}

func TestRulesOfOptions(t *testing.T) {
	aws := startAWS(t)
	aws.AddRole(awstest.Role{ARN: "arn:aws:iam::444455556666:role/pull", Trust: []string{"*"}})
	dir := t.TempDir()
	config := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(config, []byte("registries: [{host: '*.dkr.ecr.*.amazonaws.com', profile: nobody}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_ECR_CONFIG", config)
	t.Setenv("AWS_ECR_DISABLE_CACHE", "1")
	pull := Identity{RoleARN: "arn:aws:iam::444455556666:role/pull"}
	// They come before those of the file, in any case, wherever they stand.
	c := New(WithRegistry("444455556666.DKR.ECR.*.amazonaws.com", pull), WithEnvironment(), WithCacheDir(dir))
	issued, _ := aws.Issued(mustGet(t, c, otherHost))
	if issued.Session.RoleARN != pull.RoleARN {
		t.Errorf("the token belongs to %+v", issued)
	}
	mustGet(t, c, otherHost)
	wantCalls(t, aws, 1) // WithCacheDir means it

	var bad *SettingsError
	if _, err := New(WithRegistry("*.dkr.ecr.*.amazonaw.com", pull)).Credentials(t.Context(), host); !errors.As(err, &bad) {
		t.Errorf("a pattern that matches nothing: %v", err)
	}
}

// While the first process holds the lock, the profile is somebody else's for a
// moment: the token that is fetched then must not be kept for the owner of the
// first fingerprint.
func TestAProfileThatChangesAndChangesBackKeepsNothing(t *testing.T) {
	aws := startAWS(t)
	aws.AddUser("bob", "AKIABOBBOBBOBBOBBOB0", secret)
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	path := os.Getenv("AWS_SHARED_CREDENTIALS_FILE")
	become := func(id string) {
		if err := os.WriteFile(path, []byte("[default]\naws_access_key_id = "+id+"\naws_secret_access_key = "+secret+"\n"), 0o600); err != nil {
			t.Error(err)
		}
	}
	become(keyID)
	dir := filepath.Join(t.TempDir(), "cache")
	back := make(chan struct{})
	aws.Inject(awstest.OpECRToken, awstest.Fault{Kind: awstest.Proceed, Times: 1, Hook: func(http.ResponseWriter, *http.Request) bool {
		become("AKIABOBBOBBOBBOBBOB0")
		become(keyID)
		later := time.Now().Add(time.Second)
		_ = os.Chtimes(path, later, later)
		close(back)
		return false
	}})
	mustGet(t, New(WithCacheDir(dir)), host)
	<-back
	issued, _ := aws.Issued(mustGet(t, New(WithCacheDir(dir)), host))
	if wantARN := "user/alice"; !strings.Contains(fmt.Sprint(issued.Principal), wantARN) {
		t.Errorf("alice is served the token of %v", issued.Principal)
	}
	wantCalls(t, aws, 2)
}
