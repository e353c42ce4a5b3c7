// Package version says which program this is, and which build of it.
package version

import "github.com/docker/docker-credential-helpers/credentials"

// Name is the program's.
const Name = "docker-credential-ecr-login"

// Version and Commit are set by the linker (see the Makefile).
var (
	Version = "" // such as 1.2.3
	Commit  = "" // such as 1f2e3d4
)

// String returns the version, "devel" for a build that does not know it.
func String() string {
	if Version != "" {
		return Version
	}
	return "devel"
}

// Announce tells the protocol's package who we are; it is what `version` prints
// and what its messages begin with.
func Announce() {
	credentials.Name = Name
	credentials.Package = "ecr-credential-helper/ecr-login"
	credentials.Version = String()
	credentials.Revision = Commit
}
