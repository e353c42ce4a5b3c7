package awstest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// proof is a DPoP proof (RFC 9449) whose signature has been verified with the
// key it carries.
type proof struct {
	key      *ecdsa.PublicKey
	id       string
	method   string
	target   string
	issuedAt time.Time
}

const coordinateSize = 32 // bytes of a P-256 coordinate

// parseProof reads and verifies the one DPoP header of a request.
func parseProof(headers []string) (proof, error) {
	if len(headers) != 1 {
		return proof{}, fmt.Errorf("want one header, got %d", len(headers))
	}
	parts := strings.Split(headers[0], ".")
	if len(parts) != 3 {
		return proof{}, fmt.Errorf("a JWT has three parts, not %d", len(parts))
	}
	var header struct {
		Typ string `json:"typ"`
		Alg string `json:"alg"`
		JWK struct {
			Kty string `json:"kty"`
			Crv string `json:"crv"`
			X   string `json:"x"`
			Y   string `json:"y"`
			D   string `json:"d"`
		} `json:"jwk"`
	}
	if err := decodePart(parts[0], &header); err != nil {
		return proof{}, fmt.Errorf("header: %w", err)
	}
	if header.Typ != "dpop+jwt" || header.Alg != "ES256" || header.JWK.Kty != "EC" || header.JWK.Crv != "P-256" {
		return proof{}, errors.New("typ, alg, kty or crv is not as required")
	}
	if header.JWK.D != "" {
		return proof{}, errors.New("the jwk holds a private key")
	}
	key, err := parsePoint(header.JWK.X, header.JWK.Y)
	if err != nil {
		return proof{}, err
	}
	var payload struct {
		Jti string `json:"jti"`
		Htm string `json:"htm"`
		Htu string `json:"htu"`
		Iat int64  `json:"iat"`
	}
	if err := decodePart(parts[1], &payload); err != nil {
		return proof{}, fmt.Errorf("payload: %w", err)
	}
	if payload.Jti == "" {
		return proof{}, errors.New("jti is missing")
	}
	sig, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || len(sig) != 2*coordinateSize {
		return proof{}, errors.New("the signature is not r and s of 32 bytes each")
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if !ecdsa.Verify(key, sum[:], new(big.Int).SetBytes(sig[:coordinateSize]), new(big.Int).SetBytes(sig[coordinateSize:])) {
		return proof{}, errors.New("the signature is wrong")
	}
	return proof{key: key, id: payload.Jti, method: payload.Htm, target: payload.Htu, issuedAt: time.Unix(payload.Iat, 0)}, nil
}

// parsePoint accepts coordinates without leading zeros: the SDK writes them so.
func parsePoint(x, y string) (*ecdsa.PublicKey, error) {
	point := make([]byte, 1+2*coordinateSize)
	point[0] = 4 // uncompressed
	for i, v := range []string{x, y} {
		b, err := base64.RawURLEncoding.DecodeString(v)
		if err != nil || len(b) > coordinateSize {
			return nil, errors.New("a coordinate of the jwk is malformed")
		}
		end := 1 + (i+1)*coordinateSize
		copy(point[end-len(b):end], b)
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return nil, fmt.Errorf("the jwk is no point of the curve: %w", err)
	}
	return key, nil
}

func decodePart(part string, v any) error {
	b, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, v)
}

// covers checks that the proof was made for this request, lately.
func (p proof) covers(r *http.Request, now time.Time) error {
	if p.method != r.Method {
		return fmt.Errorf("htm is %q", p.method)
	}
	u, err := url.Parse(p.target)
	if err != nil || u.Host != r.Host || u.Path != r.URL.Path {
		return errors.New("htu is not this address")
	}
	if d := now.Sub(p.issuedAt); d > signatureWindow || d < -signatureWindow {
		return errors.New("iat is not now")
	}
	return nil
}
