//go:build unix

package procgroup_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"ecr-credential-helper/ecr-login/internal/procgroup"
)

// start runs a shell script and returns the process IDs that it prints, one a
// line, up to the line "ready".
func start(t *testing.T, cmd *exec.Cmd) []int {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	procgroup.Bind(cmd)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pids := []int{cmd.Process.Pid}
	lines := bufio.NewScanner(out)
	for lines.Scan() && lines.Text() != "ready" {
		pid, err := strconv.Atoi(strings.TrimSpace(lines.Text()))
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	return pids
}

func TestTheEndOfTheContextIsTheEndOfTheWholeGroup(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	// Children and grandchildren that do not listen to polite signals.
	cmd := exec.CommandContext(ctx, "sh", "-c", `trap '' TERM INT HUP
		sh -c "trap '' TERM INT HUP; sleep 60 & echo \$!; wait" & echo $!
		sleep 60 & echo $!
		sleep 0.2; echo ready; wait`)
	pids := start(t, cmd)
	if len(pids) != 4 {
		t.Fatalf("%d processes, not 4", len(pids))
	}
	cancel()
	if err := cmd.Wait(); err == nil {
		t.Error("it ended well")
	}
	for _, pid := range pids {
		if !ends(pid) {
			t.Errorf("process %d is still there", pid)
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// ends waits for a process to end. One that nobody waits for stays as a
// zombie in a container without an init, and is in a group of the dead.
func ends(pid int) bool {
	for range 200 {
		if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) || isZombie(pid) {
			return true
		}
		time.Sleep(10 * time.Millisecond)
	}
	return false
}

// isZombie asks the kernel where it shows processes as files, and ps elsewhere:
// small images of Linux have none.
func isZombie(pid int) bool {
	// The state follows the name, which is in parentheses: see proc(5).
	if stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat"); err == nil {
		return strings.HasPrefix(string(stat[bytes.LastIndexByte(stat, ')')+1:]), " Z")
	}
	out, err := exec.Command("ps", "-o", "stat=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && strings.HasPrefix(strings.TrimSpace(string(out)), "Z")
}

func TestACommandThatEndsByItselfLeavesItsChildrenAlone(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cmd := exec.CommandContext(ctx, "sh", "-c", "sleep 60 >/dev/null & echo $!; echo ready")
	pids := start(t, cmd)
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	cancel()
	child := pids[1]
	if err := syscall.Kill(child, 0); err != nil {
		t.Errorf("the child is gone: %v", err)
	}
	_ = syscall.Kill(child, syscall.SIGKILL)
}

func TestTheEndOfTheContextAfterTheCommandIsNoError(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cmd := exec.CommandContext(ctx, "true")
	procgroup.Bind(cmd)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// It is dead, and nobody has waited for it yet.
	if !ends(cmd.Process.Pid) {
		t.Error("a command that does nothing does not end")
	}
	cancel()
	if err := cmd.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
