package identity

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"ecr-credential-helper/ecr-login/internal/fspath"
)

const (
	// maxSharedFile bounds a shared config file, in bytes. One with a
	// thousand profiles has a few hundred kilobytes.
	maxSharedFile = 8 << 20
	// maxTokenFile bounds an identity token: STS takes 20,000 characters.
	maxTokenFile = 64 << 10
)

// loadShared reads the two files that profiles live in. A file that is not
// there or not ours to read is empty, as it is for the SDK.
func (r *fileReader) loadShared(env environment, home func() (string, error)) (*sharedFiles, error) {
	var f sharedFiles
	for _, file := range [...]struct {
		into     *iniFile
		variable string
		name     string
	}{
		{&f.config, "AWS_CONFIG_FILE", "config"},
		{&f.credentials, "AWS_SHARED_CREDENTIALS_FILE", "credentials"},
	} {
		// A path is taken literally; the SDK does not expand a tilde.
		path := env.get(file.variable)
		if path == "" {
			dir, err := home()
			if err != nil {
				return nil, err
			}
			path = fspath.Join(dir, ".aws", file.name)
		}
		text, err := r.readShared(path)
		if err != nil {
			return nil, err
		}
		if *file.into, err = indexINI(path, text); err != nil {
			return nil, err
		}
	}
	return &f, nil
}

func (r *fileReader) readShared(path string) (string, error) {
	if path == os.DevNull {
		return "", nil
	}
	text, err := r.read(path, maxSharedFile)
	if absent(err) {
		return "", nil
	}
	if err != nil {
		return "", &uncertainError{"the shared config cannot be read", err}
	}
	return text, nil
}

func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.ENOTDIR)
}

// fileReader reads files and remembers what they looked like.
type fileReader struct{ stamps []stamp }

// stamp is a file as it was before it was read; info is nil if there was none.
type stamp struct {
	path string
	info fs.FileInfo
}

func (r *fileReader) read(path string, limit int64) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		info = nil
	}
	r.stamps = append(r.stamps, stamp{path, info})
	return readRegular(path, limit)
}

// same reports whether the file still looks as it did.
func (s stamp) same() bool {
	info, err := os.Stat(s.path)
	if err != nil || s.info == nil {
		return err != nil && s.info == nil
	}
	return os.SameFile(info, s.info) && info.Size() == s.info.Size() && info.ModTime().Equal(s.info.ModTime())
}

var errNotRegular = errors.New("not a regular file")

// readRegular reads a file of at most limit bytes. Pipes and devices are
// refused before they are opened: reading one could block, and would take from
// the SDK what it is meant to read.
func readRegular(path string, limit int64) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", &fs.PathError{Op: "read", Path: path, Err: errNotRegular}
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // nothing was written
	// One byte more than expected, so that the end shows in the same read.
	buf := make([]byte, 0, min(info.Size(), limit)+1)
	for {
		n, err := f.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case err == io.EOF:
			return string(buf), nil
		case err != nil:
			return "", err
		case int64(len(buf)) > limit:
			return "", &fs.PathError{Op: "read", Path: path, Err: errors.New("larger than " + strconv.FormatInt(limit, 10) + " bytes")}
		case len(buf) == cap(buf):
			buf = append(buf, 0)[:len(buf)]
		}
	}
}

// homeDir finds the home directory as the SDK does: the environment first,
// then the user database, of which only the local file is looked at here.
func homeDir(env environment) (string, error) {
	variable := "HOME"
	if runtime.GOOS == "windows" {
		variable = "USERPROFILE"
	}
	if dir := env.get(variable); dir != "" {
		return dir, nil
	}
	if runtime.GOOS != "windows" && runtime.GOOS != "darwin" {
		if dir := passwdHome("/etc/passwd", os.Getuid()); dir != "" {
			return dir, nil
		}
	}
	// The SDK would fall back to a directory service or, finding nothing
	// there either, to files in the working directory.
	return "", uncertain(variable, " is not set, so the shared config may be anywhere")
}

// passwdHome returns the home directory of a user from a file in the format of
// passwd(5), or nothing.
func passwdHome(path string, uid int) string {
	text, err := readRegular(path, maxSharedFile)
	if err != nil {
		return ""
	}
	id := strconv.Itoa(uid)
	for line := range strings.Lines(text) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 7)
		if len(f) < 7 || f[2] != id || f[0] == "" || f[0][0] == '+' || f[0][0] == '-' || f[0][0] == '#' {
			continue
		}
		if _, err := strconv.Atoi(f[3]); err == nil {
			return f[5]
		}
	}
	return ""
}
