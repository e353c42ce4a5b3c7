// Package architecture_test holds the project to the directions of import that
// docs/architecture.md draws.
package architecture_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "ecr-credential-helper/ecr-login"

// root is the folder of the module's packages, seen from here.
var root = filepath.Join("..", "..")

// layers are the project's packages, relative to the module's root package,
// from the bottom up. A package may import those of lower layers only. A new
// package is added where it belongs: as low as what it imports allows.
func layers() [][]string {
	return [][]string{
		// Ideas that need nothing of ours.
		{"registry", "token", "internal/fspath", "internal/procgroup", "internal/request", "internal/version"},
		{"internal/privatefile", "internal/awsecr/identity"},
		// What is on disk and in the environment.
		{"internal/tokencache", "internal/settings", "internal/logfile", "internal/fallback"},
		{"internal/configfile", "internal/lookup", "internal/awsecr"},
		// The library.
		{"."},
		// What uses the library, or is used beside it, without knowing the program.
		{"internal/warm", "internal/ranchersync"},
		{"internal/ranchersync/cattle"},
		{"internal/ranchersync/command"},
		{"internal/app"},
		{"cmd/docker-credential-ecr-login"},
	}
}

// workshop are the packages that the product must not import: fakes of servers,
// and programs that show or measure. They may import each other from left to
// right, and anything of the product.
func workshop() []string {
	return []string{
		"cmd/ecr-demo", "internal/demo", "cmd/ecr-bench", "cmd/ecr-bench/floor",
		"internal/awstest/ociregistry", "internal/awstest", "internal/ranchertest", "internal/lookalikes",
	}
}

// imports returns what the packages of the module import outside of tests, on
// any platform, by the package's path relative to the module's root package.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if _, err := os.Stat(filepath.Join(file, "go.mod")); err == nil || d.Name() == "testdata" {
				return filepath.SkipDir // another module
			}
			return nil
		}
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		dir, err := filepath.Rel(root, filepath.Dir(file))
		if err != nil {
			return err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		pkg := filepath.ToSlash(dir)
		if _, seen := all[pkg]; !seen {
			all[pkg] = nil // a package that imports nothing is one as well
		}
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			all[pkg] = append(all[pkg], imported)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// own returns the relative path of a package of the module.
func own(imported string) (string, bool) {
	if imported == module {
		return ".", true
	}
	return strings.CutPrefix(imported, module+"/")
}

func TestPackagesImportDownwardsOnly(t *testing.T) {
	t.Parallel()
	layer := map[string]int{}
	for i, packages := range layers() {
		for _, p := range packages {
			layer[p] = i
		}
	}
	all := imports(t)
	for _, p := range slices.Sorted(maps.Keys(all)) {
		at := slices.Index(workshop(), p)
		mine, known := layer[p]
		if !known && at < 0 {
			t.Errorf("%s is in no layer: add it to this test where it belongs, and to docs/architecture.md", p)
			continue
		}
		for _, imported := range all[p] {
			i, ok := own(imported)
			if !ok {
				continue
			}
			switch other := slices.Index(workshop(), i); {
			case at >= 0 && other >= 0 && other <= at:
				t.Errorf("%s imports %s, which stands before it", p, i)
			case at < 0 && other >= 0:
				t.Errorf("%s imports %s, which is no part of the product", p, i)
			case at < 0 && layer[i] >= mine:
				t.Errorf("%s imports %s, which is not in a lower layer", p, i)
			}
		}
	}
	for _, p := range slices.Concat(slices.Concat(layers()...), workshop()) {
		if _, ok := all[p]; !ok {
			t.Errorf("there is no package %s any more: remove it from this test", p)
		}
	}
}

// Libraries that decide much of the program's size, start-up time and duties
// stay behind the few packages that are about them.
func TestHeavyLibrariesAreImportedWhereTheyBelong(t *testing.T) {
	t.Parallel()
	allowed := map[string][]string{
		"github.com/aws/":                                 {"internal/awsecr"},
		"github.com/sirupsen/logrus":                      {"internal/logfile", ".", "internal/app"},
		"go.yaml.in/yaml/":                                {"internal/configfile"},
		"github.com/prometheus/":                          {"internal/ranchersync"},
		"github.com/spf13/":                               {"internal/ranchersync/command"},
		"github.com/docker/docker-credential-helpers/":    {".", "internal/app", "internal/fallback", "internal/version", "internal/warm", "internal/demo"},
		"github.com/google/go-containerregistry/":         {"internal/demo", "internal/awstest/ociregistry"},
		"github.com/docker/cli/":                          nil,
		"github.com/aws/aws-sdk-go/":                      nil,
		"github.com/awslabs/amazon-ecr-credential-helper": nil,
		"testing": nil,
	}
	all := imports(t)
	for _, library := range slices.Sorted(maps.Keys(allowed)) {
		for _, p := range slices.Sorted(maps.Keys(all)) {
			// The floor of the benchmarks links what the helper links, to show what
			// that costs.
			if p == "cmd/ecr-bench/floor" || slices.Contains(allowed[library], p) {
				continue
			}
			for _, imported := range all[p] {
				if strings.HasPrefix(imported, library) || imported == path.Clean(library) {
					t.Errorf("%s imports %s; only %v may", p, imported, allowed[library])
				}
			}
		}
	}
}

// closure returns everything that a package links, on Linux.
func closure(t *testing.T, pkg string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", path.Join(module, pkg))
	cmd.Env = append(os.Environ(), "GOOS=linux", "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	return strings.Fields(string(out))
}

func TestWhatAPackageMustNotLink(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		pkg       string
		forbidden []string // each with what lies below it
	}{
		"what answers a warm get links nothing that takes time to initialise": {
			"internal/warm",
			[]string{
				"net", "crypto/tls", "crypto/x509", "regexp", "os/exec", "os/signal", "path/filepath", "text/template", "log", "flag",
				"go.yaml.in", "github.com/sirupsen", "github.com/aws", "github.com/spf13", "github.com/prometheus", "golang.org/x",
			},
		},
		"registry is a pure function of its input": {"registry", []string{"os", "net", "time", "syscall"}},
		"the library brings no command line and no metrics along": {
			".",
			[]string{"github.com/spf13", "github.com/prometheus", "github.com/docker/cli", "github.com/google/go-containerregistry", "flag", "testing"},
		},
		"the program links no fakes and no registry client": {
			"cmd/docker-credential-ecr-login",
			[]string{
				module + "/internal/awstest", module + "/internal/ranchertest", module + "/internal/demo", "testing",
				"github.com/google/go-containerregistry", "github.com/docker/cli", "github.com/rogpeppe",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			deps := closure(t, c.pkg)
			if !slices.Contains(deps, path.Join(module, c.pkg)) {
				t.Fatalf("go list does not name the package itself: %v", deps)
			}
			for _, dep := range deps {
				for _, f := range c.forbidden {
					if dep == f || strings.HasPrefix(dep, f+"/") {
						t.Errorf("%s links %s", c.pkg, dep)
					}
				}
			}
		})
	}
}
