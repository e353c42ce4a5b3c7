package privatefile_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"ecr-credential-helper/ecr-login/internal/privatefile"
)

func TestWriteThenReadGivesTheContentBack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	for _, content := range []string{"first", "", strings.Repeat("x", 100_000)} {
		if err := privatefile.Write(path, []byte(content)); err != nil {
			t.Fatal(err)
		}
		got, err := privatefile.Read(path, 100_000)
		if err != nil || string(got) != content {
			t.Fatalf("read %d bytes, %v; want %d", len(got), err, len(content))
		}
	}
	assertOnly(t, dir, "f")
}

func TestReadRefusesMoreThanItsLimit(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, make([]byte, 11), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := privatefile.Read(path, 10); !errors.Is(err, privatefile.ErrTooLarge) {
		t.Errorf("err = %v, want ErrTooLarge", err)
	}
}

func TestReadOfNothingSaysNotExist(t *testing.T) {
	t.Parallel()
	if _, err := privatefile.Read(filepath.Join(t.TempDir(), "no", "f"), 10); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("err = %v, want ErrNotExist", err)
	}
}

func TestADirectoryInTheFilesPlace(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := privatefile.Read(path, 10); err == nil {
		t.Error("a directory was read")
	}
	if err := privatefile.Write(path, []byte("x")); err != nil {
		t.Errorf("an empty directory is not replaced: %v", err)
	}

	full := filepath.Join(dir, "full")
	if err := os.MkdirAll(filepath.Join(full, "keep"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := privatefile.Write(full, []byte("x")); err == nil {
		t.Error("a directory with content was replaced")
	}
	assertOnly(t, dir, "f", "full")
}

func TestConcurrentWritersNeverMix(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			content := bytes.Repeat([]byte{byte('a' + i)}, 5000)
			for range 25 {
				if err := privatefile.Write(path, content); err != nil {
					t.Error(err)
					return
				}
				got, err := privatefile.Read(path, 1<<20)
				if err != nil || len(got) != 5000 || strings.Trim(string(got), string(got[:1])) != "" {
					t.Errorf("read a mixture of %d bytes, %v", len(got), err)
					return
				}
			}
		})
	}
	wg.Wait()
	assertOnly(t, dir, "f")
}

func TestMkdirAllWantsADirectory(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := privatefile.MkdirAll(file); err == nil {
		t.Error("a file passed for a directory")
	}
	if err := privatefile.MkdirAll(filepath.Join(file, "sub")); err == nil {
		t.Error("a folder was made below a file")
	}
}

func TestALockExcludesAndEndsWithItsFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	first, err := privatefile.OpenLock(path)
	if err != nil {
		t.Fatal(err)
	}
	second, err := privatefile.OpenLock(path)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if got, err := privatefile.TryLock(first); !got || err != nil {
		t.Fatalf("TryLock = %v, %v", got, err)
	}
	if got, err := privatefile.TryLock(second); got || err != nil {
		t.Fatalf("TryLock of a held lock = %v, %v", got, err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := privatefile.TryLock(second); !got || err != nil {
		t.Fatalf("TryLock after the holder closed = %v, %v", got, err)
	}
}

func assertOnly(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("the folder holds %q, want %q", got, want)
	}
}
