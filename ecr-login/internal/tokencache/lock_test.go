package tokencache_test

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"ecr-credential-helper/ecr-login/internal/tokencache"
)

// holderEnv makes the test binary a process that takes a lock, says so, and
// keeps it until it is killed or its standard input ends.
const holderEnv = "TOKENCACHE_TEST_HOLD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(holderEnv); dir != "" {
		unlock, err := tokencache.New(dir).Lock(context.Background(), key(1))
		if err != nil {
			os.Stdout.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
		os.Stdout.WriteString("held\n")
		_, _ = os.Stdin.Read(make([]byte, 1))
		unlock()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func holder(t *testing.T, dir string) (cmd *exec.Cmd, release func()) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd = exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), holderEnv+"="+dir)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || strings.TrimSpace(line) != "held" {
		t.Fatalf("the holder says %q, %v", line, err)
	}
	return cmd, func() { _ = in.Close(); _ = cmd.Wait() }
}

func expectBusy(t *testing.T, c tokencache.Cache, k tokencache.Key) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Millisecond)
	defer cancel()
	if unlock, err := c.Lock(ctx, k); !errors.Is(err, context.DeadlineExceeded) {
		if err == nil {
			unlock()
		}
		t.Fatalf("Lock = %v, want the deadline's error", err)
	}
}

func expectFree(t *testing.T, c tokencache.Cache, k tokencache.Key) func() {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	unlock, err := c.Lock(ctx, k)
	if err != nil {
		t.Fatalf("Lock = %v", err)
	}
	return unlock
}

func TestALockBlocksOtherProcessesUntilItIsReleased(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := tokencache.New(dir)
	_, release := holder(t, dir)
	expectBusy(t, c, key(1))
	release()
	expectFree(t, c, key(1))()
}

func TestAKilledHolderFreesTheLock(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := tokencache.New(dir)
	cmd, _ := holder(t, dir)
	expectBusy(t, c, key(1))
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	expectFree(t, c, key(1))()
}

// Keys that begin with the same byte use the same stripe.
func TestUnrelatedKeysOfOneStripeDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	c := tokencache.New(t.TempDir())
	a, b := tokencache.Key{7, 1}, tokencache.Key{7, 2}
	unlockA := expectFree(t, c, a)
	unlockB := expectFree(t, c, b)
	expectBusy(t, c, a)
	expectBusy(t, c, b)

	// The first stripe is free again, but b is held on the second.
	unlockA()
	expectBusy(t, c, b)
	unlockB()
	expectFree(t, c, b)()
	expectFree(t, c, a)()
}

func TestAStripeLeftSignedByADeadProcessIsFree(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cmd, _ := holder(t, dir)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	other := key(1)
	other[31] ^= 1
	c := tokencache.New(dir)
	unlock := expectFree(t, c, other)
	expectBusy(t, c, other)
	unlock()
}
