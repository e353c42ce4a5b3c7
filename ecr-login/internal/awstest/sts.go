package awstest

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	stsNamespace = "https://sts.amazonaws.com/doc/2011-06-15/"

	minSession = 15 * time.Minute
	// maxChained is the limit when one role assumes another.
	maxChained = time.Hour
)

type stsCredentials struct {
	AccessKeyID     string `xml:"AccessKeyId"`
	SecretAccessKey string
	SessionToken    string
	Expiration      string
}

type assumedRoleUser struct {
	AssumedRoleID string `xml:"AssumedRoleId"`
	Arn           string
}

type assumeRoleResult struct {
	XMLName         xml.Name
	Credentials     stsCredentials
	AssumedRoleUser assumedRoleUser
	SourceIdentity  string `xml:",omitempty"`
	Subject         string `xml:"SubjectFromWebIdentityToken,omitempty"`
	Audience        string `xml:",omitempty"`
	Provider        string `xml:",omitempty"`
}

type callerIdentityResult struct {
	XMLName xml.Name `xml:"GetCallerIdentityResult"`
	Arn     string
	UserID  string `xml:"UserId"`
	Account string
}

// queryResponse wraps a result as the query protocol does.
type queryResponse struct {
	XMLName   xml.Name
	Namespace string `xml:"xmlns,attr"`
	Result    any
	RequestID string `xml:"ResponseMetadata>RequestId"`
}

func queryAnswer(op Op, result any) answer {
	id := newRequestID()
	b, err := xml.Marshal(queryResponse{
		XMLName: xml.Name{Local: op.Name() + "Response"}, Namespace: stsNamespace, Result: result, RequestID: id,
	})
	if err != nil {
		return errorAnswer(dialectQuery, failServer.in(dialectQuery, err.Error()))
	}
	a := newAnswer(http.StatusOK, dialectQuery.contentType(), b)
	a.header.Set("X-Amzn-Requestid", id)
	return a
}

func (s *Server) callerIdentity(c *call) answer {
	p := c.cred.principal
	return queryAnswer(c.op, callerIdentityResult{Arn: p.ARN, UserID: p.UserID, Account: p.Account})
}

func (s *Server) assumeRole(c *call) answer {
	session, life, e := c.sessionRequest()
	if e != nil {
		return errorAnswer(c.dialect, e)
	}
	session.Caller = c.cred.principal.ARN
	session.ExternalID = c.form.Get("ExternalId")
	session.MFASerial = c.form.Get("SerialNumber")
	refuse := errorAnswer(c.dialect, denied(c.dialect, c.cred.principal.ARN, OpAssumeRole, session.RoleARN))
	role, ok := s.ids.role(session.RoleARN)
	if !ok || !role.trusts(&c.cred) || s.ids.denied(&c.cred, OpAssumeRole) {
		return refuse
	}
	if role.ExternalID != "" && role.ExternalID != session.ExternalID {
		return refuse
	}
	if role.MFASerial != "" && session.MFASerial == "" {
		return refuse
	}
	if role.MFASerial != "" && (role.MFASerial != session.MFASerial || role.MFACode != c.form.Get("TokenCode")) {
		return errorAnswer(c.dialect, failDenied.in(c.dialect, "MultiFactorAuthentication failed with invalid MFA one time pass code. "))
	}
	if c.cred.session.RoleARN != "" && life > maxChained {
		return errorAnswer(c.dialect, invalid("The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"))
	}
	if life > role.MaxSession {
		return errorAnswer(c.dialect, invalid("The requested DurationSeconds exceeds the MaxSessionDuration set for this role."))
	}
	return queryAnswer(c.op, s.assumed(c.op, session, life))
}

// assumed issues the credentials and words the result.
func (s *Server) assumed(op Op, session Session, life time.Duration) assumeRoleResult {
	cred := s.issue(session, life)
	return assumeRoleResult{
		XMLName: xml.Name{Local: op.Name() + "Result"},
		Credentials: stsCredentials{
			AccessKeyID: cred.key.AccessKeyID, SecretAccessKey: cred.key.SecretAccessKey,
			SessionToken: cred.key.SessionToken, Expiration: cred.key.Expires.UTC().Format(time.RFC3339),
		},
		AssumedRoleUser: assumedRoleUser{AssumedRoleID: cred.principal.UserID, Arn: cred.principal.ARN},
		SourceIdentity:  session.SourceIdentity,
	}
}

// sessionRequest reads what AssumeRole and AssumeRoleWithWebIdentity have in
// common. A life of zero means that the caller did not ask for one.
func (c *call) sessionRequest() (Session, time.Duration, *apiError) {
	session := Session{
		Via: c.op, RoleARN: c.form.Get("RoleArn"), Name: c.form.Get("RoleSessionName"),
		Policy: c.form.Get("Policy"), SourceIdentity: c.form.Get("SourceIdentity"),
	}
	if !strings.HasPrefix(session.RoleARN, "arn:") || !strings.Contains(session.RoleARN, ":role/") {
		return session, 0, invalid(fmt.Sprintf("%s is invalid", session.RoleARN))
	}
	if !validSessionName(session.Name) {
		return session, 0, invalid(fmt.Sprintf("1 validation error detected: Value '%s' at 'roleSessionName' failed to satisfy constraint: "+
			`Member must satisfy regular expression pattern: [\w+=,.@-]*`, session.Name))
	}
	for i := 1; c.form.Has(fmt.Sprintf("PolicyArns.member.%d.arn", i)); i++ {
		session.PolicyARNs = append(session.PolicyARNs, c.form.Get(fmt.Sprintf("PolicyArns.member.%d.arn", i)))
	}
	for i := 1; c.form.Has(fmt.Sprintf("Tags.member.%d.Key", i)); i++ {
		if session.Tags == nil {
			session.Tags = map[string]string{}
		}
		session.Tags[c.form.Get(fmt.Sprintf("Tags.member.%d.Key", i))] = c.form.Get(fmt.Sprintf("Tags.member.%d.Value", i))
	}
	asked := c.form.Get("DurationSeconds")
	if asked == "" {
		return session, 0, nil
	}
	n, err := strconv.Atoi(asked)
	life := time.Duration(n) * time.Second
	if err != nil || life < minSession {
		return session, 0, invalid(fmt.Sprintf("1 validation error detected: Value '%s' at 'durationSeconds' failed to satisfy constraint: "+
			"Member must have value greater than or equal to 900", asked))
	}
	return session, life, nil
}

func validSessionName(name string) bool {
	if len(name) < 2 || len(name) > 64 {
		return false
	}
	for _, r := range name {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
		if !letter && !strings.ContainsRune("_+=,.@-", r) {
			return false
		}
	}
	return true
}

func invalid(message string) *apiError {
	return &apiError{status: http.StatusBadRequest, code: "ValidationError", message: message}
}
