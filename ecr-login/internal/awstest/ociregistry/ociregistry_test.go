package ociregistry_test

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecrpublic"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"ecr-credential-helper/ecr-login/internal/awstest"
	"ecr-credential-helper/ecr-login/internal/awstest/ociregistry"
)

func startAWS(t *testing.T, opts awstest.Options) *awstest.Server {
	t.Helper()
	s, err := awstest.Start(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	s.AddUser("alice", "AKIAALICE", "secret")
	return s
}

func config(s *awstest.Server, region string) aws.Config {
	return aws.Config{
		Region: region, BaseEndpoint: aws.String(s.URL()),
		Credentials: credentials.NewStaticCredentialsProvider("AKIAALICE", "secret", ""),
	}
}

func decode(t *testing.T, token *string) string {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(aws.ToString(token))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(string(b), "AWS:")
}

func token(t *testing.T, s *awstest.Server, region string) string {
	t.Helper()
	out, err := ecr.NewFromConfig(config(s, region)).GetAuthorizationToken(t.Context(), &ecr.GetAuthorizationTokenInput{})
	if err != nil {
		t.Fatal(err)
	}
	return decode(t, out.AuthorizationData[0].AuthorizationToken)
}

func publicToken(t *testing.T, s *awstest.Server) string {
	t.Helper()
	out, err := ecrpublic.NewFromConfig(config(s, "us-east-1")).GetAuthorizationToken(t.Context(), &ecrpublic.GetAuthorizationTokenInput{})
	if err != nil {
		t.Fatal(err)
	}
	return decode(t, out.AuthorizationData.AuthorizationToken)
}

func TestAnImageGoesInAndOutWithAnIssuedPassword(t *testing.T) {
	t.Parallel()
	for _, scheme := range []string{"http", "https"} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			s := startAWS(t, awstest.Options{})
			open, tr := ociregistry.Start, http.DefaultTransport
			if scheme == "https" {
				open = ociregistry.StartTLS
				pool, err := s.CertPool()
				if err != nil {
					t.Fatal(err)
				}
				tr = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
			}
			reg, err := open(s)
			if err != nil {
				t.Fatal(err)
			}
			defer reg.Close()
			if !strings.HasPrefix(reg.URL(), scheme+"://127.0.0.1:") {
				t.Errorf("listens on %s", reg.URL())
			}
			img, err := random.Image(1024, 2)
			if err != nil {
				t.Fatal(err)
			}
			ref, err := name.ParseReference(reg.Host()+"/team/app:1", name.StrictValidation)
			if err != nil {
				t.Fatal(err)
			}
			right := remote.WithAuth(&authn.Basic{Username: "AWS", Password: token(t, s, "eu-west-1")})
			wrong := remote.WithAuth(&authn.Basic{Username: "AWS", Password: "guess"})
			via := remote.WithTransport(tr)

			var refused *transport.Error
			if err := remote.Write(ref, img, wrong, via); !errors.As(err, &refused) || refused.StatusCode != http.StatusUnauthorized {
				t.Errorf("a push with a wrong password: %v", err)
			}
			if err := remote.Write(ref, img, right, via); err != nil {
				t.Fatal(err)
			}
			if _, err := remote.Image(ref, via); !errors.As(err, &refused) {
				t.Errorf("an anonymous pull: %v", err)
			}
			got, err := remote.Image(ref, right, via)
			if err != nil {
				t.Fatal(err)
			}
			want, err := img.Digest()
			if err != nil {
				t.Fatal(err)
			}
			if d, err := got.Digest(); err != nil || d != want {
				t.Errorf("pulled %v, %v, want %v", d, err, want)
			}
			if n := reg.Tally(); n.Accepted == 0 || n.Refused == 0 || n.Anonymous == 0 {
				t.Errorf("tally %+v", n)
			}
		})
	}
}

func TestOnlyAGoodPasswordOfTheRegionOpens(t *testing.T) {
	t.Parallel()
	s := startAWS(t, awstest.Options{})
	g := ociregistry.New(s)
	s.HandleHost(ociregistry.IsHost, g)
	here, there, public := token(t, s, "eu-west-1"), token(t, s, "us-east-2"), publicToken(t, s)
	s.SetTokenLife(-time.Hour)
	expired := token(t, s, "eu-west-1")

	tests := []struct {
		name, user, password string
		status               int
		message              string
	}{
		{"issued for this region", "AWS", here, http.StatusOK, ""},
		{"issued for another region", "AWS", there, http.StatusUnauthorized, "not for this region"},
		{"issued for ECR Public", "AWS", public, http.StatusUnauthorized, "authentication required"},
		{"expired", "AWS", expired, http.StatusUnauthorized, "Your authorization token has expired"},
		{"another user name", "aws", here, http.StatusUnauthorized, "authentication required"},
		{"cut short", "AWS", here[:len(here)-1], http.StatusUnauthorized, "authentication required"},
		{"empty", "AWS", "", http.StatusUnauthorized, "authentication required"},
		{"none", "", "", http.StatusUnauthorized, "authentication required"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL()+"/v2/", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Host = "111122223333.dkr.ecr.eu-west-1.amazonaws.com"
			if tt.user != "" {
				req.SetBasicAuth(tt.user, tt.password)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != tt.status {
				t.Fatalf("status %d, %s, %v", resp.StatusCode, body, err)
			}
			if tt.status == http.StatusOK {
				return
			}
			const challenge = `Basic realm="http://111122223333.dkr.ecr.eu-west-1.amazonaws.com/",service="ecr.amazonaws.com"`
			if got := resp.Header.Get("WWW-Authenticate"); got != challenge {
				t.Errorf("challenge %s", got)
			}
			var v struct {
				Errors []struct{ Code, Message string }
			}
			if err := json.Unmarshal(body, &v); err != nil || len(v.Errors) != 1 || v.Errors[0].Code != "UNAUTHORIZED" || !strings.Contains(v.Errors[0].Message, tt.message) {
				t.Errorf("body %s, %v", body, err)
			}
		})
	}
}

func TestIsHostTellsPrivateRegistriesFromOthers(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]bool{
		"111122223333.dkr.ecr.eu-west-1.amazonaws.com":      true,
		"111122223333.dkr.ecr-fips.us-east-1.amazonaws.com": true,
		"111122223333.dkr-ecr.eu-west-1.on.aws":             true,
		"111122223333.dkr-ecr-fips.us-east-1.on.aws":        true,
		"111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn":  true,
		"11112222333.dkr.ecr.eu-west-1.amazonaws.com":       false,
		"api.ecr.eu-west-1.amazonaws.com":                   false,
		"public.ecr.aws":                                    false,
		"111122223333.dkr.acr.eu-west-1.amazonaws.com":      false,
		"127.0.0.1": false,
		"":          false,
	} {
		if got := ociregistry.IsHost(host); got != want {
			t.Errorf("IsHost(%q) = %v", host, got)
		}
	}
}

func TestCloseMayBeCalledTwiceAndFreesThePort(t *testing.T) {
	t.Parallel()
	s := startAWS(t, awstest.Options{})
	reg, err := ociregistry.Start(s)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := reg.Close(); err != nil {
			t.Error(err)
		}
	}
	if c, err := net.Dial("tcp", reg.Host()); err == nil {
		c.Close()
		t.Error("the port still answers")
	}
	if err := ociregistry.New(s).Close(); err != nil {
		t.Error(err)
	}
}
