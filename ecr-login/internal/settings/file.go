package settings

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"time"

	"ecr-credential-helper/ecr-login/internal/fspath"
	"ecr-credential-helper/ecr-login/internal/privatefile"
)

// File is the content of the configuration file.
type File struct {
	Registries []Rule        `json:"registries,omitempty"`
	Fallback   string        `json:"fallback_helper,omitempty"`
	Timeout    time.Duration `json:"timeout,omitempty"`
	PublicAuth string        `json:"public_auth,omitempty"`
	Log        Log           `json:"log,omitzero"`
}

// Parser reads a configuration file's content. name is for its errors, which
// are of type *[Error]. Beside an error it may return what stands before the
// mistake.
type Parser func(name string, content []byte) (*File, error)

// errUnparsed says that the configuration file must be parsed first, which the
// caller of [Load] did not offer to do.
var errUnparsed = errors.New("the configuration file is yet to be parsed")

const (
	configName = "config.yaml"
	// compiledName holds the configuration file as JSON together with the hash
	// of the content it was made from, because parsing YAML takes longer than
	// everything else a warm get does.
	compiledName = "config.compiled.json"
	maxConfig    = 1 << 20
)

type compiled struct {
	Version int    `json:"version"`
	SHA256  string `json:"sha256"` // of the configuration file's content
	File    *File  `json:"file"`
}

// compiledVersion changes whenever the meaning of a compiled file does.
const compiledVersion = 1

// ConfigPath returns where the configuration file is looked for and whether a
// person named it: AWS_ECR_CONFIG, else config.yaml in Dir. It is empty when
// there is neither.
func (s Settings) ConfigPath() (path string, named bool) {
	if p := expandHome(value(s.LookupEnv, EnvConfig), s.Home); p != "" {
		return p, true
	}
	if !fspath.IsAbs(s.Dir) {
		// A relative cache folder is as good as any; but what happens to lie in
		// the working directory must not decide whose password goes where.
		return "", false
	}
	return fspath.Join(s.Dir, configName), false
}

// readFile returns the configuration file's content, or nil when there is none.
func (s Settings) readFile(parse Parser) (*File, error) {
	path, named := s.ConfigPath()
	if path == "" || path == os.DevNull {
		return nil, nil
	}
	read := ReadFile
	if !named {
		read = readOwn
	}
	content, err := read(path)
	switch {
	case err == nil:
	case !named && errors.Is(err, errUnreachable):
		return nil, nil
	default:
		var pathErr *fs.PathError
		if errors.As(err, &pathErr) {
			err = pathErr.Err
		}
		return nil, &Error{path, "cannot be read: " + err.Error()}
	}
	hash := sha256.Sum256(content)
	sum := hex.EncodeToString(hash[:])
	compiledPath := ""
	var last compiled
	if s.Dir != "" {
		compiledPath = fspath.Join(s.Dir, compiledName)
		if data, err := privatefile.Read(compiledPath, maxConfig); err == nil {
			if json.Unmarshal(data, &last) != nil || last.Version != compiledVersion {
				last = compiled{}
			}
			if last.SHA256 == sum && last.File != nil {
				return last.File, nil
			}
		}
	}
	if parse == nil {
		return nil, errUnparsed
	}
	file, err := parse(path, content)
	if err != nil {
		return aliases(file, last.File), err
	}
	if compiledPath != "" {
		if data, err := json.Marshal(compiled{compiledVersion, sum, file}); err == nil && len(data) <= maxConfig {
			// Kept if it can be; else the next call parses again.
			if privatefile.MkdirAll(s.Dir) == nil {
				_ = privatefile.Write(compiledPath, data)
				privatefile.Sweep(s.Dir)
			}
		}
	}
	return file, nil
}

// readOwn is ReadFile for a file that nobody named: it must belong to this user
// or to root, for it decides whose password goes where.
func readOwn(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err == nil && !ownOrRoots(info) {
		return nil, privatefile.ErrForeign
	}
	return ReadFile(path)
}

// ReadFile reads a configuration file: a regular one of at most 1 MiB that not
// everybody may write. It is a person's own, so links and other modes are fine.
func ReadFile(path string) ([]byte, error) {
	// The look first: opening a FIFO would block for ever.
	info, err := os.Stat(path)
	if err != nil {
		if isUnreachable(err) {
			return nil, unreachable{err}
		}
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, privatefile.ErrNotRegular
	}
	if writableByAll(info) {
		// It names the credentials to use and a program to run.
		return nil, errWritableByAll
	}
	if info.Size() > maxConfig {
		return nil, privatefile.ErrTooLarge
	}
	return os.ReadFile(path)
}

// errUnreachable says that there is no file, or that nobody can tell, because
// something on the way to it is no directory (HOME is /dev/null) or a directory
// of somebody else (~/.ecr was made by a sudo that kept HOME). Such a folder
// keeps no tokens either, and is no more reason to fail.
var errUnreachable = errors.New("the file cannot be reached")

// unreachable is errUnreachable with the reason, in the reason's words.
type unreachable struct{ error }

func (u unreachable) Unwrap() error { return u.error }

func (unreachable) Is(target error) bool { return target == errUnreachable }

func isUnreachable(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || isNoDirectory(err)
}

var errWritableByAll = errors.New("everybody may write it; hint: chmod o-w")

// aliases returns of a file with a mistake in it what is needed to tell that a
// host of the user's own is ours, so that the mistake is what a client hears
// about it: the rules in front of the mistake, and those of the last file that
// had none.
func aliases(partial, last *File) *File {
	f := &File{}
	for _, from := range []*File{partial, last} {
		if from != nil {
			f.Registries = append(f.Registries, from.Registries...)
		}
	}
	return f
}

func apply(s *Settings, f *File) {
	s.Registries = f.Registries
	s.Fallback = f.Fallback
	s.PublicAuthRequired = f.PublicAuth == "required"
	if f.Timeout != 0 {
		s.Timeout = f.Timeout
	}
	if f.Log.Level != "" {
		s.Log.Level = f.Log.Level
	}
	if f.Log.Format != "" {
		s.Log.Format = f.Log.Format
	}
	if f.Log.MaxSize != 0 {
		s.Log.MaxSize = f.Log.MaxSize
	}
	if f.Log.Keep != 0 {
		s.Log.Keep = f.Log.Keep
	}
}
