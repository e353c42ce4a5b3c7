package ranchertest

import (
	"encoding/json"
	"net/http"
	"strings"
)

const (
	versionOne = "v1"
	versionTwo = "v2-beta"
)

// maxBody is how much of a request's body is read: far more than any field may
// hold.
const maxBody = 64 << 10

// answer is a response that is not sent yet, so that a fault can still decide
// what becomes of it.
type answer struct {
	status  int
	header  http.Header
	body    []byte
	changed bool // something was written
}

// linker builds the links of one answer.
type linker struct {
	base    string // such as http://host/v2-beta/projects/1a5
	version string
}

func (l linker) to(parts ...string) string { return l.base + "/" + strings.Join(parts, "/") }

// call is one request on its way through the server.
type call struct {
	r       *http.Request
	body    []byte
	version string
	project string   // named in the path
	rest    []string // the path behind it
	scope   scope
	links   linker
}

// page is what Rancher's proxy and web interface answer where no API is.
const page = "<!DOCTYPE html><html><head><title>Rancher</title></head>" +
	"<body><form action=\"/login\"><input name=\"username\"></form></body></html>\n"

func htmlPage(status int) answer {
	return answer{
		status: status, header: http.Header{"Content-Type": {"text/html; charset=utf-8"}},
		body: []byte(page),
	}
}

// handle answers one request. The caller holds mu.
func (s *Server) handle(r *http.Request, body []byte) answer {
	s.advance()
	path, inside := strings.CutPrefix(r.URL.Path, strings.TrimRight(s.opts.Prefix, "/"))
	parts := strings.FieldsFunc(path, func(c rune) bool { return c == '/' })
	if !inside || len(parts) == 0 {
		return htmlPage(http.StatusOK)
	}
	c := &call{r: r, body: body, version: strings.ToLower(parts[0]), rest: parts[1:]}
	switch {
	case c.version == versionOne, c.version == versionTwo && !s.opts.V1Only:
	case strings.HasPrefix(c.version, "v") && len(c.version) < 8:
		return fail(http.StatusNotFound, "Not Found", "")
	default:
		return htmlPage(http.StatusOK)
	}
	key, ok := s.authenticate(r)
	if !ok {
		if strings.Contains(r.UserAgent(), "Mozilla") {
			return htmlPage(http.StatusUnauthorized)
		}
		refused := fail(http.StatusUnauthorized, "Unauthorized", "")
		refused.header.Set("WWW-Authenticate", `Basic realm="Enter API access key and secret key as username and password"`)
		return refused
	}
	// A bare …/projects/<id> is the environment's own resource, not a scope.
	if len(c.rest) > 2 && c.rest[0] == "projects" {
		c.project, c.rest = c.rest[1], c.rest[2:]
	}
	if c.scope, ok = s.scopeOf(key, c.project); !ok {
		return fail(http.StatusForbidden, "Forbidden", "")
	}
	c.links = linker{base: s.base(r, c), version: c.version}
	return s.dispatch(c)
}

// base is the address that links start with: what the proxy in front says it
// is called, or else what the client called us.
func (s *Server) base(r *http.Request, c *call) string {
	scheme, host := "http", r.Host
	if r.TLS != nil {
		scheme = "https"
	}
	if v := r.Header.Get("X-Forwarded-Proto"); v != "" {
		scheme = v
	}
	if v := r.Header.Get("X-Forwarded-Host"); v != "" {
		host = v
	}
	base := scheme + "://" + host + strings.TrimRight(s.opts.Prefix, "/") + "/" + c.version
	if c.project != "" {
		base += "/projects/" + c.project
	}
	return base
}

func (s *Server) dispatch(c *call) answer {
	if len(c.rest) == 0 {
		return reply(http.StatusOK, map[string]any{
			"id": c.version, "type": "apiVersion", "actions": map[string]string{},
			"links": map[string]string{
				"self": c.links.base, "projects": c.links.to("projects"), "schemas": c.links.to("schemas"),
				"registries": c.links.to("registries"), "registryCredentials": c.links.to("registrycredentials"),
			},
		})
	}
	var kind string
	switch strings.ToLower(c.rest[0]) {
	case "registries", "registry":
		kind = typeRegistry
	case "registrycredentials", "registrycredential":
		kind = typeCredential
	case "projects", "project":
		return s.projectsAnswer(c)
	default:
		return fail(http.StatusNotFound, "Not Found", "")
	}
	action := c.r.URL.Query().Get("action")
	switch {
	case len(c.rest) == 1 && c.r.Method == http.MethodGet:
		return s.list(c, kind)
	case len(c.rest) == 1 && c.r.Method == http.MethodPost && action == "":
		return s.create(c, kind)
	case len(c.rest) == 2:
		return s.one(c, kind, action)
	default:
		return fail(http.StatusMethodNotAllowed, "Method not allowed", "")
	}
}

// one deals with a request for a single resource.
func (s *Server) one(c *call, kind, action string) answer {
	r := s.items[c.rest[1]]
	if r == nil || r.kind != kind || !c.scope.sees(r.account) {
		return fail(http.StatusNotFound, "Not Found", "")
	}
	switch {
	case c.r.Method == http.MethodGet:
		return reply(http.StatusOK, r.render(c.links, false))
	case !c.scope.write:
		return fail(http.StatusMethodNotAllowed, "Method not allowed", "")
	case c.r.Method == http.MethodPost && action != "":
		return s.act(c, r, action)
	case c.r.Method == http.MethodPut:
		return s.update(c, r)
	case c.r.Method == http.MethodDelete:
		deleted := s.act(c, r, "remove")
		if deleted.status == http.StatusUnprocessableEntity {
			return fail(http.StatusMethodNotAllowed, "Method not allowed", "")
		}
		return deleted
	default:
		return fail(http.StatusMethodNotAllowed, "Method not allowed", "")
	}
}

func (s *Server) projectsAnswer(c *call) answer {
	if c.r.Method != http.MethodGet {
		return fail(http.StatusMethodNotAllowed, "Method not allowed", "")
	}
	projects := s.visibleProjects(c.scope.key)
	render := func(i int) any {
		p := projects[i]
		return map[string]any{
			"id": p.id, "type": typeProject, "name": p.name, "state": p.state,
			"links": map[string]string{"self": c.links.to("projects", p.id)}, "actions": map[string]string{},
		}
	}
	if len(c.rest) == 1 {
		return s.collection(c, typeProject, len(projects), render)
	}
	for i, p := range projects {
		if p.id == c.rest[1] {
			return reply(http.StatusOK, render(i))
		}
	}
	return fail(http.StatusForbidden, "Forbidden", "")
}

// reply is a JSON answer.
func reply(status int, v any) answer {
	body, err := json.Marshal(v)
	if err != nil {
		return fail(http.StatusInternalServerError, "InternalError", "")
	}
	return answer{status: status, body: body, header: http.Header{"Content-Type": {"application/json; charset=utf-8"}}}
}

// fail is an error in the API's shape.
func fail(status int, code, field string) answer {
	e := map[string]any{
		"id": "00000000-0000-4000-8000-000000000000", "type": "error", "baseType": "error",
		"links": map[string]string{}, "actions": map[string]string{},
		"status": status, "code": code, "message": nil, "detail": nil,
	}
	if field != "" {
		e["fieldName"] = field
	}
	return reply(status, e)
}
