package identity

import (
	"bytes"
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
		m.addSecret("opaque token", token)
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

// parseJWT returns the claims of a compact JWT in the words of its issuer: two
// tokens that spell a claim differently count as different. A token without
// issuer and subject, or with anything ambiguous about it, is none. The
// signature is not verified: that is for the one who accepts the token.
func parseJWT(token string) (map[string]string, bool) {
	parts := strings.Split(strings.TrimSpace(token), ".")
	if len(parts) != 3 {
		return nil, false
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, false
	}
	d := json.NewDecoder(bytes.NewReader(payload))
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
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, false
		}
		if _, twice := claims[name]; twice {
			return nil, false // which of the two counts is the verifier's choice
		}
		claims[name] = string(value)
	}
	if t, err := d.Token(); err != nil || t != json.Delim('}') || d.More() {
		return nil, false
	}
	return claims, isWord(claims["iss"]) && isWord(claims["sub"])
}

// isWord tells whether a JSON value is a string that is not empty.
func isWord(value string) bool { return len(value) > 2 && value[0] == '"' }
