//go:build unix

package privatefile_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"ecr-credential-helper/ecr-login/internal/privatefile"
)

func TestOthersFilesAreRefused(t *testing.T) {
	t.Parallel()
	build := func(t *testing.T, f func(path string) error) string {
		path := filepath.Join(t.TempDir(), "f")
		if err := f(path); err != nil {
			t.Fatal(err)
		}
		return path
	}
	writable := func(mode os.FileMode) func(string) error {
		return func(path string) error {
			if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
				return err
			}
			return os.Chmod(path, mode)
		}
	}
	tests := []struct {
		name string
		make func(path string) error
		want error
	}{
		{"a file its group may write", writable(0o620), privatefile.ErrWritable},
		{"a file the world may write", writable(0o602), privatefile.ErrWritable},
		{"a FIFO", func(path string) error { return syscall.Mkfifo(path, 0o600) }, privatefile.ErrNotRegular},
		{"a device", func(path string) error { return os.Symlink("/dev/zero", path) }, syscall.ELOOP},
		{"a link to a good file", func(path string) error {
			if err := os.WriteFile(path+"0", nil, 0o600); err != nil {
				return err
			}
			return os.Symlink(path+"0", path)
		}, syscall.ELOOP},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := build(t, tt.make)
			if _, err := privatefile.Read(path, 10); !errors.Is(err, tt.want) {
				t.Errorf("Read: %v, want %v", err, tt.want)
			}
			for what, open := range map[string]func(string) (*os.File, error){"Append": privatefile.Append, "OpenLock": privatefile.OpenLock} {
				f, err := open(path)
				if err == nil {
					_ = f.Close()
					t.Errorf("%s opened it", what)
				}
			}
			if err := privatefile.Write(path, []byte("new")); err != nil {
				t.Fatalf("Write does not replace it: %v", err)
			}
			if got, err := privatefile.Read(path, 10); err != nil || string(got) != "new" {
				t.Errorf("after Write: %q, %v", got, err)
			}
		})
	}
}

func TestAForeignOwnerIsRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() != 0 {
		// Without root a foreign file is one that root owns.
		path = "/etc/passwd"
	} else if err := os.Chown(path, 12345, 12345); err != nil {
		t.Fatal(err)
	}
	if _, err := privatefile.Read(path, 1<<20); !errors.Is(err, privatefile.ErrForeign) {
		t.Errorf("Read: %v, want ErrForeign", err)
	}
}

// Not parallel: the umask belongs to the process.
func TestModesDoNotDependOnTheUmask(t *testing.T) {
	for _, umask := range []int{0, 0o777} {
		dir := t.TempDir()
		old := syscall.Umask(umask)
		sub := filepath.Join(dir, "a", "b")
		mkErr := privatefile.MkdirAll(sub)
		writeErr := privatefile.Write(filepath.Join(sub, "f"), nil)
		log, logErr := privatefile.Append(filepath.Join(sub, "log"))
		syscall.Umask(old)
		if err := errors.Join(mkErr, writeErr, logErr); err != nil {
			t.Fatalf("umask %o: %v", umask, err)
		}
		_ = log.Close()
		for path, want := range map[string]os.FileMode{"a": 0o700, "a/b": 0o700, "a/b/f": 0o600, "a/b/log": 0o600} {
			info, err := os.Stat(filepath.Join(dir, path))
			if err != nil {
				t.Fatal(err)
			}
			if got := info.Mode().Perm(); got != want {
				t.Errorf("umask %o: %s has mode %o, want %o", umask, path, got, want)
			}
		}
	}
}

func TestAppendMakesAReadableLogPrivate(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(path, []byte("old\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := privatefile.Append(path)
	if err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}
