//go:build unix

package privatefile

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

const chmodUnsupported = false

// openNoFollow opens path unless it is a symbolic link. O_NONBLOCK keeps a
// FIFO or a device in the file's place from blocking the open.
func openNoFollow(path string, flag int) (*os.File, error) {
	return os.OpenFile(path, flag|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, fileMode)
}

// readTrusted reads by bare system calls: os.Open would register the file with
// the runtime's poller, which costs more calls than the reading itself,
// and reading one file is most of what a warm get does.
func readTrusted(path string, limit int64) ([]byte, error) {
	fd, err := retry(func() (int, error) {
		return syscall.Open(path, syscall.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	})
	if err != nil {
		return nil, err
	}
	defer syscall.Close(fd) //nolint:errcheck // nothing was written
	var st syscall.Stat_t
	if err := syscall.Fstat(fd, &st); err != nil {
		return nil, err
	}
	if err := trustedStat(&st); err != nil {
		return nil, err
	}
	if st.Size > limit {
		return nil, ErrTooLarge
	}
	// One byte of room beyond the size shows a file that grows meanwhile.
	data := make([]byte, st.Size+1)
	n := 0
	for n < len(data) {
		more, err := retry(func() (int, error) { return syscall.Read(fd, data[n:]) })
		if err != nil {
			return nil, err
		}
		if more == 0 {
			return data[:n], nil
		}
		n += more
	}
	return nil, ErrTooLarge
}

// retry repeats a system call that a signal interrupted.
func retry(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if err != syscall.EINTR { //nolint:errorlint // a bare errno, as the system call returns it
			return n, err
		}
	}
}

func trusted(info fs.FileInfo) error {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ErrForeign
	}
	return trustedStat(st)
}

func trustedStat(st *syscall.Stat_t) error {
	switch {
	case st.Mode&syscall.S_IFMT != syscall.S_IFREG:
		return ErrNotRegular
	case int(st.Uid) != os.Geteuid():
		return ErrForeign
	case st.Mode&0o022 != 0:
		return ErrWritable
	}
	return nil
}

// TryLock takes the file's lock if no other open file holds it. The lock ends
// with the file's closing, and so with the process, however that ends.
func TryLock(f *os.File) (bool, error) {
	_, err := retry(func() (int, error) {
		return 0, syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	})
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}
