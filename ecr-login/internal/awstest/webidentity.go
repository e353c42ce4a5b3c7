package awstest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// WebIdentity is a trust of a role in tokens of an OpenID Connect provider. It
// matches by its Token or by Issuer, Subject and Audience.
type WebIdentity struct {
	// Token, when set, is the whole token to be accepted; it need not be a JWT.
	Token string
	// Issuer is the iss claim.
	Issuer string
	// Subject is the sub claim; empty accepts every one.
	Subject string
	// Audience is one of the aud claim; empty accepts every one.
	Audience string
}

// claims of a web identity token; the fake checks no signature of them.
type claims struct {
	Issuer   string   `json:"iss"`
	Subject  string   `json:"sub"`
	Audience audience `json:"aud"`
	Expiry   float64  `json:"exp"`
}

// audience is a string or a list of strings.
type audience []string

func (a *audience) UnmarshalJSON(b []byte) error {
	var one string
	if err := json.Unmarshal(b, &one); err == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(a))
}

func (a audience) has(want string) bool {
	for _, v := range a {
		if v == want {
			return true
		}
	}
	return false
}

// WebIdentityToken makes a JWT that AssumeRoleWithWebIdentity accepts for roles
// that trust its claims. Like the tokens of Kubernetes it lives for life by the
// server's clock; its signature is random.
func (s *Server) WebIdentityToken(issuer, subject, aud string, life time.Duration) string {
	now := s.Now()
	header := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256","kid":"awstest","typ":"JWT"}`))
	payload, err := json.Marshal(map[string]any{
		"iss": issuer, "sub": subject, "aud": []string{aud},
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(life).Unix(), "jti": newUUID(),
	})
	if err != nil {
		// Strings and numbers always marshal.
		panic(err)
	}
	return header + "." + base64.RawURLEncoding.EncodeToString(payload) + "." +
		base64.RawURLEncoding.EncodeToString(randomBytes(256))
}

// parseClaims reads the payload of a JWT.
func parseClaims(token string) (claims, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return claims{}, fmt.Errorf("the token has %d parts, not three", len(parts))
	}
	b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return claims{}, fmt.Errorf("decoding the token's payload: %w", err)
	}
	var c claims
	if err := json.Unmarshal(b, &c); err != nil {
		return claims{}, fmt.Errorf("reading the token's claims: %w", err)
	}
	return c, nil
}

func (s *Server) assumeRoleWithWebIdentity(c *call) answer {
	session, life, e := c.sessionRequest()
	if e != nil {
		return errorAnswer(c.dialect, e)
	}
	token := c.form.Get("WebIdentityToken")
	role, known := s.ids.role(session.RoleARN)
	for _, w := range role.Federated {
		if w.Token != "" && w.Token == token {
			session.Caller = "token " + hexSHA256([]byte(token))[:12]
			return s.federated(c, session, life, claims{})
		}
	}
	cl, err := parseClaims(token)
	if err != nil || cl.Issuer == "" {
		return errorAnswer(c.dialect, badIdentity("The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"))
	}
	now := s.Now()
	if exp := time.Unix(int64(cl.Expiry), 0); cl.Expiry != 0 && now.After(exp) {
		return errorAnswer(c.dialect, &apiError{
			status: http.StatusBadRequest, code: "ExpiredTokenException",
			message: fmt.Sprintf("Token expired: current date/time %d must be before the expiration date/time %d", now.Unix(), exp.Unix()),
		})
	}
	if known && !role.knowsIssuer(cl.Issuer) {
		return errorAnswer(c.dialect, badIdentity("No OpenIDConnect provider found in your account for "+cl.Issuer))
	}
	session.Caller = cl.Issuer + " " + cl.Subject
	if !known || !role.accepts(cl) {
		return errorAnswer(c.dialect, failDenied.in(c.dialect, "Not authorized to perform sts:AssumeRoleWithWebIdentity"))
	}
	return s.federated(c, session, life, cl)
}

func (s *Server) federated(c *call, session Session, life time.Duration, cl claims) answer {
	role, _ := s.ids.role(session.RoleARN)
	if life > role.MaxSession {
		return errorAnswer(c.dialect, invalid("The requested DurationSeconds exceeds the MaxSessionDuration set for this role."))
	}
	s.record.update(c.record, func(r *Request) { r.Principal = sessionARN(session.RoleARN, session.Name) })
	out := s.assumed(c.op, session, life)
	out.Subject, out.Provider = cl.Subject, cl.Issuer
	if len(cl.Audience) > 0 {
		out.Audience = cl.Audience[0]
	}
	return queryAnswer(c.op, out)
}

func (r *roleState) knowsIssuer(issuer string) bool {
	for _, w := range r.Federated {
		if w.Issuer == issuer {
			return true
		}
	}
	return false
}

func (r *roleState) accepts(c claims) bool {
	for _, w := range r.Federated {
		if w.Issuer == c.Issuer && (w.Subject == "" || w.Subject == c.Subject) && (w.Audience == "" || c.Audience.has(w.Audience)) {
			return true
		}
	}
	return false
}

func badIdentity(message string) *apiError {
	return &apiError{status: http.StatusBadRequest, code: "InvalidIdentityToken", message: message}
}
