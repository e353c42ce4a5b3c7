package main

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"
)

func TestALookAlikeOfARegistryIsNotFoundAtOnce(t *testing.T) {
	t.Parallel()
	const host = irish
	l := newLab(t)
	for name, server := range map[string]string{
		"Docker Hub":                          "https://index.docker.io/v1/",
		"only a scheme":                       "https://",
		"a longer domain":                     host + ".evil.com",
		"the China suffix on another region":  host + ".cn",
		"the host as a path":                  "evil.com/" + host,
		"the host as a query":                 "evil.com?" + host,
		"a fragment after the host":           host + "#@evil.com",
		"a query after the host":              host + "?x",
		"user information":                    "user@" + host,
		"user and password":                   "https://user:pass@" + host,
		"the host as user information":        host + "@evil.com",
		"the host as a user with a port":      host + ":443@evil.com",
		"11 digits":                           host[1:],
		"13 digits":                           "1" + host,
		"letters in the account":              "11112222333a" + host[12:],
		"full-width digits":                   "１１１１２２２２３３３３" + host[12:],
		"a trailing dot":                      host + ".",
		"a leading dot":                       "." + host,
		"a double dot":                        strings.Replace(host, "dkr.", "dkr..", 1),
		"a sub-domain":                        "x." + host,
		"a newline in the middle":             strings.Replace(host, ".ecr", "\n.ecr", 1),
		"a carriage return in the middle":     strings.Replace(host, ".ecr", "\r.ecr", 1),
		"two hosts":                           host + "\n" + german,
		"a NUL at the end":                    host + "\x00",
		"a NUL alone":                         "\x00",
		"a tab in the middle":                 strings.Replace(host, ".ecr", "\t.ecr", 1),
		"a space in the middle":               strings.Replace(host, ".ecr", " .ecr", 1),
		"invalid UTF-8":                       host + "\xff",
		"nothing but invalid UTF-8":           "\xff\xfe\xfd",
		"DEL":                                 host + "\x7f",
		"an escape sequence":                  "\x1b[2J" + host,
		"a soft hyphen":                       strings.Replace(host, "eu-", "eu\u00ad-", 1),
		"a byte order mark":                   "\ufeff" + host,
		"another scheme":                      "ftp://" + host,
		"two schemes":                         "https://https://" + host,
		"a backslash":                         `https:\\` + host,
		"an empty port":                       host + ":",
		"a port that is no number":            host + ":https",
		"a port beyond 65535":                 host + ":65536",
		"percent encoding":                    strings.Replace(host, ".dkr", "%2edkr", 1),
		"an IPv6 literal":                     "[::1]:443",
		"no region":                           "111122223333.dkr.ecr..amazonaws.com",
		"a region of one word":                "111122223333.dkr.ecr.useast1.amazonaws.com",
		"a China region without its suffix":   "111122223333.dkr.ecr.cn-north-1.amazonaws.com",
		"a secret region in the plain domain": "111122223333.dkr.ecr.us-iso-east-1.amazonaws.com",
		"the API endpoint":                    "api.ecr.us-east-1.amazonaws.com",
		"public as a sub-domain":              "x.public.ecr.aws",
		"public with a longer domain":         "public.ecr.aws.evil.com",
		"public with a dot":                   "public.ecr.aws.",
		"60 KiB":                              strings.Repeat("a", 60<<10),
	} {
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
