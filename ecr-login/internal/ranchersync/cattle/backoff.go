package cattle

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"ecr-credential-helper/ecr-login/internal/ranchersync"
)

const (
	firstWait = 500 * time.Millisecond
	longWait  = 10 * time.Second
	// noPatience is for how long an answer is waited for without patience.
	noPatience = 5 * time.Second
)

type impatience struct{}

// withoutPatience returns a context in which every request is tried only once,
// and for a short time.
func withoutPatience(ctx context.Context) context.Context {
	return context.WithValue(ctx, impatience{}, true)
}

func impatient(ctx context.Context) bool { return ctx.Value(impatience{}) != nil }

// backoff spaces the attempts at one thing: each wait is twice the one before,
// less up to half of it by chance, so that many clients do not come back at the
// same moment.
type backoff struct {
	c     *client
	watch stopwatch
	next  time.Duration
	tries int
	what  string // is tried, such as "PUT /registrycredentials/1c8"
}

func (c *client) backoff(what string) *backoff {
	return &backoff{c: c, watch: startWatch(), next: firstWait, tries: 1, what: what}
}

// wait waits for the next attempt after err. It reports false when there shall
// be none: patience has run out, or ctx has ended.
func (b *backoff) wait(ctx context.Context, err error) bool {
	d := b.next - time.Duration(b.c.Chance()*float64(b.next)/2)
	if asked := askedToWait(err); asked > d {
		d = asked
	}
	if impatient(ctx) || b.watch.elapsed()+d > b.c.Patience {
		return false
	}
	b.c.Log.Log(ctx, slog.LevelWarn, "trying again", "target", b.c.name(), "request", b.what, "after", d.Round(time.Millisecond).String(), "because", err.Error())
	if b.c.Clock.Wait(ctx, d) != nil {
		return false
	}
	b.watch.waited += d
	b.next = min(2*b.next, longWait)
	b.tries++
	return true
}

// explain adds to the last error how often it was tried.
func (b *backoff) explain(err error) error {
	if err == nil || b.tries == 1 || !transient(err) {
		return err
	}
	return &ranchersync.Error{
		Reason: ranchersync.ReasonOf(err), Hint: ranchersync.HintOf(err),
		Err: fmt.Errorf("%w (%d attempts)", err, b.tries),
	}
}

// askedToWait is how long the server asked to be left alone; 0 when it did not.
func askedToWait(err error) time.Duration {
	var api *apiError
	if errors.As(err, &api) {
		return api.RetryAfter
	}
	return 0
}
