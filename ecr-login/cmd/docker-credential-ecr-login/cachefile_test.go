//go:build unix

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// damage is what can befall a token file.
func damages() map[string]func(path string, content []byte) error {
	write := func(change func([]byte) []byte) func(string, []byte) error {
		return func(path string, content []byte) error {
			return os.WriteFile(path, change(bytes.Clone(content)), 0o600)
		}
	}
	instead := func(create func(path string) error) func(string, []byte) error {
		return func(path string, _ []byte) error {
			if err := os.Remove(path); err != nil {
				return err
			}
			return create(path)
		}
	}
	all := map[string]func(string, []byte) error{
		"empty":                      write(func([]byte) []byte { return nil }),
		"null":                       write(func([]byte) []byte { return []byte("null") }),
		"an empty object":            write(func([]byte) []byte { return []byte("{}\n") }),
		"of another format":          write(func([]byte) []byte { return []byte(`{"Version":"1.0","Registries":null}`) }),
		"a list":                     write(func([]byte) []byte { return []byte("[]") }),
		"half a file":                write(func(b []byte) []byte { return b[:len(b)/2] }),
		"a byte short":               write(func(b []byte) []byte { return b[:len(b)-1] }),
		"a byte longer":              write(func(b []byte) []byte { return append(b, 'x') }),
		"zeros":                      write(func(b []byte) []byte { return make([]byte, len(b)) }),
		"invalid UTF-8":              write(func([]byte) []byte { return []byte("\xff\xfe") }),
		"deep":                       write(func([]byte) []byte { return bytes.Repeat([]byte("["), 1<<19) }),
		"huge":                       write(func(b []byte) []byte { return append(b, make([]byte, 2<<20)...) }),
		"a directory":                instead(func(path string) error { return os.Mkdir(path, 0o700) }),
		"a FIFO":                     instead(func(path string) error { return syscall.Mkfifo(path, 0o600) }),
		"a link that leads nowhere":  instead(func(path string) error { return os.Symlink("/nonexistent", path) }),
		"a link to a device":         instead(func(path string) error { return os.Symlink("/dev/zero", path) }),
		"a link to itself":           instead(func(path string) error { return os.Symlink(path, path) }),
		"writable by the group":      func(path string, _ []byte) error { return os.Chmod(path, 0o620) },
		"writable by everybody":      func(path string, _ []byte) error { return os.Chmod(path, 0o602) },
		"another entry under a name": nil, // filled in by the test, which has another entry
	}
	if os.Geteuid() == 0 {
		const nobody = 65534
		all["of another user"] = func(path string, _ []byte) error { return os.Chown(path, nobody, nobody) }
	}
	for _, at := range []string{`"sha256":"`, `"key":"`, `"issued":`, `"expires":`, `"refresh":`, `"user":"`, `"password":"`} {
		all["a flipped bit in "+strings.Trim(at, `":`)] = write(func(b []byte) []byte {
			i := bytes.Index(b, []byte(at))
			if i < 0 {
				// The fields have other names by now; any byte will do.
				i = len(b) / 2
			}
			b[i+len(at)] ^= 1
			return b
		})
	}
	return all
}

func TestADamagedEntryIsReplacedAndNoOtherIsLost(t *testing.T) {
	t.Parallel()
	for what, damage := range damages() {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			l.get(german)
			files := l.entries()
			if len(files) != 1 {
				t.Fatalf("there are %v", files)
			}
			other := files[0]
			kept, err := os.ReadFile(other)
			if err != nil {
				t.Fatal(err)
			}
			first := l.get(irish)
			path := ""
			for _, f := range l.entries() {
				if f != other {
					path = f
				}
			}
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if damage == nil {
				damage = func(path string, _ []byte) error { return os.WriteFile(path, kept, 0o600) }
			}
			if err := damage(path, content); err != nil {
				t.Fatal(err)
			}
			l.aws.ResetRequests()

			// Neither list nor erase stumbles over it.
			if r := l.run("list", "unused"); r.code != 0 || r.stderr != "" || !strings.Contains(r.stdout, german) || r.took > 5*time.Second {
				t.Errorf("list: %s", r)
			}
			if r := l.run("erase", "444455556666.dkr.ecr.us-east-1.amazonaws.com"); r.code != 0 || r.stderr != "" {
				t.Errorf("erase: %s", r)
			}
			r := l.run("get", irish)
			second, err := l.password(r, irish)
			if err != nil {
				t.Fatal(err)
			}
			if second == first {
				t.Error("the damaged entry was served")
			}
			if r.took > 5*time.Second {
				t.Errorf("it took %v", r.took)
			}
			l.calls(1)

			// The next call finds a good entry in the place of the bad one.
			if third := l.get(irish); third != second {
				t.Error("the entry was not replaced")
			}
			l.calls(1)
			if again, err := os.ReadFile(other); err != nil || !bytes.Equal(again, kept) {
				t.Errorf("the other entry has changed: %v", err)
			}
			l.noTemporaryFiles()
		})
	}
}

func TestAFullDirectoryInAnEntrysPlaceIsLeftAlone(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.get(irish)
	path := l.entries()[0]
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	mine := filepath.Join(path, "mine")
	if err := os.MkdirAll(mine, 0o700); err != nil {
		t.Fatal(err)
	}
	l.get(irish)
	l.get(irish)
	if _, err := os.Stat(mine); err != nil {
		t.Error(err)
	}
	l.noTemporaryFiles()
}

func TestAStrangeFolderIsNoReasonToFail(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(dir string) error{
		"a file in the folder's place":      func(dir string) error { return os.WriteFile(dir, nil, 0o600) },
		"a file in the tokens' place":       func(dir string) error { return file(dir, "tokens") },
		"a file in the locks' place":        func(dir string) error { return file(dir, "locks") },
		"a FIFO in the folder's place":      func(dir string) error { return syscall.Mkfifo(dir, 0o600) },
		"a link that leads nowhere":         func(dir string) error { return os.Symlink("/nonexistent/x", dir) },
		"a link in a circle":                func(dir string) error { return os.Symlink(dir, dir) },
		"a FIFO in the place of every lock": func(dir string) error { return fifos(filepath.Join(dir, "locks")) },
		"directories in the place of locks": func(dir string) error { return folders(filepath.Join(dir, "locks")) },
		"a damaged memory of the config":    func(dir string) error { return file(dir, "config.compiled.json") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			if err := prepare(l.dir()); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if r := l.run("get", irish); r.took > 5*time.Second {
					t.Errorf("it took %v", r.took)
				} else if _, err := l.password(r, irish); err != nil {
					t.Error(err)
				}
			}
			for _, verb := range []string{"list", "erase"} {
				if r := l.run(verb, irish); r.code != 0 || r.stderr != "" || r.took > 5*time.Second {
					t.Errorf("%s: %s", verb, r)
				}
			}
		})
	}
}

func TestAFolderOfAnotherUserIsNoReasonToFail(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	if err := os.Mkdir(l.dir(), 0o000); err != nil {
		t.Fatal(err)
	}
	run := func(verb string) result {
		cmd := l.command(t.Context(), verb)
		if os.Geteuid() == 0 {
			// Root may look into every folder, so it is somebody else who runs.
			const nobody = 65534
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		}
		return l.finish(cmd, irish)
	}
	for _, dir := range []string{filepath.Dir(l.home), l.home} {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if _, err := l.password(run("get"), irish); err != nil {
			t.Error(err)
		}
	}
	l.calls(2)
	for _, verb := range []string{"list", "erase"} {
		if r := run(verb); r.code != 0 || r.stderr != "" {
			t.Errorf("%s: %s", verb, r)
		}
	}
}

func file(dir, name string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, name), []byte("{"), 0o600)
}

func fifos(dir string) error {
	return each(dir, func(path string) error { return syscall.Mkfifo(path, 0o600) })
}

func folders(dir string) error {
	return each(dir, func(path string) error { return os.Mkdir(path, 0o700) })
}

// each makes something of every lock's name.
func each(dir string, create func(path string) error) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	const locks = 64
	for i := range locks {
		if err := create(filepath.Join(dir, fmt.Sprintf("%d.lock", i))); err != nil {
			return err
		}
	}
	return nil
}
