package awstest

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

// Principal is who a request is made by.
type Principal struct {
	// ARN is what GetCallerIdentity answers, for example
	// arn:aws:iam::111122223333:user/alice or
	// arn:aws:sts::111122223333:assumed-role/pull/session.
	ARN string
	// Account is the 12-digit account of the ARN.
	Account string
	// UserID is the unique id, AIDA… for users, AROA…:session for roles.
	UserID string
}

// Key is a set of AWS credentials. Its String hides the secrets.
type Key struct {
	AccessKeyID     string
	SecretAccessKey string
	// SessionToken is empty for the long-lived key of a user.
	SessionToken string
	// Expires is zero for the long-lived key of a user.
	Expires time.Time
}

// String names the key without its secrets.
func (k Key) String() string { return k.AccessKeyID + " (secret hidden)" }

// GoString keeps %#v from printing the secrets.
func (k Key) GoString() string { return "awstest.Key{" + k.String() + "}" }

// Session says how temporary credentials came to be. It is zero for users.
type Session struct {
	// Via is the operation that issued the credentials.
	Via Op
	// RoleARN is the role behind the session, for AWS SSO the reserved role.
	RoleARN string
	// Name is the role session name.
	Name string
	// Caller is the ARN of the principal that assumed the role; for a web
	// identity "issuer subject".
	Caller string
	// ExternalID, Policy, PolicyARNs, Tags, SourceIdentity and MFASerial are
	// what the caller of AssumeRole asked for.
	ExternalID     string
	Policy         string
	PolicyARNs     []string
	Tags           map[string]string
	SourceIdentity string
	MFASerial      string
}

// Role is a role that can be assumed.
type Role struct {
	// ARN of the role, arn:aws:iam::111122223333:role/name, with any path.
	ARN string
	// Trust lists who may call AssumeRole: an ARN of a user, a role or a role
	// session, arn:aws:iam::<account>:root for a whole account, or "*".
	// Default: the role's own account.
	Trust []string
	// ExternalID is required of every caller unless empty.
	ExternalID string
	// MFASerial and MFACode are required of every caller unless empty.
	MFASerial string
	MFACode   string
	// Federated lists the tokens that AssumeRoleWithWebIdentity accepts.
	Federated []WebIdentity
	// MaxSession limits the duration a caller may ask for. Default 1 hour.
	MaxSession time.Duration
}

type credential struct {
	key       Key
	principal Principal
	session   Session
	removed   bool
}

type denial struct {
	principal string
	action    Op
}

type identities struct {
	mu      sync.Mutex
	keys    map[string]*credential // by access key id
	roles   map[string]*roleState  // by ARN
	denials map[denial]bool
}

type roleState struct {
	Role
	id string // AROA…
}

// AddUser makes a long-lived key known. Name is a user name in
// Options.Account, or the full ARN of a user. A known access key id is
// replaced.
func (s *Server) AddUser(name, accessKeyID, secret string) Principal {
	arn := name
	if !strings.HasPrefix(arn, "arn:") {
		arn = fmt.Sprintf("arn:%s:iam::%s:user/%s", s.opts.Partition, s.opts.Account, name)
	}
	p := Principal{ARN: arn, Account: accountOf(arn), UserID: stableID("AIDA", arn)}
	s.ids.put(&credential{key: Key{AccessKeyID: accessKeyID, SecretAccessKey: secret}, principal: p})
	return p
}

// AddRole makes a role known, or replaces it; sessions already issued live on.
// The principal returned is the role itself, useful for Deny and Trust.
func (s *Server) AddRole(r Role) Principal {
	if len(r.Trust) == 0 {
		r.Trust = []string{rootOf(r.ARN)}
	}
	if r.MaxSession == 0 {
		r.MaxSession = time.Hour
	}
	id := stableID("AROA", r.ARN)
	s.ids.mu.Lock()
	defer s.ids.mu.Unlock()
	if s.ids.roles == nil {
		s.ids.roles = map[string]*roleState{}
	}
	s.ids.roles[r.ARN] = &roleState{Role: r, id: id}
	return Principal{ARN: r.ARN, Account: accountOf(r.ARN), UserID: id}
}

// RemoveRole forgets a role: it can no longer be assumed.
func (s *Server) RemoveRole(arn string) {
	s.ids.mu.Lock()
	defer s.ids.mu.Unlock()
	delete(s.ids.roles, arn)
}

// Deny refuses action to a principal from now on. The ARN of a role denies all
// its sessions. Action is an Op or any other IAM action that the fake checks
// (sts:GetServiceBearerToken), "service:*", or "*".
func (s *Server) Deny(principalARN string, action Op) {
	s.ids.mu.Lock()
	defer s.ids.mu.Unlock()
	if s.ids.denials == nil {
		s.ids.denials = map[denial]bool{}
	}
	s.ids.denials[denial{principalARN, action}] = true
}

// Allow takes a Deny back.
func (s *Server) Allow(principalARN string, action Op) {
	s.ids.mu.Lock()
	defer s.ids.mu.Unlock()
	delete(s.ids.denials, denial{principalARN, action})
}

// RemoveKey makes an access key id unknown, as deleting it does.
func (s *Server) RemoveKey(accessKeyID string) {
	s.ids.mu.Lock()
	defer s.ids.mu.Unlock()
	if c := s.ids.keys[accessKeyID]; c != nil {
		c.removed = true
	}
}

// ExpireKey ends temporary credentials now: from here on they are answered
// with ExpiredToken.
func (s *Server) ExpireKey(accessKeyID string) {
	now := s.Now()
	s.ids.mu.Lock()
	defer s.ids.mu.Unlock()
	if c := s.ids.keys[accessKeyID]; c != nil {
		c.key.Expires = now
	}
}

// ExpireSessions ends all temporary credentials of a role, or of one role
// session, now.
func (s *Server) ExpireSessions(arn string) {
	now := s.Now()
	s.ids.mu.Lock()
	defer s.ids.mu.Unlock()
	for _, c := range s.ids.keys {
		if !c.key.Expires.IsZero() && (c.session.RoleARN == arn || c.principal.ARN == arn) {
			c.key.Expires = now
		}
	}
}

// IssueSession makes temporary credentials for a role without any call, for
// programs that hand out credentials themselves, such as a credential_process.
// A life of zero means Options.SessionLife.
func (s *Server) IssueSession(roleARN, sessionName string, life time.Duration) Key {
	return s.issue(Session{Via: OpNone, RoleARN: roleARN, Name: sessionName}, life).key
}

// SessionOf returns who an access key id belongs to and how it was issued.
func (s *Server) SessionOf(accessKeyID string) (Principal, Session, bool) {
	c, ok := s.ids.get(accessKeyID)
	return c.principal, c.session, ok
}

// issue makes temporary credentials for the session of a role.
func (s *Server) issue(session Session, life time.Duration) credential {
	if life == 0 {
		life = s.lifetimes().session
	}
	arn := sessionARN(session.RoleARN, session.Name)
	c := &credential{
		key: Key{
			AccessKeyID:     "ASIA" + randomID(16),
			SecretAccessKey: randomSecret(30),
			SessionToken:    randomSecret(480),
			Expires:         s.Now().Add(life).Truncate(time.Second),
		},
		principal: Principal{
			ARN:     arn,
			Account: accountOf(arn),
			UserID:  stableID("AROA", session.RoleARN) + ":" + session.Name,
		},
		session: session,
	}
	s.ids.put(c)
	return *c
}

func (ids *identities) put(c *credential) {
	ids.mu.Lock()
	defer ids.mu.Unlock()
	if ids.keys == nil {
		ids.keys = map[string]*credential{}
	}
	ids.keys[c.key.AccessKeyID] = c
}

// get returns a copy; removed keys are not found.
func (ids *identities) get(accessKeyID string) (credential, bool) {
	ids.mu.Lock()
	defer ids.mu.Unlock()
	c := ids.keys[accessKeyID]
	if c == nil || c.removed {
		return credential{}, false
	}
	return *c, true
}

func (ids *identities) role(arn string) (roleState, bool) {
	ids.mu.Lock()
	defer ids.mu.Unlock()
	r := ids.roles[arn]
	if r == nil {
		return roleState{}, false
	}
	return *r, true
}

func (ids *identities) denied(c *credential, action Op) bool {
	ids.mu.Lock()
	defer ids.mu.Unlock()
	for _, arn := range []string{c.principal.ARN, c.session.RoleARN} {
		if arn == "" {
			continue
		}
		for _, a := range []Op{action, action.family(), "*"} {
			if ids.denials[denial{arn, a}] {
				return true
			}
		}
	}
	return false
}

// trusts reports whether the role's trust policy names the caller.
func (r *roleState) trusts(c *credential) bool {
	for _, t := range r.Trust {
		switch t {
		case "*", c.principal.ARN, rootOf(c.principal.ARN):
			return true
		case c.session.RoleARN:
			if t != "" {
				return true
			}
		}
	}
	return false
}

// accountOf returns the fifth field of an ARN.
func accountOf(arn string) string {
	if f := strings.SplitN(arn, ":", 6); len(f) == 6 {
		return f[4]
	}
	return ""
}

func partitionOf(arn string) string {
	if f := strings.SplitN(arn, ":", 3); len(f) == 3 && f[0] == "arn" {
		return f[1]
	}
	return defaultPartition
}

func rootOf(arn string) string {
	return fmt.Sprintf("arn:%s:iam::%s:root", partitionOf(arn), accountOf(arn))
}

// sessionARN drops the role's path, as STS does.
func sessionARN(roleARN, session string) string {
	name := roleARN[strings.LastIndexByte(roleARN, '/')+1:]
	return fmt.Sprintf("arn:%s:sts::%s:assumed-role/%s/%s", partitionOf(roleARN), accountOf(roleARN), name, session)
}
