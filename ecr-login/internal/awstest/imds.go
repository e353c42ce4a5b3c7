package awstest

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	metadataTokenHeader = "X-Aws-Ec2-Metadata-Token"
	metadataTTLHeader   = "X-Aws-Ec2-Metadata-Token-Ttl-Seconds"
	maxMetadataTTL      = 6 * 60 * 60

	metadataTokenPath    = "/latest/api/token"
	metadataRolePath     = "/latest/meta-data/iam/security-credentials/"
	metadataIdentityPath = "/latest/dynamic/instance-identity/document"
)

// Instance is the EC2 instance whose metadata the server tells.
type Instance struct {
	// ID of the instance, its session name too. Default "i-0123456789abcdef0".
	ID string
	// Region and Account appear in the identity document. Default "eu-west-1"
	// and Options.Account.
	Region  string
	Account string
	// RoleARN is the role of the instance profile; empty means none.
	RoleARN string
	// AllowV1 answers requests without a token, too.
	AllowV1 bool
}

// SetInstance makes the metadata service answer. Without it every path of the
// service is answered with 404; nil takes the instance away again.
func (s *Server) SetInstance(i *Instance) {
	if i != nil {
		c := *i
		if c.ID == "" {
			c.ID = "i-0123456789abcdef0"
		}
		if c.Region == "" {
			c.Region = "eu-west-1"
		}
		if c.Account == "" {
			c.Account = s.opts.Account
		}
		i = &c
	}
	s.meta.mu.Lock()
	defer s.meta.mu.Unlock()
	s.meta.instance = i
}

func metadataOp(path string) Op {
	switch {
	case path == metadataTokenPath:
		return OpMetadataToken
	case path == metadataRolePath || path+"/" == metadataRolePath:
		return OpMetadataRoleName
	case strings.HasPrefix(path, metadataRolePath):
		return OpMetadataCredentials
	case path == metadataIdentityPath:
		return OpMetadataIdentity
	default:
		return OpMetadataOther
	}
}

func (s *Server) metadata(c *call) answer {
	s.meta.mu.Lock()
	i := s.meta.instance
	s.meta.mu.Unlock()
	if i == nil {
		return bare(http.StatusNotFound)
	}
	if c.op == OpMetadataToken {
		return s.metadataToken(c)
	}
	if c.r.Method != http.MethodGet {
		return bare(http.StatusMethodNotAllowed)
	}
	if token := c.r.Header.Get(metadataTokenHeader); !s.metadataAllows(token) && (token != "" || !i.AllowV1) {
		return bare(http.StatusUnauthorized)
	}
	return s.metadataAnswer(c, i)
}

func bare(status int) answer {
	return newAnswer(status, "text/html", []byte(strconv.Itoa(status)+" - "+http.StatusText(status)+"\n"))
}

// metadataToken opens a session. Like the real service it refuses requests that
// came through a proxy.
func (s *Server) metadataToken(c *call) answer {
	if c.r.Method != http.MethodPut {
		return bare(http.StatusMethodNotAllowed)
	}
	if c.r.Header.Get("X-Forwarded-For") != "" {
		return bare(http.StatusForbidden)
	}
	ttl, err := strconv.Atoi(c.r.Header.Get(metadataTTLHeader))
	if err != nil || ttl < 1 || ttl > maxMetadataTTL {
		return bare(http.StatusBadRequest)
	}
	token := randomSecret(42)
	expires := s.Now().Add(time.Duration(ttl) * time.Second)
	s.meta.mu.Lock()
	defer s.meta.mu.Unlock()
	if s.meta.sessions == nil {
		s.meta.sessions = map[string]time.Time{}
	}
	s.meta.sessions[token] = expires
	a := newAnswer(http.StatusOK, "text/plain", []byte(token))
	a.header.Set(metadataTTLHeader, strconv.Itoa(ttl))
	return a
}

func (s *Server) metadataAllows(token string) bool {
	now := s.Now()
	s.meta.mu.Lock()
	defer s.meta.mu.Unlock()
	expires, ok := s.meta.sessions[token]
	return ok && now.Before(expires)
}

func (s *Server) metadataAnswer(c *call, i *Instance) answer {
	roleName := i.RoleARN[strings.LastIndexByte(i.RoleARN, '/')+1:]
	switch c.op {
	case OpMetadataRoleName:
		if roleName != "" {
			return newAnswer(http.StatusOK, "text/plain", []byte(roleName))
		}
	case OpMetadataCredentials:
		if roleName != "" && strings.TrimPrefix(c.path, metadataRolePath) == roleName {
			cred := s.standing(c.op, i.RoleARN, i.ID)
			s.record.update(c.record, func(r *Request) { r.Principal = cred.principal.ARN })
			return prettyText(s.workload(cred))
		}
	case OpMetadataIdentity:
		return prettyText(map[string]any{
			"accountId": i.Account, "architecture": "x86_64", "availabilityZone": i.Region + "a",
			"imageId": "ami-0123456789abcdef0", "instanceId": i.ID, "instanceType": "t3.micro",
			"pendingTime": s.Now().UTC().Format(time.RFC3339), "privateIp": "10.0.0.10", "region": i.Region, "version": "2017-09-30",
			"billingProducts": nil, "devpayProductCodes": nil, "marketplaceProductCodes": nil, "kernelId": nil, "ramdiskId": nil,
		})
	default:
		if v, ok := i.text(strings.TrimPrefix(c.path, "/latest/meta-data/")); ok {
			return newAnswer(http.StatusOK, "text/plain", []byte(v))
		}
	}
	return bare(http.StatusNotFound)
}

func (i *Instance) text(path string) (string, bool) {
	switch path {
	case "instance-id":
		return i.ID, true
	case "placement/region":
		return i.Region, true
	case "placement/availability-zone":
		return i.Region + "a", true
	case "services/domain":
		return registrySuffix(i.Region), true
	}
	return "", false
}

func prettyText(v any) answer {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return bare(http.StatusInternalServerError)
	}
	return newAnswer(http.StatusOK, "text/plain", b)
}
