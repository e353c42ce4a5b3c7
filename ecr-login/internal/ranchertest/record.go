package ranchertest

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
)

// Request is one request that the server got.
type Request struct {
	Method    string
	Path      string
	Query     url.Values
	Access    string // the access key it came with
	UserAgent string
	Fields    []string // the names of the fields in its body, sorted; values are not kept
	Status    int      // of the answer; 0 when the connection was cut before it took effect
	Changed   bool     // whether it changed anything
	Cut       bool     // whether the client was left without an answer
}

func newRequest(r *http.Request, body []byte) Request {
	access, _, _ := r.BasicAuth()
	req := Request{
		Method: r.Method, Path: r.URL.Path, Query: r.URL.Query(),
		Access: access, UserAgent: r.UserAgent(),
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) == nil {
		for name := range fields {
			req.Fields = append(req.Fields, name)
		}
		slices.Sort(req.Fields)
	}
	return req
}

// Writing reports whether the request's method is one that changes things.
func (r Request) Writing() bool { return r.Method != http.MethodGet && r.Method != http.MethodHead }

// Requests returns all requests so far, in the order of their answers.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.log)
}

// Writes returns those requests that were not mere reading.
func (s *Server) Writes() []Request {
	return slices.DeleteFunc(s.Requests(), func(r Request) bool { return !r.Writing() })
}

// Forget empties the record.
func (s *Server) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = nil
}
