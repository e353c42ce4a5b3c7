package awstest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestOnlyASoundDPoPProofIsTaken(t *testing.T) {
	t.Parallel()
	s, err := Start(Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	b64 := base64.RawURLEncoding.EncodeToString
	jwk := map[string]any{"kty": "EC", "crv": "P-256", "x": b64(point[1:33]), "y": b64(point[33:])}
	with := func(m map[string]any, k string, v any) map[string]any {
		m = maps.Clone(m)
		m[k] = v
		return m
	}
	goodHeader := map[string]any{"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk}
	goodPayload := map[string]any{"jti": "1", "htm": "POST", "htu": s.URL() + "/v1/token", "iat": time.Now().Unix()}
	proof := func(header, payload map[string]any) string {
		h, err := json.Marshal(header)
		if err != nil {
			t.Fatal(err)
		}
		p, err := json.Marshal(payload)
		if err != nil {
			t.Fatal(err)
		}
		msg := b64(h) + "." + b64(p)
		sum := sha256.Sum256([]byte(msg))
		r, sv, err := ecdsa.Sign(rand.Reader, key, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		return msg + "." + b64(append(r.FillBytes(make([]byte, coordinateSize)), sv.FillBytes(make([]byte, coordinateSize))...))
	}
	good := proof(goodHeader, goodPayload)
	tests := []struct {
		name   string
		proofs []string
		says   string // in the message; empty when the proof itself is sound
	}{
		{"sound", []string{good}, ""},
		{"missing", nil, "want one header, got 0"},
		{"two of them", []string{good, good}, "want one header, got 2"},
		{"two parts", []string{"a.b"}, "three parts"},
		{"other type", []string{proof(with(goodHeader, "typ", "JWT"), goodPayload)}, "not as required"},
		{"private key inside", []string{proof(with(goodHeader, "jwk", with(jwk, "d", "x")), goodPayload)}, "private key"},
		{"key off the curve", []string{proof(with(goodHeader, "jwk", with(jwk, "y", b64(point[1:33]))), goodPayload)}, "no point of the curve"},
		{"coordinate too long", []string{proof(with(goodHeader, "jwk", with(jwk, "x", b64(point))), goodPayload)}, "malformed"},
		{"no id", []string{proof(goodHeader, with(goodPayload, "jti", ""))}, "jti is missing"},
		{"other method", []string{proof(goodHeader, with(goodPayload, "htm", "GET"))}, "htm"},
		{"other address", []string{proof(goodHeader, with(goodPayload, "htu", "http://example.test/v1/token"))}, "htu"},
		{"other path", []string{proof(goodHeader, with(goodPayload, "htu", s.URL()+"/token"))}, "htu"},
		{"old", []string{proof(goodHeader, with(goodPayload, "iat", time.Now().Add(-time.Hour).Unix()))}, "iat"},
		{"signature of something else", []string{good[:strings.LastIndexByte(good, '.')] + proof(goodHeader, with(goodPayload, "jti", "2"))[strings.LastIndexByte(good, '.'):]}, "signature is wrong"},
		{"short signature", []string{good[:len(good)-4]}, "32 bytes each"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			body := `{"clientId":"` + loginClient + `","grantType":"refresh_token","refreshToken":"unknown"}`
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+"/v1/token", strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range tt.proofs {
				req.Header.Add("DPoP", p)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			var v map[string]string
			if err := json.NewDecoder(resp.Body).Decode(&v); err != nil {
				t.Fatal(err)
			}
			want := fmt.Sprint("TOKEN_EXPIRED ", http.StatusForbidden) // for the refresh token is not known
			if tt.says != "" {
				want = fmt.Sprint("INVALID_REQUEST ", http.StatusBadRequest)
			}
			if got := fmt.Sprint(v["error"], " ", resp.StatusCode); got != want || !strings.Contains(v["message"], tt.says) {
				t.Errorf("%s: %v", got, v)
			}
		})
	}
}
