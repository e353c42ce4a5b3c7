package identity

import (
	"os"
	"syscall"
)

// machine names the place whose metadata service and loopback we would talk
// to: this boot of this machine, and its host name.
func machine() (string, bool) {
	boot, err := syscall.Sysctl("kern.bootsessionuuid")
	if err != nil || boot == "" {
		return "", false
	}
	host, err := os.Hostname()
	if err != nil {
		return "", false
	}
	return boot + "\x00" + host, true
}
