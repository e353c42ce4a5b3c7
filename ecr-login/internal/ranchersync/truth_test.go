package ranchersync_test

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"ecr-credential-helper/ecr-login/internal/ranchersync"
	"ecr-credential-helper/ecr-login/internal/ranchersync/cattle"
	"ecr-credential-helper/ecr-login/internal/ranchertest"
)

func updates(r ranchertest.Request) bool { return r.Method == http.MethodPut }

func TestAnAnswerInRanchersPlaceIsNoSuccess(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"an error":           `{"type":"error","status":503}`,
		"a page":             `<html>please log in</html>`,
		"another credential": `{"type":"registryCredential","id":"1c999","publicValue":"AWS"}`,
		"another user":       `{"type":"registryCredential","id":"1c2","publicValue":"me"}`,
		"null":               `null`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, ranchertest.Options{})
			w.has(hostA)
			w.Inject(ranchertest.Fault{Match: updates, Times: -1, Status: 200, Header: http.Header{"Content-Type": {"text/plain"}}, Body: []byte(body)})
			if got := w.run(); got.ExitCode == ranchersync.ExitOK {
				t.Errorf("it counts as done: %+v", got.Targets[0].Registries)
			}
			w.Heal()
			if got := w.run(); got.Totals.Updated != 1 {
				t.Errorf("the next run takes it for done: %+v", got.Totals)
			}
		})
	}
}

func TestAnActivationOfSomethingElseIsNone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	_, c := w.has(hostA)
	w.SetState(c, "inactive")
	w.Inject(ranchertest.Fault{
		Match:  func(r ranchertest.Request) bool { return r.Query.Get("action") == "activate" },
		Status: 202, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(`{"type":"registryCredential","id":"1c999","state":"activating"}`),
	})
	got := w.run(activating)
	wantSummary(t, got, "1 failed:answer")
	wantMessage(t, got, "the answer to the activation of "+c+" is not that resource")
	wantSummary(t, w.run(activating), "0 updated")
}

func TestKeysInABrokenAnswerAreNotShown(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{"HTTP/1.1 %s\r\n\r\n", "HTTP/1.1 200 OK\r\n%s\r\n\r\n", "HTTP/1.1 302 Found\r\nLocation: http://%%zz%s/\r\n\r\n"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = conn.Read(make([]byte, 4096))
				_, _ = fmt.Fprintf(conn, answer, secretKey)
				_ = conn.Close()
			}
		}()
		w := newWorld(t, ranchertest.Options{})
		w.url = "http://" + l.Addr().String()
		target := w.target(func(c *cattle.Config) { c.Patience = 0 })
		got := w.run(func(j *ranchersync.Job) { j.Target = target })
		if p := got.Targets[0].Error; p == nil || strings.Contains(p.Message+p.Hint, secretKey) {
			t.Errorf("it says %+v", p)
		}
	}
}

func TestATokenThatCannotBeReplacedKeepsHealthTrue(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	w.has(hostA)
	service, url := w.serving()
	service.Observe(w.run())
	w.Inject(ranchertest.Fault{Match: updates, Times: -1, Status: 422, Body: []byte(`{"type":"error","status":422,"code":"InvalidFormat"}`)})
	for range 14 {
		w.clock.add(time.Hour)
		service.Observe(w.run())
	}
	if code, body, _ := fetch(t, "GET", url+"/healthz"); code != 503 {
		t.Errorf("two hours after the token's end: %d %q", code, body)
	}
	if _, metrics, _ := fetch(t, "GET", url+"/metrics"); !strings.Contains(metrics, "token_expiry_timestamp_seconds{") {
		t.Error("the metric of the token's end is gone")
	}
	w.Heal()
	service.Observe(w.run())
	if code, body, _ := fetch(t, "GET", url+"/healthz"); code != 200 {
		t.Errorf("after a push that worked: %d %q", code, body)
	}
}
