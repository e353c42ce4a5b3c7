package awsecr

import "errors"

// Reason says what kind of failure kept a token from being fetched.
type Reason string

// The reasons. They are stable: the log carries them, and programs compare them.
const (
	NoCredentials      Reason = "no-credentials"
	SessionEnded       Reason = "session-ended" // of `aws sso login` or `aws login`, or it never began
	MFANeeded          Reason = "mfa-needed"
	ProfileMissing     Reason = "profile-missing"
	BrokenSharedConfig Reason = "broken-shared-config"
	ProcessFailed      Reason = "credential-process-failed"
	ContainerRefused   Reason = "container-endpoint-refused" // by the SDK: the address is not one it may ask
	ContainerFailed    Reason = "container-endpoint-failed"
	MetadataFailed     Reason = "instance-metadata-failed"
	WebIdentityFailed  Reason = "web-identity-failed"
	RoleDenied         Reason = "role-denied"
	Denied             Reason = "denied"
	InvalidKeys        Reason = "invalid-keys"
	ExpiredKeys        Reason = "expired-keys"
	ClockSkew          Reason = "clock-skew"
	UnknownRegion      Reason = "unknown-region"
	Throttled          Reason = "throttled"
	ServerError        Reason = "server-error"
	BadAnswer          Reason = "bad-answer"
	DNS                Reason = "dns"
	TLS                Reason = "tls"
	Proxy              Reason = "proxy"
	Network            Reason = "network"
	TimedOut           Reason = "timed-out"
	Cancelled          Reason = "cancelled"
	Unexpected         Reason = "unexpected"
)

// Error says why no token could be fetched: the cause in words and what to do.
// It is one line without secrets, fit for a person to read and for a client to
// quote.
type Error struct {
	Reason Reason
	Cause  string
	Hint   string // what to do; empty only when there is nothing to be done
	// Transient tells a failure that may be gone in a minute, for which a
	// token past half of its life is the better answer.
	Transient bool
	// Call is the call that failed, for the log; the zero value if it came to
	// none.
	Call Call
	err  error
}

// Call is what is known of a call that failed. None of it is secret.
type Call struct {
	Operation string // such as AssumeRole; empty when there was no call
	Host      string // that was asked last, with the port if it is unusual
	Attempts  int    // requests sent
	Status    int    // of the last answer; zero if there was none
	Code      string // AWS's name for the error
	RequestID string // by which AWS support finds the request
}

// Error returns the cause and, after "hint:", what to do.
func (e *Error) Error() string {
	if e.Hint == "" {
		return e.Cause
	}
	return e.Cause + "; hint: " + e.Hint
}

// Unwrap returns the error underneath. Its text may be long, span lines and
// name what should not be shown.
func (e *Error) Unwrap() error { return e.err }

// Tolerable reports whether a token that is past half of its life but still
// good may be served in the place of this error: the failure is transient, or
// a login session ended, which says nothing about the token. A denial is
// never tolerable.
func Tolerable(err error) bool {
	var e *Error
	return errors.As(err, &e) && (e.Transient || e.Reason == SessionEnded)
}
