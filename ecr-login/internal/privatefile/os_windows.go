package privatefile

import (
	"errors"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/windows"
)

// Windows keeps a user's profile from other users by inherited access lists;
// mode bits say nothing there.
const chmodUnsupported = true

// openNoFollow opens path unless it is a symbolic link or another reparse
// point.
func openNoFollow(path string, flag int) (*os.File, error) {
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: path, Err: ErrNotRegular}
	}
	return os.OpenFile(path, flag, fileMode)
}

func readTrusted(path string, limit int64) ([]byte, error) {
	f, err := openNoFollow(path, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // nothing was written
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = ErrTooLarge
	}
	return data, err
}

// trusted knows no owner here: access lists decide, as said above.
func trusted(info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return ErrNotRegular
	}
	return nil
}

// lockOffset is far beyond any content: Windows locks are mandatory, and what
// a lock file says must stay readable while it is locked.
const lockOffset = 1 << 30

// TryLock takes the file's lock if no other open file holds it. The lock ends
// with the file's closing, and so with the process, however that ends.
func TryLock(f *os.File) (bool, error) {
	at := windows.Overlapped{Offset: lockOffset}
	err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &at)
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, windows.ERROR_LOCK_VIOLATION), errors.Is(err, windows.ERROR_IO_PENDING):
		return false, nil
	}
	return false, err
}
