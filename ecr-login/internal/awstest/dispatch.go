package awstest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	ecrTarget    = "AmazonEC2ContainerRegistry_V20150921."
	publicTarget = "SpencerFrontendService."
)

// call is one request on its way through the server.
type call struct {
	r       *http.Request
	path    string // without the prefix of Endpoint
	body    []byte
	form    url.Values
	op      Op
	dialect dialect
	// service and region are where the request was sent to, as far as the host
	// name or the path tell; empty otherwise.
	service string
	region  string
	cred    credential
	refused *apiError // why the signature was not accepted
	record  int
}

// ServeHTTP dispatches by path and headers.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.enter() {
		panic(http.ErrAbortHandler)
	}
	defer s.busy.Done()
	if h := s.handlerFor(hostName(r.Host)); h != nil {
		h.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxRequestBody+1))
	if err != nil || len(body) > maxRequestBody {
		http.Error(w, "request body too large or cut off", http.StatusRequestEntityTooLarge)
		return
	}
	c := s.route(r, body)
	if c.op.signed() {
		c.cred, c.refused = s.verify(c)
	}
	c.record = s.record.add(s.describe(c))

	f := s.faults.take(c.op)
	if f.Latency > 0 && !s.pause(r, f.Latency) {
		panic(http.ErrAbortHandler)
	}
	if f.Hook != nil {
		r.Body = io.NopCloser(bytes.NewReader(body))
		if f.Hook(w, r) {
			return
		}
	}
	switch f.Kind {
	case Hang:
		s.pause(r, -1)
		panic(http.ErrAbortHandler)
	case DropBeforeHeaders:
		panic(http.ErrAbortHandler)
	}
	var a answer
	if f.Kind == Refuse {
		a = errorAnswer(c.dialect, f.refusal(c.dialect))
	} else {
		a = f.spoil(s.answer(c), s.Now())
	}
	if a.header.Get("X-Amzn-Requestid") == "" && c.dialect != dialectMetadata {
		a.header.Set("X-Amzn-Requestid", newRequestID())
	}
	s.record.update(c.record, func(rec *Request) { rec.Status, rec.Code = a.status, a.code })
	s.send(w, r, f, a)
}

// send writes an answer the way the fault wants it sent.
func (s *Server) send(w http.ResponseWriter, r *http.Request, f Fault, a answer) {
	for k, v := range a.header {
		w.Header()[k] = v
	}
	w.Header().Set("Date", s.Now().UTC().Format(http.TimeFormat))
	length := len(a.body)
	switch f.Kind {
	case Huge:
		s.sendHuge(w, f, a)
		return
	case WrongLength:
		length += 64
	}
	w.Header().Set("Content-Length", strconv.Itoa(length))
	w.WriteHeader(a.status)
	// A failed write means that the client went away: there is no one to tell.
	switch f.Kind {
	case DropAfterHeaders:
		flush(w)
		panic(http.ErrAbortHandler)
	case DropMidBody, HangMidBody:
		_, _ = w.Write(a.body[:len(a.body)/2])
		flush(w)
		if f.Kind == HangMidBody {
			s.pause(r, -1)
		}
		panic(http.ErrAbortHandler)
	case WrongLength:
		_, _ = w.Write(a.body)
		flush(w)
		panic(http.ErrAbortHandler)
	default:
		_, _ = w.Write(a.body)
	}
}

// sendHuge pads a JSON object with a member before its others, anything else
// with white space, so that only the size is wrong with it.
func (s *Server) sendHuge(w http.ResponseWriter, f Fault, a answer) {
	size := f.Size
	if size == 0 {
		size = defaultHugeSize
	}
	before, pad, after := "", byte(' '), a.body
	if len(a.body) > 2 && a.body[0] == '{' {
		before, pad, after = `{"padding":"`, 'A', append([]byte(`",`), a.body[1:]...)
	}
	w.WriteHeader(a.status)
	chunk := bytes.Repeat([]byte{pad}, 64<<10)
	_, err := io.WriteString(w, before)
	for left := size - int64(len(before)+len(after)); left > 0 && err == nil; left -= int64(len(chunk)) {
		select {
		case <-s.done:
			return
		default:
		}
		_, err = w.Write(chunk[:min(int64(len(chunk)), left)])
	}
	if err == nil {
		_, _ = w.Write(after)
	}
}

func flush(w http.ResponseWriter) {
	// A writer that cannot flush sends at the end of the handler instead.
	_ = http.NewResponseController(w).Flush()
}

// route finds out which operation a request is.
func (s *Server) route(r *http.Request, body []byte) *call {
	c := &call{r: r, path: r.URL.Path, body: body, op: OpUnknown, dialect: dialectMetadata}
	c.service, c.region = placeOfHost(hostName(r.Host))
	if rest, ok := strings.CutPrefix(c.path, routePrefix); ok {
		parts := strings.SplitN(rest, "/", 3)
		c.service, c.path = parts[0], "/"
		if len(parts) > 1 {
			if looksLikeRegion(parts[1]) {
				c.region = parts[1]
				parts = parts[1:]
			}
			c.path = "/" + strings.Join(parts[1:], "/")
		}
	}
	switch target := r.Header.Get("X-Amz-Target"); {
	case target != "":
		c.dialect = dialectJSON
		switch target {
		case ecrTarget + OpECRToken.Name():
			c.op = OpECRToken
		case publicTarget + OpPublicToken.Name():
			c.op = OpPublicToken
			c.region = publicRegion
		}
	case s.meta.isContainerPath(c.path):
		c.op = OpContainerCredentials
	case strings.HasPrefix(c.path, "/latest/"):
		c.op = metadataOp(c.path)
	case c.path == "/federation/credentials" && r.Method == http.MethodGet:
		c.op, c.dialect = OpSSORoleCredentials, dialectREST
	case c.path == "/token" && r.Method == http.MethodPost:
		c.op, c.dialect = OpSSOCreateToken, dialectREST
	case c.path == "/v1/token" && r.Method == http.MethodPost:
		c.op, c.dialect = OpSigninCreateToken, dialectREST
	case c.path == "/":
		s.routeQuery(c)
	}
	if c.service != "" && c.op != OpUnknown && !serves(c.service, c.op) {
		c.op = OpUnknown
	}
	return c
}

func (s *Server) routeQuery(c *call) {
	form, err := url.ParseQuery(string(c.body))
	if err != nil || c.r.Method != http.MethodPost {
		form = c.r.URL.Query()
	}
	if form.Get("Action") == "" {
		return
	}
	c.dialect, c.form = dialectQuery, form
	switch op := Op("sts:" + form.Get("Action")); op {
	case OpAssumeRole, OpAssumeRoleWithWebIdentity, OpGetCallerIdentity:
		c.op = op
	}
}

// answer runs the operation.
func (s *Server) answer(c *call) answer {
	if c.refused != nil {
		return errorAnswer(c.dialect, c.refused)
	}
	switch c.op {
	case OpECRToken:
		return s.ecrToken(c)
	case OpPublicToken:
		return s.publicToken(c)
	case OpAssumeRole:
		return s.assumeRole(c)
	case OpAssumeRoleWithWebIdentity:
		return s.assumeRoleWithWebIdentity(c)
	case OpGetCallerIdentity:
		return s.callerIdentity(c)
	case OpSSORoleCredentials:
		return s.ssoRoleCredentials(c)
	case OpSSOCreateToken:
		return s.ssoCreateToken(c)
	case OpSigninCreateToken:
		return s.signinCreateToken(c)
	case OpContainerCredentials:
		return s.containerCredentials(c)
	case OpMetadataToken, OpMetadataRoleName, OpMetadataCredentials, OpMetadataIdentity, OpMetadataOther:
		return s.metadata(c)
	}
	if c.dialect == dialectMetadata {
		return newAnswer(http.StatusNotFound, "text/plain", []byte("404 - Not Found\n"))
	}
	return errorAnswer(c.dialect, failUnknownOperation.in(c.dialect, ""))
}

// signed reports whether an operation is authenticated by SigV4.
func (o Op) signed() bool {
	switch o {
	case OpECRToken, OpPublicToken, OpAssumeRole, OpGetCallerIdentity:
		return true
	}
	return false
}

// recorded reports whether a parameter is fit for the record; others are secret
// or of no interest.
func recorded(name string) bool {
	switch name {
	case "RoleArn", "RoleSessionName", "ExternalId", "DurationSeconds", "SerialNumber", "SourceIdentity", "Policy",
		"registryIds", "role_name", "account_id", "grantType", "clientId":
		return true
	}
	for _, list := range []string{"Tags.", "PolicyArns.", "TransitiveTagKeys."} {
		if strings.HasPrefix(name, list) {
			return true
		}
	}
	return false
}

func (s *Server) describe(c *call) Request {
	rec := Request{
		Op: c.op, Time: s.Now(), Principal: c.cred.principal.ARN,
		Host: c.r.Host, UserAgent: c.r.UserAgent(), Method: c.r.Method, Path: c.path,
		Params: map[string]string{},
	}
	if sig, err := parseSignature(c.r.Header.Get("Authorization")); err == nil {
		rec.Region, rec.AccessKeyID = sig.region, sig.keyID
	}
	for _, values := range []url.Values{c.form, c.r.URL.Query()} {
		for k, v := range values {
			if recorded(k) {
				rec.Params[k] = strings.Join(v, ",")
			}
		}
	}
	var members map[string]any
	if c.dialect != dialectQuery && json.Unmarshal(c.body, &members) == nil {
		for k, v := range members {
			if recorded(k) {
				rec.Params[k] = flatten(v)
			}
		}
	}
	return rec
}

func flatten(v any) string {
	list, ok := v.([]any)
	if !ok {
		return fmt.Sprint(v)
	}
	words := make([]string, len(list))
	for i, item := range list {
		words[i] = fmt.Sprint(item)
	}
	return strings.Join(words, ",")
}

// epochSeconds is how AWS JSON writes a time: seconds with milliseconds.
func epochSeconds(t time.Time) float64 {
	return float64(t.UnixMilli()) / 1000
}
