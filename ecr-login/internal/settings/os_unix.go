//go:build unix

package settings

import (
	"errors"
	"syscall"
)

func isNoDirectory(err error) bool { return errors.Is(err, syscall.ENOTDIR) }
