package ranchersync_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"ecr-credential-helper/ecr-login/internal/ranchersync"
	"ecr-credential-helper/ecr-login/internal/ranchersync/cattle"
	"ecr-credential-helper/ecr-login/internal/ranchertest"
)

func TestEveryFormOfTheURLLeadsToTheEnvironment(t *testing.T) {
	t.Parallel()
	for _, prefix := range []string{"", "/tools/rancher"} {
		for _, form := range []string{
			"", "/", "//", "/v1", "/v1/", "/V1", "/v2-beta", "/v2-beta/", "/v2-beta/schemas", "/v1/registries",
			"/v2-beta/projects/1a5", "/v2-beta/projects/1a5/", "/v1/projects/1a5", "/v2-beta/projects", "/env/1a5/apps/stacks?which=all",
		} {
			form, _, _ = strings.Cut(form, "?")
			t.Run(prefix+form, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, ranchertest.Options{Prefix: prefix})
				w.has(hostA)
				w.url += form
				wantSummary(t, w.run(), "0 updated")
				for _, r := range w.Requests() {
					if !strings.HasPrefix(r.Path, prefix+"/v2-beta/") {
						t.Errorf("asked %s", r.Path)
					}
				}
			})
		}
	}
}

func TestAnswersThatAreNoneOfRanchers(t *testing.T) {
	t.Parallel()
	reply := func(contentType, body string) func(w *world) {
		return func(w *world) {
			w.Inject(ranchertest.Fault{Times: -1, Status: 200, Header: http.Header{"Content-Type": {contentType}}, Body: []byte(body)})
		}
	}
	list := func(data string) func(w *world) {
		return reply("application/json", `{"type":"collection","pagination":{"next":null},"data":[`+data+`]}`)
	}
	tests := []struct {
		name string
		set  func(w *world)
		want string
		says string
	}{
		{"a login page", reply("text/html; charset=utf-8", "<html><form>"), "1 !answer", "a web page answers"},
		{"a login page that calls itself JSON", reply("application/json", "<html><form>"), "1 !answer", "is no JSON (at byte 1)"},
		{"an array", reply("application/json", `[]`), "1 !answer", "something other than a list"},
		{"a string", reply("application/json", `"hello"`), "1 !answer", "something other than a list"},
		{"null", reply("application/json", `null`), "1 !answer", "something other than a list"},
		{"an empty object", reply("application/json", `{}`), "1 !answer", "something other than a list"},
		{"the API's root", reply("application/json", `{"type":"apiVersion","links":{}}`), "1 !answer", "something other than a list"},
		{"an error with status 200", reply("application/json", `{"type":"error","status":500}`), "1 !answer", "something other than a list"},
		{"a list without data", reply("application/json", `{"type":"collection"}`), "1 !answer", "something other than a list"},
		{"a list whose data is an object", reply("application/json", `{"type":"collection","data":{}}`), "1 !answer", "something other than a list"},
		{"a list of numbers", list(`1,2,3`), "1 !answer", "has a number where none belongs"},
		{"ids that are numbers", list(`{"id":5}`), "1 !answer", "has a number where none belongs"},
		{"an address that is an object", list(`{"id":"1sp1","serverAddress":{"a":1}}`), "1 !answer", "has a object where none belongs"},
		{"no id", list(`{"serverAddress":"x"}`), "1 !answer", `no usable id: ""`},
		{"an id that leads elsewhere", list(`{"id":"../../v1/accounts/1a1"}`), "1 !answer", "no usable id"},
		{"an id that is a novel", list(`{"id":"` + strings.Repeat("a", 65) + `"}`), "1 !answer", "no usable id"},
		{"nothing", reply("application/json", ``), "1 !unreachable", "breaks off"},
		{"half an answer", reply("application/json", `{"type":"collection","data":[{"id":"1sp1"`), "1 !unreachable", "breaks off"},
		{"ten megabytes of one word", list(`{"id":"1sp1","serverAddress":"` + strings.Repeat("x", 10<<20) + `"}`), "1 !answer", "more than 8 MiB"},
		{"ten megabytes of registries", list(strings.TrimSuffix(strings.Repeat(`{"id":"1sp1","serverAddress":"`+strings.Repeat("x", 4000)+`"},`, 2600), ",")), "1 !answer", "more than 8 MiB"},
		{"a page with more than anybody asked for", list(strings.TrimSuffix(strings.Repeat(`{"id":"1sp1"},`, 5001), ",")), "1 !answer", "more than 5000 entries"},
		{"a next page without marker", reply("application/json", `{"type":"collection","data":[],"pagination":{"next":"http://x/y"}}`), "1 !answer", "has no marker"},
		{"pages that go round", reply("application/json", `{"type":"collection","data":[],"pagination":{"next":"/x?marker=m1"}}`), "1 !answer", "goes round in circles"},
		{"a redirect", func(w *world) {
			w.Inject(ranchertest.Fault{Times: -1, Status: 302, Header: http.Header{"Location": {"https://rancher.example.com/v2-beta?secret=1"}}})
		}, "1 !answer", "redirects to https://rancher.example.com/v2-beta (302)"},
		{"a redirect to nowhere", func(w *world) { w.Inject(ranchertest.Fault{Times: -1, Status: 308}) }, "1 !answer", "redirects to nowhere"},
		{"no API at all", func(w *world) { w.Inject(ranchertest.Fault{Times: -1, Status: 404}) }, "1 !missing", "neither /v2-beta nor /v1 is found"},
		{"an empty error", func(w *world) { w.Inject(ranchertest.Fault{Times: -1, Status: 400}) }, "1 !rejected", "Rancher answers 400 Bad Request"},
		{"an error of another shape", func(w *world) {
			w.Inject(ranchertest.Fault{Times: -1, Status: 418, Body: []byte(`{"status":"418","code":7}`)})
		}, "1 !rejected", "Rancher answers 418 I'm a teapot"},
		{"a login page with status 401", func(w *world) {
			w.Inject(ranchertest.Fault{Times: -1, Status: 401, Header: http.Header{"Content-Type": {"text/html"}}, Body: []byte("<html>")})
		}, "3 !refused", "Rancher answers 401 Unauthorized"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, ranchertest.Options{})
			w.has(hostA)
			tt.set(w)
			got := w.run()
			wantSummary(t, got, tt.want)
			wantMessage(t, got, tt.says)
			if len(w.Writes()) != 0 {
				t.Errorf("sent %v", w.paths())
			}
			if strings.Contains(messages(got), "secret=1") {
				t.Error("the redirect's query is shown")
			}
		})
	}
}

func TestPagesThatNeverEndAreGivenUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	pages := 0
	w.Inject(ranchertest.Fault{Times: -1, Match: on("GET", "/registries"), Rewrite: func(int, []byte) (int, []byte) {
		pages++
		next, err := json.Marshal("http://x/?marker=" + strings.Repeat("m", pages%200+1) + "&n=" + strings.Repeat("1", pages/200))
		if err != nil {
			t.Error(err)
		}
		return 200, append(append([]byte(`{"type":"collection","data":[],"pagination":{"next":`), next...), `}}`...)
	}})
	got := w.run()
	wantSummary(t, got, "1 !answer")
	if pages > 1001 {
		t.Errorf("%d pages were read", pages)
	}
}

func TestAListOfEverNewEntriesIsGivenUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	page := 0
	w.Inject(ranchertest.Fault{Times: -1, Match: on("GET", "/registries"), Rewrite: func(int, []byte) (int, []byte) {
		page++
		var b strings.Builder
		for i := range 4000 {
			fmt.Fprintf(&b, `,{"id":"1sp%d"}`, page*4000+i)
		}
		return 200, fmt.Appendf(nil, `{"type":"collection","data":[%s],"pagination":{"next":"/?marker=m%d"}}`, b.String()[1:], page)
	}})
	got := w.run()
	wantSummary(t, got, "1 !answer")
	wantMessage(t, got, "has no end")
	if page > 2*26 { // once for each version of the API
		t.Errorf("%d pages were read", page)
	}
}

func TestProblemsAreOneLineWithoutControlCharacters(t *testing.T) {
	t.Parallel()
	p := ranchersync.ProblemOf(errors.New("certificate is valid for a\x1b[2J\nb, not c"))
	if p.Message != "certificate is valid for a?[2J b, not c" {
		t.Errorf("%q", p.Message)
	}
}

func TestALargeAnswerCostsLittleMemory(t *testing.T) {
	// Not parallel: it looks at the memory of the whole process.
	w := newWorld(t, ranchertest.Options{})
	w.Inject(ranchertest.Fault{Times: -1, Status: 200, Body: bytes.Repeat([]byte(" "), 24<<20)})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	wantSummary(t, w.run(), "1 !answer")
	runtime.ReadMemStats(&after)
	// Read twice, once for each version of the API, each time up to 8 MiB in a
	// buffer that grows by doubling. Reading it all would take 96 MiB.
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 72<<20 {
		t.Errorf("%d MiB were allocated", grown>>20)
	}
}

func TestTextOfTheServerIsMadeHarmless(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	w.has("evil\x1b[2J\nerror: all is well\u202e" + strings.Repeat("long ", 200))
	for range 40 {
		w.has("x.example.com")
	}
	got := w.run()
	wantSummary(t, got, "1 !missing")
	all := messages(got)
	if strings.ContainsAny(all, "\x1b\u202e") || strings.Contains(all, "\nerror: all is well") || len(all) > 2000 {
		t.Errorf("%q", all)
	}
}

func TestLinksToElsewhereAreNotFollowed(t *testing.T) {
	t.Parallel()
	visited := make(chan string, 100)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		visited <- user + ":" + password
	}))
	defer elsewhere.Close()
	w := newWorld(t, ranchertest.Options{MaxPage: 100})
	for range 150 { // two pages
		w.has("x.example.com")
	}
	w.has(hostA)
	// A proxy that is called differently outside, and speaks TLS there.
	inner := w.Server
	proxy := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		r.Header.Set("X-Forwarded-Proto", "http")
		r.Header.Set("X-Forwarded-Host", strings.TrimPrefix(elsewhere.URL, "http://"))
		inner.ServeHTTP(rw, r)
	}))
	defer proxy.Close()
	w.url = proxy.URL
	wantSummary(t, w.run(), "0 updated")
	w.wantPull(hostA, w.tokens.issued(hostA))

	w.Inject(ranchertest.Fault{Times: -1, Status: 307, Header: http.Header{"Location": {elsewhere.URL + "/v2-beta"}}})
	wantSummary(t, w.run(), "1 !answer")
	select {
	case v := <-visited:
		t.Errorf("the other server was visited with %q", v)
	default:
	}
}

func TestKeysOfEveryKind(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		key     ranchertest.Key
		project string
		job     []func(*ranchersync.Job)
		want    string
		says    []string
	}{
		{"an environment key", ranchertest.Key{Project: "1a5"}, "", nil, "0 updated", nil},
		{"an environment key and its environment", ranchertest.Key{Project: "1a5"}, "1a5", nil, "0 updated", nil},
		{"an environment key and another environment", ranchertest.Key{Project: "1a5"}, "1a6", nil, "3 !refused", []string{"environment 1a6 is not open to this key, or not active"}},
		{"an account key", ranchertest.Key{Roles: map[string]ranchertest.Role{"1a5": ranchertest.Member}}, "", nil, "1 !missing", []string{"with an account key, name the environment with --project"}},
		{"an account key that is to create", ranchertest.Key{Roles: map[string]ranchertest.Role{"1a5": ranchertest.Member}}, "", []func(*ranchersync.Job){asked(hostB), creating}, "3 failed:refused", []string{"make an environment API key", "the key sees: Default (1a5)"}},
		{"an account key and its environment", ranchertest.Key{Roles: map[string]ranchertest.Role{"1a5": ranchertest.Restricted}}, "1a5", nil, "0 updated", nil},
		{"a read-only member", ranchertest.Key{Roles: map[string]ranchertest.Role{"1a5": ranchertest.ReadOnly}}, "1a5", nil, "3 failed:refused", []string{"Rancher answers 405 Method not allowed", "the key may not write here"}},
		{"an administrator", ranchertest.Key{Admin: true}, "", nil, "3 !refused", []string{"it sees the registries of 2 environments and may write none", "the key sees: Default (1a5), Other (1a6)"}},
		{"an administrator and an environment", ranchertest.Key{Admin: true}, "1a5", nil, "0 updated", nil},
		{"an unknown key", ranchertest.Key{}, "", nil, "3 !refused", []string{"Rancher answers 401 Unauthorized", "check the access key"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, ranchertest.Options{})
			other := w.AddProject("Other")
			w.has(hostA)
			w.AddCredential(w.AddRegistry(other, hostA), "AWS", "old")
			if tt.name != "an unknown key" {
				tt.key.Access, tt.key.Secret = "OTHERKEY", secretKey
				w.AddKey(tt.key)
			}
			target := w.target(func(c *cattle.Config) { c.AccessKey, c.Project = "OTHERKEY", tt.project })
			got := w.run(append(tt.job, func(j *ranchersync.Job) { j.Target = target })...)
			wantSummary(t, got, tt.want)
			wantMessage(t, got, tt.says...)
		})
	}
}

func TestAnEnvironmentThatIsNotActive(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	w.has(hostA)
	w.SetProjectState(w.project, "inactive")
	got := w.run()
	wantSummary(t, got, "3 !refused")
	wantMessage(t, got, "not open to this key, or not active")
}

func TestWhatEndsTheWholeTargetIsNotTriedAThousandTimes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	for range 50 {
		w.has(hostA)
	}
	w.Inject(ranchertest.Fault{Times: -1, Match: on("PUT", ""), Status: 401})
	got := w.run()
	if got.ExitCode != 3 || got.Totals.Failed != 50 {
		t.Errorf("%+v", got.Totals)
	}
	wantMessage(t, got, "not tried any more: Rancher answers 401")
	if n := len(w.Writes()); n > 4 {
		t.Errorf("%d writes were tried", n)
	}
}

func TestAFewRefusalsAreNotEverybodys(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	for range 5 {
		w.has(hostA)
	}
	w.Inject(ranchertest.Fault{Times: 2, Match: on("PUT", ""), Status: 405})
	s := w.syncer()
	s.Concurrency = 1
	wantSummary(t, s.Run(t.Context(), []ranchersync.Job{w.job()}), "3 failed:refused failed:refused updated updated updated")
}

func TestACertificateNobodySignedIsExplained(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	w.has(hostA)
	srv := httptest.NewUnstartedServer(w.Server)
	srv.Config.ErrorLog = log.New(io.Discard, "", 0) // it complains of what is tested here
	srv.StartTLS()
	defer srv.Close()
	w.url = srv.URL
	got := w.run()
	wantSummary(t, got, "1 !unreachable")
	wantMessage(t, got, "certificate signed by unknown authority", "--ca-file")

	pool := x509.NewCertPool()
	pool.AddCert(srv.Certificate())
	trusting := w.target(func(c *cattle.Config) {
		c.Transport = cattle.NewTransport(cattle.TransportOptions{RootCAs: pool})
	})
	wantSummary(t, w.run(func(j *ranchersync.Job) { j.Target = trusting }), "0 updated")
	careless := w.target(func(c *cattle.Config) {
		c.Transport = cattle.NewTransport(cattle.TransportOptions{InsecureSkipVerify: true})
	})
	wantSummary(t, w.run(func(j *ranchersync.Job) { j.Target = careless }), "0 unchanged")

	u, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	w.url = "http://" + u.Host // without TLS where TLS is spoken
	got = w.run()
	wantSummary(t, got, "1 !rejected")
	plain := newWorld(t, ranchertest.Options{})
	plain.url = strings.Replace(plain.url, "http://", "https://", 1)
	got = plain.run()
	wantSummary(t, got, "1 !unreachable")
	wantMessage(t, got, "does not speak TLS there")
}

func TestARancherThatHangsIsGivenUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	w.has(hostA)
	w.Inject(ranchertest.Fault{Times: -1, Delay: time.Hour})
	target := w.target(func(c *cattle.Config) { c.RequestTimeout, c.Patience = 20*time.Millisecond, 2*time.Second })
	got := w.run(func(j *ranchersync.Job) { j.Target = target })
	wantSummary(t, got, "1 !unreachable")
	wantMessage(t, got, "no complete answer from Rancher", "within 20ms (", "attempts)")
}

func TestAnAnswerThatDripsIsGivenUp(t *testing.T) {
	t.Parallel()
	slow := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		for r.Context().Err() == nil {
			_, _ = rw.Write([]byte(" "))
			_ = http.NewResponseController(rw).Flush()
			time.Sleep(time.Millisecond)
		}
	}))
	defer slow.Close()
	w := newWorld(t, ranchertest.Options{})
	w.url = slow.URL
	target := w.target(func(c *cattle.Config) { c.RequestTimeout, c.Patience = 20*time.Millisecond, time.Millisecond })
	got := w.run(func(j *ranchersync.Job) { j.Target = target })
	wantSummary(t, got, "1 !unreachable")
	wantMessage(t, got, "no complete answer from Rancher", "within 20ms")
}

func TestARancherThatIsNotThereIsGivenUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ranchertest.Options{})
	// No port is taken for this: one that was free a moment ago may belong to
	// another test's Rancher the next.
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	target := w.target(func(c *cattle.Config) {
		c.Transport = &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return nil, refused }}
	})
	got := w.run(func(j *ranchersync.Job) { j.Target = target })
	wantSummary(t, got, "1 !unreachable")
	wantMessage(t, got, "cannot be reached", "connection refused", "attempts)")
}
