//go:build linux

package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// stage is what all tests run on. The machine's worth of servers is set up
// once, and the tests take turns on it: most count the calls that AWS gets.
var stage *world

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) (code int) {
	dir, address := os.Getenv("E2E_DIR"), os.Getenv("E2E_ADDRESS")
	if err := checkPrivate(dir); err != nil {
		fmt.Fprintf(os.Stderr, "e2e: %v; run make e2e\n", err)
		return 1
	}
	w, err := newWorld(dir, address)
	if err != nil {
		fmt.Fprintf(os.Stderr, "e2e: %v\n", err)
		return 1
	}
	defer w.close()
	stage = w
	fmt.Println(w.introduction())
	if code = m.Run(); code != 0 {
		fmt.Fprintln(os.Stderr, w.logs())
	}
	fmt.Printf("\n%s\n", w.results)
	return code
}

// checkPrivate makes sure that this is not the machine's own /etc, which the
// tests fill.
func checkPrivate(dir string) error {
	if dir == "" {
		return fmt.Errorf("these tests need namespaces of their own")
	}
	copied, err := os.Stat(filepath.Join(dir, "private", "etc"))
	if err != nil {
		return err
	}
	etc, err := os.Stat("/etc")
	if err != nil {
		return err
	}
	if !os.SameFile(copied, etc) {
		return fmt.Errorf("/etc is not a copy")
	}
	return nil
}
