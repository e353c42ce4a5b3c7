package awstest

import (
	"encoding/json"
	"net/http"
	"sync"
	"time"
)

const (
	defaultSSOAccessLife  = time.Hour
	defaultSSOSessionLife = 8 * time.Hour
)

// SSOGrant is a role that an SSO user may take in an account.
type SSOGrant struct {
	Account string
	Role    string // the permission set's name
}

// SSO is a login at an access portal, as "aws sso login" makes it.
type SSO struct {
	// StartURL of the portal, such as https://example.awsapps.com/start.
	StartURL string
	// Region of the portal; the token cache file names it.
	Region string
	// User is the name of the role sessions. Default "user".
	User string
	// Grants are the roles to be had; others are forbidden.
	Grants []SSOGrant
	// AccessLife is how long an access token lives. Default 1 hour.
	AccessLife time.Duration
	// SessionLife is how long the refresh token works. Default 8 hours.
	SessionLife time.Duration
}

// SSOSession is a login that has taken place. Its fields are what the client
// keeps in its cache file; see WriteCache.
type SSOSession struct {
	StartURL     string    `json:"startUrl"`
	Region       string    `json:"region"`
	AccessToken  string    `json:"accessToken"`
	ExpiresAt    time.Time `json:"expiresAt"`
	ClientID     string    `json:"clientId,omitempty"`
	ClientSecret string    `json:"clientSecret,omitempty"`
	RefreshToken string    `json:"refreshToken,omitempty"`
	// RegistrationExpiresAt is the end of the client's registration.
	RegistrationExpiresAt time.Time `json:"registrationExpiresAt,omitzero"`
}

// String names the session without its tokens.
func (t SSOSession) String() string { return "SSO session at " + t.StartURL + " (tokens hidden)" }

// GoString keeps %#v from printing the tokens.
func (t SSOSession) GoString() string { return t.String() }

type ssoLogin struct {
	SSO
	clientID, clientSecret string
	refresh                string
	access                 map[string]time.Time // access tokens, with their expiry
	ends                   time.Time
}

type ssoState struct {
	mu     sync.Mutex
	logins []*ssoLogin
}

// LoginSSO opens a session at an access portal.
func (s *Server) LoginSSO(o SSO) SSOSession {
	if o.User == "" {
		o.User = "user"
	}
	if o.AccessLife == 0 {
		o.AccessLife = defaultSSOAccessLife
	}
	if o.SessionLife == 0 {
		o.SessionLife = defaultSSOSessionLife
	}
	now := s.Now()
	l := &ssoLogin{
		SSO: o, clientID: randomSecret(18), clientSecret: randomSecret(300), refresh: "aor" + randomSecret(300),
		access: map[string]time.Time{}, ends: now.Add(o.SessionLife),
	}
	token, expires := l.newAccess(now)
	s.sso.mu.Lock()
	defer s.sso.mu.Unlock()
	s.sso.logins = append(s.sso.logins, l)
	return SSOSession{
		StartURL: o.StartURL, Region: o.Region, AccessToken: token, ExpiresAt: expires,
		ClientID: l.clientID, ClientSecret: l.clientSecret, RefreshToken: l.refresh,
		RegistrationExpiresAt: now.Add(90 * 24 * time.Hour).UTC().Truncate(time.Second),
	}
}

// EndSSO ends every session at a portal now, as signing out or an
// administrator does: tokens and refresh tokens stop working. Role credentials
// already handed out stay valid.
func (s *Server) EndSSO(startURL string) {
	now := s.Now()
	s.sso.mu.Lock()
	defer s.sso.mu.Unlock()
	for _, l := range s.sso.logins {
		if l.StartURL == startURL {
			l.ends = now
			clear(l.access)
		}
	}
}

// newAccess returns an access token of the login and its expiry.
func (l *ssoLogin) newAccess(now time.Time) (string, time.Time) {
	token := "aoa" + randomSecret(300)
	expires := now.Add(l.AccessLife)
	if expires.After(l.ends) {
		expires = l.ends
	}
	expires = expires.UTC().Truncate(time.Second)
	l.access[token] = expires
	return token, expires
}

func (s *Server) ssoRoleCredentials(c *call) answer {
	now := s.Now()
	q := c.r.URL.Query()
	token := c.r.Header.Get("X-Amz-Sso_bearer_token")
	grant := SSOGrant{Account: q.Get("account_id"), Role: q.Get("role_name")}
	s.sso.mu.Lock()
	var login *ssoLogin
	for _, l := range s.sso.logins {
		if expires, ok := l.access[token]; ok && now.Before(expires) {
			login = l
		}
	}
	s.sso.mu.Unlock()
	if login == nil {
		return errorAnswer(c.dialect, &apiError{
			status: http.StatusUnauthorized, code: "UnauthorizedException", message: "Session token not found or invalid",
		})
	}
	granted := false
	for _, g := range login.Grants {
		granted = granted || g == grant
	}
	if !granted {
		return errorAnswer(c.dialect, &apiError{status: http.StatusForbidden, code: "ForbiddenException", message: "No access"})
	}
	role := reservedRole(s.opts.Partition, grant, login.Region)
	cred := s.issue(Session{Via: c.op, RoleARN: role, Name: login.User, Caller: login.StartURL}, 0)
	s.record.update(c.record, func(r *Request) { r.Principal = cred.principal.ARN })
	return jsonAnswer(c.dialect, map[string]any{"roleCredentials": map[string]any{
		"accessKeyId": cred.key.AccessKeyID, "secretAccessKey": cred.key.SecretAccessKey,
		"sessionToken": cred.key.SessionToken, "expiration": cred.key.Expires.UnixMilli(),
	}})
}

// SSORoleARN is the ARN of the role that IAM Identity Center keeps in an account
// for a permission set, for use with Deny.
func (s *Server) SSORoleARN(g SSOGrant, region string) string {
	return reservedRole(s.opts.Partition, g, region)
}

func reservedRole(partition string, g SSOGrant, region string) string {
	path := "aws-reserved/sso.amazonaws.com/"
	if region != "" && region != "us-east-1" {
		path += region + "/"
	}
	return "arn:" + partition + ":iam::" + g.Account + ":role/" + path +
		"AWSReservedSSO_" + g.Role + "_" + hexSHA256([]byte(g.Account + g.Role))[:16]
}

func (s *Server) ssoCreateToken(c *call) answer {
	var in struct {
		ClientID     string `json:"clientId"`
		ClientSecret string `json:"clientSecret"`
		GrantType    string `json:"grantType"`
		RefreshToken string `json:"refreshToken"`
	}
	if err := json.Unmarshal(c.body, &in); err != nil {
		return errorAnswer(c.dialect, oauthError(http.StatusBadRequest, "InvalidRequestException", "invalid_request", "malformed body"))
	}
	if in.GrantType != "refresh_token" {
		return errorAnswer(c.dialect, oauthError(http.StatusBadRequest, "UnsupportedGrantTypeException", "unsupported_grant_type", "Unsupported grant type"))
	}
	now := s.Now()
	s.sso.mu.Lock()
	defer s.sso.mu.Unlock()
	for _, l := range s.sso.logins {
		if l.refresh != in.RefreshToken {
			continue
		}
		if l.clientID != in.ClientID || l.clientSecret != in.ClientSecret {
			return errorAnswer(c.dialect, oauthError(http.StatusUnauthorized, "InvalidClientException", "invalid_client", "Invalid client ID or secret provided"))
		}
		if !now.Before(l.ends) {
			break
		}
		token, expires := l.newAccess(now)
		l.refresh = "aor" + randomSecret(300)
		return jsonAnswer(c.dialect, map[string]any{
			"accessToken": token, "tokenType": "Bearer", "refreshToken": l.refresh,
			"expiresIn": int(expires.Sub(now) / time.Second),
		})
	}
	return errorAnswer(c.dialect, oauthError(http.StatusBadRequest, "InvalidGrantException", "invalid_grant", "Invalid refresh token provided"))
}

func oauthError(status int, code, short, description string) *apiError {
	return &apiError{
		status: status, code: code, message: description,
		extra: map[string]string{"error": short, "error_description": description},
	}
}
