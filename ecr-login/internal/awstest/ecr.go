package awstest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	// TokenUser is the user name that goes with every ECR password.
	TokenUser = "AWS"

	// publicBearerAction is the second permission that ECR Public checks.
	publicBearerAction Op = "sts:GetServiceBearerToken"
)

// IssuedToken is what the server remembers of an ECR password it has issued;
// the password itself it keeps only as a digest.
type IssuedToken struct {
	// Principal, AccessKeyID and Session say who asked.
	Principal   string
	AccessKeyID string
	Session     Session
	// Service is "ecr" or "ecr-public", Region that of the signature.
	Service string
	Region  string
	// Registry is the account whose proxyEndpoint came with the token; empty
	// for ECR Public. A token opens other accounts' registries as well.
	Registry  string
	IssuedAt  time.Time
	ExpiresAt time.Time
	// Revoked is set by RevokeToken.
	Revoked bool
}

type tokens struct {
	mu     sync.Mutex
	issued map[string]*IssuedToken // by the digest of the password
}

// Issued returns what is known of a password; false when this server never
// issued it. Expired ones are still known.
func (s *Server) Issued(password string) (IssuedToken, bool) {
	s.tokens.mu.Lock()
	defer s.tokens.mu.Unlock()
	t := s.tokens.issued[hexSHA256([]byte(password))]
	if t == nil {
		return IssuedToken{}, false
	}
	return *t, true
}

// Valid reports whether user and password open a registry now.
func (s *Server) Valid(user, password string) bool {
	t, ok := s.Issued(password)
	return ok && user == TokenUser && !t.Revoked && s.Now().Before(t.ExpiresAt)
}

// RevokeToken makes a password invalid before its time.
func (s *Server) RevokeToken(password string) {
	s.tokens.mu.Lock()
	defer s.tokens.mu.Unlock()
	if t := s.tokens.issued[hexSHA256([]byte(password))]; t != nil {
		t.Revoked = true
	}
}

// TokenCount is the number of passwords issued so far.
func (s *Server) TokenCount() int {
	s.tokens.mu.Lock()
	defer s.tokens.mu.Unlock()
	return len(s.tokens.issued)
}

type authorizationData struct {
	AuthorizationToken string  `json:"authorizationToken"`
	ExpiresAt          float64 `json:"expiresAt"`
	ProxyEndpoint      string  `json:"proxyEndpoint,omitempty"`
}

func (s *Server) ecrToken(c *call) answer {
	var in struct {
		RegistryIDs []string `json:"registryIds"`
	}
	if err := decodeInput(c.body, &in); err != nil {
		return errorAnswer(c.dialect, err)
	}
	if s.ids.denied(&c.cred, OpECRToken) {
		return errorAnswer(c.dialect, denied(c.dialect, c.cred.principal.ARN, OpECRToken, "*"))
	}
	if len(in.RegistryIDs) == 0 {
		in.RegistryIDs = []string{c.cred.principal.Account}
	}
	region := c.signedRegion()
	data := make([]authorizationData, 0, len(in.RegistryIDs))
	for _, id := range in.RegistryIDs {
		if len(id) != 12 || strings.Trim(id, "0123456789") != "" {
			return errorAnswer(c.dialect, &apiError{
				status: http.StatusBadRequest, code: "InvalidParameterException",
				message: fmt.Sprintf("Invalid parameter at 'registryIds' failed to satisfy constraint: '%s' is not an account", id),
			})
		}
		d := s.newToken(c, "ecr", region, id)
		d.ProxyEndpoint = fmt.Sprintf("https://%s.dkr.ecr.%s.%s", id, region, registrySuffix(region))
		data = append(data, d)
	}
	return jsonAnswer(c.dialect, map[string]any{"authorizationData": data})
}

func (s *Server) publicToken(c *call) answer {
	if err := decodeInput(c.body, &struct{}{}); err != nil {
		return errorAnswer(c.dialect, err)
	}
	for _, action := range []Op{OpPublicToken, publicBearerAction} {
		if s.ids.denied(&c.cred, action) {
			return errorAnswer(c.dialect, denied(c.dialect, c.cred.principal.ARN, action, "*"))
		}
	}
	return jsonAnswer(c.dialect, map[string]any{"authorizationData": s.newToken(c, "ecr-public", publicRegion, "")})
}

func decodeInput(body []byte, v any) *apiError {
	if len(body) == 0 {
		return nil
	}
	if err := json.Unmarshal(body, v); err != nil {
		return &apiError{status: http.StatusBadRequest, code: "SerializationException"}
	}
	return nil
}

// signedRegion is the region of a signature that has been verified.
func (c *call) signedRegion() string {
	sig, err := parseSignature(c.r.Header.Get("Authorization"))
	if err != nil {
		return c.region
	}
	return sig.region
}

// newToken issues a password and remembers it.
func (s *Server) newToken(c *call, service, region, registry string) authorizationData {
	now := s.Now()
	t := &IssuedToken{
		Principal: c.cred.principal.ARN, AccessKeyID: c.cred.key.AccessKeyID, Session: c.cred.session,
		Service: service, Region: region, Registry: registry,
		IssuedAt: now, ExpiresAt: now.Add(s.lifetimes().token).Truncate(time.Millisecond),
	}
	password := newPassword(s.opts.PasswordSize, t.ExpiresAt)
	s.tokens.mu.Lock()
	defer s.tokens.mu.Unlock()
	if s.tokens.issued == nil {
		s.tokens.issued = map[string]*IssuedToken{}
	}
	s.tokens.issued[hexSHA256([]byte(password))] = t
	return authorizationData{
		AuthorizationToken: base64.StdEncoding.EncodeToString([]byte(TokenUser + ":" + password)),
		ExpiresAt:          epochSeconds(t.ExpiresAt),
	}
}

// newPassword looks as ECR's do: base64 of a JSON object with an encrypted
// payload, a data key and an expiry.
func newPassword(size int, expires time.Time) string {
	const frame = `{"payload":"%s","datakey":"%s","version":"2","type":"DATA_KEY","expiration":%d}`
	want := (size + 3) / 4 * 3
	datakey := randomSecret(138)
	payload := want - len(fmt.Sprintf(frame, "", datakey, expires.Unix()))
	if payload < 32 {
		// Too short for the frame: a bare random string of the right length.
		return randomSecret(max(want, 24))
	}
	fill := randomSecret(payload)[:payload]
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, frame, fill, datakey, expires.Unix()))
}
