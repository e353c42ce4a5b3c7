package tokencache

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"

	"ecr-credential-helper/ecr-login/internal/privatefile"
	"ecr-credential-helper/ecr-login/registry"
	"ecr-credential-helper/ecr-login/token"
)

// Bounds of an entry file. A token is at most some 4 KiB; the rest of the room
// is for hosts.
const (
	maxFile  = 1 << 20
	maxField = 64 << 10
	maxHosts = 10_000
)

const version = 1

// stored is an entry as it stands in the file, but for the password. Times are
// Unix milliseconds on this machine's clock.
type stored struct {
	Version       int      `json:"version"`
	Key           string   `json:"key"`
	Identity      string   `json:"identity,omitempty"`
	Service       string   `json:"service"`
	Region        string   `json:"region"`
	FIPS          bool     `json:"fips,omitempty"`
	DualStack     bool     `json:"dual_stack,omitempty"`
	Hosts         []string `json:"hosts,omitempty"`
	Issued        int64    `json:"issued"`
	Refresh       int64    `json:"refresh"`
	Expires       int64    `json:"expires"`
	ServerExpires int64    `json:"server_expires"`
	User          string   `json:"user"`
	Registry      string   `json:"registry,omitempty"`
}

// The file is one JSON object that begins with the SHA-256 of all that follows
// it: a flipped bit in a password would else be served as a wrong password for
// half a day. The password, which is most of the file, stands in base64 in a
// place of its own, where it costs no JSON parser any time.
const (
	head           = `{"sha256":"`
	beforePassword = `","password":"`
	beforeEntry    = `","entry":`
	tail           = "}\n"

	sumLen = 2 * sha256.Size // in hexadecimal
)

func encode(k Key, e Entry) ([]byte, error) {
	t := e.Token
	entry, err := json.Marshal(stored{
		Version: version, Key: k.String(), Identity: e.Identity,
		Service: string(e.Endpoint.Service), Region: e.Endpoint.Region, FIPS: e.Endpoint.FIPS, DualStack: e.Endpoint.DualStack,
		Hosts:  e.Hosts,
		Issued: t.Issued.UnixMilli(), Refresh: t.Refresh.UnixMilli(), Expires: t.Expires.UnixMilli(), ServerExpires: t.ServerExpires.UnixMilli(),
		User: t.User, Registry: t.Registry,
	})
	if err != nil {
		return nil, err
	}
	password := []byte(t.Password.Reveal())
	file := make([]byte, len(head)+sumLen, len(head)+sumLen+len(beforePassword)+base64.StdEncoding.EncodedLen(len(password))+len(beforeEntry)+len(entry)+len(tail))
	copy(file, head)
	file = append(file, beforePassword...)
	file = base64.StdEncoding.AppendEncode(file, password)
	file = append(file, beforeEntry...)
	file = append(file, entry...)
	file = append(file, tail...)
	if len(file) > maxFile {
		return nil, errors.New("the entry is too large to keep")
	}
	sum := sha256.Sum256(file[len(head)+sumLen:])
	hex.Encode(file[len(head):], sum[:])
	return file, nil
}

// decode returns the entry that data holds for k.
func decode(data []byte, k Key) (Entry, bool) {
	s, encoded, ok := parse(data, k)
	if !ok {
		return Entry{}, false
	}
	password, err := base64.StdEncoding.AppendDecode(nil, encoded)
	if err != nil || len(password) == 0 || len(password) > maxField {
		return Entry{}, false
	}
	t := s.life()
	t.User, t.Password, t.Registry = s.User, token.NewPassword(string(password)), s.Registry
	return Entry{
		Token:    t,
		Endpoint: registry.Endpoint{Service: registry.Service(s.Service), Region: s.Region, FIPS: s.FIPS, DualStack: s.DualStack},
		Identity: s.Identity,
		Hosts:    s.Hosts,
	}, true
}

// parse takes a file apart and leaves the password in base64, for `list` has no
// use for it. The key stands in the file besides in its name, so that a file
// renamed to another key's name, by accident or by somebody who can write the
// folder, is not served as that key's token.
func parse(data []byte, k Key) (s stored, password []byte, ok bool) {
	rest, ok := bytes.CutPrefix(data, []byte(head))
	if !ok || len(rest) < sumLen {
		return stored{}, nil, false
	}
	var want [sha256.Size]byte
	if _, err := hex.Decode(want[:], rest[:sumLen]); err != nil {
		return stored{}, nil, false
	}
	rest = rest[sumLen:]
	if sha256.Sum256(rest) != want {
		return stored{}, nil, false
	}
	if rest, ok = bytes.CutPrefix(rest, []byte(beforePassword)); !ok {
		return stored{}, nil, false
	}
	password, rest, ok = bytes.Cut(rest, []byte(beforeEntry))
	if !ok || len(password) == 0 {
		return stored{}, nil, false
	}
	if rest, ok = bytes.CutSuffix(rest, []byte(tail)); !ok {
		return stored{}, nil, false
	}
	if err := json.Unmarshal(rest, &s); err != nil || s.Key != k.String() || !s.plausible() {
		return stored{}, nil, false
	}
	return s, password, true
}

// life returns a token of which only the times are set.
func (s *stored) life() token.Token {
	return token.Token{
		Issued: time.UnixMilli(s.Issued), Refresh: time.UnixMilli(s.Refresh),
		Expires: time.UnixMilli(s.Expires), ServerExpires: time.UnixMilli(s.ServerExpires),
	}
}

// plausible guards against a file that another version, or a person, wrote
// with a right checksum and wrong content.
func (s *stored) plausible() bool {
	return s.Version == version &&
		s.User != "" && len(s.User) <= maxField &&
		len(s.Hosts) <= maxHosts &&
		0 < s.Issued && s.Issued <= s.Refresh && s.Refresh <= s.Expires
}

func read(path string, k Key) (Entry, bool) {
	data, err := privatefile.Read(path, maxFile)
	if err != nil {
		return Entry{}, false
	}
	return decode(data, k)
}

// NewKey returns the key of the token that the owner of fingerprint gets from
// endpoint. The account is no part of it: a token opens every registry behind
// the endpoint that its owner may reach
// (https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html),
// so forty accounts in one region cost one call.
func NewKey(fingerprint [sha256.Size]byte, endpoint registry.Endpoint) Key {
	material := make([]byte, 0, 128)
	material = append(material, "token 1\n"...)
	material = append(material, fingerprint[:]...)
	material = append(material, endpoint.Service...)
	material = append(material, '\n')
	material = append(material, endpoint.Region...)
	material = append(material, '\n', flag(endpoint.FIPS), flag(endpoint.DualStack))
	return sha256.Sum256(material)
}

func flag(b bool) byte {
	if b {
		return '1'
	}
	return '0'
}
