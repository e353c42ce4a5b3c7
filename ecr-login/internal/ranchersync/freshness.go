package ranchersync

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

const (
	// usualLife is how long ECR's tokens live.
	usualLife = 12 * time.Hour
	// longestLife is beyond every token of ECR and of what is compatible with it.
	longestLife = 2 * usualLife
	// margin is how much longer than until the next run a pushed token must
	// live: time for retries, for a timer that is late, and for pulls under way.
	margin = time.Hour
	// markDigits is the length of a public mark.
	markDigits = 16
)

// needed is how long a token in a target must live on to be left alone, when the
// next run follows after interval; 0: it is not known when, and taken for half
// of a token's life. A token is always replaced in the second half of its life,
// so that an outage of hours does not matter.
func needed(interval time.Duration) time.Duration {
	half := usualLife / 2
	if interval <= 0 || interval > half {
		interval = half
	}
	return max(half, interval+margin)
}

// suffices reports whether a pushed token lives long enough. One that was born
// too short-lived to ever do so is good for the same share of its life.
func (p pushed) suffices(now time.Time, need time.Duration) bool {
	if now.Before(p.Issued) {
		return false // the clock was set back: its age is not known
	}
	if p.life() > longestLife {
		return false // no token lives as long: whoever wrote that down was mistaken
	}
	if life := p.life(); life < need {
		need = time.Duration(float64(life) * (float64(need) / float64(usualLife)))
	}
	return p.Expires.Sub(now) >= need
}

// publicMark tells tokens apart in remarks that others can read. A token is far
// too long to be guessed from it.
func publicMark(about, secret string) string {
	if secret == "" {
		return ""
	}
	sum := sha256.Sum256([]byte("ecr-login note\x00" + about + "\x00" + secret))
	return hex.EncodeToString(sum[:markDigits/2])
}
