package awstest

import (
	"crypto/sha1" // the name of the SDK's cache file, not a security measure
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// WriteCache writes the token cache file that "aws sso login" leaves behind,
// ~/.aws/sso/cache/<sha1>.json, and returns its path. Home is the home
// directory. Session is the name of the sso-session section; empty stands for
// a profile of the old style, whose file is named after the start URL and holds
// no refresh token.
func (t SSOSession) WriteCache(home, session string) (string, error) {
	key := session
	if session == "" {
		key = t.StartURL
		t.ClientID, t.ClientSecret, t.RefreshToken = "", "", ""
	}
	sum := sha1.Sum([]byte(key))
	return writeCache(t, home, "sso", hex.EncodeToString(sum[:]))
}

// WriteCache writes the token cache file that "aws login" leaves behind,
// ~/.aws/login/cache/<sha256 of the session's name>.json, and returns its
// path. Home is the home directory.
func (t LoginSession) WriteCache(home string) (string, error) {
	sum := sha256.Sum256([]byte(t.Name))
	return writeCache(t, home, "login", hex.EncodeToString(sum[:]))
}

func writeCache(v any, home, kind, name string) (string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("encoding the %s cache: %w", kind, err)
	}
	dir := filepath.Join(home, ".aws", kind, "cache")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("making the %s cache: %w", kind, err)
	}
	path := filepath.Join(dir, name+".json")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		return "", fmt.Errorf("writing the %s cache: %w", kind, err)
	}
	return path, nil
}
