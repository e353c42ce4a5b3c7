//go:build unix

package settings

import (
	"errors"
	"io/fs"
	"syscall"
)

func writableByAll(info fs.FileInfo) bool { return info.Mode().Perm()&0o002 != 0 }

// isNoDirectory also recognises links that lead in a circle.
func isNoDirectory(err error) bool {
	return errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ELOOP)
}
