package cattle_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"ecr-credential-helper/ecr-login/internal/ranchersync"
	"ecr-credential-helper/ecr-login/internal/ranchersync/cattle"
	"ecr-credential-helper/ecr-login/token"
)

func TestURLsAsPeopleHaveThemAtHand(t *testing.T) {
	t.Parallel()
	tests := []struct{ raw, address, project string }{
		{"https://rancher.example.com", "https://rancher.example.com", ""},
		{" https://rancher.example.com/\n", "https://rancher.example.com", ""},
		{"HTTPS://Rancher.Example.COM/v1", "https://rancher.example.com", ""},
		{"http://rancher:8080/v2-beta/", "http://rancher:8080", ""},
		{"http://rancher:8080/v2-beta/projects/1a5/", "http://rancher:8080", "1a5"},
		{"http://rancher:8080/v1/projects/1a5/schemas", "http://rancher:8080", "1a5"},
		{"http://rancher:8080/v1/PROJECTS/1a5", "http://rancher:8080", "1a5"},
		{"https://example.com/tools//rancher/v1", "https://example.com/tools/rancher", ""},
		{"https://example.com/env/1a7/infra/registries", "https://example.com", "1a7"},
		{"https://example.com/rancher/env/1a7", "https://example.com/rancher", "1a7"},
		{"https://[2001:db8::1]:8443/v1", "https://[2001:db8::1]:8443", ""},
		{"http://10.0.0.1", "http://10.0.0.1", ""},
		{"http://10.0.0.1/env/v1", "http://10.0.0.1/env", ""},
	}
	for _, tt := range tests {
		a, err := cattle.ParseURL(tt.raw)
		if err != nil || a.String() != tt.address || a.Project != tt.project {
			t.Errorf("%q: %q %q %v", tt.raw, a, a.Project, err)
		}
		if a.Plain() != strings.HasPrefix(tt.address, "http:") {
			t.Errorf("%q: plain %v", tt.raw, a.Plain())
		}
	}
}

func TestURLsThatCannotWork(t *testing.T) {
	t.Parallel()
	const secret = "hunter2"
	tests := []struct{ raw, says string }{
		{"", "is empty"},
		{"  ", "is empty"},
		{"rancher.example.com", "has no scheme"},
		{"rancher:8080/v1", "has no scheme"},
		{"ftp://rancher.example.com", "not https or http"},
		{"https://", "names no host"},
		{"https:///v1", "names no host"},
		{"https://:8080/v1", "names no host"},
		{"https://key:" + secret + "@rancher.example.com/v1", "holds a user name or password"},
		{"https://key:" + secret + "@rancher.example.com:port/v1", "cannot be read"},
		{"https://rancher.example.com/v1?key=" + secret, "has a query"},
		{"https://rancher.example.com/v1?", "has a query"},
		{"https://rancher.example.com/#/" + secret, "has a fragment"},
		{"https://rancher.example.com/v1 /x", "holds a character that no URL has"},
		{"https://rancher.example.com/\x00", "holds a character that no URL has"},
		{`https://rancher.example.com\v1`, "holds a character that no URL has"},
		{"https://ränscher.example.com", "holds a character that no URL has"},
		{"https://\xff.example.com", "holds a character that no URL has"},
		{"https://rancher.example.com/%2e%2e/v1", "escaped path"},
		{"https://rancher.example.com/%00", "escaped path"},
		{"https://rancher.example.com/../v1", "dots for a path"},
		{"https://rancher.example.com/v3", "API v3"},
		{"https://rancher.example.com/v2", "API v2"},
		{"https://rancher.example.com/v1/projects/1a5:x", "cannot be an id"},
		{"https://rancher.example.com/v1/projects/1a5/registries/1sp1", `goes on behind the API's version with "registries"`},
		{"https://rancher.example.com/v1/hosts", `goes on behind the API's version with "hosts"`},
	}
	for _, tt := range tests {
		_, err := cattle.ParseURL(tt.raw)
		if err == nil || !strings.Contains(err.Error(), tt.says) || ranchersync.ReasonOf(err) != ranchersync.ReasonConfig {
			t.Errorf("%q: %v, want %q", tt.raw, err, tt.says)
			continue
		}
		if strings.Contains(err.Error()+ranchersync.HintOf(err), secret) {
			t.Errorf("%q: the error shows the secret: %v", tt.raw, err)
		}
	}
}

func FuzzParseURL(f *testing.F) {
	for _, s := range []string{
		"https://rancher.example.com/v2-beta/projects/1a5", "http://h/env/1a5", "http://h/env", "https://[::1]:1/v1", "http://a/v1/../v2", "http://h/%2f/v1", "http://u:p@h",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		a, err := cattle.ParseURL(raw)
		if err != nil {
			var known *ranchersync.Error
			if !errors.As(err, &known) || known.Reason != ranchersync.ReasonConfig {
				t.Errorf("%q: %v", raw, err)
			}
			return
		}
		u, err := url.Parse(a.String())
		if err != nil || u.User != nil || u.RawQuery != "" || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			t.Errorf("%q became %q", raw, a)
		}
		again, err := cattle.ParseURL(a.String() + "/v1/projects/1a5")
		if err != nil || again.String() != a.String() || again.Project != "1a5" {
			t.Errorf("%q became %q, which became %q (%v)", raw, a, again, err)
		}
	})
}

func TestTargetsThatCannotWork(t *testing.T) {
	t.Parallel()
	address, err := cattle.ParseURL("https://rancher.example.com")
	if err != nil {
		t.Fatal(err)
	}
	good := cattle.Config{Address: address, AccessKey: "key", SecretKey: token.NewPassword("secret")}
	tests := []struct {
		name   string
		change func(*cattle.Config)
		says   string
	}{
		{"no address", func(c *cattle.Config) { c.Address = cattle.Address{} }, "no Rancher URL"},
		{"no access key", func(c *cattle.Config) { c.AccessKey = "" }, "no access key"},
		{"no secret key", func(c *cattle.Config) { c.SecretKey = token.Password{} }, "no secret key"},
		{"a colon in the access key", func(c *cattle.Config) { c.AccessKey = "a:b" }, "holds a character"},
		{"a line break in the secret key", func(c *cattle.Config) { c.SecretKey = token.NewPassword("a\nb") }, "holds a character"},
		{"no ASCII in the access key", func(c *cattle.Config) { c.AccessKey = "ab\xffcdef" }, "holds a character"},
		{"a project that leads elsewhere", func(c *cattle.Config) { c.Project = "../1a5" }, "cannot be the id"},
		{"a long address", func(c *cattle.Config) { c.Email = strings.Repeat("x", 256) }, "longer than the 255"},
	}
	for _, tt := range tests {
		cfg := good
		tt.change(&cfg)
		if _, err := cattle.New(cfg); err == nil || !strings.Contains(err.Error(), tt.says) || ranchersync.ReasonOf(err) != ranchersync.ReasonConfig {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	if _, err := cattle.New(good); err != nil {
		t.Error(err)
	}
	if _, err := cattle.CertPool([]byte("hello")); err == nil {
		t.Error("a file without certificates is taken")
	}
}
