// Package token holds an Amazon ECR authorization token: what a registry takes
// as user name and password, how long it lives and when to fetch the next one.
package token

import (
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// LastServed is the least remaining life with which a token may be handed out
// after its refresh failed: a client must still be able to finish its pull.
const LastServed = 5 * time.Minute

// maxJitter is by how much of its half life a token's refresh is moved
// forward, so that a fleet started at the same moment does not call the API at
// the same moment for ever after.
const maxJitter = 0.05

// Token is one authorization token. All times are on this machine's clock,
// whatever the server's clock said: see [New].
type Token struct {
	User     string
	Password Password
	Issued   time.Time // when it was fetched
	Refresh  time.Time // from here on a new one is due
	Expires  time.Time // from here on no registry takes it

	// ServerExpires is the expiry in the server's own words. It guards a token
	// that is served late against a local clock that was set back meanwhile.
	ServerExpires time.Time

	// Registry is the host of the registry that belongs to the token's owner,
	// as the API named it; empty if it did not. The token opens others too.
	Registry string
}

// Lifetime says what a server told about a token's life and what this
// machine's clock showed when it did.
type Lifetime struct {
	ServerNow time.Time // the answer's Date; the zero time when it had none
	Expires   time.Time // the answer's expiresAt
	LocalNow  time.Time // this machine's clock on receipt
	Jitter    float64   // in [0,1): moves the refresh forward by up to 5 %
}

// New returns a token whose life is reckoned from the server's clock: what
// counts is how far the expiry lies from the server's own Date, so a machine
// whose clock is wrong neither drops living tokens nor serves dead ones.
func New(user string, password Password, l Lifetime) Token {
	serverNow := l.ServerNow
	if serverNow.IsZero() {
		serverNow = l.LocalNow
	}
	life := max(l.Expires.Sub(serverNow), 0)
	half := float64(life) / 2 * (1 - maxJitter*l.Jitter)
	return Token{
		User:          user,
		Password:      password,
		Issued:        l.LocalNow,
		Refresh:       l.LocalNow.Add(time.Duration(half)),
		Expires:       l.LocalNow.Add(life),
		ServerExpires: l.Expires,
	}
}

// Fresh reports whether the token may be served without asking for another:
// until about half of its life. A token from the future is not fresh: the
// clock was set back, so its age is unknown.
func (t Token) Fresh(now time.Time) bool {
	return !now.Before(t.Issued) && now.Before(t.Refresh)
}

// Usable reports whether the token may still be served when a refresh failed:
// at least [LastServed] remains, by this machine's reckoning and by the
// server's expiry both.
func (t Token) Usable(now time.Time) bool {
	last := now.Add(LastServed)
	return !now.Before(t.Issued) && !last.After(t.Expires) && !last.After(t.ServerExpires)
}

// Expired reports whether no registry takes the token any more.
func (t Token) Expired(now time.Time) bool { return !now.Before(t.Expires) }

// Password is a secret that shows itself only to who calls Reveal: printed,
// logged or marshalled in any way it reads "[redacted]".
type Password struct {
	// A pointer, because fmt prints the fields of an unexported struct member
	// without asking its methods, and of a pointer there only the address.
	secret *string
}

const redacted = "[redacted]"

// NewPassword wraps a secret.
func NewPassword(secret string) Password { return Password{&secret} }

// Reveal returns the secret itself; empty for the zero value.
func (p Password) Reveal() string {
	if p.secret == nil {
		return ""
	}
	return *p.secret
}

// String returns "[redacted]".
func (Password) String() string { return redacted }

// Format prints "[redacted]" for every verb.
func (Password) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redacted) }

// MarshalJSON returns "[redacted]": a password is written out only by code that
// means to, by way of Reveal.
func (Password) MarshalJSON() ([]byte, error) { return json.Marshal(redacted) }

// MarshalText returns "[redacted]", for YAML and the like.
func (Password) MarshalText() ([]byte, error) { return []byte(redacted), nil }
