package awstest

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

func FuzzParseSignature(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 Credential=AKIA/20260101/eu-west-1/ecr/aws4_request, SignedHeaders=host;x-amz-date, Signature=00ff")
	f.Add("AWS4-HMAC-SHA256")
	f.Add("AWS4-HMAC-SHA256 Credential=////aws4_request,SignedHeaders=;,Signature=")
	f.Add("Basic QVdTOg==")
	f.Add("AWS4-HMAC-SHA256 =,=,=")
	f.Fuzz(func(t *testing.T, header string) {
		sig, err := parseSignature(header)
		if err != nil {
			return
		}
		if sig.keyID == "" || sig.sum == "" || len(sig.signedHeaders) == 0 || !strings.HasPrefix(header, algorithm) {
			t.Errorf("%q was taken as %+v", header, sig)
		}
		r := &http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/"}, Header: http.Header{"Authorization": {header}}}
		canonicalRequest(r, nil, sig.signedHeaders)
	})
}

func FuzzParseClaims(f *testing.F) {
	f.Add("a.b.c")
	f.Add(New(Options{}).WebIdentityToken("https://issuer.test", "sub", "aud", time.Hour))
	f.Add("e30.e30.")
	f.Add("e30." + base64.RawURLEncoding.EncodeToString([]byte(`{"aud":[1]}`)) + ".x")
	f.Fuzz(func(t *testing.T, token string) {
		if _, err := parseClaims(token); err == nil && strings.Count(token, ".") != 2 {
			t.Errorf("%q was taken for a JWT", token)
		}
	})
}

func FuzzParseProof(f *testing.F) {
	f.Add("a.b.c")
	part := base64.RawURLEncoding.EncodeToString
	header := part([]byte(`{"typ":"dpop+jwt","alg":"ES256","jwk":{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}}`))
	f.Add(header + "." + part([]byte(`{"jti":"1","htm":"POST","htu":"http://127.0.0.1/v1/token","iat":1}`)) + "." + part(make([]byte, 64)))
	f.Add(header + "..")
	f.Fuzz(func(t *testing.T, token string) {
		if p, err := parseProof([]string{token}); err == nil && (p.key == nil || p.id == "") {
			t.Errorf("%q proves %+v", token, p)
		}
	})
}

func TestPlaceOfHost(t *testing.T) {
	t.Parallel()
	tests := []struct{ host, service, region string }{
		{"api.ecr.eu-west-1.amazonaws.com", "ecr", "eu-west-1"},
		{"api.ecr-fips.us-gov-west-1.amazonaws.com", "ecr", "us-gov-west-1"},
		{"ecr-fips.us-east-2.amazonaws.com", "ecr", "us-east-2"},
		{"ecr.eu-west-1.api.aws", "ecr", "eu-west-1"},
		{"api.ecr.cn-north-1.amazonaws.com.cn", "ecr", "cn-north-1"},
		{"api.ecr.eusc-de-east-1.amazonaws.eu", "ecr", "eusc-de-east-1"},
		{"api.ecr-public.us-east-1.amazonaws.com", "ecr-public", "us-east-1"},
		{"ecr-public.us-east-1.api.aws", "ecr-public", "us-east-1"},
		{"sts.amazonaws.com", "sts", "us-east-1"},
		{"sts.ap-south-1.amazonaws.com", "sts", "ap-south-1"},
		{"portal.sso.eu-central-1.amazonaws.com", "sso", "eu-central-1"},
		{"oidc.eu-central-1.amazonaws.com", "sso-oauth", "eu-central-1"},
		{"eu-west-1.signin.aws.amazon.com", "signin", "eu-west-1"},
		{"127.0.0.1", "", ""},
		{"api.ecr.eu-west-1.amazonaws.com.evil.test", "", ""},
	}
	for _, tt := range tests {
		if s, r := placeOfHost(tt.host); s != tt.service || r != tt.region {
			t.Errorf("placeOfHost(%q) = %q, %q", tt.host, s, r)
		}
	}
}

func TestPasswordsHaveTheLengthAskedFor(t *testing.T) {
	t.Parallel()
	for size, want := range map[int]int{16: 32, 100: 100, 2293: 2296, 2300: 2300, 2714: 2716, 4096: 4096} {
		if got := len(newPassword(size, time.Now())); got != want {
			t.Errorf("asked for %d, got %d", size, got)
		}
	}
}
