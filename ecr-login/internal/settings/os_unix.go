//go:build unix

package settings

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

func ownOrRoots(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && (st.Uid == 0 || int(st.Uid) == os.Geteuid())
}

func writableByAll(info fs.FileInfo) bool { return info.Mode().Perm()&0o002 != 0 }

// isNoDirectory also recognises links that lead in a circle.
func isNoDirectory(err error) bool {
	return errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ELOOP)
}
