// Package settings is the only reader of the environment and of the
// configuration file.
//
// Reading is cheap, because it happens on every call: a few variables are
// looked up, and the YAML of a configuration file is parsed by another package
// ([Parser]) only when the file has changed.
package settings

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"ecr-credential-helper/ecr-login/internal/fspath"
)

// Names of the environment variables that are ours. Those of AWS are read by
// the AWS SDK and, for the identity fingerprint, through [Settings.LookupEnv].
const (
	EnvCacheDir      = "AWS_ECR_CACHE_DIR"
	EnvDisableCache  = "AWS_ECR_DISABLE_CACHE"
	EnvIgnoreStorage = "AWS_ECR_IGNORE_CREDS_STORAGE"
	EnvTimeout       = "AWS_ECR_TIMEOUT"
	EnvConfig        = "AWS_ECR_CONFIG"
	EnvFallback      = "AWS_ECR_FALLBACK_HELPER"
	EnvPublicAuth    = "AWS_ECR_PUBLIC_AUTH"
	EnvLogLevel      = "AWS_ECR_LOG_LEVEL"
	EnvLogFormat     = "AWS_ECR_LOG_FORMAT"
)

// Defaults of what neither flag, environment nor configuration file says.
const (
	DefaultTimeout    = 20 * time.Second
	DefaultLogLevel   = "info"
	DefaultLogFormat  = "text"
	DefaultLogMaxSize = 5 << 20
	DefaultLogKeep    = 3
)

// Bounds of what a person may ask for.
const (
	minTimeout = 100 * time.Millisecond
	maxTimeout = 10 * time.Minute
)

// LookupEnv returns the value of an environment variable and whether it is set,
// as os.LookupEnv does.
type LookupEnv func(name string) (string, bool)

// Process is the environment of this process.
func Process(name string) (string, bool) { return os.LookupEnv(name) }

// Settings is everything that environment and configuration file say.
type Settings struct {
	// Dir is the folder of tokens, locks and logs: AWS_ECR_CACHE_DIR, else
	// ~/.ecr. Empty when there is no home directory: then nothing is kept.
	Dir string
	// CacheDisabled keeps tokens from being read or written:
	// AWS_ECR_DISABLE_CACHE, set to anything.
	CacheDisabled bool
	// IgnoreStorage makes store and erase succeed for every host without doing
	// anything: AWS_ECR_IGNORE_CREDS_STORAGE, any true value.
	IgnoreStorage bool
	// Timeout bounds a whole invocation: AWS_ECR_TIMEOUT, such as 30s; default
	// 20s.
	Timeout time.Duration
	// Fallback names the credential helper that answers for registries that
	// are not ours, without its prefix "docker-credential-": from
	// AWS_ECR_FALLBACK_HELPER; empty for none.
	Fallback string
	// PublicAuthRequired makes it an error when no password can be had for
	// public.ecr.aws: AWS_ECR_PUBLIC_AUTH=required. By default clients then
	// pull anonymously.
	PublicAuthRequired bool
	// Log says what is logged and how.
	Log Log
	// Registries are the rules of the configuration file, in its order.
	Registries []Rule

	// Home is the user's home directory; empty when there is none.
	Home string
	// LookupEnv is the environment these settings were read from.
	LookupEnv LookupEnv
}

// Log is how much is logged and how.
type Log struct {
	Level   string `json:"level,omitempty"`    // AWS_ECR_LOG_LEVEL: error, warn, info (default), debug, off
	Format  string `json:"format,omitempty"`   // AWS_ECR_LOG_FORMAT: text (default) or json
	MaxSize int64  `json:"max_size,omitempty"` // bytes after which the file is rotated; default 5 MiB
	Keep    int    `json:"keep,omitempty"`     // rotated files kept; default 3
}

// LogLevels and LogFormats are the values that the log settings take.
var (
	LogLevels  = []string{"off", "error", "warn", "info", "debug"}
	LogFormats = []string{"text", "json"}
)

// Error says which setting is wrong.
type Error struct {
	Where string // a variable's name, or the configuration file and line
	What  string
}

func (e *Error) Error() string { return e.Where + ": " + e.What }

// Load reads the environment and the configuration file. Beside an error the
// settings hold what could be read, so that a caller can still say whether a
// host is ours.
//
// parse is called when a configuration file exists whose content it has not
// seen before. The error is then an *[Error]. With nil in its place such a file
// is an error without words, for a caller that will let another one Load.
func Load(env LookupEnv, parse Parser) (Settings, error) {
	s := Settings{
		LookupEnv: env,
		Home:      home(env),
		Timeout:   DefaultTimeout,
		Log:       Log{Level: DefaultLogLevel, Format: DefaultLogFormat, MaxSize: DefaultLogMaxSize, Keep: DefaultLogKeep},
	}
	s.Dir = expandHome(value(env, EnvCacheDir), s.Home)
	if s.Dir == "" && s.Home != "" {
		s.Dir = fspath.Join(s.Home, ".ecr")
	}
	s.CacheDisabled = value(env, EnvDisableCache) != ""
	s.IgnoreStorage = truthy(value(env, EnvIgnoreStorage))

	file, err := s.readFile(parse)
	if file != nil {
		apply(&s, file)
	}
	// The environment wins over the file; a broken file does not hide what the
	// environment says, and its error is the one to report.
	if envErr := fromEnv(&s); err == nil {
		err = envErr
	}
	return s, err
}

func fromEnv(s *Settings) error {
	if v := value(s.LookupEnv, EnvFallback); v != "" {
		// Checked where it is used: it is no concern of our own registries.
		s.Fallback = strings.TrimPrefix(v, HelperPrefix)
	}
	if v := value(s.LookupEnv, EnvTimeout); v != "" {
		d, err := ParseTimeout(v)
		if err != nil {
			return &Error{EnvTimeout, err.Error()}
		}
		s.Timeout = d
	}
	if v := value(s.LookupEnv, EnvPublicAuth); v != "" {
		switch strings.ToLower(v) {
		case "required":
			s.PublicAuthRequired = true
		case "optional":
			s.PublicAuthRequired = false
		default:
			return &Error{EnvPublicAuth, fmt.Sprintf("%q is neither optional nor required", v)}
		}
	}
	if v := value(s.LookupEnv, EnvLogLevel); v != "" {
		if !contains(LogLevels, strings.ToLower(v)) {
			return &Error{EnvLogLevel, fmt.Sprintf("%q is none of %s", v, strings.Join(LogLevels, ", "))}
		}
		s.Log.Level = strings.ToLower(v)
	}
	if v := value(s.LookupEnv, EnvLogFormat); v != "" {
		if !contains(LogFormats, strings.ToLower(v)) {
			return &Error{EnvLogFormat, fmt.Sprintf("%q is none of %s", v, strings.Join(LogFormats, ", "))}
		}
		s.Log.Format = strings.ToLower(v)
	}
	return nil
}

// ParseTimeout reads a duration such as 30s, 1m30s or a bare number of seconds,
// between 100ms and 10m.
func ParseTimeout(v string) (time.Duration, error) {
	d, err := time.ParseDuration(v)
	if err != nil {
		seconds, numErr := strconv.Atoi(v)
		if numErr != nil || seconds < 0 || seconds > int(maxTimeout/time.Second) {
			return 0, fmt.Errorf("%q is not a duration such as 20s", v)
		}
		d = time.Duration(seconds) * time.Second
	}
	if d < minTimeout || d > maxTimeout {
		return 0, fmt.Errorf("%q is not between %v and %v", v, minTimeout, maxTimeout)
	}
	return d, nil
}

// value returns a variable's value; an empty one counts as unset.
func value(env LookupEnv, name string) string {
	v, _ := env(name)
	return v
}

// HelperPrefix begins the name of every credential helper's program.
const HelperPrefix = "docker-credential-"

// ValidHelperName reports whether s can be the name of a credential helper
// without its prefix. A path is none: it would run a program that no client
// calls by that name.
func ValidHelperName(s string) bool {
	if s == "" || s[0] == '-' || strings.Trim(s, ".") == "" {
		return false
	}
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."
	return strings.Trim(s, letters) == ""
}

// truthy is as generous as people are.
func truthy(v string) bool {
	switch strings.ToLower(v) {
	case "1", "t", "true", "y", "yes", "on":
		return true
	}
	return false
}

// home returns the home directory without asking the user database: what is
// not in the environment would take a look-up over the network on some
// machines, and a process without HOME is rarely meant to leave files.
func home(env LookupEnv) string {
	name := "HOME"
	if runtime.GOOS == "windows" {
		name = "USERPROFILE"
	}
	h := value(env, name)
	if !fspath.IsAbs(h) {
		return "" // a relative one would scatter tokens over working directories
	}
	return h
}

// expandHome replaces a leading ~ by the home directory. Without a home
// directory such a path is none.
func expandHome(path, home string) string {
	rest, ok := strings.CutPrefix(path, "~")
	if !ok || rest != "" && !os.IsPathSeparator(rest[0]) {
		return path
	}
	if home == "" {
		return ""
	}
	return fspath.Join(home, rest)
}

func contains(list []string, s string) bool {
	for _, v := range list {
		if v == s {
			return true
		}
	}
	return false
}
