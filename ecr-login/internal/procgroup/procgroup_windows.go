// Package procgroup ends a command together with what it started: a helper that
// a script calls must not outlive the script's deadline.
package procgroup

import (
	"os/exec"
	"strconv"
)

// Bind makes the end of the command's context the end of the command and
// of what it started. Windows has no process groups in the Unix sense; taskkill
// walks the tree.
func Bind(cmd *exec.Cmd) {
	cmd.Cancel = func() error {
		kill := exec.Command("taskkill", "/T", "/F", "/PID", strconv.Itoa(cmd.Process.Pid)) //nolint:gosec,noctx // a number; and the context has just ended
		if kill.Run() == nil {
			return nil
		}
		return cmd.Process.Kill()
	}
}
