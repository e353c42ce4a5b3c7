package awstest

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"
)

// Op names an operation as an IAM policy would: "service:Operation".
type Op string

// The operations of the fake. OpNone is no operation.
const (
	OpNone                      Op = ""
	OpECRToken                  Op = "ecr:GetAuthorizationToken"
	OpPublicToken               Op = "ecr-public:GetAuthorizationToken"
	OpAssumeRole                Op = "sts:AssumeRole"
	OpAssumeRoleWithWebIdentity Op = "sts:AssumeRoleWithWebIdentity"
	OpGetCallerIdentity         Op = "sts:GetCallerIdentity"
	OpSSORoleCredentials        Op = "sso:GetRoleCredentials"
	OpSSOCreateToken            Op = "sso-oauth:CreateToken"
	OpSigninCreateToken         Op = "signin:CreateOAuth2Token"
	OpMetadataToken             Op = "imds:GetToken"
	OpMetadataRoleName          Op = "imds:GetRoleName"
	OpMetadataCredentials       Op = "imds:GetCredentials"
	OpMetadataIdentity          Op = "imds:GetInstanceIdentityDocument"
	OpMetadataOther             Op = "imds:GetMetadata"
	OpContainerCredentials      Op = "container:GetCredentials"
	OpUnknown                   Op = "unknown:Unknown"
)

// Service is the part before the colon; for signed operations it is the service
// name of the signature.
func (o Op) Service() string { s, _, _ := strings.Cut(string(o), ":"); return s }

// Name is the part after the colon.
func (o Op) Name() string { _, n, _ := strings.Cut(string(o), ":"); return n }

func (o Op) family() Op { return Op(o.Service() + ":*") }

// matches also understands "*" and "service:*".
func (o Op) matches(pattern Op) bool {
	return pattern == "*" || pattern == o || pattern == o.family()
}

// Request is the record of one request. It holds no secret: neither keys nor
// tokens nor passwords are among its parameters.
type Request struct {
	Op   Op
	Time time.Time // by the server's clock
	// Region is the region of the signature's scope; empty when unsigned.
	Region string
	// AccessKeyID is the one the request claims, whether it is right or not.
	AccessKeyID string
	// Principal is the ARN behind the request; empty unless its signature or
	// its token proved right.
	Principal string
	Host      string
	UserAgent string
	Method    string
	Path      string
	// Params are the parameters of the operation that are not secret, under
	// the names of the wire (RoleArn, ExternalId, registryIds, role_name…);
	// lists are joined with commas.
	Params map[string]string
	// Status and Code are the answer's HTTP status and AWS error code; both
	// are zero while the request is pending or when a fault cut it off.
	Status int
	Code   string
}

// String is one line for people.
func (r Request) String() string {
	return fmt.Sprintf("%s %s key=%s principal=%s host=%s params=%v status=%d %s",
		r.Op, r.Region, r.AccessKeyID, r.Principal, r.Host, r.Params, r.Status, r.Code)
}

type recording struct {
	mu       sync.Mutex
	requests []Request
	base     int // requests forgotten by ResetRequests
	changed  chan struct{}
}

// Requests returns a copy of what was recorded, oldest first. Given operations
// (or "service:*"), only theirs.
func (s *Server) Requests(ops ...Op) []Request {
	s.record.mu.Lock()
	defer s.record.mu.Unlock()
	var out []Request
	for _, r := range s.record.requests {
		if len(ops) > 0 && !matchesAny(r.Op, ops) {
			continue
		}
		r.Params = maps.Clone(r.Params)
		out = append(out, r)
	}
	return out
}

// Count returns how many requests were recorded for the given operations; for
// all of them when none is given.
func (s *Server) Count(ops ...Op) int {
	s.record.mu.Lock()
	defer s.record.mu.Unlock()
	return s.record.count(ops)
}

// Wait returns once Count of an operation has reached n: a request counts as
// soon as it has arrived, so this sees hanging ones. It fails when ctx ends.
func (s *Server) Wait(ctx context.Context, op Op, n int) error {
	for {
		s.record.mu.Lock()
		got := s.record.count([]Op{op})
		if s.record.changed == nil {
			s.record.changed = make(chan struct{})
		}
		changed := s.record.changed
		s.record.mu.Unlock()
		if got >= n {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("waiting for %d of %s, saw %d: %w", n, op, got, ctx.Err())
		}
	}
}

// ResetRequests forgets what was recorded.
func (s *Server) ResetRequests() {
	s.record.mu.Lock()
	defer s.record.mu.Unlock()
	s.record.base += len(s.record.requests)
	s.record.requests = nil
}

func (rec *recording) count(ops []Op) int {
	if len(ops) == 0 {
		return len(rec.requests)
	}
	n := 0
	for _, r := range rec.requests {
		if matchesAny(r.Op, ops) {
			n++
		}
	}
	return n
}

func matchesAny(op Op, patterns []Op) bool {
	for _, p := range patterns {
		if op.matches(p) {
			return true
		}
	}
	return false
}

// add returns the number under which finish knows the request.
func (rec *recording) add(r Request) int {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.requests = append(rec.requests, r)
	if rec.changed != nil {
		close(rec.changed)
		rec.changed = nil
	}
	return rec.base + len(rec.requests) - 1
}

func (rec *recording) update(id int, f func(*Request)) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	if i := id - rec.base; i >= 0 && i < len(rec.requests) {
		f(&rec.requests[i])
	}
}
