package demo

import (
	"fmt"
	"path/filepath"
	"strings"
)

// instructions say how to use the stage from another shell.
func (s *stage) instructions() string {
	var b strings.Builder
	fmt.Fprintln(&b, "\nThe servers go on until Ctrl-C. To play with them, paste this into another shell:")
	fmt.Fprintln(&b, "\n  unset $(env | sed -n 's/^\\(AWS_[A-Z0-9_]*\\)=.*/\\1/p')")
	// Clients find the registry under its ECR name by way of the proxy.
	for _, kv := range append(s.exports(), "HTTPS_PROXY="+s.proxy.URL(), "SSL_CERT_FILE="+s.ca) {
		name, value, _ := strings.Cut(kv, "=")
		fmt.Fprintf(&b, "  export %s=%s\n", name, quote(value))
	}
	fmt.Fprintf(&b, "  export PATH=%s:$PATH\n", quote(filepath.Dir(s.helper.path)))
	fmt.Fprintln(&b, "\nand then, for example:")
	fmt.Fprintf(&b, "\n  echo %s | docker-credential-ecr-login get\n", host)
	fmt.Fprintln(&b, "  docker-credential-ecr-login list")
	fmt.Fprintln(&b, "  docker-credential-ecr-login rancher-sync --dry-run")
	fmt.Fprintf(&b, "  crane manifest %s/demo:1\n", host)
	fmt.Fprintf(&b, "  cat %s\n\n", quote(filepath.Join(s.home, ".ecr", "log", "ecr-login.log")))
	return b.String()
}

// quote makes s one word for a shell.
func quote(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:@%+-") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
