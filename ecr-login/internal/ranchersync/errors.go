package ranchersync

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// Reason says what kind of failure one is: it decides the exit code and labels
// metrics.
type Reason string

// The reasons. Their values are part of the JSON output and of the metrics.
const (
	ReasonConfig      Reason = "config"      // the settings cannot work
	ReasonRefused     Reason = "refused"     // the target refused the keys: 401, 403, 405
	ReasonAWS         Reason = "aws"         // no token
	ReasonUnreachable Reason = "unreachable" // no answer, or only such as may pass (408, 409, 429, 5xx), after retries
	ReasonAnswer      Reason = "answer"      // an answer that makes no sense
	ReasonRejected    Reason = "rejected"    // the target found fault with a request
	ReasonMissing     Reason = "missing"     // the registry or its credential is not there
	ReasonState       Reason = "state"       // inactive, being removed, or failed in transition
	ReasonUnverified  Reason = "unverified"  // pushed, but a pull would not use it
	ReasonInterrupted Reason = "interrupted" // the run was told to stop, or ran out of time
)

// Error is a failure with its reason and, often, what to do about it.
type Error struct {
	Reason Reason
	Err    error
	Hint   string // a sentence for people; may be empty
	// Whole says that it is about the target as a whole, whatever else is asked
	// of it.
	Whole bool
}

// Errorf makes an Error without a hint.
func Errorf(reason Reason, format string, args ...any) *Error {
	return &Error{Reason: reason, Err: fmt.Errorf(format, args...)}
}

// WithHint returns e with a hint.
func (e *Error) WithHint(format string, args ...any) *Error {
	e.Hint = fmt.Sprintf(format, args...)
	return e
}

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// ReasonOf returns the reason of an error; errors of others count as an answer
// that makes no sense, or as an interruption when a context ended.
func ReasonOf(err error) Reason {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e.Reason
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return ReasonInterrupted
	default:
		return ReasonAnswer
	}
}

// whole reports whether an error is about the target as a whole.
func whole(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Whole
}

// Answered reports whether an error is what the target answered, and not that it
// did not: one in the chain has a method Answered() bool that says so.
func Answered(err error) bool {
	var a interface{ Answered() bool }
	return errors.As(err, &a) && a.Answered()
}

// HintOf returns the hint that belongs to an error, or "". Besides [Error] it
// asks any error in the chain that has a method Hint() string.
func HintOf(err error) string {
	var e *Error
	if errors.As(err, &e) && e.Hint != "" {
		return e.Hint
	}
	var h interface{ Hint() string }
	if errors.As(err, &h) {
		return h.Hint()
	}
	return ""
}

// Problem is an error as it is reported.
type Problem struct {
	Reason  Reason `json:"reason"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// ProblemOf is how an error is reported; nil for nil.
func ProblemOf(err error) *Problem {
	if err == nil {
		return nil
	}
	return &Problem{Reason: ReasonOf(err), Message: printable(err.Error()), Hint: printable(HintOf(err))}
}

// printable makes a text one line without control characters. Errors of the
// network can quote what a server sent, such as the names in its certificate.
func printable(s string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case unicode.IsSpace(c):
			return ' '
		case unicode.IsPrint(c):
			return c
		default:
			return '?'
		}
	}, s)
}
