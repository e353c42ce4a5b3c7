package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"ecr-credential-helper/ecr-login/internal/awstest"
)

// signIn gives alice an SSO profile in the place of her keys, and a session.
func (l *lab) signIn() (startURL string) {
	l.t.Helper()
	const portal = "https://example.awsapps.com/start"
	delete(l.env, "AWS_ACCESS_KEY_ID")
	delete(l.env, "AWS_SECRET_ACCESS_KEY")
	l.env["AWS_PROFILE"] = "team"
	config := "[profile team]\nsso_session = corp\nsso_account_id = 111122223333\nsso_role_name = Pull\n" +
		"[sso-session corp]\nsso_start_url = " + portal + "\nsso_region = eu-west-1\n"
	path := filepath.Join(l.home, ".aws", "config")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		l.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		l.t.Fatal(err)
	}
	session := l.aws.LoginSSO(awstest.SSO{
		StartURL: portal, Region: "eu-west-1", User: "alice", Grants: []awstest.SSOGrant{{Account: "111122223333", Role: "Pull"}},
	})
	if _, err := session.WriteCache(l.home, "corp"); err != nil {
		l.t.Fatal(err)
	}
	return portal
}

func TestATokenOutlivesTheLoginSessionThatFetchedIt(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	portal := l.signIn()
	first := l.get(irish)
	l.aws.EndSSO(portal)

	// Fresh: nobody asks.
	if again := l.get(irish); again != first {
		t.Error("the fresh token was not served")
	}
	// Past half of its life: the session's end says nothing about the token.
	if err := age(l.dir(), 8*time.Hour); err != nil {
		t.Fatal(err)
	}
	if again := l.get(irish); again != first {
		t.Error("the token that is still good was not served")
	}
	// At its end there is only the truth.
	if err := age(l.dir(), 3*time.Hour+57*time.Minute); err != nil {
		t.Fatal(err)
	}
	l.fails(l.run("get", irish), "aws sso login --profile team")
	l.calls(1)
}
