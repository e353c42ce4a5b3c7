//go:build !linux && !darwin && !windows

package identity

// machine knows no cheap and certain name of the machine here.
func machine() (string, bool) { return "", false }
