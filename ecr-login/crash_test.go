package ecrlogin

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ecr-credential-helper/ecr-login/internal/awstest"
	"ecr-credential-helper/ecr-login/internal/lookup"
	"ecr-credential-helper/ecr-login/internal/privatefile"
)

// writerEnv makes the test binary a process that fetches and keeps tokens
// without pause until it is killed, naming each host it has a token for.
const writerEnv = "ECRLOGIN_TEST_WRITER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(writerEnv); dir != "" {
		write(dir)
	}
	os.Exit(m.Run())
}

func regionHost(i int) string {
	return fmt.Sprintf("111122223333.dkr.ecr.xx-region-%d.amazonaws.com", i)
}

const crashHosts = 6

func write(dir string) {
	c := New(WithCacheDir(dir))
	for i := rand.IntN(crashHosts); ; i++ {
		// A need that no token meets makes every call fetch and write.
		host := regionHost(i % crashHosts)
		if _, err := c.CredentialsFor(c.context, host, Need{Life: 100 * time.Hour}); err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		fmt.Println(host)
	}
}

// TestKilledWritersLoseNothing kills parallel writers at random moments, and
// after every round looks at each file there is: no entry is corrupt, none that
// a writer reported is lost, no password is one that AWS did not issue, and
// what dead writers leave behind is swept away once it is a minute old.
func TestKilledWritersLoseNothing(t *testing.T) {
	aws := startAWS(t)
	rounds := 500
	if testing.Short() {
		rounds = 50
	}
	const writers = 3
	dir := filepath.Join(t.TempDir(), "cache")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	kept := map[string]bool{}
	for round := range rounds {
		lines := make(chan []string, writers)
		for range writers {
			cmd := exec.CommandContext(t.Context(), self)
			cmd.Env = append(os.Environ(), writerEnv+"="+dir)
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			killSoon := func() {
				time.AfterFunc(rand.N(20*time.Millisecond), func() { _ = cmd.Process.Kill() })
			}
			go func() {
				var said []string
				s := bufio.NewScanner(out)
				for s.Scan() {
					if said = append(said, s.Text()); len(said) == 1 {
						killSoon()
					}
				}
				_ = cmd.Wait()
				lines <- said
			}()
		}
		for range writers {
			for _, line := range <-lines {
				if strings.HasPrefix(line, "error:") {
					t.Fatalf("round %d: a writer says %s", round, line)
				}
				kept[line] = true
			}
		}
		checkCache(t, aws, dir, round, kept)
		if t.Failed() {
			return
		}
	}
	if len(kept) != crashHosts {
		t.Errorf("in %d rounds only %d hosts were written: the writers were killed too early", rounds, len(kept))
	}
	sweepLeftovers(t, dir)
}

func checkCache(t *testing.T, aws *awstest.Server, dir string, round int, kept map[string]bool) {
	t.Helper()
	c := New(WithCacheDir(dir))
	list, err := c.List()
	if err != nil {
		t.Fatal(err)
	}
	for host := range kept {
		if list[host] != "AWS" {
			t.Errorf("round %d: the token for %s is lost or corrupt", round, host)
			continue
		}
		// Not by counting calls: one of a killed writer may still be under way.
		if f, err := lookup.Find(c.settings, host, lookup.Choice{}); err != nil || !f.Fresh(time.Now()) {
			t.Errorf("round %d: the token for %s would have to be fetched again, %v", round, host, err)
		}
		if password := mustGet(t, c, host); !aws.Valid("AWS", password) {
			t.Errorf("round %d: the password for %s is wrong", round, host)
		}
	}
	files, err := os.ReadDir(filepath.Join(dir, "tokens"))
	if err != nil {
		t.Fatal(err)
	}
	tokens := 0
	for _, f := range files {
		if !privatefile.IsTemp(f.Name()) {
			tokens++
		}
	}
	if tokens > crashHosts {
		t.Errorf("round %d: %d token files for %d hosts", round, tokens, crashHosts)
	}
}

// sweepLeftovers makes the leftovers of dead writers old and has one more token
// written.
func sweepLeftovers(t *testing.T, dir string) {
	t.Helper()
	temps := func() []string {
		found, err := filepath.Glob(filepath.Join(dir, "tokens", privatefile.TempPrefix+"*"))
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	old := time.Now().Add(-2 * privatefile.TempLife)
	for _, path := range temps() {
		if err := os.Chtimes(path, old, old); err != nil {
			t.Fatal(err)
		}
	}
	c := New(WithCacheDir(dir))
	if _, err := c.CredentialsFor(t.Context(), regionHost(0), Need{Life: 100 * time.Hour}); err != nil {
		t.Fatal(err)
	}
	if left := temps(); len(left) != 0 {
		t.Errorf("left behind: %q", left)
	}
}
