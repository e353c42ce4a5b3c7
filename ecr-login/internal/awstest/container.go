package awstest

import (
	"crypto/subtle"
	"net/http"
	"sync"
	"time"
)

// metadata is what runs beside a workload: the instance metadata service and
// the container credentials endpoint.
type metadata struct {
	mu         sync.Mutex
	instance   *Instance
	sessions   map[string]time.Time // metadata tokens by value
	containers []Container
	current    map[string]credential // by session ARN
}

// Container is a route of the container credentials endpoint.
type Container struct {
	// Path of the route, such as "/v2/credentials/<task id>" for ECS or
	// "/v1/credentials" for EKS Pod Identity.
	Path string
	// Token is the value that the Authorization header must have; empty asks
	// for none. Routes may share a path and differ by token, as the pods of a
	// cluster do.
	Token string
	// RoleARN is the role whose credentials are handed out.
	RoleARN string
	// SessionName names the sessions. Default: a name made from path and token.
	SessionName string
}

// AddContainer adds a route, or replaces the one of the same path and token.
func (s *Server) AddContainer(c Container) {
	if c.SessionName == "" {
		c.SessionName = "task-" + hexSHA256([]byte(c.Path + "\n" + c.Token))[:16]
	}
	s.meta.mu.Lock()
	defer s.meta.mu.Unlock()
	for i, old := range s.meta.containers {
		if old.Path == c.Path && old.Token == c.Token {
			s.meta.containers[i] = c
			return
		}
	}
	s.meta.containers = append(s.meta.containers, c)
}

// ContainerURL is the value of AWS_CONTAINER_CREDENTIALS_FULL_URI for a path.
// A relative URI leads the SDK to 169.254.170.2; a client that has this server
// as its HTTP_PROXY arrives here all the same.
func (s *Server) ContainerURL(path string) string { return s.baseURL() + path }

// RotateRole makes the metadata service and the container endpoint hand out
// fresh credentials for a role at the next request. Otherwise they repeat
// themselves until a tenth of the life is left. The old ones stay valid.
func (s *Server) RotateRole(roleARN string) {
	s.meta.mu.Lock()
	defer s.meta.mu.Unlock()
	for arn, cred := range s.meta.current {
		if cred.session.RoleARN == roleARN {
			delete(s.meta.current, arn)
		}
	}
}

func (m *metadata) isContainerPath(path string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.containers {
		if c.Path == path {
			return true
		}
	}
	return false
}

// standing returns the credentials that a workload's role has at the moment.
func (s *Server) standing(via Op, roleARN, session string) credential {
	arn := sessionARN(roleARN, session)
	now := s.Now()
	life := s.lifetimes().session
	s.meta.mu.Lock()
	defer s.meta.mu.Unlock()
	if c, ok := s.meta.current[arn]; ok && c.session.RoleARN == roleARN && c.key.Expires.Sub(now) > life/10 {
		return c
	}
	if s.meta.current == nil {
		s.meta.current = map[string]credential{}
	}
	c := s.issue(Session{Via: via, RoleARN: roleARN, Name: session}, life)
	s.meta.current[arn] = c
	return c
}

// workloadCredentials is the answer of both endpoints.
type workloadCredentials struct {
	Code            string
	LastUpdated     string
	Type            string
	AccessKeyID     string `json:"AccessKeyId"`
	SecretAccessKey string
	Token           string
	Expiration      string
	RoleArn         string `json:",omitempty"`
	AccountID       string `json:"AccountId,omitempty"`
}

func (s *Server) workload(c credential) workloadCredentials {
	return workloadCredentials{
		Code: "Success", LastUpdated: s.Now().UTC().Format(time.RFC3339), Type: "AWS-HMAC",
		AccessKeyID: c.key.AccessKeyID, SecretAccessKey: c.key.SecretAccessKey, Token: c.key.SessionToken,
		Expiration: c.key.Expires.UTC().Format(time.RFC3339),
	}
}

func (s *Server) containerCredentials(c *call) answer {
	var route *Container
	given := c.r.Header.Get("Authorization")
	s.meta.mu.Lock()
	for _, r := range s.meta.containers {
		if r.Path == c.path && (r.Token == "" || subtle.ConstantTimeCompare([]byte(r.Token), []byte(given)) == 1) {
			route = &r
			break
		}
	}
	s.meta.mu.Unlock()
	if route == nil {
		return errorAnswer(c.dialect, &apiError{
			status: http.StatusUnauthorized, code: "AccessDeniedException", message: "the authorization token is missing or not known",
		})
	}
	cred := s.standing(c.op, route.RoleARN, route.SessionName)
	s.record.update(c.record, func(r *Request) { r.Principal = cred.principal.ARN })
	out := s.workload(cred)
	out.RoleArn, out.AccountID = route.RoleARN, cred.principal.Account
	return jsonAnswer(c.dialect, out)
}
