//go:build unix

// Package procgroup ends a command together with what it started: a helper that
// a script calls must not outlive the script's deadline.
package procgroup

import (
	"os/exec"
	"syscall"
)

// Bind makes the command leader of a process group, and the end of its
// context the end of the whole group. Call it before the command starts.
func Bind(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error {
		if syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) == nil {
			return nil
		}
		// Nobody of the group is left to be killed, or only who is dead
		// already; os.Process says so in the way that os/exec expects.
		return cmd.Process.Kill()
	}
}
