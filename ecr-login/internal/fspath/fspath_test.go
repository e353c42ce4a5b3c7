package fspath_test

import (
	"path/filepath"
	"testing"

	"ecr-credential-helper/ecr-login/internal/fspath"
)

func TestItDoesWhatFilepathDoes(t *testing.T) {
	t.Parallel()
	for _, p := range []string{"", ".", "/", "a", "/a", "a/b/", "//a//b", "../x", "/a/../..", `C:\a\b`, `\\host\share\x`} {
		if got, want := fspath.Dir(p), filepath.Dir(p); got != want {
			t.Errorf("Dir(%q) = %q, want %q", p, got, want)
		}
		if got, want := fspath.IsAbs(p), filepath.IsAbs(p); got != want {
			t.Errorf("IsAbs(%q) = %v, want %v", p, got, want)
		}
		got, err := fspath.Abs(p)
		want, wantErr := filepath.Abs(p)
		if got != want || (err == nil) != (wantErr == nil) {
			t.Errorf("Abs(%q) = %q, %v; want %q, %v", p, got, err, want, wantErr)
		}
		for _, q := range []string{"", "x", "../y", "/z"} {
			if got, want := fspath.Join(p, q), filepath.Join(p, q); got != want {
				t.Errorf("Join(%q, %q) = %q, want %q", p, q, got, want)
			}
		}
	}
}
