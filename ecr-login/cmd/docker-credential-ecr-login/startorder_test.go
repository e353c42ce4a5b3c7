package main

import (
	"slices"
	"strings"
	"testing"
)

// trace runs the program under the runtime's trace of package initialisation
// and returns the packages that were initialised, in order.
func (l *lab) trace(verb, input string) (packages []string, r result) {
	l.t.Helper()
	l.env["GODEBUG"] = "inittrace=1"
	r = l.run(verb, input)
	var rest strings.Builder
	for line := range strings.Lines(r.stderr) {
		// init crypto/x509 @1.2 ms, 0.01 ms clock, 1024 bytes, 12 allocs
		fields := strings.Fields(line)
		if len(fields) < 3 || fields[0] != "init" || !strings.HasPrefix(fields[2], "@") {
			rest.WriteString(line)
			continue
		}
		packages = append(packages, fields[1])
	}
	r.stderr = rest.String()
	return packages, r
}

// traceGet is trace of a get that must be answered.
func (l *lab) traceGet() []string {
	l.t.Helper()
	packages, r := l.trace("get", irish)
	if _, err := l.password(r, irish); err != nil {
		l.t.Fatal(err)
	}
	return packages
}

// A warm get is answered by an init function of package warm. That it comes
// before those of the AWS SDK and the network is an order that the linker
// arranges (see package warm) and that a new import can upset.
func TestAWarmGetEndsBeforeTheNetworkAndTheAWSSDKAreInitialised(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	cold, warm := l.traceGet(), l.traceGet()
	l.calls(1)
	version, r := l.trace("version", "")
	if r.code != 0 || r.stdout != name+" (ecr-credential-helper/ecr-login) 1.2.3\n" || r.stderr != "" {
		t.Errorf("version: %s", r)
	}

	// Each with what lies below it. A few leaves of the same modules are ready
	// before, and cost next to nothing.
	heavy := []string{
		"net", "crypto/x509", "regexp", "mime", "math/big", "text/template", "html/template", "expvar", "log/slog", "vendor/golang.org/x/net",
		"github.com/aws/aws-sdk-go-v2/aws", "github.com/aws/aws-sdk-go-v2/config", "github.com/aws/aws-sdk-go-v2/credentials",
		"github.com/aws/aws-sdk-go-v2/service", "github.com/aws/smithy-go",
		"github.com/sirupsen", "github.com/spf13", "github.com/prometheus", "go.yaml.in",
		"ecr-credential-helper/ecr-login",
	}
	for _, pkg := range slices.Concat(warm, version) {
		for _, h := range heavy {
			if pkg == h || strings.HasPrefix(pkg, h+"/") {
				t.Errorf("a warm get, or version, initialises %s", pkg)
			}
		}
	}
	for _, pkg := range []string{
		"net", "net/http", "crypto/x509", "github.com/sirupsen/logrus",
		"github.com/aws/aws-sdk-go-v2/config", "github.com/aws/aws-sdk-go-v2/service/ecr",
	} {
		if !slices.Contains(cold, pkg) {
			t.Errorf("a cold get does not initialise %s, so its absence from a warm one says nothing: %v", pkg, cold)
		}
	}
	if len(warm) == 0 || len(version) == 0 || len(warm) > len(cold)/2 {
		t.Errorf("a warm get initialises %d packages, a cold one %d: %v", len(warm), len(cold), warm)
	}
}
