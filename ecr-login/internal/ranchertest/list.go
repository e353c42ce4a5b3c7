package ranchertest

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

const (
	defaultPage = 100
	maxPage     = 3000
)

// list answers with the resources of one type that the request may see.
func (s *Server) list(c *call, kind string) answer {
	query := c.r.URL.Query()
	var seen []*resource
	for _, r := range s.order {
		if r.kind == kind && c.scope.sees(r.account) && (s.opts.ShowRemoved || !r.gone()) && passes(r, query) {
			seen = append(seen, r)
		}
	}
	// Ids are handed out in ascending order, which is the order of a list.
	return s.collection(c, kind, len(seen), func(i int) any { return seen[i].render(c.links, false) })
}

// passes applies the filters that exist. All others are ignored, which is how
// Rancher answers a filter by serverAddress with every registry there is.
func passes(r *resource, query url.Values) bool {
	for name, values := range query {
		var have string
		switch name {
		case "id":
			have = r.id
		case "state":
			have = r.state
		case "name", "publicValue", "secretValue":
			have = r.fields[name]
		case "registryId":
			if r.kind != typeCredential {
				continue
			}
			have = r.fields[name]
		default:
			continue
		}
		if !slices.Contains(values, have) {
			return false
		}
	}
	return true
}

// collection answers with one page of n things. A marker is an offset, written
// m100: what is removed meanwhile shifts the rest.
func (s *Server) collection(c *call, kind string, n int, render func(i int) any) answer {
	query := c.r.URL.Query()
	limit := min(defaultPage, s.opts.MaxPage)
	if asked, err := strconv.Atoi(query.Get("limit")); err == nil {
		if limit = asked; asked <= 0 || asked > s.opts.MaxPage {
			limit = s.opts.MaxPage
		}
	}
	start := 0
	if marker := query.Get("marker"); marker != "" {
		offset, err := strconv.Atoi(strings.TrimPrefix(marker, "m"))
		if err != nil || offset < 0 || !strings.HasPrefix(marker, "m") {
			return fail(http.StatusBadRequest, "InvalidFormat", "marker")
		}
		start = offset
	}
	end := min(start+limit, n)
	data := make([]any, 0, max(end-start, 0))
	for i := start; i < end; i++ {
		data = append(data, render(i))
	}
	var next any
	if end < n {
		query.Set("marker", "m"+strconv.Itoa(end))
		next = c.links.to(c.rest...) + "?" + query.Encode()
	}
	return reply(http.StatusOK, map[string]any{
		"type": "collection", "resourceType": kind, "data": data,
		"links":   map[string]string{"self": c.links.to(c.rest...)},
		"actions": map[string]string{}, "createTypes": map[string]string{}, "sortLinks": map[string]string{},
		"createDefaults": map[string]string{}, "filters": map[string]any{}, "sort": nil,
		"pagination": map[string]any{
			"first": nil, "previous": nil, "next": next, "limit": limit, "total": nil, "partial": next != nil,
		},
	})
}
