package cattle

import (
	"net/url"
	"strconv"
	"strings"

	"ecr-credential-helper/ecr-login/internal/ranchersync"
)

// The versions of the API, in the order of preference.
const (
	versionTwo = "v2-beta"
	versionOne = "v1"
)

// Address is where a Rancher's API lives, read from whatever form of its URL
// people have at hand.
type Address struct {
	origin  string // scheme and host, such as https://rancher.example.com:8443
	prefix  string // a path in front of the API; empty or /like/this
	Project string // the environment named in the URL, such as 1a5; or empty
}

// ParseURL reads a Rancher URL: with or without /v1 or /v2-beta, with or without
// /projects/<id>, below a path prefix, with slashes at the end, or copied from
// the browser (…/env/<id>/…). Which version is really used, the server decides.
//
// Errors are of [ranchersync.ReasonConfig] and never quote user information.
func ParseURL(raw string) (Address, error) {
	raw = strings.TrimSpace(raw)
	bad := func(format string, args ...any) *ranchersync.Error {
		return ranchersync.Errorf(ranchersync.ReasonConfig, "the Rancher URL "+format, args...)
	}
	if raw == "" {
		return Address{}, bad("is empty")
	}
	for _, c := range raw {
		if c <= ' ' || c >= 0x7f || c == '\\' {
			return Address{}, bad("holds a character that no URL has, such as a space or a letter with an accent")
		}
	}
	if !strings.Contains(raw, "://") {
		return Address{}, bad("has no scheme").WithHint("write https://… in front of it")
	}
	u, err := url.Parse(raw)
	if err != nil {
		// The parser's error quotes the URL, which may hold a password.
		return Address{}, bad("cannot be read").WithHint("it looks like https://rancher.example.com/v2-beta/projects/1a5")
	}
	u.Scheme = strings.ToLower(u.Scheme)
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return Address{}, bad("has the scheme %s, not https or http", clean(u.Scheme))
	case u.User != nil:
		return Address{}, bad("holds a user name or password").
			WithHint("give the access key and the file with the secret key on their own")
	case u.Hostname() == "":
		return Address{}, bad("names no host")
	case !plainHost(u.Host):
		return Address{}, bad("names a host with characters that no host has")
	case !validPort(u.Port()):
		return Address{}, bad("has a port that there is not").WithHint("ports go from 1 to 65535")
	case u.RawQuery != "" || u.ForceQuery:
		return Address{}, bad("has a query").WithHint("leave out everything from the ? on")
	case u.Fragment != "":
		return Address{}, bad("has a fragment").WithHint("leave out everything from the # on")
	case u.EscapedPath() != u.Path:
		return Address{}, bad("has an escaped path").WithHint("leave out everything behind the API's version")
	}
	return readPath(u.Scheme+"://"+strings.ToLower(u.Host), u.Path)
}

// plainHost reports whether a host, perhaps with a port, has no character but
// those of names and addresses. A URL may spell others with a percent sign.
func plainHost(host string) bool {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]"
	return strings.Trim(host, plain) == ""
}

func validPort(port string) bool {
	if port == "" {
		return true
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0
}

// readPath finds prefix and environment in the URL's path.
func readPath(origin, path string) (Address, error) {
	parts := strings.FieldsFunc(path, func(c rune) bool { return c == '/' })
	for i, part := range parts {
		if part == "." || part == ".." {
			return Address{}, ranchersync.Errorf(ranchersync.ReasonConfig, "the Rancher URL has dots for a path")
		}
		a := Address{origin: origin, prefix: joinPath(parts[:i])}
		rest := parts[i+1:]
		switch strings.ToLower(part) {
		case versionOne, versionTwo:
			var err error
			a.Project, err = readScope(rest)
			return a, err
		case "v2", "v3":
			return Address{}, ranchersync.Errorf(ranchersync.ReasonConfig, "the Rancher URL is one of API %s, and this speaks v1 and v2-beta", part).
				WithHint("Rancher 1.x has the endpoint to copy under API, Keys, Advanced Options")
		case "env":
			// The address bar of Rancher's own web interface.
			if len(rest) > 0 && environmentID(rest[0]) {
				a.Project = rest[0]
				return a, nil
			}
		}
	}
	return Address{origin: origin, prefix: joinPath(parts)}, nil
}

func joinPath(parts []string) string {
	if len(parts) == 0 {
		return ""
	}
	return "/" + strings.Join(parts, "/")
}

// readScope reads what follows the API's version: the environment's id, if any.
func readScope(rest []string) (project string, err error) {
	if len(rest) > 0 && strings.EqualFold(rest[0], "projects") {
		if len(rest) == 1 {
			return "", nil
		}
		if !plainID(rest[1]) {
			return "", ranchersync.Errorf(ranchersync.ReasonConfig, "the Rancher URL names the environment %q, which cannot be an id", clean(rest[1])).
				WithHint("an environment's id looks like 1a5")
		}
		project, rest = rest[1], rest[2:]
	}
	if len(rest) == 0 || len(rest) == 1 && (strings.EqualFold(rest[0], "schemas") || strings.EqualFold(rest[0], "registries")) {
		return project, nil
	}
	return "", ranchersync.Errorf(ranchersync.ReasonConfig, "the Rancher URL goes on behind the API's version with %q", clean(rest[0])).
		WithHint("end it with /v2-beta or /v2-beta/projects/<id>")
}

// String is the URL without version.
func (a Address) String() string { return a.origin + a.prefix }

// Plain reports whether requests would travel unencrypted.
func (a Address) Plain() bool { return strings.HasPrefix(a.origin, "http://") }

// root is the URL that resources hang under. A project must be part of it: its
// own resource, …/projects/<id>, is no scope.
func (a Address) root(version, project string) string {
	r := a.origin + a.prefix + "/" + version
	if project != "" {
		r += "/projects/" + project
	}
	return r
}

// plainID reports whether a server's id can stand in a path as it is.
func plainID(id string) bool {
	if id == "" || len(id) > 64 {
		return false
	}
	for _, c := range []byte(id) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

// environmentID reports whether s is an id as Rancher gives environments, such as
// 1a5.
func environmentID(s string) bool {
	before, after, found := strings.Cut(s, "a")
	return found && before != "" && after != "" && strings.Trim(before+after, "0123456789") == ""
}
