//go:build unix

// Package fspath joins file paths for the packages that run before main (see
// package warm). path/filepath would do, but for its place in the order of
// initialisation: it comes after half of the AWS SDK, and so would whatever
// imports it. On Unix the functions of package path, which os has initialised
// long before, are the same.
package fspath

import (
	"os"
	"path"
)

// Join joins elements with the separator, as filepath.Join does.
func Join(elements ...string) string { return path.Join(elements...) }

// Dir returns all but the last element, as filepath.Dir does.
func Dir(p string) string { return path.Dir(p) }

// IsAbs reports whether the path is absolute, as filepath.IsAbs does.
func IsAbs(p string) bool { return path.IsAbs(p) }

// Abs returns the path made absolute, as filepath.Abs does.
func Abs(p string) (string, error) {
	if path.IsAbs(p) {
		return path.Clean(p), nil
	}
	wd, err := os.Getwd()
	if err != nil {
		return "", err
	}
	return path.Join(wd, p), nil
}
