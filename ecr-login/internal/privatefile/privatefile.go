// Package privatefile reads and writes files that must belong to this user
// alone: tokens, locks and logs. What somebody else could have written is
// never read, and what it writes nobody else can read.
//
// Symbolic links are refused in the last element of a path only: who can put a
// link there could aim our writes at another file, while a home directory that
// is itself a link is an ordinary thing.
package privatefile

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"ecr-credential-helper/ecr-login/internal/fspath"
)

// Errors that say why a file is not trusted. They stand for an attack, another
// program's mistake or a damaged disk; a caller treats the file as absent.
var (
	ErrNotRegular = errors.New("not a regular file")
	ErrForeign    = errors.New("owned by another user")
	ErrWritable   = errors.New("writable by others")
	ErrTooLarge   = errors.New("too large")

	errNotDirectory = errors.New("not a directory")
)

const (
	fileMode = 0o600
	dirMode  = 0o700

	// TempPrefix begins the name of a file that is being written.
	TempPrefix = ".tmp-"
	// TempLife is after how long a temporary file is taken for the leftover of
	// a process that died: no write takes nearly as long.
	TempLife = time.Minute
)

// Read returns the content of a file of at most limit bytes, or an error that
// wraps one of the reasons above, or fs.ErrNotExist. It never blocks: a FIFO
// in the file's place is refused, not waited for.
func Read(path string, limit int64) ([]byte, error) {
	data, err := readTrusted(path, limit)
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: path, Err: err}
	}
	return data, nil
}

// Write replaces the file with data so that a reader, or a machine that loses
// power, finds the old content or the new, never a mixture. The file's folder
// must exist.
func Write(path string, data []byte) (err error) {
	f, err := createTemp(fspath.Dir(path))
	if err != nil {
		return err
	}
	temp := f.Name()
	defer func() {
		if err != nil {
			_ = os.Remove(temp) // the first error is the one to report
		}
	}()
	if _, err = f.Write(data); err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	if err = os.Rename(temp, path); err != nil {
		// A directory in the file's place cannot be renamed over. If it is
		// empty it goes; if not, it is somebody's and stays.
		if info, statErr := os.Lstat(path); statErr == nil && info.IsDir() && os.Remove(path) == nil {
			err = os.Rename(temp, path)
		}
	}
	return err
}

// Append opens the file for appending and creates it if need be.
func Append(path string) (*os.File, error) {
	f, err := openNoFollow(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE)
	if err != nil {
		return nil, err
	}
	return check(f, path)
}

// OpenLock opens a lock file for reading and writing and creates it if need be.
func OpenLock(path string) (*os.File, error) {
	f, err := openNoFollow(path, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return nil, err
	}
	return check(f, path)
}

// MkdirAll makes dir and its missing parents for this user alone, whatever the
// umask. Folders that exist keep their mode.
func MkdirAll(dir string) error {
	info, err := os.Stat(dir)
	if err == nil {
		if !info.IsDir() {
			return &fs.PathError{Op: "mkdir", Path: dir, Err: errNotDirectory}
		}
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if parent := fspath.Dir(dir); parent != dir {
		if err := MkdirAll(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, dirMode); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return nil // another process was quicker
		}
		return err
	}
	// A umask such as 0777 would have left a folder that not even we can use.
	return os.Chmod(dir, dirMode)
}

// Sweep removes from dir the temporary files of writers that died.
func Sweep(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, d := range entries {
		if !IsTemp(d.Name()) {
			continue
		}
		// Judged by the wall clock, for that is what stamped the file.
		if info, err := d.Info(); err == nil && time.Since(info.ModTime()) > TempLife {
			_ = os.Remove(fspath.Join(dir, d.Name())) // a leftover that stays does no harm
		}
	}
}

// IsTemp reports whether name is that of a file being written.
func IsTemp(name string) bool { return strings.HasPrefix(name, TempPrefix) }

// createTemp makes a new file beside the one to be replaced. os.CreateTemp is
// not used because its mode depends on the umask.
func createTemp(dir string) (*os.File, error) {
	const tries = 10
	base := fspath.Join(dir, TempPrefix+strconv.Itoa(os.Getpid())+"-")
	var err error
	for range tries {
		var f *os.File
		name := base + strconv.FormatInt(time.Now().UnixNano(), 36)
		f, err = os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
		if err == nil {
			if err = f.Chmod(fileMode); err != nil && !chmodUnsupported {
				_ = f.Close()
				_ = os.Remove(name)
				return nil, err
			}
			return f, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			break
		}
	}
	return nil, err
}

// check closes and refuses an open file that is not this user's alone.
func check(f *os.File, path string) (*os.File, error) {
	info, err := f.Stat()
	if err == nil {
		if err = trusted(info); err != nil {
			err = &fs.PathError{Op: "open", Path: path, Err: err}
		}
	}
	if err != nil {
		_ = f.Close() // the refusal is the error to report
		return nil, err
	}
	if info.Mode().Perm() != fileMode && !chmodUnsupported {
		// Fresh from a strange umask, or left readable by another program.
		if err := f.Chmod(fileMode); err != nil {
			_ = f.Close()
			return nil, err
		}
	}
	return f, nil
}
