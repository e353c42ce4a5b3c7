package logfile_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"ecr-credential-helper/ecr-login/internal/logfile"
)

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestNothingIsTouchedUntilALineIsWritten(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "log")
	l, closer := logfile.New(logfile.Options{Dir: dir, Level: "info"})
	l.Debug("below the level")
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("the folder was made: %v", err)
	}
	l.WithField("host", "h").Info("token fetched")
	if err := closer.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, logfile.Name)
	if got := read(t, path); strings.Count(got, "\n") != 1 || !strings.Contains(got, `msg="token fetched" host=h`) {
		t.Errorf("the log says %q", got)
	}
}

func TestJSONLinesAreJSON(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l, _ := logfile.New(logfile.Options{Dir: dir, Level: "debug", Format: "json"})
	l.WithError(errors.New("boom & bust")).Warn("no luck")
	var line struct{ Level, Msg, Error, Time string }
	if err := json.Unmarshal([]byte(read(t, filepath.Join(dir, logfile.Name))), &line); err != nil {
		t.Fatal(err)
	}
	if line.Level != "warning" || line.Msg != "no luck" || line.Error != "boom & bust" || line.Time == "" {
		t.Errorf("%+v", line)
	}
}

func TestOffWritesNothing(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "log")
	l, _ := logfile.New(logfile.Options{Dir: dir, Level: "off"})
	l.Error("anything")
	if _, err := os.Stat(dir); err == nil {
		t.Error("a log was made")
	}
}

func TestAFolderThatCannotBeMadeIsSilence(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, filepath.Join(file, "log"), ""} {
		l, closer := logfile.New(logfile.Options{Dir: dir, Level: "info"})
		l.Info("one")
		l.Info("two")
		if err := closer.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestTheFileIsRotatedBySize(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, logfile.Name)
	for i := range 6 {
		l, closer := logfile.New(logfile.Options{Dir: dir, Level: "info", MaxSize: 50, Keep: 2})
		l.Info("line ", i, " ", strings.Repeat("x", 50))
		if err := closer.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for i, suffix := range []string{"", ".1", ".2"} {
		if got := read(t, path+suffix); !strings.Contains(got, fmt.Sprint("line ", 5-i)) || strings.Count(got, "\n") != 1 {
			t.Errorf("%s%s holds %q", logfile.Name, suffix, got)
		}
	}
	if _, err := os.Stat(path + ".3"); err == nil {
		t.Error("more files are kept than asked for")
	}
}

func TestAProcessThatGoesOnRotatesAsWell(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, logfile.Name)
	l, closer := logfile.New(logfile.Options{Dir: dir, Level: "info", MaxSize: 500, Keep: 3})
	defer closer.Close()
	for i := range 40 {
		l.Info("line ", i)
	}
	for _, suffix := range []string{"", ".1", ".2", ".3"} {
		if got := len(read(t, path+suffix)); got > 600 {
			t.Errorf("%s%s has %d bytes", logfile.Name, suffix, got)
		}
	}
	// Another process rotates: what comes next goes to the new file.
	if err := os.Rename(path, path+".moved"); err != nil {
		t.Fatal(err)
	}
	l.Info("after the move")
	if got := read(t, path); !strings.Contains(got, "after the move") {
		t.Errorf("the new file holds %q", got)
	}
}

func TestManyWritersRotateWithoutLosingTheNewestLines(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				l, closer := logfile.New(logfile.Options{Dir: dir, Level: "info", MaxSize: 1000, Keep: 100})
				l.Info("a line")
				_ = closer.Close()
			}
		})
	}
	wg.Wait()
	files, err := filepath.Glob(filepath.Join(dir, logfile.Name+"*"))
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	for _, f := range files {
		lines += strings.Count(read(t, f), "a line")
	}
	if lines != 160 || len(files) < 3 {
		t.Errorf("%d lines in %d files", lines, len(files))
	}
}

func TestURLsAreRedacted(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"plain text":                                    "plain text",
		"GET https://host/path":                         "GET https://host/path",
		"https://user:pa:ss@host/p":                     "https://[redacted]@host/p",
		"https://user@host":                             "https://[redacted]@host",
		"https://u:p@ss@host/p":                         "https://[redacted]@host/p",
		"http://u:pa/ss@proxy.example:3128":             "http://[redacted]@proxy.example:3128",
		`Get "https://h/p?X-Amz-Signature=abc&x=y": no`: `Get "https://h/p?[redacted]": no`,
		"a http://a:b@c?d then https://e:f@g#h end":     "a http://[redacted]@c?[redacted] then https://[redacted]@g#h end",
		"://":                "://",
		"http://?q=secret":   "http://?[redacted]",
		"socks5://me:pw@h\n": "socks5://[redacted]@h\n",
	}
	for in, want := range tests {
		if got := logfile.Redact(in); got != want {
			t.Errorf("Redact(%q) = %q, want %q", in, got, want)
		}
	}
}

type secretURL struct{}

func (secretURL) String() string { return "https://u:hunter2@h" }

func TestFieldsAndErrorsAreRedactedOnACopy(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l, _ := logfile.New(logfile.Options{Dir: dir, Level: "info"})
	fields := map[string]any{"url": "https://u:hunter2@h", "stringer": secretURL{}, "n": 7}
	l.WithFields(fields).WithError(fmt.Errorf("proxy http://u:hunter2@h refused")).Info("via https://u:hunter2@h")
	got := read(t, filepath.Join(dir, logfile.Name))
	if strings.Contains(got, "hunter2") || strings.Count(got, "[redacted]") != 4 || !strings.Contains(got, "n=7") {
		t.Errorf("the log says %q", got)
	}
	if fields["url"] != "https://u:hunter2@h" {
		t.Error("the caller's own fields were changed")
	}
}

func FuzzRedact(f *testing.F) {
	f.Add("https://user:pass@host/p?q")
	f.Add("x://y://z@")
	f.Fuzz(func(t *testing.T, s string) {
		once := logfile.Redact(s)
		if again := logfile.Redact(once); again != once {
			t.Errorf("Redact(%q) = %q, and again %q", s, once, again)
		}
	})
}
