package identity

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecrpublic"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"ecr-credential-helper/ecr-login/internal/awstest"
)

const (
	roleArn   = "arn:aws:iam::111122223333:role/r%d"
	loginArn  = "arn:aws:iam::111122223333:user/login%d"
	portal    = "https://portal.awsapps.com/start"
	oldPortal = "https://old.awsapps.com/start"
	issuer    = "https://oidc.example.com"
)

// cloud is two fakes, of which the first also plays the real AWS, and a home
// directory with whatever logins there are.
type cloud struct {
	home  string
	real  *awstest.Server
	other *awstest.Server
}

// detour leads requests for real AWS endpoints to a fake, with the host name
// that they were meant for.
type detour struct{ to string }

func (d detour) Do(r *http.Request) (*http.Response, error) {
	if host := r.URL.Hostname(); host != "127.0.0.1" {
		u, err := url.Parse(d.to)
		if err != nil {
			return nil, err
		}
		r = r.Clone(r.Context())
		r.Host = r.URL.Host
		r.URL.Scheme, r.URL.Host = u.Scheme, u.Host
	}
	return http.DefaultClient.Do(r)
}

func openCloud(t *testing.T) *cloud {
	t.Helper()
	c := &cloud{home: t.TempDir()}
	for _, s := range []**awstest.Server{&c.real, &c.other} {
		server, err := awstest.Start(awstest.Options{SessionLife: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := server.Close(); err != nil {
				t.Error(err)
			}
		})
		*s = server
		for i := range 3 {
			server.AddUser(fmt.Sprintf("user%d", i), keyID(i), "secret")
			server.AddRole(awstest.Role{
				ARN: fmt.Sprintf(roleArn, i), Trust: []string{"*"}, MaxSession: 12 * time.Hour,
				Federated: []awstest.WebIdentity{{Issuer: issuer}, {Token: "opaque"}},
			})
			server.AddContainer(awstest.Container{
				Path: fmt.Sprintf("/v2/credentials/%d", i), RoleARN: fmt.Sprintf(roleArn, 0), SessionName: fmt.Sprintf("relative%d", i),
			})
			server.AddContainer(awstest.Container{
				Path: fmt.Sprintf("/full/%d", i), RoleARN: fmt.Sprintf(roleArn, 0), SessionName: fmt.Sprintf("full%d", i),
			})
		}
		server.SetInstance(&awstest.Instance{RoleARN: fmt.Sprintf(roleArn, 0)})
	}
	for i := range 2 {
		session, err := c.real.LoginConsole(awstest.Login{Principal: fmt.Sprintf(loginArn, i)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := session.WriteCache(c.home); err != nil {
			t.Fatal(err)
		}
	}
	for name, start := range map[string]string{"s0": portal, "s1": portal, "s2": oldPortal, "": oldPortal} {
		login := c.real.LoginSSO(awstest.SSO{
			StartURL: start, Region: "eu-west-1", User: "sso-user-" + name,
			Grants: []awstest.SSOGrant{{Account: "111122223333", Role: "Admin"}, {Account: "111122223333", Role: "Reader"}, {Account: "444455556666", Role: "Admin"}},
		})
		if _, err := login.WriteCache(c.home, name); err != nil {
			t.Fatal(err)
		}
	}
	c.write(t, "opaque", "opaque")
	return c
}

func keyID(i int) string { return fmt.Sprintf("AKIAUSERUSERUSERUSE%d", i) }

func (c *cloud) write(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(c.home, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// rotate issues everything temporary anew: tokens, and what commands print.
func (c *cloud) rotate(t *testing.T) {
	t.Helper()
	for i := range 2 {
		token := c.real.WebIdentityToken(issuer, fmt.Sprintf("subject%d", i), "sts.amazonaws.com", time.Hour)
		c.write(t, fmt.Sprintf("token%d", i), token)
		for _, s := range []*awstest.Server{c.real, c.other} {
			s.AddContainer(awstest.Container{
				Path: "/v1/credentials", Token: token, RoleARN: fmt.Sprintf(roleArn, 0), SessionName: fmt.Sprintf("pod%d", i),
			})
		}
	}
	for _, name := range processes() {
		key := c.real.IssueSession(fmt.Sprintf(roleArn, 0), name, time.Hour)
		b, err := json.Marshal(map[string]any{
			"Version": 1, "AccessKeyId": key.AccessKeyID, "SecretAccessKey": key.SecretAccessKey, "SessionToken": key.SessionToken,
			"Expiration": key.Expires.UTC().Format(time.RFC3339),
		})
		if err != nil {
			t.Fatal(err)
		}
		c.write(t, name, string(b))
	}
	c.real.RotateRole(fmt.Sprintf(roleArn, 0))
	c.other.RotateRole(fmt.Sprintf(roleArn, 0))
}

// outcome is what became of asking the SDK.
type outcome struct {
	loadErr   error  // the SDK would not even load
	principal string // who asked ECR, and where, as the fake saw it; "" for nobody
}

// ask lets the SDK do what the helper does without a cache: load, assume the
// configured role, ask ECR. The answer does not matter, only who asks.
func (c *cloud) ask(in Inputs) (out outcome) {
	defer func() {
		if p := recover(); p != nil {
			out = outcome{loadErr: fmt.Errorf("panic: %v", p)}
		}
	}()
	c.real.ResetRequests()
	c.other.ResetRequests()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	cfg, err := config.LoadDefaultConfig(ctx,
		config.WithSharedConfigProfile(in.Profile),
		config.WithRegion("eu-west-1"),
		config.WithHTTPClient(detour{c.real.URL()}),
		config.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} }),
	)
	if err != nil {
		return outcome{loadErr: err}
	}
	if in.RoleARN != "" {
		cfg.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), in.RoleARN,
			func(o *stscreds.AssumeRoleOptions) {
				if in.ExternalID != "" {
					o.ExternalID = &in.ExternalID
				}
			}))
	}
	// An error means a refusal, or that there was nobody to ask as.
	_, _ = ecr.NewFromConfig(cfg).GetAuthorizationToken(ctx, nil)
	cfg.Region = "us-east-1"
	_, _ = ecrpublic.NewFromConfig(cfg).GetAuthorizationToken(ctx, nil)
	for _, op := range []awstest.Op{awstest.OpPublicToken, awstest.OpECRToken} {
		for _, s := range []*awstest.Server{c.real, c.other} {
			if asked := s.Requests(op); len(asked) > 0 {
				out.principal += op.Service() + "@" + asked[0].Host + " "
				if op == awstest.OpECRToken {
					out.principal += "by " + c.origin(asked[0].AccessKeyID, 0)
				}
			}
		}
	}
	return out
}

// origin describes who a key belongs to and how it came about, without what
// changes from one time to the next.
func (c *cloud) origin(key string, depth int) string {
	server := c.real
	p, session, ok := server.SessionOf(key)
	if !ok {
		server = c.other
		if p, session, ok = server.SessionOf(key); !ok {
			return "unknown key " + key
		}
	}
	name := session.Name
	if strings.HasPrefix(name, "aws-go-sdk-") || strings.Trim(name, "0123456789") == "" {
		name = "any"
	}
	at := func(op awstest.Op) string {
		if r := server.Requests(op); len(r) > 0 {
			return r[len(r)-1].Host
		}
		return "nowhere"
	}
	switch session.Via {
	case awstest.OpNone:
		if strings.HasPrefix(name, "process") {
			return name
		}
		return "key " + key
	case awstest.OpAssumeRole:
		for _, r := range server.Requests(awstest.OpAssumeRole) {
			if r.Params["RoleArn"] == session.RoleARN && r.Params["RoleSessionName"] == session.Name && r.Principal == session.Caller && depth < 9 {
				return fmt.Sprintf("role %s name %s external %s duration %s at %s by %s", session.RoleARN, name, session.ExternalID,
					r.Params["DurationSeconds"], r.Host, c.origin(r.AccessKeyID, depth+1))
			}
		}
		return "unknown role session"
	case awstest.OpAssumeRoleWithWebIdentity:
		return fmt.Sprintf("role %s name %s for %s at %s", session.RoleARN, name, session.Caller, at(session.Via))
	case awstest.OpSSORoleCredentials, awstest.OpMetadataCredentials, awstest.OpContainerCredentials:
		return fmt.Sprintf("%s %s at %s", session.Via, p.ARN, at(session.Via))
	}
	return fmt.Sprintf("%s %s", session.Via, p.ARN)
}
