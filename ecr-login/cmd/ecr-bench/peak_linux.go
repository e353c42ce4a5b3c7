package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
)

// runPeak runs a command and returns its peak resident set. The maxrss that
// wait reports will not do: a child shares its parent's memory until it
// executes, and Linux counts that in, so every helper would seem to need at
// least what ecr-bench does. So the kernel is asked to stop the process when it
// is about to end, and its own high-water mark is read then.
func runPeak(cmd *exec.Cmd) (int64, error) {
	// Only the thread that started a traced process may ask about it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	if err := cmd.Start(); errors.Is(err, os.ErrPermission) {
		return 0, nil // some containers forbid tracing
	} else if err != nil {
		return 0, err
	}
	pid := cmd.Process.Pid
	defer func() { _ = cmd.Process.Release() }()

	var status syscall.WaitStatus
	if _, err := syscall.Wait4(pid, &status, 0, nil); err != nil {
		return 0, err
	}
	const optionTraceExit, optionExitKill = 0x40, 0x100000
	if err := syscall.PtraceSetOptions(pid, optionTraceExit|optionExitKill); err != nil {
		return 0, err
	}
	var peak int64
	for signal := 0; ; {
		if err := syscall.PtraceCont(pid, signal); err != nil {
			return 0, err
		}
		if _, err := syscall.Wait4(pid, &status, syscall.WALL, nil); err != nil {
			return 0, err
		}
		const eventExit = 6
		switch {
		case status.Exited():
			if status.ExitStatus() != 0 {
				return 0, fmt.Errorf("exit status %d", status.ExitStatus())
			}
			return peak, nil
		case status.Signaled():
			return 0, fmt.Errorf("ended by %s", status.Signal())
		case status.StopSignal() == syscall.SIGTRAP && status.TrapCause() == eventExit:
			var err error
			if peak, err = highWater(pid); err != nil {
				return 0, err
			}
			signal = 0
		case status.StopSignal() == syscall.SIGTRAP:
			signal = 0
		default:
			signal = int(status.StopSignal())
		}
	}
}

func highWater(pid int) (_ int64, err error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), "VmHWM:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(value, "kB")), 10, 64)
			return kib << 10, err
		}
	}
	return 0, errors.Join(errors.New("the kernel tells no VmHWM"), lines.Err())
}
