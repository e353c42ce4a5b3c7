package awstest

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Kind is what a Fault does.
type Kind int

const (
	// Proceed answers properly, after the Fault's Latency.
	Proceed Kind = iota
	// Refuse answers with the Fault's Status, Code and Message, in the form
	// that the service gives its errors.
	Refuse
	// Hang never answers: it ends when the client goes away or on Close.
	Hang
	// DropBeforeHeaders closes the connection without a byte of an answer.
	DropBeforeHeaders
	// DropAfterHeaders closes the connection after the status and headers.
	DropAfterHeaders
	// DropMidBody closes the connection after half of the true body.
	DropMidBody
	// HangMidBody sends the headers and half of the true body, then hangs.
	HangMidBody
	// Truncate sends half of the true body as if it were the whole.
	Truncate
	// WrongLength promises more bytes than it sends, then closes.
	WrongLength
	// Huge pads the true answer to the Fault's Size, streamed.
	Huge
	// HTML answers 200 with a web page, as a captive portal does.
	HTML
	// Null answers 200 with the JSON value null.
	Null
	// EmptyBody answers 200 without a body.
	EmptyBody
	// NoData empties authorizationData: an empty list, or null for ECR Public.
	NoData
	// NullData makes authorizationData null; a list then holds one null.
	NullData
	// BadBase64 spoils the encoding of authorizationToken.
	BadBase64
	// NoColon issues an authorizationToken without the colon between user and
	// password.
	NoColon
	// EmptyPassword issues an authorizationToken that ends at the colon.
	EmptyPassword
	// NoExpiry leaves expiresAt out.
	NoExpiry
	// BadExpiry makes expiresAt a word.
	BadExpiry
	// PastExpiry dates expiresAt an hour before the server's clock.
	PastExpiry
)

const (
	defaultHugeSize = 64 << 20
	captivePortal   = "<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body><h1>Welcome to the guest network</h1></body></html>\n"
)

// Fault is a misbehaviour of one operation.
type Fault struct {
	Kind Kind
	// Times is how many calls it hits; zero means all until ClearFaults.
	Times int
	// Latency passes before anything else happens.
	Latency time.Duration
	// Status, Code and Message belong to Refuse. A zero Status is the one AWS
	// sends with Code, an empty Message likewise.
	Status  int
	Code    string
	Message string
	// Size in bytes of a Huge answer. Default 64 MiB.
	Size int64
	// Hook, when set, sees the request before the Kind acts, with the body
	// still readable. Returning true means that it has answered.
	Hook func(w http.ResponseWriter, r *http.Request) bool
}

// Throttled is the fault of a caller who asks too often.
func Throttled(times int) Fault {
	return Fault{Kind: Refuse, Code: "ThrottlingException", Times: times}
}

// Broken is the fault of an AWS with an internal error.
func Broken(times int) Fault {
	return Fault{Kind: Refuse, Code: "ServerException", Times: times}
}

type faults struct {
	mu      sync.Mutex
	queues  []*queuedFault
	latency map[Op]time.Duration
}

type queuedFault struct {
	op   Op
	left int // -1 for ever
	f    Fault
}

// Inject makes calls of op (or "service:*", or "*") misbehave. Faults wait in
// the order of injection: a call takes the first that is meant for it.
func (s *Server) Inject(op Op, f Fault) {
	left := f.Times
	if left == 0 {
		left = -1
	}
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.queues = append(s.faults.queues, &queuedFault{op: op, left: left, f: f})
}

// ClearFaults takes back every fault and latency of the given operations,
// named as they were injected; of all when none is given.
func (s *Server) ClearFaults(ops ...Op) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	if len(ops) == 0 {
		s.faults.queues, s.faults.latency = nil, nil
		return
	}
	var kept []*queuedFault
	for _, q := range s.faults.queues {
		if !matchesAny(q.op, ops) {
			kept = append(kept, q)
		}
	}
	s.faults.queues = kept
	for _, op := range ops {
		delete(s.faults.latency, op)
	}
}

// SetLatency delays every call of op (or "service:*", or "*") by d, besides
// what faults add. Zero takes it back.
func (s *Server) SetLatency(op Op, d time.Duration) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	if s.faults.latency == nil {
		s.faults.latency = map[Op]time.Duration{}
	}
	s.faults.latency[op] = d
}

func (fs *faults) take(op Op) Fault {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	latency := fs.latency[op]
	for _, wide := range []Op{op.family(), "*"} {
		if latency == 0 {
			latency = fs.latency[wide]
		}
	}
	for _, q := range fs.queues {
		if q.left == 0 || !op.matches(q.op) {
			continue
		}
		if q.left > 0 {
			q.left--
		}
		f := q.f
		f.Latency += latency
		return f
	}
	return Fault{Latency: latency}
}

// pause waits for d, or for ever when d is negative. It reports false when the
// client or the server went away first.
func (s *Server) pause(r *http.Request, d time.Duration) bool {
	var elapsed <-chan time.Time
	if d >= 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		elapsed = t.C
	}
	select {
	case <-elapsed:
		return true
	case <-r.Context().Done():
		return false
	case <-s.done:
		return false
	}
}

// refusal puts the error of a Refuse fault together.
func (f Fault) refusal(d dialect) *apiError {
	e := apiError{status: f.Status, code: f.Code, message: f.Message}
	for known := failMissing; known <= failUnknownOperation; known++ {
		std := known.in(d, "")
		if known.json().code != f.Code && known.query().code != f.Code {
			continue
		}
		e.code = std.code
		if e.status == 0 {
			e.status = std.status
		}
		if e.message == "" {
			e.message = std.message
		}
	}
	if e.status == 0 {
		e.status = http.StatusBadRequest
	}
	if e.code == "" {
		e.code = strings.ReplaceAll(http.StatusText(e.status), " ", "")
	}
	return &e
}

// spoil applies the kinds that change an answer but not how it is sent.
func (f Fault) spoil(a answer, now time.Time) answer {
	switch f.Kind {
	case Truncate:
		a.body = a.body[:len(a.body)/2]
	case HTML:
		return newAnswer(http.StatusOK, "text/html; charset=utf-8", []byte(captivePortal))
	case Null:
		a.status, a.body = http.StatusOK, []byte("null")
	case EmptyBody:
		a.status, a.body = http.StatusOK, nil
	case NoData, NullData, BadBase64, NoColon, EmptyPassword, NoExpiry, BadExpiry, PastExpiry:
		if a.code == "" {
			a.body = f.spoilToken(a.body, now)
		}
	}
	return a
}

// spoilToken edits the authorizationData of a GetAuthorizationToken answer, be
// it a list (ECR) or one object (ECR Public). Other answers stay as they are.
func (f Fault) spoilToken(body []byte, now time.Time) []byte {
	var v map[string]any
	if err := json.Unmarshal(body, &v); err != nil || v["authorizationData"] == nil {
		return body
	}
	list, isList := v["authorizationData"].([]any)
	if !isList {
		list = []any{v["authorizationData"]}
	}
	switch f.Kind {
	case NoData:
		list = []any{}
	case NullData:
		list = []any{nil}
	}
	for _, item := range list {
		if data, ok := item.(map[string]any); ok {
			f.spoilData(data, now)
		}
	}
	switch {
	case isList:
		v["authorizationData"] = list
	case len(list) == 0:
		v["authorizationData"] = nil
	default:
		v["authorizationData"] = list[0]
	}
	b, err := json.Marshal(v)
	if err != nil {
		return body
	}
	return b
}

func (f Fault) spoilData(data map[string]any, now time.Time) {
	encoded, _ := data["authorizationToken"].(string)
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return
	}
	user, password, _ := strings.Cut(string(raw), ":")
	switch f.Kind {
	case BadBase64:
		data["authorizationToken"] = "%%%" + encoded
	case NoColon:
		data["authorizationToken"] = base64.StdEncoding.EncodeToString([]byte(user + password))
	case EmptyPassword:
		data["authorizationToken"] = base64.StdEncoding.EncodeToString([]byte(user + ":"))
	case NoExpiry:
		delete(data, "expiresAt")
	case BadExpiry:
		data["expiresAt"] = "tomorrow"
	case PastExpiry:
		data["expiresAt"] = epochSeconds(now.Add(-time.Hour))
	}
}
