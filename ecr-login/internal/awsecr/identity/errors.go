package identity

import (
	"errors"
	"strconv"
	"strings"
)

// ErrUncertain is behind every error of [Resolve]: who the caller would be
// cannot be told from files and environment. It is no failure of the request,
// which goes on without the cache; the SDK then succeeds or says what is
// really wrong.
var ErrUncertain = errors.New("the AWS identity cannot be told in advance")

// ErrNoCredentials comes with [ErrUncertain] when nothing the SDK looks at
// offers credentials, and asking AWS would only confirm it.
var ErrNoCredentials = errors.New("no source of AWS credentials")

// uncertainError says in words what could not be told.
type uncertainError struct {
	cause string
	err   error // optional: what stopped us
}

func (e *uncertainError) Error() string {
	if e.err == nil {
		return e.cause
	}
	return e.cause + ": " + e.err.Error()
}

func (e *uncertainError) Unwrap() []error {
	if e.err == nil {
		return []error{ErrUncertain}
	}
	return []error{ErrUncertain, e.err}
}

func uncertain(cause ...string) error {
	return &uncertainError{cause: strings.Join(cause, "")}
}

func quoted(s string) string { return strconv.Quote(s) }
