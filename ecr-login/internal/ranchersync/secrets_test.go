package ranchersync_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ecr-credential-helper/ecr-login/internal/ranchersync"
	"ecr-credential-helper/ecr-login/internal/ranchertest"
)

// TestNoSecretIsEverShown lets a server quote everything it is sent, in every
// place of an answer that is shown to people, and searches all that comes out.
func TestNoSecretIsEverShown(t *testing.T) {
	t.Parallel()
	const shortToken = "short-tok3n" // too short to be told from a word
	for _, password := range []string{"", shortToken} {
		for _, status := range []int{200, 400, 401, 405, 409, 418, 422, 503} {
			for _, where := range []string{"GET", "PUT", "POST"} {
				t.Run(fmt.Sprintf("%d to %s, token %q", status, where, password), func(t *testing.T) {
					t.Parallel()
					w := newWorld(t, ranchertest.Options{})
					if password != "" {
						w.tokens.password = func(string, int) string { return password }
					}
					w.has(hostA)
					basic := base64.StdEncoding.EncodeToString([]byte(accessKey + ":" + secretKey))
					w.Inject(ranchertest.Fault{
						Times: -1, Match: func(r ranchertest.Request) bool { return r.Method == where },
						Rewrite: func(int, []byte) (int, []byte) {
							all := w.tokens.issued(hostA) + w.tokens.issued(hostB) + " " + secretKey + " " + basic
							body, err := json.Marshal(map[string]any{
								"type": "error", "status": status, "code": all, "fieldName": all, "message": all, "detail": all,
								"id": "1c7", "state": "active", "serverAddress": "x", "transitioning": "error", "transitioningMessage": "failed",
							})
							if err != nil {
								t.Error(err)
							}
							return status, body
						},
					})
					w.search(password, w.run(asked(hostA, hostB), creating, annotated))
				})
			}
		}
	}
}

func TestNoSecretIsShownInGoodTimesEither(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	_, c := w.has(hostA)
	w.has("https://" + hostC)
	report := w.run(asked(hostA, hostB, hostC), creating, annotated)
	w.search("", report)
	for _, r := range w.Requests() {
		for name := range r.Query {
			if name != "limit" && name != "registryId" && name != "marker" && name != "action" {
				t.Errorf("%s %s has the query %v", r.Method, r.Path, r.Query)
			}
		}
	}
	if d := w.Field(c, "description"); !strings.Contains(d, "[ecr-login:") || strings.Contains(d, w.tokens.issued(hostA)[:30]) {
		t.Errorf("description %q", d)
	}
}

func TestNoSecretIsShownWhenAWSFailsOrConnectionsDo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	w.has(hostA)
	w.Inject(ranchertest.Fault{Times: -1, Match: on("PUT", ""), Cut: ranchertest.AfterEffect})
	w.search("", w.run())
	w.Heal()
	w.Inject(ranchertest.Fault{Times: -1, Status: 302, Header: http.Header{"Location": {"https://" + accessKey + ":" + secretKey + "@example.com/?k=" + secretKey}}})
	w.search("", w.run())
	w.Heal()
	w.tokens.err = errors.New("no credentials")
	w.search("", w.run())
}

// search looks for secrets in the log, the report, the metrics, the page and the
// files that a run left behind.
func (w *world) search(short string, report *ranchersync.Report) {
	w.t.Helper()
	var out bytes.Buffer
	fmt.Fprintf(&out, "%s\n%+v\n%#v\n%s\n", w.logged(), report, w.job(), messages(report))
	if err := json.NewEncoder(&out).Encode(report); err != nil {
		w.t.Fatal(err)
	}
	service, url := w.serving()
	service.Observe(report)
	for _, path := range []string{"/", "/metrics", "/healthz", "/ping"} {
		_, body, header := fetch(w.t, "GET", url+path)
		fmt.Fprintln(&out, body, header)
	}
	files, err := filepath.Glob(filepath.Join(w.dir, "*"))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range files {
		content, err := os.ReadFile(f)
		if err != nil {
			w.t.Fatal(err)
		}
		out.Write(content)
		if info, err := os.Stat(f); err != nil || info.Mode().Perm() != 0o600 {
			w.t.Errorf("%s has the mode %v (%v)", f, info.Mode(), err)
		}
	}
	secrets := []string{secretKey, base64.StdEncoding.EncodeToString([]byte(accessKey + ":" + secretKey)), "eyJ0b2tlbiI", "token-1-", "token-2-"}
	if short != "" {
		secrets = append(secrets, short)
	}
	for _, secret := range secrets {
		if at := strings.Index(out.String(), secret); at >= 0 {
			w.t.Errorf("%.20q is shown: …%s", secret, out.String()[max(0, at-200):min(out.Len(), at+100)])
		}
	}
}
