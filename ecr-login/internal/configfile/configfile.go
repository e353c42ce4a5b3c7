// Package configfile parses the configuration file. It is strict: an unknown
// key or a value that cannot be right is an error with file, line and the
// nearest valid name, because a setting that is silently ignored shows itself
// as a pull that fails at night.
package configfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"

	"ecr-credential-helper/ecr-login/internal/settings"
)

// RancherTarget is an entry of the section "rancher". Empty fields are those
// that the file does not set; flags and environment may.
type RancherTarget struct {
	URL                string
	AccessKey          string
	SecretKeyFile      string
	CAFile             string
	InsecureSkipVerify bool
	Projects           []string // such as 1a5
	Registries         []string // hosts
	RegistryIDs        []string // 12-digit accounts
	Regions            []string
	Profile            string
	RoleARN            string
	Email              string
	Create             bool
	Activate           bool
	VerifyRegistry     bool
	NoteExpiry         bool
	Line               int // where it stands in the file
}

// Parse reads the part of a configuration file that concerns the Docker verbs,
// and checks all of it. name is what errors call the file. Errors are of type
// *settings.Error, and beside one is returned what stands before the mistake.
func Parse(name string, content []byte) (*settings.File, error) {
	f, _, err := parse(name, content)
	return f, err
}

// Rancher reads the targets of rancher-sync from a configuration file, and
// checks all of it. Errors are of type *settings.Error.
func Rancher(name string, content []byte) ([]RancherTarget, error) {
	_, targets, err := parse(name, content)
	if err != nil {
		return nil, err
	}
	return targets, nil
}

func parse(name string, content []byte) (*settings.File, []RancherTarget, error) {
	r := reader{name: name}
	root, err := r.document(content)
	if err != nil {
		return nil, nil, err
	}
	file := &settings.File{}
	var targets []RancherTarget
	if root != nil {
		err = r.mapping(root, "", topFields(r, file, &targets))
	}
	return file, targets, err
}

// reader turns what is wrong with a node into an error that names the place.
type reader struct{ name string }

func (r reader) fail(line int, format string, args ...any) error {
	where := r.name
	if line > 0 {
		where = fmt.Sprintf("%s:%d", r.name, line)
	}
	return &settings.Error{Where: where, What: fmt.Sprintf(format, args...)}
}

// document returns the root of the one document in content, or nil if there is
// nothing but comments.
func (r reader) document(content []byte) (*yaml.Node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	var doc yaml.Node
	switch err := decoder.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, r.syntax(err)
	}
	var more yaml.Node
	switch err := decoder.Decode(&more); {
	case err == nil:
		return nil, r.fail(more.Line, "a second document begins; the file must hold one")
	case !errors.Is(err, io.EOF):
		return nil, r.syntax(err)
	}
	root := resolve(doc.Content[0])
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
		return nil, nil
	}
	return root, nil
}

// syntax rewords an error of the YAML parser, which says "yaml: line 3: …".
func (r reader) syntax(err error) error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 0
	if rest, ok := strings.CutPrefix(text, "line "); ok {
		if n, scanErr := fmt.Sscanf(rest, "%d:", &line); scanErr == nil && n == 1 {
			_, text, _ = strings.Cut(rest, ": ")
		}
	}
	return r.fail(line, "not valid YAML: %s", text)
}

func resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		return n.Alias
	}
	return n
}

// field is one key of a mapping and what takes its value.
type field struct {
	name string
	set  func(value *yaml.Node) error
}

// mapping hands the values of a mapping to its fields.
func (r reader) mapping(n *yaml.Node, section string, fields []field) error {
	n = resolve(n)
	if n.Kind != yaml.MappingNode {
		return r.fail(n.Line, "%s must be a list of keys and values", sectionName(section))
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], resolve(n.Content[i+1])
		if line, dup := seen[key.Value]; dup {
			return r.fail(key.Line, "%q is set twice, first in line %d", key.Value, line)
		}
		seen[key.Value] = key.Line
		f := find(fields, key.Value)
		if f == nil {
			return r.fail(key.Line, "unknown key %q in %s%s", key.Value, sectionName(section), suggest(key.Value, names(fields)))
		}
		if value.Kind == yaml.ScalarNode && value.Tag == "!!null" {
			continue // "key:" with nothing behind it sets nothing
		}
		if err := f.set(value); err != nil {
			return err
		}
	}
	return nil
}

// list hands the elements of a sequence to each.
func (r reader) list(n *yaml.Node, key string, each func(*yaml.Node) error) error {
	if n.Kind != yaml.SequenceNode {
		return r.fail(n.Line, "%s must be a list; begin each element with a dash", key)
	}
	for _, element := range n.Content {
		if err := each(resolve(element)); err != nil {
			return err
		}
	}
	return nil
}

func find(fields []field, name string) *field {
	for i := range fields {
		if fields[i].name == name {
			return &fields[i]
		}
	}
	return nil
}

func names(fields []field) []string {
	all := make([]string, len(fields))
	for i, f := range fields {
		all[i] = f.name
	}
	return all
}

func sectionName(section string) string {
	if section == "" {
		return "the file"
	}
	return section
}

// suggest names the valid name that is nearest to a wrong one, or all of them.
func suggest(wrong string, valid []string) string {
	const near = 3
	best, bestDistance := "", near
	for _, v := range valid {
		if d := distance(strings.ToLower(wrong), v); d < bestDistance {
			best, bestDistance = v, d
		}
	}
	if best != "" {
		return fmt.Sprintf("; did you mean %q?", best)
	}
	return "; there are: " + strings.Join(valid, ", ")
}

// distance is the Levenshtein distance, or a large number for strings whose
// lengths alone are far apart.
func distance(a, b string) int {
	if len(a) > len(b)+3 || len(b) > len(a)+3 {
		return len(a) + len(b)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diagonal
			if a[i-1] != b[j-1] {
				cost++
			}
			diagonal = row[j]
			row[j] = min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}
