package ranchertest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"ecr-credential-helper/ecr-login/internal/ranchertest"
)

const host = "111122223333.dkr.ecr.eu-west-1.amazonaws.com"

// rancher is a server with one environment and a key of every kind.
type rancher struct {
	*ranchertest.Server
	url, project string
}

func start(t *testing.T, opts ranchertest.Options) rancher {
	t.Helper()
	s := ranchertest.New(opts)
	p := s.AddProject("Default")
	other := s.AddProject("Other")
	s.AddKey(ranchertest.Key{Access: "env", Secret: "s", Project: p})
	s.AddKey(ranchertest.Key{Access: "other", Secret: "s", Project: other})
	s.AddKey(ranchertest.Key{Access: "admin", Secret: "s", Admin: true})
	s.AddKey(ranchertest.Key{Access: "member", Secret: "s", Roles: map[string]ranchertest.Role{p: ranchertest.Member}})
	s.AddKey(ranchertest.Key{Access: "reader", Secret: "s", Roles: map[string]ranchertest.Role{p: ranchertest.ReadOnly}})
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	return rancher{s, srv.URL, p}
}

type result struct {
	status int
	header http.Header
	raw    string
	json   map[string]any
}

func (r rancher) do(t *testing.T, key, method, path, body string, header ...string) result {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, r.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if key != "" {
		req.SetBasicAuth(key, "s")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	out := result{status: resp.StatusCode, header: resp.Header, raw: string(raw)}
	_ = json.Unmarshal(raw, &out.json)
	return out
}

func (r result) ids() []string {
	var ids []string
	data, _ := r.json["data"].([]any)
	for _, d := range data {
		if m, ok := d.(map[string]any); ok {
			id, _ := m["id"].(string)
			ids = append(ids, id)
		}
	}
	return ids
}

func TestKeysSeeAndMayDoWhatTheyMayInRancher(t *testing.T) {
	t.Parallel()
	r := start(t, ranchertest.Options{})
	sp := r.AddRegistry(r.project, host)
	other := r.AddRegistry("1a6", host)
	scoped := "/v2-beta/projects/" + r.project
	tests := []struct {
		name, key, base string
		list            int
		sees            []string
		write           int
	}{
		{"no key", "", "/v2-beta", 401, nil, 401},
		{"unknown key", "nobody", "/v2-beta", 401, nil, 401},
		{"environment key", "env", "/v2-beta", 200, []string{sp}, 200},
		{"environment key, v1", "env", "/v1", 200, []string{sp}, 200},
		{"environment key with its project", "env", scoped, 200, []string{sp}, 200},
		{"environment key with another project", "env", "/v2-beta/projects/1a6", 403, nil, 403},
		{"environment key of another environment", "other", "/v2-beta", 200, []string{other}, 404},
		{"account key without project", "member", "/v2-beta", 200, nil, 404},
		{"admin key without project", "admin", "/v2-beta", 200, []string{sp, other}, 405},
		{"account key with project", "member", scoped, 200, []string{sp}, 200},
		{"admin key with project", "admin", scoped, 200, []string{sp}, 200},
		{"read-only member", "reader", scoped, 200, []string{sp}, 405},
		{"not a member", "member", "/v2-beta/projects/1a6", 403, nil, 403},
		{"no such project", "admin", "/v2-beta/projects/1a99", 403, nil, 403},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := r.do(t, tt.key, "GET", tt.base+"/registries", "")
			if got.status != tt.list || !slices.Equal(got.ids(), tt.sees) {
				t.Errorf("list: %d %v, want %d %v", got.status, got.ids(), tt.list, tt.sees)
			}
			if got := r.do(t, tt.key, "PUT", tt.base+"/registries/"+sp, `{"name":"n"}`); got.status != tt.write {
				t.Errorf("write: %d, want %d", got.status, tt.write)
			}
		})
	}
	r.SetProjectState(r.project, "inactive")
	if got := r.do(t, "env", "GET", "/v2-beta/registries", ""); got.status != 403 {
		t.Errorf("an inactive environment answers %d", got.status)
	}
}

func TestWritesFollowTheSchema(t *testing.T) {
	t.Parallel()
	r := start(t, ranchertest.Options{})
	sp := r.AddRegistry(r.project, host)
	foreign := r.AddRegistry("1a6", host)
	c := r.AddCredential(sp, "AWS", "old")
	long := strings.Repeat("x", 4097)
	tests := []struct {
		name, method, path, body string
		status                   int
		code                     string
	}{
		{"an address already there", "POST", "/v2-beta/registries", `{"serverAddress":"` + strings.ToUpper(host) + `"}`, 400, "ServerAddressUsed"},
		{"the same with a scheme", "POST", "/v2-beta/registries", `{"serverAddress":"https://` + host + `"}`, 201, ""},
		{"no address", "POST", "/v2-beta/registries", `{}`, 422, "MissingRequired"},
		{"an empty address", "POST", "/v2-beta/registries", `{"serverAddress":""}`, 422, "MinLengthExceeded"},
		{"a null address", "POST", "/v2-beta/registries", `{"serverAddress":null}`, 422, "NotNullable"},
		{"a number for an address", "POST", "/v2-beta/registries", `{"serverAddress":5}`, 400, "InvalidFormat"},
		{"no JSON", "POST", "/v2-beta/registries", `hello`, 400, "InvalidFormat"},
		{"a long name", "POST", "/v2-beta/registries", `{"serverAddress":"a","name":"` + long + `"}`, 422, "MaxLengthExceeded"},
		{"a registry of another environment", "POST", "/v2-beta/registrycredentials", `{"registryId":"` + foreign + `"}`, 422, "InvalidReference"},
		{"an id without prefix", "POST", "/v2-beta/registrycredentials", `{"registryId":"2"}`, 422, "InvalidReference"},
		{"v1 without email", "POST", "/v1/registrycredentials", `{"registryId":"` + sp + `"}`, 422, "MissingRequired"},
		{"v1 with an empty email", "POST", "/v1/registrycredentials", `{"registryId":"` + sp + `","email":""}`, 422, "MinLengthExceeded"},
		{"v2-beta with an unknown field", "POST", "/v2-beta/registrycredentials", `{"registryId":"` + sp + `","email":"","x":1}`, 201, ""},
		{"a long secret", "PUT", "/v2-beta/registrycredentials/" + c, `{"secretValue":"` + long + `"}`, 422, "MaxLengthExceeded"},
		{"an action that is not available", "POST", "/v2-beta/registrycredentials/" + c + "?action=activate", ``, 422, "ActionNotAvailable"},
		{"removing what is active", "POST", "/v2-beta/registrycredentials/" + c + "?action=remove", ``, 422, "ActionNotAvailable"},
		{"deleting what is active", "DELETE", "/v2-beta/registrycredentials/" + c, ``, 405, "Method not allowed"},
		{"deactivating", "POST", "/v2-beta/registrycredentials/" + c + "?action=deactivate", ``, 202, ""},
		{"an unknown id", "PUT", "/v2-beta/registrycredentials/1c999", `{}`, 404, "Not Found"},
		{"an unknown type", "GET", "/v2-beta/widgets", ``, 404, "Not Found"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := r.do(t, "env", tt.method, tt.path, tt.body)
			code, _ := got.json["code"].(string)
			if got.status != tt.status || code != tt.code {
				t.Errorf("%d %q, want %d %q: %s", got.status, code, tt.status, tt.code, got.raw)
			}
		})
	}
}

func TestSecretsShowOnCreationOnly(t *testing.T) {
	t.Parallel()
	r := start(t, ranchertest.Options{})
	sp := r.AddRegistry(r.project, host)
	made := r.do(t, "env", "POST", "/v2-beta/registrycredentials", `{"registryId":"`+sp+`","publicValue":"AWS","secretValue":"hush"}`)
	if made.json["secretValue"] != "hush" {
		t.Errorf("creation answers %v", made.json["secretValue"])
	}
	id, _ := made.json["id"].(string)
	for _, got := range []result{
		r.do(t, "env", "GET", "/v2-beta/registrycredentials/"+id, ""),
		r.do(t, "env", "GET", "/v2-beta/registrycredentials", ""),
		r.do(t, "env", "PUT", "/v2-beta/registrycredentials/"+id, `{"secretValue":"hush"}`),
	} {
		if got.status != 200 || strings.Contains(got.raw, "hush") {
			t.Errorf("%d %s", got.status, got.raw)
		}
	}
	if r.Field(id, "secretValue") != "hush" {
		t.Error("the secret is not stored")
	}
}

func TestStatesTakeTheirTime(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	r := start(t, ranchertest.Options{Now: func() time.Time { return now }, Settle: time.Second})
	made := r.do(t, "env", "POST", "/v2-beta/registries", `{"serverAddress":"`+host+`"}`)
	id, _ := made.json["id"].(string)
	if made.json["state"] != "requested" || made.json["transitioning"] != "yes" {
		t.Errorf("created %v %v", made.json["state"], made.json["transitioning"])
	}
	for _, want := range []string{"requested", "registering", "activating", "active", "active"} {
		if got := r.Field(id, "state"); got != want {
			t.Errorf("state %q, want %q", got, want)
		}
		now = now.Add(time.Second)
	}
}

func TestStatesWaitForAStepWhenSettleIsNegative(t *testing.T) {
	t.Parallel()
	r := start(t, ranchertest.Options{Settle: -1})
	made := r.do(t, "env", "POST", "/v2-beta/registries", `{"serverAddress":"`+host+`"}`)
	id, _ := made.json["id"].(string)
	for _, want := range []string{"requested", "registering", "activating", "active", "active"} {
		if got := r.Field(id, "state"); got != want {
			t.Errorf("state %q, want %q", got, want)
		}
		r.Step()
	}
	r.FailNext("registryCredential", "no room")
	failed := r.do(t, "env", "POST", "/v2-beta/registrycredentials", `{"registryId":"`+id+`"}`)
	if failed.json["transitioning"] != "error" || failed.json["transitioningMessage"] != "no room" {
		t.Errorf("%s", failed.raw)
	}
}

func TestRemovingARegistryRemovesItsCredentials(t *testing.T) {
	t.Parallel()
	r := start(t, ranchertest.Options{})
	sp := r.AddRegistry(r.project, host)
	c := r.AddCredential(sp, "AWS", "x")
	for _, action := range []string{"deactivate", "remove"} {
		if got := r.do(t, "env", "POST", "/v2-beta/registries/"+sp+"?action="+action, ""); got.status != 202 {
			t.Fatalf("%s: %s", action, got.raw)
		}
		if action == "remove" {
			if got := r.do(t, "env", "POST", "/v2-beta/registries", `{"serverAddress":"`+host+`"}`); got.status != 201 {
				t.Errorf("the address stays taken: %s", got.raw)
			}
		}
	}
	r.Field(c, "state") // one look later
	if got := r.Field(c, "state"); got != "removed" {
		t.Errorf("credential is %s", got)
	}
	if got := r.do(t, "env", "GET", "/v2-beta/registries", "").ids(); slices.Contains(got, sp) {
		t.Errorf("the removed registry is listed: %v", got)
	}
	if got := r.do(t, "env", "GET", "/v2-beta/registries/"+sp, ""); got.json["state"] != "removed" {
		t.Errorf("by its id: %s", got.raw)
	}
}

func TestListsArePagedByMarkers(t *testing.T) {
	t.Parallel()
	r := start(t, ranchertest.Options{})
	for i := range 250 {
		r.AddRegistry(r.project, "r"+strconv.Itoa(i)+".example.com")
	}
	seen, path := 0, "/v2-beta/registries?serverAddress=nothing"
	for pages := 1; ; pages++ {
		got := r.do(t, "env", "GET", path, "", "X-Forwarded-Proto", "https", "X-Forwarded-Host", "rancher.example.com")
		seen += len(got.ids())
		pagination, _ := got.json["pagination"].(map[string]any)
		next, more := pagination["next"].(string)
		if !more {
			if pages != 3 || seen != 250 {
				t.Errorf("%d pages, %d registries", pages, seen)
			}
			return
		}
		if !strings.HasPrefix(next, "https://rancher.example.com/v2-beta/registries?marker=m") {
			t.Fatalf("next is %q", next)
		}
		path = strings.TrimPrefix(next, "https://rancher.example.com")
	}
}

func TestOnlySomeFieldsAreFilters(t *testing.T) {
	t.Parallel()
	r := start(t, ranchertest.Options{})
	a, b := r.AddRegistry(r.project, host), r.AddRegistry(r.project, "other.example.com")
	ca := r.AddCredential(a, "AWS", "x")
	cb := r.AddCredential(b, "AWS", "y")
	if got := r.do(t, "env", "GET", "/v2-beta/registries?serverAddress="+host, "").ids(); !slices.Equal(got, []string{a, b}) {
		t.Errorf("serverAddress filters: %v", got)
	}
	if got := r.do(t, "env", "GET", "/v2-beta/registrycredentials?registryId="+b, "").ids(); !slices.Equal(got, []string{cb}) {
		t.Errorf("registryId does not filter: %v", got)
	}
	if got := r.do(t, "env", "GET", "/v2-beta/registrycredentials", "").ids(); !slices.Equal(got, []string{ca, cb}) {
		t.Errorf("all: %v", got)
	}
}

func TestAPullUsesTheExactAddressAndTheLowestActiveCredential(t *testing.T) {
	t.Parallel()
	r := start(t, ranchertest.Options{})
	withScheme := r.AddRegistry(r.project, "https://"+host)
	r.AddCredential(withScheme, "AWS", "unused")
	if _, ok := r.Pull(r.project, host); ok {
		t.Error("an address with a scheme is used")
	}
	sp := r.AddRegistry(r.project, strings.ToUpper(host))
	first := r.AddCredential(sp, "AWS", "one")
	r.AddCredential(sp, "AWS", "two")
	if got, _ := r.Pull(r.project, host); got.Password != "one" {
		t.Errorf("pull with %q", got.Password)
	}
	r.SetState(first, "inactive")
	if got, _ := r.Pull(r.project, host); got.Password != "two" {
		t.Errorf("pull with %q", got.Password)
	}
}

func TestWhereNoAPIIsThereIsAWebPage(t *testing.T) {
	t.Parallel()
	r := start(t, ranchertest.Options{Prefix: "/rancher", V1Only: true})
	tests := []struct {
		name, path string
		status     int
		html       bool
	}{
		{"outside the prefix", "/v1/registries", 200, true},
		{"the web interface", "/rancher/login", 200, true},
		{"an API that this Rancher lacks", "/rancher/v2-beta/registries", 404, false},
		{"the API", "/rancher/v1/registries", 200, false},
		{"the API's root", "/rancher/v1", 200, false},
	}
	for _, tt := range tests {
		got := r.do(t, "env", "GET", tt.path, "")
		if html := strings.Contains(got.header.Get("Content-Type"), "html"); got.status != tt.status || html != tt.html {
			t.Errorf("%s: %d, html %v", tt.name, got.status, html)
		}
	}
	if got := r.do(t, "", "GET", "/rancher/v1", "", "User-Agent", "Mozilla/5.0"); got.status != 401 || got.json != nil {
		t.Errorf("a browser without key gets %d %s", got.status, got.raw)
	}
}

func TestFaultsHitOnceBeforeOrAfterTheirEffect(t *testing.T) {
	t.Parallel()
	r := start(t, ranchertest.Options{})
	post := func() error {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url+"/v2-beta/registries", strings.NewReader(`{"serverAddress":"`+host+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth("env", "s")
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err == nil {
			_ = resp.Body.Close()
		}
		return err
	}
	r.Inject(ranchertest.Fault{Cut: ranchertest.BeforeEffect})
	r.Inject(ranchertest.Fault{Cut: ranchertest.AfterEffect})
	if err := post(); err == nil || r.Dump(r.project) != "" {
		t.Errorf("cut before: %v, %q", err, r.Dump(r.project))
	}
	if err := post(); err == nil || r.Dump(r.project) == "" {
		t.Errorf("cut after: %v, %q", err, r.Dump(r.project))
	}
	r.Inject(ranchertest.Fault{Status: 503, Header: http.Header{"Retry-After": {"1"}}})
	if got := r.do(t, "env", "GET", "/v2-beta/registries", ""); got.status != 503 || got.header.Get("Retry-After") != "1" {
		t.Errorf("%d", got.status)
	}
	log := r.Requests()
	if len(log) != 3 || log[0].Changed || !log[1].Changed || !log[1].Cut || !slices.Equal(log[1].Fields, []string{"serverAddress"}) {
		t.Errorf("recorded %+v", log)
	}
	if writes := r.Writes(); len(writes) != 2 {
		t.Errorf("%d writes", len(writes))
	}
}
