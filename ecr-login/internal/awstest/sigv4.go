package awstest

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"sort"
	"strconv"
	"strings"
	"time"
)

const (
	algorithm       = "AWS4-HMAC-SHA256"
	amzDateFormat   = "20060102T150405Z"
	signatureWindow = 5 * time.Minute
)

// signature is what an Authorization header claims.
type signature struct {
	keyID, date, region, service string
	signedHeaders                []string
	sum                          string
}

// parseSignature reads an AWS4-HMAC-SHA256 Authorization header.
func parseSignature(header string) (signature, error) {
	rest, ok := strings.CutPrefix(header, algorithm)
	if !ok {
		return signature{}, fmt.Errorf("the authorization scheme is not %s", algorithm)
	}
	fields := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		k, v, ok := strings.Cut(strings.TrimSpace(part), "=")
		if !ok {
			return signature{}, fmt.Errorf("%q is not a key=value pair", k)
		}
		fields[k] = v
	}
	scope := strings.Split(fields["Credential"], "/")
	if len(scope) != 5 || scope[0] == "" || scope[4] != "aws4_request" {
		return signature{}, fmt.Errorf("credential must have five slash-separated elements")
	}
	if fields["SignedHeaders"] == "" || fields["Signature"] == "" {
		return signature{}, fmt.Errorf("authorization header requires SignedHeaders and Signature")
	}
	return signature{
		keyID: scope[0], date: scope[1], region: scope[2], service: scope[3],
		signedHeaders: strings.Split(fields["SignedHeaders"], ";"),
		sum:           fields["Signature"],
	}, nil
}

// verify checks the signature of a call and returns whose it is. The checks are
// ordered as AWS orders them: form, scope, key, time, sum.
func (s *Server) verify(c *call) (credential, *apiError) {
	header := c.r.Header.Get("Authorization")
	if header == "" {
		return credential{}, failMissing.in(c.dialect, "")
	}
	sig, err := parseSignature(header)
	if err != nil {
		return credential{}, failIncomplete.in(c.dialect, err.Error())
	}
	if sig.service != c.op.Service() {
		return credential{}, failSignature.in(c.dialect, fmt.Sprintf("Credential should be scoped to correct service: '%s'. ", c.op.Service()))
	}
	if !s.regionFits(c, sig.region) {
		return credential{}, failSignature.in(c.dialect, "Credential should be scoped to a valid region. ")
	}
	cred, ok := s.ids.get(sig.keyID)
	token := c.r.Header.Get("X-Amz-Security-Token")
	if !ok || subtle.ConstantTimeCompare([]byte(token), []byte(cred.key.SessionToken)) != 1 {
		return credential{}, failUnknownKey.in(c.dialect, "")
	}
	now := s.Now().UTC()
	if e := checkDate(c, sig, now); e != nil {
		return credential{}, e
	}
	if e := checkSignedHeaders(c, sig); e != nil {
		return credential{}, e
	}
	want := sign(cred.key.SecretAccessKey, sig, c.r.Header.Get("X-Amz-Date"), canonicalRequest(c.r, c.body, sig.signedHeaders))
	if !hmac.Equal([]byte(want), []byte(sig.sum)) {
		return credential{}, failSignature.in(c.dialect, "")
	}
	if !cred.key.Expires.IsZero() && !now.Before(cred.key.Expires) {
		return credential{}, failExpired.in(c.dialect, "")
	}
	return cred, nil
}

// regionFits compares the scope with the region that the request went to, as
// far as its host name or path tell.
func (s *Server) regionFits(c *call, region string) bool {
	if c.region != "" {
		return region == c.region
	}
	if len(s.opts.Regions) > 0 {
		for _, r := range s.opts.Regions {
			if r == region {
				return true
			}
		}
		return false
	}
	return looksLikeRegion(region)
}

func checkDate(c *call, sig signature, now time.Time) *apiError {
	stamp := c.r.Header.Get("X-Amz-Date")
	at, err := time.Parse(amzDateFormat, stamp)
	if err != nil {
		return failIncomplete.in(c.dialect, fmt.Sprintf("Date must be in ISO-8601 'basic format'. Got '%s'.", stamp))
	}
	if !strings.HasPrefix(stamp, sig.date+"T") {
		return failSignature.in(c.dialect, fmt.Sprintf("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '%s' != '%s', from '%s'.",
			sig.date, at.Format("20060102"), stamp))
	}
	if at.Before(now.Add(-signatureWindow)) {
		return failSignature.in(c.dialect, fmt.Sprintf("Signature expired: %s is now earlier than %s (%s - 5 min.)",
			stamp, now.Add(-signatureWindow).Format(amzDateFormat), now.Format(amzDateFormat)))
	}
	if at.After(now.Add(signatureWindow)) {
		return failSignature.in(c.dialect, fmt.Sprintf("Signature not yet current: %s is still later than %s (%s + 5 min.)",
			stamp, now.Add(signatureWindow).Format(amzDateFormat), now.Format(amzDateFormat)))
	}
	return nil
}

// checkSignedHeaders insists that the host and every x-amz- header are signed.
func checkSignedHeaders(c *call, sig signature) *apiError {
	signed := map[string]bool{}
	for _, h := range sig.signedHeaders {
		signed[h] = true
	}
	if !signed["host"] {
		return failSignature.in(c.dialect, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
	}
	for name := range c.r.Header {
		if n := strings.ToLower(name); strings.HasPrefix(n, "x-amz-") && !signed[n] {
			return failSignature.in(c.dialect, fmt.Sprintf("'%s' must be a 'SignedHeader' in the AWS Authorization.", n))
		}
	}
	return nil
}

// sign computes the signature over a canonical request.
func sign(secret string, sig signature, amzDate, canonical string) string {
	scope := strings.Join([]string{sig.date, sig.region, sig.service, "aws4_request"}, "/")
	toSign := strings.Join([]string{algorithm, amzDate, scope, hexSHA256([]byte(canonical))}, "\n")
	key := []byte("AWS4" + secret)
	for _, part := range []string{sig.date, sig.region, sig.service, "aws4_request"} {
		key = mac(key, part)
	}
	return hex.EncodeToString(mac(key, toSign))
}

func mac(key []byte, data string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(data))
	return h.Sum(nil)
}

// canonicalRequest follows the recipe for services other than S3: the path is
// encoded twice, the query sorted, header values trimmed and squeezed.
func canonicalRequest(r *http.Request, body []byte, signedHeaders []string) string {
	path := r.URL.EscapedPath()
	if path == "" {
		path = "/"
	}
	var headers strings.Builder
	for _, name := range signedHeaders {
		headers.WriteString(name + ":" + headerValue(r, name) + "\n")
	}
	return strings.Join([]string{
		r.Method,
		uriEncode(path, true),
		canonicalQuery(r.URL.Query()),
		headers.String(),
		strings.Join(signedHeaders, ";"),
		hexSHA256(body),
	}, "\n")
}

// headerValue also finds what net/http moves out of the header map.
func headerValue(r *http.Request, name string) string {
	switch name {
	case "host":
		return r.Host
	case "content-length":
		return strconv.FormatInt(r.ContentLength, 10)
	}
	values := r.Header.Values(name)
	clean := make([]string, len(values))
	for i, v := range values {
		clean[i] = strings.Join(strings.Fields(v), " ")
	}
	return strings.Join(clean, ",")
}

func canonicalQuery(q url.Values) string {
	var pairs []string
	for k, values := range q {
		for _, v := range values {
			pairs = append(pairs, uriEncode(k, false)+"="+uriEncode(v, false))
		}
	}
	sort.Strings(pairs)
	return strings.Join(pairs, "&")
}

// uriEncode is RFC 3986 encoding of everything but unreserved characters.
func uriEncode(s string, keepSlash bool) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9',
			c == '-', c == '.', c == '_', c == '~', c == '/' && keepSlash:
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteByte(digits[c>>4])
			b.WriteByte(digits[c&15])
		}
	}
	return b.String()
}
