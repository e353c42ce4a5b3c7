package awstest_test

import (
	"encoding/base64"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"ecr-credential-helper/ecr-login/internal/awstest"
)

func decoded(t *testing.T, v any) string {
	t.Helper()
	text, _ := v.(string)
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestEveryPartOfARequestIsUnderItsSignature(t *testing.T) {
	t.Parallel()
	s := start(t, awstest.Options{})
	swap := func(from, to string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), from, to, 1))
		}
	}
	tests := []struct {
		name    string
		at      time.Duration
		service string
		scope   string
		tamper  func(*http.Request)
		code    string
	}{
		{name: "untouched"},
		{name: "four minutes old", at: -4 * time.Minute},
		{name: "four minutes early", at: 4 * time.Minute},
		{name: "six minutes old", at: -6 * time.Minute, code: "InvalidSignatureException"},
		{name: "six minutes early", at: 6 * time.Minute, code: "InvalidSignatureException"},
		{name: "an extra header that is not signed", tamper: func(r *http.Request) { r.Header.Set("X-Trace", "1") }},
		{name: "other body", tamper: func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader("[]")) }, code: "InvalidSignatureException"},
		{name: "other path", tamper: func(r *http.Request) { r.URL.Path = "/x" }, code: "InvalidSignatureException"},
		{name: "other query", tamper: func(r *http.Request) { r.URL.RawQuery = "a=b" }, code: "InvalidSignatureException"},
		{name: "other host", tamper: func(r *http.Request) { r.Host = "example.test" }, code: "InvalidSignatureException"},
		{name: "other content type", tamper: func(r *http.Request) { r.Header.Set("Content-Type", "application/json") }, code: "InvalidSignatureException"},
		{name: "other date", tamper: func(r *http.Request) {
			r.Header.Set("X-Amz-Date", time.Now().Add(time.Second).UTC().Format("20060102T150405Z"))
		}, code: "InvalidSignatureException"},
		{name: "no date", tamper: func(r *http.Request) { r.Header.Del("X-Amz-Date") }, code: "IncompleteSignatureException"},
		{name: "unsigned x-amz header", tamper: func(r *http.Request) { r.Header.Set("X-Amz-Extra", "1") }, code: "InvalidSignatureException"},
		{name: "session token out of nowhere", tamper: func(r *http.Request) { r.Header.Set("X-Amz-Security-Token", "x") }, code: "UnrecognizedClientException"},
		{name: "scope of another service", service: "ecr-public", code: "InvalidSignatureException"},
		{name: "scope of no region", scope: "earth", code: "InvalidSignatureException"},
		{name: "region changed after signing", tamper: swap("/eu-west-1/", "/eu-west-2/"), code: "InvalidSignatureException"},
		{name: "key changed after signing", tamper: swap(aliceID, "AKIABOB"), code: "InvalidSignatureException"},
		{name: "host not signed", tamper: swap("host;", ""), code: "InvalidSignatureException"},
		{name: "no authorization", tamper: func(r *http.Request) { r.Header.Del("Authorization") }, code: "MissingAuthenticationTokenException"},
		{name: "another scheme", tamper: func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }, code: "IncompleteSignatureException"},
		{name: "scope of four parts", tamper: swap("/aws4_request", ""), code: "IncompleteSignatureException"},
		{name: "no signature", tamper: swap("Signature=", "Sig="), code: "IncompleteSignatureException"},
	}
	s.AddUser("bob", "AKIABOB", "another-secret")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			service, scope := "ecr", region
			if tt.service != "" {
				service = tt.service
			}
			if tt.scope != "" {
				scope = tt.scope
			}
			req := signed(t, s, privateTarget, service, scope, time.Now().Add(tt.at))
			if tt.tamper != nil {
				tt.tamper(req)
			}
			r := send(req)
			if r.err != nil {
				t.Fatal(r.err)
			}
			if tt.code == "" {
				if r.status != http.StatusOK {
					t.Errorf("%d %s", r.status, r.body)
				}
				return
			}
			if r.status != http.StatusBadRequest || !strings.Contains(string(r.body), `"__type":"`+tt.code+`"`) {
				t.Errorf("%d %s, want %s", r.status, r.body, tt.code)
			}
		})
	}
}

// The canonical form of odd paths, queries and header values must be the SDK's.
func TestOddRequestsAreCanonicalisedAsTheSDKDoes(t *testing.T) {
	t.Parallel()
	s := start(t, awstest.Options{})
	for _, target := range []string{
		"/?Action=GetCallerIdentity&Version=2011-06-15",
		"/?Version=2011-06-15&b=2&b=1&a=%20%2B~&Action=GetCallerIdentity&empty=",
		"/_aws/sts/eu-west-1/?Action=GetCallerIdentity",
		"/_aws/sts?Action=GetCallerIdentity&%C3%BC=%C3%9F%2F",
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL()+target, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Amz-Odd", "  two   spaces ")
		req.Header.Add("X-Amz-List", "a")
		req.Header.Add("X-Amz-List", "b")
		const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
		creds := aws.Credentials{AccessKeyID: aliceID, SecretAccessKey: aliceSecret}
		if err := v4.NewSigner().SignHTTP(t.Context(), creds, req, empty, "sts", region, time.Now()); err != nil {
			t.Fatal(err)
		}
		if r := send(req); r.err != nil || r.status != http.StatusOK || !strings.Contains(string(r.body), "<Arn>arn:aws:iam::111122223333:user/alice</Arn>") {
			t.Errorf("%s: %d %s %v", target, r.status, r.body, r.err)
		}
	}
}
