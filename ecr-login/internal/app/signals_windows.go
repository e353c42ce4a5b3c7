package app

import (
	"os"
	"syscall"
)

var (
	stopSignals    = []os.Signal{syscall.SIGINT, syscall.SIGTERM}
	ignoredSignals []os.Signal
)
