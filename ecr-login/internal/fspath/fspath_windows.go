// Package fspath joins file paths for the packages that run before main (see
// package warm).
package fspath

import "path/filepath"

// Join joins elements with the separator, as filepath.Join does.
func Join(elements ...string) string { return filepath.Join(elements...) }

// Dir returns all but the last element, as filepath.Dir does.
func Dir(p string) string { return filepath.Dir(p) }

// IsAbs reports whether the path is absolute, as filepath.IsAbs does.
func IsAbs(p string) bool { return filepath.IsAbs(p) }

// Abs returns the path made absolute, as filepath.Abs does.
func Abs(p string) (string, error) { return filepath.Abs(p) }
