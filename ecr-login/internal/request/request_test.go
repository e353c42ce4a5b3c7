package request_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"ecr-credential-helper/ecr-login/internal/request"
)

func TestReadTakesEverythingUpToTheLimit(t *testing.T) {
	t.Parallel()
	for name, size := range map[string]int{
		"nothing": 0, "a byte": 1, "a host": 44, "one short of the first buffer": 511, "the first buffer": 512, "one more": 513,
		"a token": 4096, "the limit": request.MaxSize, "one more than the limit": request.MaxSize + 1, "far more": 1 << 20,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			content := bytes.Repeat([]byte("a"), size)
			want := content[:min(size, request.MaxSize+1)]
			for how, in := range map[string]io.Reader{
				"at once":              bytes.NewReader(content),
				"with the end at once": iotest.DataErrReader(bytes.NewReader(content)),
				"in halves":            iotest.HalfReader(bytes.NewReader(content)),
			} {
				if got, err := request.Read(in); err != nil || !bytes.Equal(got, want) {
					t.Errorf("%s: %d bytes, %v; want %d", how, len(got), err, len(want))
				}
			}
			if size > 10_000 {
				return
			}
			if got, err := request.Read(iotest.OneByteReader(bytes.NewReader(content))); err != nil || !bytes.Equal(got, want) {
				t.Errorf("byte by byte: %d bytes, %v; want %d", len(got), err, len(want))
			}
		})
	}
}

func TestReadStopsAtTheLimit(t *testing.T) {
	t.Parallel()
	in := strings.NewReader(strings.Repeat("a", 1<<20))
	if _, err := request.Read(in); err != nil {
		t.Fatal(err)
	}
	if read := 1<<20 - in.Len(); read > request.MaxSize+1 {
		t.Errorf("%d bytes were read", read)
	}
}

func TestReadKeepsWhatCameBeforeAnError(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	got, err := request.Read(io.MultiReader(strings.NewReader("half"), iotest.ErrReader(broken)))
	if !errors.Is(err, broken) || string(got) != "half" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestServer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		input, want string
		err         error
	}{
		"a host":                       {"a.example.com", "a.example.com", nil},
		"with a newline":               {"a.example.com\n", "a.example.com", nil},
		"with a Windows newline":       {"a.example.com\r\n", "a.example.com", nil},
		"with white space around":      {" \t\n a.example.com \n\n", "a.example.com", nil},
		"nothing":                      {"", "", nil},
		"only white space":             {" \r\n\t", "", nil},
		"a space within":               {"a b", "a b", nil},
		"beyond ASCII":                 {"ä.example.com", "ä.example.com", nil},
		"a newline within":             {"a.example\n.com", "", request.ErrMalformed},
		"two lines":                    {"a\nb\n", "", request.ErrMalformed},
		"a carriage return within":     {"a\rb", "", request.ErrMalformed},
		"a tab within":                 {"a\tb", "", request.ErrMalformed},
		"a NUL":                        {"a\x00", "", request.ErrMalformed},
		"an escape":                    {"\x1b[31ma", "", request.ErrMalformed},
		"DEL":                          {"a\x7fb", "", request.ErrMalformed},
		"invalid UTF-8":                {"a\xffb", "", request.ErrMalformed},
		"half a character":             {"a\xc3", "", request.ErrMalformed},
		"the longest address":          {strings.Repeat("a", 4096), strings.Repeat("a", 4096), nil},
		"an address beyond that":       {strings.Repeat("a", 4097), "", request.ErrTooLong},
		"the limit":                    {strings.Repeat("a", request.MaxSize), "", request.ErrTooLong},
		"beyond the limit":             {strings.Repeat("a", request.MaxSize+1), "", request.ErrTooLarge},
		"beyond the limit with spaces": {"a" + strings.Repeat(" ", request.MaxSize), "", request.ErrTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := request.Server([]byte(c.input))
			if got != c.want || !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
				t.Errorf("got %.50q, %v; want %.50q, %v", got, err, c.want, c.err)
			}
		})
	}
}

// FuzzServer holds that what passes is part of the input, on one line, and
// passes again.
func FuzzServer(f *testing.F) {
	for _, seed := range []string{"a.example.com\n", " a ", "a\nb", "\x00", "\xff", "\u0085a\u0085", "\u00a0"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		got, err := request.Server(input)
		if err != nil {
			if got != "" {
				t.Fatalf("%q beside an error", got)
			}
			return
		}
		if !bytes.Contains(input, []byte(got)) || !utf8.ValidString(got) || strings.ContainsAny(got, "\r\n\x00\t\x1b\x7f") {
			t.Fatalf("%q became %q", input, got)
		}
		if again, err := request.Server([]byte(got)); err != nil || again != got {
			t.Fatalf("%q passes as %q, %v the second time", got, again, err)
		}
	})
}
