package ranchertest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

// rule is what the API asks of one field.
type rule struct {
	name     string
	create   bool
	update   bool
	required bool
	minLen   int
	maxLen   int
}

// rules of a type's fields. A field that is not listed is dropped in silence.
func rules(kind, version string) []rule {
	common := []rule{
		{name: "name", create: true, update: true, maxLen: 255},
		{name: "description", create: true, update: true, maxLen: 1024},
	}
	if kind == typeRegistry {
		return append(common, rule{name: "serverAddress", create: true, required: true, minLen: 1})
	}
	own := []rule{
		{name: "registryId", create: true, required: true},
		{name: "publicValue", create: true, update: true, maxLen: 4096},
		{name: "secretValue", create: true, update: true, maxLen: 4096},
	}
	if version == versionOne {
		own = append(own, rule{name: "email", create: true, update: true, required: true, minLen: 1, maxLen: 255})
	}
	return append(own, common...)
}

// fieldsOf checks a body and returns the fields that may be written.
func fieldsOf(c *call, kind string, creating bool) (map[string]string, *answer) {
	refuse := func(status int, code, field string) (map[string]string, *answer) {
		a := fail(status, code, field)
		return nil, &a
	}
	var sent map[string]any
	if err := json.Unmarshal(c.body, &sent); err != nil || sent == nil {
		return refuse(http.StatusBadRequest, "InvalidFormat", "")
	}
	fields := map[string]string{}
	for _, rule := range rules(kind, c.version) {
		v, present := sent[rule.name]
		switch {
		case creating && !rule.create, !creating && !rule.update:
			continue
		case !present && creating && rule.required:
			return refuse(http.StatusUnprocessableEntity, "MissingRequired", rule.name)
		case !present:
			continue
		case v == nil && rule.required:
			return refuse(http.StatusUnprocessableEntity, "NotNullable", rule.name)
		case v == nil:
			continue
		}
		text, isText := v.(string)
		if !isText {
			return refuse(http.StatusBadRequest, "InvalidFormat", rule.name)
		}
		if n := utf8.RuneCountInString(text); rule.maxLen > 0 && n > rule.maxLen {
			return refuse(http.StatusUnprocessableEntity, "MaxLengthExceeded", rule.name)
		} else if n < rule.minLen {
			return refuse(http.StatusUnprocessableEntity, "MinLengthExceeded", rule.name)
		}
		fields[rule.name] = text
	}
	return fields, nil
}

// create answers a POST to a collection.
func (s *Server) create(c *call, kind string) answer {
	if !c.scope.write {
		return fail(http.StatusMethodNotAllowed, "Method not allowed", "")
	}
	fields, refused := fieldsOf(c, kind, true)
	if refused != nil {
		return *refused
	}
	prefix := "1sp"
	if kind == typeCredential {
		prefix = "1c"
		// An id without its type prefix refers to nothing.
		in := s.items[fields["registryId"]]
		if in == nil || in.kind != typeRegistry || in.account != c.scope.project || in.gone() {
			return fail(http.StatusUnprocessableEntity, "InvalidReference", "registryId")
		}
	} else if s.addressUsed(c.scope.project, fields["serverAddress"]) {
		return fail(http.StatusBadRequest, "ServerAddressUsed", "")
	}
	r := s.add(prefix, kind, c.scope.project)
	r.fields = fields
	s.set(r, []string{stateRequested, stateRegistering, stateActivating, stateActive})
	s.spoil(r)
	made := reply(http.StatusCreated, r.render(c.links, true))
	made.changed = true
	return made
}

// addressUsed compares whole addresses, in any case, among what is not removed:
// https://X and X may stand side by side.
func (s *Server) addressUsed(account, address string) bool {
	return slices.ContainsFunc(s.order, func(r *resource) bool {
		return r.kind == typeRegistry && r.account == account && !r.gone() &&
			strings.EqualFold(r.fields["serverAddress"], address)
	})
}

// spoil makes a transition fail that a test wants to fail.
func (s *Server) spoil(r *resource) {
	if message, ok := s.stuck[r.kind]; ok {
		r.state, r.failed = stateActivating, message
		delete(s.stuck, r.kind)
	}
}

// update answers a PUT: only the named fields change, and those that may not
// change are ignored.
func (s *Server) update(c *call, r *resource) answer {
	fields, refused := fieldsOf(c, r.kind, false)
	switch {
	case refused != nil:
		return *refused
	case r.gone():
		return fail(http.StatusNotFound, "Not Found", "")
	case r.state == "removing":
		return fail(http.StatusConflict, "Conflict", "")
	}
	changed := false
	for name, value := range fields {
		changed = changed || r.fields[name] != value
		r.fields[name] = value
	}
	done := reply(http.StatusOK, r.render(c.links, false))
	done.changed = changed
	return done
}

// act answers a POST with an action.
func (s *Server) act(c *call, r *resource, action string) answer {
	p, known := processes()[action]
	if !known || !slices.Contains(p.from, r.state) {
		return fail(http.StatusUnprocessableEntity, "ActionNotAvailable", "action")
	}
	s.set(r, p.through)
	if action == "activate" {
		s.spoil(r)
	}
	done := reply(http.StatusAccepted, r.render(c.links, false))
	done.changed = true
	return done
}
