package identity

import (
	"encoding/base64"
	"encoding/json"
	"strings"
)

// token adds who an identity token was issued for: of a JWT the issuer, the
// subject and what else shapes the session that a role assumed with it gets,
// so that a token issued anew is the same identity; of anything else, the text.
func (m *material) token(token string) {
	claims, ok := parseJWT(token)
	if !ok {
		m.add("opaque token", token)
		return
	}
	for _, name := range [...]string{
		"iss", "sub", "aud",
		"https://aws.amazon.com/tags",
		"https://aws.amazon.com/source_identity",
	} {
		m.add("claim "+name, claims[name])
	}
}

// parseJWT returns the claims of a compact JWT as canonical JSON. A token
// without issuer and subject, or with anything ambiguous about it, is none.
// The signature is not verified: that is for the one who accepts the token.
func parseJWT(token string) (map[string]string, bool) {
	parts := strings.Split(strings.TrimSpace(token), ".")
	if len(parts) != 3 {
		return nil, false
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, false
	}
	d := json.NewDecoder(strings.NewReader(string(payload)))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, false
	}
	claims := map[string]string{}
	for d.More() {
		t, err := d.Token()
		name, isString := t.(string)
		if err != nil || !isString {
			return nil, false
		}
		if _, twice := claims[name]; twice {
			return nil, false // which of the two counts is the verifier's choice
		}
		var v any
		if err := d.Decode(&v); err != nil {
			return nil, false
		}
		if s, ok := v.(string); (name == "iss" || name == "sub") && (!ok || s == "") {
			return nil, false
		}
		canonical, err := json.Marshal(v)
		if err != nil {
			return nil, false
		}
		claims[name] = string(canonical)
	}
	if t, err := d.Token(); err != nil || t != json.Delim('}') || d.More() {
		return nil, false
	}
	if claims["iss"] == "" || claims["sub"] == "" {
		return nil, false
	}
	return claims, true
}
