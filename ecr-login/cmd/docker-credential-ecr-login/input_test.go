package main

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"ecr-credential-helper/ecr-login/internal/lookalikes"
)

func TestALookAlikeOfARegistryIsNotFoundAtOnce(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	servers := lookalikes.All()
	servers["60 KiB"] = strings.Repeat("a", 60<<10)
	for name, server := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := &lab{t: t, aws: l.aws, home: l.home, env: l.env}
			r := l.run("get", server)
			l.fails(r, notFound)
			if r.stdout != notFound+"\n" {
				t.Errorf("the answer is not the one that clients compare with: %s", r)
			}
			r = l.run("erase", server)
			if err := r.failure(); err != nil || r.stdout == notFound+"\n" {
				t.Errorf("erase: %v: %s", err, r)
			}
		})
	}
	t.Cleanup(func() {
		l.calls(0)
		if _, err := os.Stat(l.dir()); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("something was kept: %v", err)
		}
	})
}

func TestOddInputIsRefusedInOneLine(t *testing.T) {
	t.Parallel()
	const noServer = "no credentials server URL\n"
	const tooLarge = "the request on standard input is larger than 64 KiB\n"
	const malformed = "the server address holds control characters or is not UTF-8\n"
	for name, c := range map[string]struct{ verb, input, want string }{
		"get of nothing":                    {"get", "", noServer},
		"get of white space":                {"get", " \t\r\n\n", noServer},
		"get of 1 MiB":                      {"get", strings.Repeat("a", 1<<20), tooLarge},
		"get of a host and 1 MiB of spaces": {"get", irish + strings.Repeat(" ", 1<<20), tooLarge},
		"get of one byte too much":          {"get", strings.Repeat("a", 64<<10+1), tooLarge},
		"erase of nothing":                  {"erase", "", noServer},
		"erase of 1 MiB":                    {"erase", strings.Repeat("a", 1<<20), tooLarge},
		"erase of two lines":                {"erase", "a\nb", malformed},
		"erase of invalid UTF-8":            {"erase", "\xff", malformed},
		"store of 1 MiB":                    {"store", `{"ServerURL":"` + strings.Repeat("a", 1<<20) + `"}`, tooLarge},
		"store of a secret of 1 MiB":        {"store", `{"ServerURL":"` + irish + `","Username":"AWS","Secret":"` + strings.Repeat("a", 1<<20) + `"}`, tooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			r := l.run(c.verb, c.input)
			l.fails(r, c.want)
			if r.stdout != c.want {
				t.Errorf("want %q: %s", c.want, r)
			}
			l.calls(0)
		})
	}
}

// endless is a standard input that never ends.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'a'
	}
	return len(p), nil
}

func TestAnEndlessInputIsNotReadToItsEnd(t *testing.T) {
	t.Parallel()
	for _, verb := range []string{"get", "erase", "store"} {
		t.Run(verb, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			cmd := l.command(t.Context(), verb)
			stdin, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				_, _ = io.Copy(stdin, endless{}) // ends with the program
				_ = stdin.Close()
			}()
			out, err := cmd.Output()
			if err == nil || string(out) != "the request on standard input is larger than 64 KiB\n" {
				t.Errorf("%v: %q", err, out)
			}
		})
	}
}
