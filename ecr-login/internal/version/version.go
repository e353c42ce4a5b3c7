// Package version says which build this is.
package version

import "runtime/debug"

// Version and Commit are set by the linker (see the Makefile).
var (
	Version = "" // such as 1.2.3
	Commit  = "" // such as 1f2e3d4
)

// String returns the version: what the linker set, else what `go install
// module@version` recorded, else "devel".
func String() string {
	if Version != "" {
		return Version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "devel"
}
