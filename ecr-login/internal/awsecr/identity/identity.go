// Package identity tells whose ECR token a cache entry would be.
//
// It follows the AWS SDK for Go through environment and shared config to the
// source of credentials that the SDK would use, and describes that source by
// what stays the same while its temporary keys rotate: a role, an SSO account,
// a command, a machine. It does so without the SDK, without the network and
// without obtaining credentials, in microseconds, because every answer from
// the cache waits for it.
//
// The rules are those of aws-sdk-go-v2, module config v1.33, file by file:
// env_config.go, shared_config.go, resolve_credentials.go and internal/ini.
// Where this package cannot be sure to see what the SDK will see it says so
// ([ErrUncertain]); two principals must never have one fingerprint.
package identity

import "crypto/sha256"

// Inputs is what an identity is worked out from.
type Inputs struct {
	// LookupEnv reads the environment: os.LookupEnv, as that is what the SDK
	// reads. Nil stands for an empty environment.
	LookupEnv func(string) (string, bool)

	// Home is the user's home directory. Empty means as the SDK finds it:
	// $HOME (%USERPROFILE% on Windows), else the entry in /etc/passwd.
	Home string

	// Profile is a profile chosen explicitly, as with the SDK's
	// config.WithSharedConfigProfile: unlike AWS_PROFILE it also comes before
	// keys and web identity in the environment. Empty leaves the choice to
	// the environment.
	Profile string

	// RoleARN is a role that is assumed with the credentials found, and
	// ExternalID the external ID that is sent along. Empty for none.
	RoleARN    string
	ExternalID string

	machine func() (string, bool) // nil: this machine
}

// Kind says where the first credentials of an identity come from, those that
// any roles are then assumed with.
type Kind uint8

// The kinds.
const (
	EnvironmentKeys   Kind = iota + 1 // AWS_ACCESS_KEY_ID and its secret
	ProfileKeys                       // aws_access_key_id and its secret in a profile
	WebIdentity                       // a role assumed with a token from a file
	SSO                               // IAM Identity Center, by profile
	LoginSession                      // "aws login", by profile
	CredentialProcess                 // the output of a command, by profile
	Container                         // an endpoint named by AWS_CONTAINER_CREDENTIALS_*
	Instance                          // the role of the EC2 instance
)

// Identity is a source of credentials, as far as it decides who the caller is.
// It holds no secret. The zero Identity is nobody's.
type Identity struct {
	kind    Kind
	profile string   // whose settings the first credentials come from, or ""
	detail  string   // what is worth telling people about the source
	roles   []string // ARNs of roles assumed, the last one is the caller's
	sso     SSODetails
	mfa     string
	fields  []field
	stamps  []stamp
}

// SSODetails is where an identity from IAM Identity Center comes from.
type SSODetails struct {
	Session   string // name of the sso-session, empty for the old style
	StartURL  string
	Region    string
	AccountID string
	RoleName  string
}

// Resolve works out the identity of the credentials that the SDK would use.
//
// Every error is an [ErrUncertain]. It reads files of the user's, so the
// answer holds for the moment: whoever stores a token under a fingerprint
// resolves once more after obtaining it, and stores it only if the
// fingerprint is still the same.
func Resolve(in Inputs) (Identity, error) {
	r := resolver{in: in, env: environment{in.LookupEnv}}
	if err := r.load(); err != nil {
		return Identity{}, err
	}
	if err := r.chain(); err != nil {
		return Identity{}, err
	}
	if in.RoleARN != "" {
		r.assume(in.RoleARN, in.ExternalID, "", "", 0)
		r.endpoint("endpoint of sts", "STS", false)
	}
	r.endpoint("endpoint of ecr", "ECR", false)
	r.endpoint("endpoint of ecr public", "ECR PUBLIC", false)
	r.id.fields, r.id.stamps = r.fields, r.stamps
	return r.id, nil
}

// Fingerprint returns the identity as a hash. Equal fingerprints mean one
// principal behind one set of endpoints. It does not depend on secrets or on
// temporary keys, with two exceptions: temporary keys that stand in the
// environment or in a profile count by their ID, and a web identity or
// container token that is no JWT counts as it is.
func (id Identity) Fingerprint() [sha256.Size]byte { return digest(id.fields) }

// Unchanged reports whether the files that the identity was worked out from
// still look as they did then. Who keeps a token asks after obtaining it: a file
// that was changed and changed back meanwhile may have made it somebody else's.
func (id Identity) Unchanged() bool {
	for _, s := range id.stamps {
		if !s.same() {
			return false
		}
	}
	return true
}

// Kind tells where the first credentials come from.
func (id Identity) Kind() Kind { return id.kind }

// Profile returns the name of the profile that says where the first
// credentials come from, which is the one that "aws sso login --profile"
// wants. It is empty when none does.
func (id Identity) Profile() string { return id.profile }

// Roles returns the ARNs of the roles assumed one with the other, the caller's
// last. A role that a web identity is exchanged for counts, the role behind an
// SSO account does not.
func (id Identity) Roles() []string { return append([]string(nil), id.roles...) }

// SSO returns the details of an identity from IAM Identity Center; they are
// empty for every other kind.
func (id Identity) SSO() SSODetails { return id.sso }

// MFASerial returns the MFA device that one of the roles asks for, or nothing.
// The SDK refuses such a role unless it can ask for a code.
func (id Identity) MFASerial() string { return id.mfa }

// String describes the identity for people, without secrets, as in
// "role arn:aws:iam::111122223333:role/pull (profile prod, SSO 444455556666/Admin)".
func (id Identity) String() string {
	if id.kind == 0 {
		return "nobody"
	}
	source := id.kind.String()
	if id.detail != "" {
		source += " " + id.detail
	}
	if len(id.roles) == 0 {
		if id.profile != "" {
			source += " (profile " + id.profile + ")"
		}
		return source
	}
	s := "role " + id.roles[len(id.roles)-1] + " ("
	if id.profile != "" {
		s += "profile " + id.profile + ", "
	}
	return s + source + ")"
}

// GoString is String, so that %#v tells no more than %v.
func (id Identity) GoString() string { return "identity.Identity{" + id.String() + "}" }

// String names the kind for people.
func (k Kind) String() string {
	switch k {
	case EnvironmentKeys:
		return "environment keys"
	case ProfileKeys:
		return "static keys"
	case WebIdentity:
		return "web identity"
	case SSO:
		return "SSO"
	case LoginSession:
		return "login session"
	case CredentialProcess:
		return "credential_process"
	case Container:
		return "container credentials"
	case Instance:
		return "EC2 instance role"
	}
	return "nobody"
}
