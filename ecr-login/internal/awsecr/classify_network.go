package awsecr

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// badAnswer explains an answer that came and cannot be used.
func (f failure) badAnswer() *Error {
	what := ""
	for _, known := range []error{
		errNothing, errNoToken, errNoExpiry, errNotBase64, errNotAPair, errControl, errTokenTooBig, errBornExpired, errBodyTooLarge,
	} {
		if errors.Is(f.err, known) {
			what = known.Error()
		}
	}
	var (
		parse *smithy.DeserializationError
		op    *net.OpError
	)
	switch {
	case what != "":
	case errors.Is(f.err, io.ErrUnexpectedEOF), errors.As(f.err, &parse) && errors.As(parse, &op):
		what = "it ends too early"
	case errors.As(f.err, &parse) && f.status() != 0 && f.status() != http.StatusOK:
		what = "it has " + status(f.status()) + " and not the form that AWS documents"
	case errors.As(f.err, &parse):
		what = "it is cut off or not what AWS documents"
	default:
		return nil
	}
	return f.unusable(what)
}

func (f failure) unusable(what string) *Error {
	who := f.service()
	if f.obtaining && f.call.Operation == "" {
		who = "the source of the AWS keys (" + f.who() + ")"
	}
	return &Error{
		Reason: BadAnswer, Transient: true,
		Cause: who + " gave an answer that cannot be used: " + what,
		Hint:  "see whether a proxy, a login page of the network or AWS_ENDPOINT_URL stands between here and AWS",
	}
}

// transport explains failures below HTTP.
func (f failure) transport() *Error {
	for _, rule := range []func(failure) *Error{failure.proxy, failure.lookup, failure.tls, failure.connection} {
		if e := rule(f); e != nil {
			return e
		}
	}
	return nil
}

func (f failure) proxy() *Error {
	var (
		op      *net.OpError
		refusal *proxyRefusal
	)
	const hint = "check HTTPS_PROXY, and put hosts that need no proxy into NO_PROXY"
	switch {
	case errors.As(f.err, &refusal) && refusal.status == http.StatusProxyAuthRequired:
		return &Error{
			Reason: Proxy,
			Cause:  "the proxy " + refusal.proxy + " wants a user name and password, or other ones (" + status(refusal.status) + ")",
			Hint:   "put them into HTTPS_PROXY: http://user:password@" + refusal.proxy,
		}
	case errors.As(f.err, &refusal):
		return &Error{
			Reason: Proxy, Transient: refusal.status >= http.StatusInternalServerError,
			Cause: "the proxy " + refusal.proxy + " does not let " + f.call.Host + " through (" + status(refusal.status) + ")",
			Hint:  "allow that host in the proxy, or put it into NO_PROXY if it can be reached directly",
		}
	case errors.As(f.err, &op) && op.Op == "proxyconnect":
		return &Error{
			Reason: Proxy, Transient: true,
			Cause: "the proxy for " + f.call.Host + " cannot be reached: " + f.reach(op.Err),
			Hint:  hint,
		}
	}
	return nil
}

// reach words a failed connection, with the address if the error tells.
func (f failure) reach(err error) string {
	var (
		dns *net.DNSError
		op  *net.OpError
	)
	why := oneLine(innermost(err).Error())
	switch {
	case errors.As(err, &dns):
		return "its name " + dns.Name + " cannot be looked up"
	case errors.As(err, &op) && op.Addr != nil:
		return op.Addr.String() + ": " + why
	}
	return why
}

func (f failure) lookup() *Error {
	var dns *net.DNSError
	if !errors.As(f.err, &dns) {
		return nil
	}
	region := f.request.Endpoint.Region
	if !dns.IsNotFound {
		return &Error{Reason: DNS, Transient: true, Cause: "the name " + dns.Name + " cannot be looked up: " + oneLine(dns.Err), Hint: "check the network and its DNS"}
	}
	if !strings.Contains(dns.Name, region) {
		return &Error{Reason: DNS, Transient: true, Cause: "there is no host " + dns.Name, Hint: "check the network and its DNS, and AWS_ENDPOINT_URL if it is set"}
	}
	e := &Error{
		Reason: UnknownRegion, Transient: true,
		Cause: "there is no host " + dns.Name + ": either " + region + " is no AWS region, or the DNS of this network does not know it",
		Hint:  "check the region in the registry's host name, then the network and its DNS",
	}
	if strings.Contains(dns.Name, "fips") {
		e.Cause = "there is no host " + dns.Name + ": either " + region + " has no FIPS endpoint, or the DNS of this network does not know it"
		e.Hint = "use the registry's host without FIPS and no AWS_USE_FIPS_ENDPOINT, or a region that has it"
	}
	return e
}

func (f failure) tls() *Error {
	var (
		cert     *tls.CertificateVerificationError
		unknown  x509.UnknownAuthorityError
		hostname x509.HostnameError
		invalid  x509.CertificateInvalidError
		record   tls.RecordHeaderError
		op       *net.OpError
	)
	e := &Error{Reason: TLS}
	why := oneLine(innermost(f.err).Error())
	switch {
	case errors.As(f.err, &invalid) && invalid.Reason == x509.Expired && invalid.Cert != nil:
		e.Cause = "the certificate of " + f.call.Host + " was valid until " + invalid.Cert.NotAfter.UTC().Format(time.RFC3339)
		if from := invalid.Cert.NotBefore; time.Now().Before(from) {
			e.Cause = "the certificate of " + f.call.Host + " is not valid before " + from.UTC().Format(time.RFC3339)
		}
		e.Hint = "check the clock of this machine; else a proxy inspects TLS with a certificate of its own"
	case errors.As(f.err, &unknown), errors.As(f.err, &hostname), errors.As(f.err, &invalid), errors.As(f.err, &cert):
		e.Cause = "the certificate of " + f.call.Host + " is not trusted: " + why
		e.Hint = "if a proxy inspects TLS, name its CA in AWS_CA_BUNDLE; else see that the CA certificates of this machine are up to date"
	case errors.As(f.err, &record), errors.Is(f.err, http.ErrSchemeMismatch), errors.As(f.err, &op) && op.Op == remoteAlert:
		e.Cause = "TLS with " + f.call.Host + " fails: " + why
		e.Hint = "see what stands between here and AWS; AWS_ENDPOINT_URL and HTTPS_PROXY must say http:// where there is no TLS"
	default:
		return nil
	}
	return e
}

func (f failure) connection() *Error {
	var (
		op     *net.OpError
		urlErr *url.Error
		send   *smithyhttp.RequestSendError
	)
	e := &Error{Reason: Network, Transient: true, Hint: "check the network, its firewall, and AWS_ENDPOINT_URL if it is set"}
	switch {
	case f.call.Host == "" && errors.As(f.err, &urlErr):
		return &Error{
			Reason: BrokenSharedConfig,
			Cause:  "the endpoint that is configured for " + f.service() + " is not a URL: " + oneLine(urlErr.Err.Error()),
			Hint:   "correct AWS_ENDPOINT_URL, its kin for a single service, or endpoint_url in the profile",
		}
	case errors.Is(f.err, syscall.ECONNREFUSED):
		e.Cause = f.call.Host + " refuses connections"
	case errors.Is(f.err, io.EOF), errors.Is(f.err, syscall.ECONNRESET), errors.Is(f.err, syscall.EPIPE):
		e.Cause = f.call.Host + " closed the connection without an answer"
	case isTimeout(f.err):
		e.Cause = f.call.Host + " does not answer"
	case errors.As(f.err, &op), errors.As(f.err, &urlErr), errors.As(f.err, &send):
		e.Cause = "the connection to " + f.call.Host + " failed: " + oneLine(innermost(f.err).Error())
	default:
		return nil
	}
	return e
}
