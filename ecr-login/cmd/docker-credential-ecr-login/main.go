// Command docker-credential-ecr-login gives container clients passwords for
// Amazon ECR registries.
package main

import (
	"os"

	"ecr-credential-helper/ecr-login/internal/app"
	"ecr-credential-helper/ecr-login/internal/settings"
	"ecr-credential-helper/ecr-login/internal/warm" // answers a get from the cache before main runs
)

func main() {
	os.Exit(app.Main(os.Args[1:], settings.Process, app.Streams{In: warm.Stdin(), Out: os.Stdout, Err: os.Stderr}))
}
