//go:build unix

package app

import (
	"os"
	"syscall"
)

var (
	stopSignals    = []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP}
	ignoredSignals = []os.Signal{syscall.SIGPIPE}
)
