package cattle

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"ecr-credential-helper/ecr-login/internal/ranchersync"
)

var errTooLarge = errors.New("more than 8 MiB of an answer from Rancher")

// apiError is an answer that is not a success.
type apiError struct {
	Status     int
	Code       string // such as ServerAddressUsed
	Field      string // such as email
	Message    string
	RetryAfter time.Duration
	page       bool // it came as a web page, so from a proxy or the web interface
}

func (e *apiError) Error() string {
	s := "Rancher answers " + strconv.Itoa(e.Status)
	code := e.Code
	if code == "" {
		code = http.StatusText(e.Status)
	}
	if code != "" {
		s += " " + code
	}
	if e.Field != "" {
		s += " (" + e.Field + ")"
	}
	if e.Message != "" && e.Message != e.Code {
		s += ": " + e.Message
	}
	return s
}

// Answered reports that Rancher answered: see [ranchersync.Answered].
func (*apiError) Answered() bool { return true }

// isCode reports whether the API gave this code.
func isCode(err error, code string) bool {
	var e *apiError
	return errors.As(err, &e) && e.Code == code
}

// isStatus reports whether the API answered with this status.
func isStatus(err error, status int) bool {
	var e *apiError
	return errors.As(err, &e) && e.Status == status
}

// refusal turns an answer that is not a success into an error.
func (c *client) refusal(resp *http.Response, r call) error {
	raw, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorAnswer))
	e := &apiError{Status: resp.StatusCode, RetryAfter: retryAfter(resp.Header, c.Clock.Now())}
	var told struct {
		Code      string
		FieldName string
		Message   string
		Detail    string
	}
	if kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); err == nil && strings.Contains(kind, "html") {
		e.page = true
	} else if json.Unmarshal(raw, &told) == nil {
		if told.Message == "" {
			told.Message = told.Detail
		}
		e.Code, e.Field, e.Message = word(told.Code), word(told.FieldName), c.show(told.Message)
	}
	out := &ranchersync.Error{Reason: ranchersync.ReasonRejected, Err: e}
	switch status := resp.StatusCode; {
	case status >= 300 && status < 400:
		return c.redirected(resp, status)
	case status == http.StatusUnauthorized:
		out.Reason, out.Whole = ranchersync.ReasonRefused, true
		out.Hint = "check the access key and the secret key; an environment's keys end with it"
	case status == http.StatusForbidden:
		out.Reason = ranchersync.ReasonRefused
		out.Hint = "the environment is not open to this key, or not active"
		if c.Project != "" {
			out.Hint = "environment " + c.Project + " is not open to this key, or not active"
		}
	case status == http.StatusMethodNotAllowed:
		out.Reason = ranchersync.ReasonRefused
		out.Hint = "the key may not write here: " + advice
	case status == http.StatusNotFound && !r.write():
		out.Reason = ranchersync.ReasonMissing
	case status == http.StatusRequestTimeout, status == http.StatusConflict, status == http.StatusTooManyRequests, status >= 500:
		out.Reason = ranchersync.ReasonUnreachable
	}
	return out
}

// advice is how to come by a key that may write.
const advice = "make an environment API key (API, Keys, Advanced Options), " +
	"or name the environment of an account key with --project"

// redirected refuses a redirect: the keys go nowhere else.
func (c *client) redirected(resp *http.Response, status int) error {
	where := "nowhere"
	if to, err := resp.Location(); err == nil {
		// Its query may hold anything.
		where = c.show((&url.URL{Scheme: to.Scheme, Host: to.Host, Path: to.Path}).String())
	}
	return ranchersync.Errorf(ranchersync.ReasonAnswer, "Rancher redirects to %s (%d), and keys are not sent elsewhere", where, status).
		WithHint("if that is where Rancher lives, give its URL")
}

func errWebPage(address string) error {
	return ranchersync.Errorf(ranchersync.ReasonAnswer, "a web page answers at %s, not Rancher's API", address).
		WithHint("check the URL: it ends with /v2-beta or /v1, and no login page may stand in front of it")
}

// unreachable turns a failed exchange into an error.
func (c *client) unreachable(ctx context.Context, err error, limit time.Duration) error {
	var inUse *url.Error
	if errors.As(err, &inUse) {
		err = inUse.Err // without the request's whole URL
	}
	if ctx.Err() != nil {
		return &ranchersync.Error{Reason: ranchersync.ReasonInterrupted, Err: context.Cause(ctx)}
	}
	// What a broken server sends may be quoted in it, and with it our keys.
	e := ranchersync.Errorf(ranchersync.ReasonUnreachable, "Rancher at %s cannot be reached: %w", c.Address, shownError{err, c.show(err.Error())})
	var (
		authority x509.UnknownAuthorityError
		name      x509.HostnameError
		invalid   x509.CertificateInvalidError
		record    tls.RecordHeaderError
		dns       *net.DNSError
	)
	switch {
	case errors.As(err, &authority):
		return final(e.WithHint("give the certificate of the authority that signed Rancher's with --ca-file"))
	case errors.As(err, &name):
		return final(e.WithHint("use the name that Rancher's certificate was made for"))
	case errors.As(err, &invalid):
		return final(e.WithHint("renew Rancher's certificate, and check this machine's clock"))
	case errors.As(err, &record), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return final(e.WithHint("the server does not speak TLS there: check scheme and port"))
	case errors.As(err, &dns) && dns.IsNotFound:
		return final(e.WithHint("check the host name in the URL"))
	case errors.Is(err, context.DeadlineExceeded):
		e.Err = fmt.Errorf("no complete answer from Rancher at %s within %s", c.Address, limit)
	}
	return e
}

// shownError is an error with words that are fit to be shown.
type shownError struct {
	error
	words string
}

func (e shownError) Error() string { return e.words }
func (e shownError) Unwrap() error { return e.error }

// finalError marks an exchange that failed for a reason that does not pass.
type finalError struct{ error }

func (e finalError) Unwrap() error { return e.error }

func final(e *ranchersync.Error) error {
	e.Err = finalError{e.Err}
	return e
}

// unreadable turns a broken answer into an error.
func (c *client) unreadable(ctx context.Context, body *limited, err error, limit time.Duration) error {
	var known *ranchersync.Error
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case body.over || errors.Is(err, errTooLarge):
		return &ranchersync.Error{Reason: ranchersync.ReasonAnswer, Err: errTooLarge}
	case errors.As(err, &known):
		return err
	case errors.As(err, &kind):
		return ranchersync.Errorf(ranchersync.ReasonAnswer, "Rancher's answer has a %s where none belongs (%s)", clean(kind.Value), clean(kind.Field))
	case errors.As(err, &syntax):
		return ranchersync.Errorf(ranchersync.ReasonAnswer, "Rancher's answer is no JSON (at byte %d)", syntax.Offset)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return ranchersync.Errorf(ranchersync.ReasonUnreachable, "Rancher's answer breaks off")
	default: // so does the connection
		return c.unreachable(ctx, err, limit)
	}
}

// transient reports whether trying again may help.
func transient(err error) bool {
	var hopeless finalError
	var api *apiError
	switch {
	case errors.As(err, &hopeless):
		return false
	case errors.As(err, &api):
		return api.Status == http.StatusRequestTimeout || api.Status == http.StatusConflict ||
			api.Status == http.StatusTooManyRequests || api.Status >= 500
	default:
		return ranchersync.ReasonOf(err) == ranchersync.ReasonUnreachable
	}
}

// neverSent reports whether a request that failed cannot have had an effect.
func neverSent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial" || isStatus(err, http.StatusTooManyRequests)
}

// retryAfter reads how long a server asks to be left alone.
func retryAfter(h http.Header, now time.Time) time.Duration {
	v := h.Get("Retry-After")
	if seconds, err := strconv.Atoi(v); err == nil {
		return max(0, time.Duration(min(seconds, 24*3600))*time.Second)
	}
	if at, err := http.ParseTime(v); err == nil {
		if date, err := http.ParseTime(h.Get("Date")); err == nil {
			now = date // both by the server's clock
		}
		return max(0, at.Sub(now))
	}
	return 0
}
