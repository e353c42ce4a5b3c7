package configfile

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"ecr-credential-helper/ecr-login/internal/settings"
)

var docs = filepath.Join("..", "..", "..", "docs")

func readDoc(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(docs, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// sections are the mappings that a configuration file consists of, with the
// keys that the parser knows.
func sections() map[string][]string {
	r := reader{}
	return map[string][]string{
		"":         names(topFields(r, &settings.File{}, &[]RancherTarget{})),
		"log":      names(logFields(r, &settings.Log{})),
		"registry": names(ruleFields(r, &settings.Rule{})),
		"rancher":  names(targetFields(r, &RancherTarget{})),
	}
}

func loadSchema(t *testing.T) schema {
	t.Helper()
	var s schema
	if err := json.Unmarshal([]byte(readDoc(t, "config.schema.json")), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTheSchemaHasTheKeysOfTheParser(t *testing.T) {
	t.Parallel()
	s := loadSchema(t)
	for section, keys := range sections() {
		of := s
		if section != "" {
			of = s.object("$defs").object(section)
		}
		var inSchema []string
		for key, property := range of.object("properties") {
			inSchema = append(inSchema, key)
			p, ok := property.(map[string]any)
			if !ok {
				t.Fatalf("%s is no schema", key)
			}
			if _, isRef := p["$ref"]; !isRef && p["description"] == nil {
				t.Errorf("%s %s has no description", section, key)
			}
		}
		slices.Sort(inSchema)
		slices.Sort(keys)
		if !slices.Equal(inSchema, keys) {
			t.Errorf("section %q: the schema has %v, the parser %v", section, inSchema, keys)
		}
		if of["additionalProperties"] != false {
			t.Errorf("section %q: the schema lets other keys pass", section)
		}
	}
	for path, want := range map[string][]string{
		"level": settings.LogLevels, "format": settings.LogFormats,
	} {
		var got []string
		for _, v := range s.object("$defs").object("log").object("properties").object(path).list("enum") {
			got = append(got, fmt.Sprint(v))
		}
		if !slices.Equal(got, want) {
			t.Errorf("log.%s: the schema has %v, the parser %v", path, got, want)
		}
	}
}

func TestTheDefaultsOfTheSchemaAreTheDefaults(t *testing.T) {
	t.Parallel()
	s := loadSchema(t)
	log := s.object("$defs").object("log").object("properties")
	content := fmt.Sprintf("timeout: %v\npublic_auth: %v\nlog: {level: %v, format: %v, max_size: %v, keep: %v}\n",
		s.object("properties").object("timeout")["default"], s.object("properties").object("public_auth")["default"],
		log.object("level")["default"], log.object("format")["default"], log.object("max_size")["default"], log.object("keep")["default"])
	got, err := Parse("schema", []byte(content))
	if err != nil {
		t.Fatal(err)
	}
	want := &settings.File{
		Timeout: settings.DefaultTimeout, PublicAuth: "optional",
		Log: settings.Log{
			Level: settings.DefaultLogLevel, Format: settings.DefaultLogFormat,
			MaxSize: settings.DefaultLogMaxSize, Keep: settings.DefaultLogKeep,
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestTheSchemaAndTheParserAgree(t *testing.T) {
	t.Parallel()
	s := loadSchema(t)
	check := func(name, content string, refused, beyond bool) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, parseErr := Parse(name, []byte(content))
			if (parseErr != nil) != refused {
				t.Fatalf("the parser says %v", parseErr)
			}
			if beyond {
				return
			}
			var doc any
			if err := yaml.Unmarshal([]byte(content), &doc); err != nil {
				t.Fatal(err)
			}
			problem := s.check(s, doc, "the file")
			if (problem != "") != refused {
				t.Errorf("the schema says %q, the parser %v, about\n%s", problem, parseErr, content)
			}
		})
	}
	for name, m := range Mistakes() {
		check(name, m.Content, true, m.BeyondSchema)
	}
	check("the documented example", example(t), false, false)
	for i, content := range []string{
		"{}", "registries: []", "timeout: 5", "timeout: 1m30s", "timeout: 1.5s", "public_auth: required", "log: {keep: 100}", "log: {max_size: 1024}",
		"log: {max_size: 1 GB}", "fallback_helper: my-helper_2.0",
		"registries: [{host: '*.dkr.ecr.*.amazonaws.com', role_arn: 'arn:aws-cn:iam::111122223333:role/a/b'}]",
		"rancher: [{url: 'https://r.example.com', registry_ids: ['111122223333'], regions: [eu-west-1], insecure_skip_tls_verify: true}]",
	} {
		check("accepted "+strconv.Itoa(i), content, false, false)
	}
}

// example is the configuration file that docs/configure.md shows.
func example(t *testing.T) string {
	t.Helper()
	_, rest, ok := strings.Cut(readDoc(t, "configure.md"), "```yaml\n")
	content, _, ok2 := strings.Cut(rest, "```\n")
	if !ok || !ok2 || strings.Contains(content, "```") {
		t.Fatal("docs/configure.md has no example")
	}
	return content
}

func TestTheDocumentedExampleSaysEverything(t *testing.T) {
	t.Parallel()
	content := example(t)
	file, targets, err := parse("configure.md", []byte(content))
	if err != nil {
		t.Fatal(err)
	}
	if len(file.Registries) != 3 || file.Fallback != "osxkeychain" || file.Log.Level != "info" || len(targets) != 1 {
		t.Errorf("it reads as %+v, %+v", file, targets)
	}
	// The keys of rancher are many; they stand in a table.
	for _, section := range []string{"", "log", "registry"} {
		for _, key := range sections()[section] {
			if !strings.Contains(content, key+":") {
				t.Errorf("the example does not show %s", key)
			}
		}
	}
}

func TestEveryKeyAndVariableIsDocumented(t *testing.T) {
	t.Parallel()
	doc := readDoc(t, "configure.md")
	for _, keys := range sections() {
		for _, key := range keys {
			if !strings.Contains(doc, "`"+key+"`") && !strings.Contains(doc, "`log."+key+"`") && key != "log" {
				t.Errorf("docs/configure.md does not explain %s", key)
			}
		}
	}
	parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "settings", "settings.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	variables := 0
	ast.Inspect(parsed, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 || !strings.HasPrefix(spec.Names[0].Name, "Env") {
			return true
		}
		literal, ok := spec.Values[0].(*ast.BasicLit)
		if !ok {
			t.Fatalf("%s is no literal", spec.Names[0])
		}
		variables++
		name, err := strconv.Unquote(literal.Value)
		if err != nil {
			t.Fatal(err)
		}
		for _, page := range []string{"configure.md", filepath.Join("..", "README.md")} {
			if !strings.Contains(readDoc(t, page), "`"+name+"`") {
				t.Errorf("%s does not explain %s", page, name)
			}
		}
		return true
	})
	if variables == 0 {
		t.Error("no variables were found in package settings")
	}
}

// schema is as much of JSON Schema (draft 2020-12) as our own file uses. A
// keyword that is not known here fails the test rather than being passed over.
type schema map[string]any

func (s schema) object(key string) schema {
	o, _ := s[key].(map[string]any)
	return o
}

func (s schema) list(key string) []any {
	l, _ := s[key].([]any)
	return l
}

// check returns what is wrong with a value, or nothing.
func (s schema) check(root schema, value any, where string) string {
	if ref, ok := s["$ref"].(string); ok {
		return root.object("$defs").object(strings.TrimPrefix(ref, "#/$defs/")).check(root, value, where)
	}
	for keyword := range s {
		if problem := s.keyword(keyword, value); problem != "" {
			return where + ": " + problem
		}
	}
	switch value := value.(type) {
	case map[string]any:
		for key, v := range value {
			property := s.object("properties").object(key)
			if property == nil {
				return where + ": unknown key " + key
			}
			if problem := property.check(root, v, key); problem != "" {
				return problem
			}
		}
	case []any:
		for _, v := range value {
			if problem := s.object("items").check(root, v, "an element of "+where); problem != "" {
				return problem
			}
		}
	}
	return ""
}

func (s schema) keyword(keyword string, value any) string {
	text, isText := value.(string)
	number, isNumber := value.(int)
	object, isObject := value.(map[string]any)
	switch keyword {
	case "$schema", "$id", "$defs", "title", "description", "default", "examples", "properties", "items", "additionalProperties":
		return "" // for people, or looked at by check
	case "type":
		kinds, ok := s[keyword].([]any)
		if !ok {
			kinds = []any{s[keyword]}
		}
		if !slices.ContainsFunc(kinds, func(k any) bool { return isA(value, k) }) {
			return fmt.Sprintf("%v is no %v", value, s[keyword])
		}
	case "enum":
		if !slices.Contains(s.list(keyword), value) {
			return fmt.Sprintf("%v is none of %v", value, s.list(keyword))
		}
	case "pattern":
		if pattern, _ := s[keyword].(string); isText && !regexp.MustCompile(pattern).MatchString(text) {
			return text + " does not match " + pattern
		}
	case "maxLength":
		if most, _ := s[keyword].(float64); isText && len(text) > int(most) {
			return text + " is too long"
		}
	case "minimum":
		if least, _ := s[keyword].(float64); isNumber && float64(number) < least {
			return fmt.Sprintf("%d is too small", number)
		}
	case "maximum":
		if most, _ := s[keyword].(float64); isNumber && float64(number) > most {
			return fmt.Sprintf("%d is too large", number)
		}
	case "required":
		for _, key := range s.list(keyword) {
			if _, ok := object[fmt.Sprint(key)]; isObject && !ok {
				return fmt.Sprintf("%v is missing", key)
			}
		}
	case "dependentRequired":
		for key := range s.object(keyword) {
			for _, other := range s.object(keyword).list(key) {
				_, has := object[key]
				if _, ok := object[fmt.Sprint(other)]; has && !ok {
					return fmt.Sprintf("%s without %v", key, other)
				}
			}
		}
	default:
		return "this test does not know the keyword " + keyword
	}
	return ""
}

func isA(value, kind any) bool {
	switch value.(type) {
	case map[string]any:
		return kind == "object"
	case []any:
		return kind == "array"
	case string:
		return kind == "string"
	case bool:
		return kind == "boolean"
	case int:
		return kind == "integer"
	}
	return false
}
