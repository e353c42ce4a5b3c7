package awstest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"sync"
	"time"
)

const (
	// loginClient is the client id of "aws login" on the machine with the browser.
	loginClient    = "arn:aws:signin:::devtools/same-device"
	loginTokenType = "urn:aws:params:oauth:token-type:access_token_sigv4"

	defaultLoginAccessLife = 15 * time.Minute
	defaultLoginLife       = 12 * time.Hour
)

// Login is a session of "aws login", which lends a console principal's
// permissions to the command line.
type Login struct {
	// Principal is the ARN behind the session: a user, or an assumed-role
	// session. It is the value of login_session in a profile.
	Principal string
	// AccessLife is how long one set of credentials lives. Default 15 minutes.
	AccessLife time.Duration
	// SessionLife is how long the session can be refreshed. Default 12 hours.
	SessionLife time.Duration
}

// LoginSession is a login that has taken place. Its fields are what the client
// keeps in its cache file; see WriteCache.
type LoginSession struct {
	// Name is the value of login_session.
	Name          string      `json:"-"`
	AccessToken   LoginAccess `json:"accessToken"`
	TokenType     string      `json:"tokenType"`
	RefreshToken  string      `json:"refreshToken"`
	IdentityToken string      `json:"identityToken"`
	ClientID      string      `json:"clientId"`
	DPoPKey       string      `json:"dpopKey"`
}

// LoginAccess is a set of credentials as the cache file of "aws login" has it.
type LoginAccess struct {
	AccessKeyID     string    `json:"accessKeyId"`
	SecretAccessKey string    `json:"secretAccessKey"`
	SessionToken    string    `json:"sessionToken"`
	AccountID       string    `json:"accountId"`
	ExpiresAt       time.Time `json:"expiresAt"`
}

// String names the session without its tokens.
func (t LoginSession) String() string { return "login session of " + t.Name + " (tokens hidden)" }

// GoString keeps %#v from printing the tokens.
func (t LoginSession) GoString() string { return t.String() }

type loginSession struct {
	Login
	refresh string
	key     *ecdsa.PublicKey
	ends    time.Time
	changed bool // the password behind the session was changed
}

type loginState struct {
	mu       sync.Mutex
	sessions []*loginSession
	proofs   map[string]bool // ids of DPoP proofs already used
}

// LoginConsole opens an "aws login" session.
func (s *Server) LoginConsole(l Login) (LoginSession, error) {
	if l.AccessLife == 0 {
		l.AccessLife = defaultLoginAccessLife
	}
	if l.SessionLife == 0 {
		l.SessionLife = defaultLoginLife
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return LoginSession{}, fmt.Errorf("making the session's key: %w", err)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return LoginSession{}, fmt.Errorf("encoding the session's key: %w", err)
	}
	sess := &loginSession{Login: l, refresh: randomSecret(300), key: &key.PublicKey, ends: s.Now().Add(l.SessionLife)}
	cred := s.loginCredential(l)
	s.login.mu.Lock()
	defer s.login.mu.Unlock()
	s.login.sessions = append(s.login.sessions, sess)
	return LoginSession{
		Name: l.Principal,
		AccessToken: LoginAccess{
			AccessKeyID: cred.key.AccessKeyID, SecretAccessKey: cred.key.SecretAccessKey, SessionToken: cred.key.SessionToken,
			AccountID: cred.principal.Account, ExpiresAt: cred.key.Expires.UTC(),
		},
		TokenType: loginTokenType, RefreshToken: sess.refresh, ClientID: loginClient,
		IdentityToken: s.WebIdentityToken("https://signin.aws.amazon.com/signin", l.Principal, loginClient, l.SessionLife),
		DPoPKey:       string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})),
	}, nil
}

// EndLogin ends the sessions of a principal now: the next refresh is refused
// with TOKEN_EXPIRED.
func (s *Server) EndLogin(principal string) {
	now := s.Now()
	s.eachLogin(principal, func(l *loginSession) { l.ends = now })
}

// ChangePassword makes the next refresh of a principal's sessions fail with
// USER_CREDENTIALS_CHANGED.
func (s *Server) ChangePassword(principal string) {
	s.eachLogin(principal, func(l *loginSession) { l.changed = true })
}

func (s *Server) eachLogin(principal string, f func(*loginSession)) {
	s.login.mu.Lock()
	defer s.login.mu.Unlock()
	for _, l := range s.login.sessions {
		if l.Principal == principal {
			f(l)
		}
	}
}

// loginCredential issues temporary credentials that act as the principal itself.
func (s *Server) loginCredential(l Login) credential {
	c := &credential{
		key: Key{
			AccessKeyID: "ASIA" + randomID(16), SecretAccessKey: randomSecret(30), SessionToken: randomSecret(480),
			Expires: s.Now().Add(l.AccessLife).Truncate(time.Second),
		},
		principal: Principal{ARN: l.Principal, Account: accountOf(l.Principal), UserID: stableID("AIDA", l.Principal)},
		session:   Session{Via: OpSigninCreateToken, Caller: l.Principal},
	}
	s.ids.put(c)
	return *c
}

func (s *Server) signinCreateToken(c *call) answer {
	var in struct {
		ClientID     string `json:"clientId"`
		GrantType    string `json:"grantType"`
		RefreshToken string `json:"refreshToken"`
	}
	if err := json.Unmarshal(c.body, &in); err != nil || in.GrantType != "refresh_token" || in.ClientID == "" {
		return errorAnswer(c.dialect, signinError(http.StatusBadRequest, "ValidationException", "INVALID_REQUEST", "malformed request"))
	}
	proof, err := parseProof(c.r.Header.Values("DPoP"))
	if err == nil {
		err = proof.covers(c.r, s.Now())
	}
	if err != nil {
		return errorAnswer(c.dialect, signinError(http.StatusBadRequest, "ValidationException", "INVALID_REQUEST", "DPoP proof: "+err.Error()))
	}
	now := s.Now()
	s.login.mu.Lock()
	defer s.login.mu.Unlock()
	if s.login.proofs[proof.id] {
		return errorAnswer(c.dialect, signinError(http.StatusBadRequest, "ValidationException", "INVALID_REQUEST", "DPoP proof was used before"))
	}
	if s.login.proofs == nil {
		s.login.proofs = map[string]bool{}
	}
	s.login.proofs[proof.id] = true
	for _, l := range s.login.sessions {
		if l.refresh != in.RefreshToken || !l.key.Equal(proof.key) || in.ClientID != loginClient {
			continue
		}
		if l.changed {
			return errorAnswer(c.dialect, signinError(http.StatusForbidden, "AccessDeniedException", "USER_CREDENTIALS_CHANGED", "The user's credentials have been changed"))
		}
		if !now.Before(l.ends) {
			break
		}
		cred := s.loginCredential(l.Login)
		l.refresh = randomSecret(300)
		s.record.update(c.record, func(r *Request) { r.Principal = cred.principal.ARN })
		return jsonAnswer(c.dialect, map[string]any{
			"accessToken": map[string]any{
				"accessKeyId": cred.key.AccessKeyID, "secretAccessKey": cred.key.SecretAccessKey, "sessionToken": cred.key.SessionToken,
			},
			"tokenType": loginTokenType, "expiresIn": int(l.AccessLife / time.Second), "refreshToken": l.refresh,
		})
	}
	return errorAnswer(c.dialect, signinError(http.StatusForbidden, "AccessDeniedException", "TOKEN_EXPIRED", "The refresh token has expired"))
}

func signinError(status int, code, short, message string) *apiError {
	return &apiError{status: status, code: code, message: message, extra: map[string]string{"error": short}}
}
