package awstest

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
)

// dialect is how a service words answers and errors on the wire.
type dialect int

const (
	dialectJSON     dialect = iota // AWS JSON 1.1: ECR, ECR Public
	dialectQuery                   // query with XML answers: STS
	dialectREST                    // REST with JSON: SSO, SSO OIDC, sign-in
	dialectMetadata                // bare HTTP: instance metadata, containers
)

// apiError is an error of the AWS API, before it is put into a dialect.
type apiError struct {
	status  int
	code    string
	message string
	extra   map[string]string // further members of the JSON body
}

// answer is a whole response, kept until faults have had their turn.
type answer struct {
	status int
	header http.Header
	body   []byte
	code   string // AWS error code; empty on success
}

func newAnswer(status int, contentType string, body []byte) answer {
	h := http.Header{}
	if contentType != "" {
		h.Set("Content-Type", contentType)
	}
	return answer{status: status, header: h, body: body}
}

func jsonAnswer(d dialect, v any) answer {
	b, err := json.Marshal(v)
	if err != nil {
		return errorAnswer(d, &apiError{status: http.StatusInternalServerError, code: "InternalFailure", message: err.Error()})
	}
	return newAnswer(http.StatusOK, d.contentType(), b)
}

func (d dialect) contentType() string {
	switch d {
	case dialectJSON:
		return "application/x-amz-json-1.1"
	case dialectQuery:
		return "text/xml"
	default:
		return "application/json"
	}
}

type queryError struct {
	XMLName   xml.Name `xml:"ErrorResponse"`
	Namespace string   `xml:"xmlns,attr"`
	Type      string   `xml:"Error>Type"`
	Code      string   `xml:"Error>Code"`
	Message   string   `xml:"Error>Message"`
	RequestID string   `xml:"RequestId"`
}

func errorAnswer(d dialect, e *apiError) answer {
	if d == dialectQuery {
		kind := "Sender"
		if e.status >= http.StatusInternalServerError {
			kind = "Receiver"
		}
		id := newRequestID()
		b, err := xml.Marshal(queryError{Namespace: stsNamespace, Type: kind, Code: e.code, Message: e.message, RequestID: id})
		if err != nil {
			return newAnswer(http.StatusInternalServerError, "text/plain", []byte(err.Error()))
		}
		a := newAnswer(e.status, d.contentType(), b)
		a.header.Set("X-Amzn-Requestid", id)
		a.code = e.code
		return a
	}
	body := map[string]string{}
	for k, v := range e.extra {
		body[k] = v
	}
	messageKey := "message"
	switch {
	case d == dialectMetadata:
		body["code"] = e.code
	case d == dialectJSON && e.code == "AccessDeniedException":
		// Authorization happens before ECR's own code, and its writer spells
		// the member with a capital.
		messageKey = "Message"
		fallthrough
	default:
		body["__type"] = e.code
	}
	body[messageKey] = e.message
	a := jsonAnswer(d, body)
	a.status = e.status
	a.code = e.code
	a.header.Set("X-Amzn-Errortype", e.code)
	return a
}

// failure is a refusal that every service knows and words its own way.
type failure int

const (
	failMissing failure = iota
	failIncomplete
	failUnknownKey
	failSignature
	failExpired
	failDenied
	failThrottled
	failServer
	failUnknownOperation
)

// in returns the failure as the dialect codes it. An empty message stands for
// the wording of AWS.
func (f failure) in(d dialect, message string) *apiError {
	e := f.json()
	if d == dialectQuery {
		e = f.query()
	}
	if message != "" {
		e.message = message
	}
	return &e
}

const (
	messageUnknownKey = "The security token included in the request is invalid."
	messageSignature  = "The request signature we calculated does not match the signature you provided. " +
		"Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
	messageExpired = "The security token included in the request is expired"
)

func (f failure) json() apiError {
	switch f {
	case failMissing:
		return apiError{status: 400, code: "MissingAuthenticationTokenException", message: "Missing Authentication Token"}
	case failIncomplete:
		return apiError{status: 400, code: "IncompleteSignatureException", message: "The request signature does not conform to AWS standards."}
	case failUnknownKey:
		return apiError{status: 400, code: "UnrecognizedClientException", message: messageUnknownKey}
	case failSignature:
		return apiError{status: 400, code: "InvalidSignatureException", message: messageSignature}
	case failExpired:
		return apiError{status: 400, code: "ExpiredTokenException", message: messageExpired}
	case failDenied:
		return apiError{status: 400, code: "AccessDeniedException", message: "Access denied"}
	case failThrottled:
		return apiError{status: 400, code: "ThrottlingException", message: "Rate exceeded"}
	case failUnknownOperation:
		return apiError{status: 400, code: "UnknownOperationException"}
	default:
		return apiError{status: 500, code: "ServerException", message: "An internal error has occurred"}
	}
}

func (f failure) query() apiError {
	switch f {
	case failMissing:
		return apiError{status: 403, code: "MissingAuthenticationToken", message: "Request is missing Authentication Token"}
	case failIncomplete:
		return apiError{status: 400, code: "IncompleteSignature", message: "The request signature does not conform to AWS standards."}
	case failUnknownKey:
		return apiError{status: 403, code: "InvalidClientTokenId", message: messageUnknownKey}
	case failSignature:
		return apiError{status: 403, code: "SignatureDoesNotMatch", message: messageSignature}
	case failExpired:
		return apiError{status: 403, code: "ExpiredToken", message: messageExpired}
	case failDenied:
		return apiError{status: 403, code: "AccessDenied", message: "Access denied"}
	case failThrottled:
		return apiError{status: 400, code: "Throttling", message: "Rate exceeded"}
	case failUnknownOperation:
		return apiError{status: 400, code: "InvalidAction", message: "Could not find operation"}
	default:
		return apiError{status: 500, code: "InternalFailure", message: "An internal error has occurred"}
	}
}

func denied(d dialect, principal string, action Op, resource string) *apiError {
	msg := fmt.Sprintf("User: %s is not authorized to perform: %s on resource: %s", principal, action, resource)
	if d == dialectJSON {
		msg += fmt.Sprintf(" because no identity-based policy allows the %s action", action)
	}
	return failDenied.in(d, msg)
}
