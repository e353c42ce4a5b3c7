package awsecr

import (
	"encoding/base64"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"

	"ecr-credential-helper/ecr-login/registry"
	"ecr-credential-helper/ecr-login/token"
)

// What can be wrong with an answer that is well-formed JSON.
var (
	errNoToken     = errors.New("it holds no authorization token")
	errNoExpiry    = errors.New("it does not say when the token expires")
	errNotBase64   = errors.New("its authorization token is not base64")
	errNotAPair    = errors.New("its authorization token is not user:password")
	errControl     = errors.New("its authorization token holds control characters")
	errTokenTooBig = errors.New("its authorization token is too large")
	errBornExpired = errors.New("its token has expired already")
)

// maxToken bounds a decoded token. Real ones had up to 2,714 bytes when this
// was written, and AWS does not say how long they may get.
const maxToken = 32 << 10

// answer is what both services say about a token.
type answer struct {
	encoded *string // base64 of user:password
	expires *time.Time
	proxy   *string // URL of the caller's own registry; ECR Public names none
}

// token checks the answer and reckons the token's life. serverNow is the zero
// time when the answer had no Date; jitter lies in [0,1).
func (a answer) token(serverNow, localNow time.Time, jitter float64) (token.Token, error) {
	encoded := aws.ToString(a.encoded)
	switch {
	case encoded == "":
		return token.Token{}, errNoToken
	case len(encoded) > base64.StdEncoding.EncodedLen(maxToken):
		return token.Token{}, errTokenTooBig
	case a.expires == nil || a.expires.IsZero():
		return token.Token{}, errNoExpiry
	}
	decoded, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return token.Token{}, errNotBase64 // what it says instead stays out of the error
	}
	user, password, ok := strings.Cut(string(decoded), ":")
	if !ok || user == "" || password == "" {
		return token.Token{}, errNotAPair
	}
	if !printable(user) || !printable(password) {
		return token.Token{}, errControl
	}
	t := token.New(user, token.NewPassword(password), token.Lifetime{
		ServerNow: serverNow, Expires: *a.expires, LocalNow: localNow, Jitter: jitter,
	})
	if t.Expired(localNow) {
		return token.Token{}, errBornExpired
	}
	// A courtesy: a token is as good without it.
	if own, err := registry.Parse(aws.ToString(a.proxy)); err == nil {
		t.Registry = own.Host()
	}
	return t, nil
}

func printable(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] == 0x7f {
			return false
		}
	}
	return true
}
