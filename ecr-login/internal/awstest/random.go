package awstest

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"fmt"
)

// randomBytes never fails: crypto/rand ends the program when the system has no
// randomness to give.
func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

// randomID returns n characters of the alphabet of AWS's unique ids.
func randomID(n int) string {
	return base32.StdEncoding.EncodeToString(randomBytes(n))[:n]
}

func randomSecret(bytes int) string {
	return base64.StdEncoding.EncodeToString(randomBytes(bytes))
}

// stableID is the same for the same thing, as the unique id of a user is.
func stableID(prefix, of string) string {
	sum := sha256.Sum256([]byte(of))
	return prefix + base32.StdEncoding.EncodeToString(sum[:])[:17]
}

func newRequestID() string { return newUUID() }

func newUUID() string {
	b := randomBytes(16)
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func hexSHA256(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
