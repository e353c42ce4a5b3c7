// Command ecr-demo shows the credential helper at work on this machine alone:
// no AWS account, no root, no network. `make demo` builds and runs it.
package main

import (
	"os"
	"strings"

	"ecr-credential-helper/ecr-login/internal/demo"
)

func main() {
	os.Exit(demo.Main(os.Args[1:], demo.Process{
		Environ: os.Environ(), Replace: replaceEnvironment, Stdout: os.Stdout, Stderr: os.Stderr,
	}))
}

// replaceEnvironment makes env this process's whole environment. The clients
// that the demo links read it, as every client does.
func replaceEnvironment(env []string) error {
	os.Clearenv()
	for _, kv := range env {
		name, value, _ := strings.Cut(kv, "=")
		if err := os.Setenv(name, value); err != nil {
			return err
		}
	}
	return nil
}
