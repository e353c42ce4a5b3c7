// Package request reads what a client says on standard input.
package request

import (
	"errors"
	"io"
	"strings"
	"unicode/utf8"
)

// MaxSize bounds a request. The longest real one is a `store` with a token of
// some 4 KiB.
const MaxSize = 64 << 10

// maxServer bounds a server address: a host has up to 253 characters, and the
// repository that some clients put behind it up to 255.
const maxServer = 4 << 10

// Errors of a request that cannot be served.
var (
	ErrTooLarge = errors.New("the request on standard input is larger than 64 KiB")
	// ErrTooLong and ErrMalformed are server addresses that no client would send.
	ErrTooLong   = errors.New("the server address is longer than 4 KiB")
	ErrMalformed = errors.New("the server address holds control characters or is not UTF-8")
)

// Read returns everything up to the end of in, at most one byte more than
// MaxSize.
func Read(in io.Reader) ([]byte, error) {
	// Most requests are a host name, so room for one is made first.
	buf := make([]byte, 0, 512)
	for len(buf) <= MaxSize {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := in.Read(buf[len(buf):min(cap(buf), MaxSize+1)])
		buf = buf[:len(buf)+n]
		if errors.Is(err, io.EOF) {
			return buf, nil
		}
		if err != nil {
			return buf, err
		}
	}
	return buf, nil
}

// Server returns the server address of a get or erase: the request without the
// white space around it, empty if there is nothing else.
func Server(input []byte) (string, error) {
	if len(input) > MaxSize {
		return "", ErrTooLarge
	}
	s := strings.TrimSpace(string(input))
	if len(s) > maxServer {
		return "", ErrTooLong
	}
	if !utf8.ValidString(s) {
		return "", ErrMalformed
	}
	// A newline in the middle would be dropped by the protocol's own reader,
	// which joins lines: two halves of a host must not become a host.
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] == 0x7f {
			return "", ErrMalformed
		}
	}
	return s, nil
}
