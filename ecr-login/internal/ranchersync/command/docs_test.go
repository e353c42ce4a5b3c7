package command_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/template"
	"time"

	"go.yaml.in/yaml/v3"

	"ecr-credential-helper/ecr-login/internal/ranchersync"
)

func document(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "..", "..", "..", "docs", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestTheDocumentedJSONIsTheReports(t *testing.T) {
	t.Parallel()
	doc := document(t, "rancher.md")
	_, section, _ := strings.Cut(doc, "## JSON\n")
	_, example, _ := strings.Cut(section, "```json\n")
	example, _, _ = strings.Cut(example, "```")
	dec := json.NewDecoder(strings.NewReader(example))
	dec.DisallowUnknownFields()
	var report ranchersync.Report
	if err := dec.Decode(&report); err != nil {
		t.Fatal(err)
	}
	// And the other way round: what a report can hold is in the document.
	report.Error = &ranchersync.Problem{}
	all, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	var members map[string]any
	if err := json.Unmarshal(all, &members); err != nil {
		t.Fatal(err)
	}
	for name := range members {
		if !strings.Contains(doc, "`"+name+"`") && !strings.Contains(example, `"`+name+`"`) {
			t.Errorf("the document says nothing of %q", name)
		}
	}
	for _, value := range []string{
		"keep", "update", "create", "activate", "skip", "fail", "planned", "unchanged", "updated", "created", "activated",
		"skipped", "unverified", "failed", "config", "refused", "aws", "unreachable", "answer", "rejected", "missing", "state", "interrupted",
	} {
		if !strings.Contains(section, "`"+value+"`") {
			t.Errorf("the document says nothing of %q", value)
		}
	}
}

func TestEveryFlagIsDocumented(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.want(d.run("--help"), 0)
	doc := document(t, "rancher.md")
	n := 0
	for line := range strings.Lines(d.out.String()) {
		for word := range strings.FieldsSeq(line) {
			if strings.HasPrefix(word, "--") && strings.HasPrefix(line, "  ") && word != "--help" {
				n++
				if word = strings.Trim(word, ",;.()"); !strings.Contains(doc, "`"+word+"`") {
					t.Errorf("the document says nothing of %s", word)
				}
			}
		}
	}
	if n < 25 {
		t.Errorf("only %d flags found", n)
	}
}

func TestEveryMetricIsDocumented(t *testing.T) {
	t.Parallel()
	d := newDesk(t).inRancher()
	d.has(hostA)
	d.DropKey("KEY")
	s := d.start("--interval", "1h")
	for end := time.Now().Add(time.Minute); !strings.Contains(d.err.String(), "next="); { // the first run has ended
		if time.Now().After(end) {
			t.Fatalf("no run ended within a minute: %s", d.err.String())
		}
		time.Sleep(10 * time.Millisecond)
		if code, _ := s.get(t, "/ping"); code != 200 {
			t.Fatal(code)
		}
	}
	_, metrics := s.get(t, "/metrics")
	s.end()
	doc := document(t, "rancher.md")
	n := 0
	for line := range strings.Lines(metrics) {
		if name, ok := strings.CutPrefix(line, "# TYPE ecr_login"); ok {
			n++
			if name = "ecr_login" + strings.Fields(name)[0]; !strings.Contains(doc, "`"+name+"`") {
				t.Errorf("the document says nothing of %s", name)
			}
		}
	}
	if n < 7 {
		t.Errorf("only %d metrics in\n%s", n, metrics)
	}
}

func TestTheCatalogAsksWhatItsPredecessorAsked(t *testing.T) {
	t.Parallel()
	var rancher struct {
		Catalog struct {
			Questions []struct{ Variable, Type, Default string }
		} `yaml:".catalog"`
		Service struct {
			HealthCheck struct {
				Port        int
				RequestLine string `yaml:"request_line"`
			} `yaml:"health_check"`
		} `yaml:"ecr-updater"`
	}
	if err := yaml.Unmarshal([]byte(document(t, "rancher-catalog/ecr/0/rancher-compose.yml")), &rancher); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"aws_access_key_id", "aws_secret_access_key", "aws_region=us-east-1", "auto_create=false", "log_level=INFO",
		"registry_in_which_environment=current", "environment_api_endpoint", "environment_api_access_key", "environment_api_secret_key",
	}
	var got []string
	answers := map[string]string{}
	for _, q := range rancher.Catalog.Questions {
		answers[q.Variable] = q.Default
		name := q.Variable
		if q.Default != "" {
			name += "=" + q.Default
		}
		got = append(got, name)
	}
	if !slices.Equal(got, want) {
		t.Errorf("it asks %q", got)
	}
	if h := rancher.Service.HealthCheck; h.Port != 8080 || h.RequestLine != "GET /healthz HTTP/1.0" {
		t.Errorf("health check %+v", h)
	}

	for _, where := range []string{"current", "other"} {
		answers["registry_in_which_environment"] = where
		env, labels := launch(t, answers)
		_, agent := labels["io.rancher.container.create_agent"]
		_, url := env["CATTLE_URL"]
		if agent != (where == "current") || agent != (labels["io.rancher.container.agent.role"] == "environment") || url != (where == "other") ||
			labels["io.rancher.container.pull_image"] != "always" {
			t.Errorf("%s: labels %v, environment %v", where, labels, env)
		}
		d := newDesk(t)
		d.has(hostA)
		if url {
			for name, answer := range map[string]string{"environment_api_endpoint": d.url, "environment_api_access_key": "KEY", "environment_api_secret_key": secret} {
				answers[name] = answer
			}
			env, _ = launch(t, answers)
			d.env = env
		} else {
			d.inRancher()
			for name, value := range env {
				d.env[name] = value
			}
		}
		// With these answers it runs for ever; once is enough here.
		d.want(d.run("--interval", "0"), 0)
		d.wantPull(hostA)
	}
}

// launch is what Rancher makes of the catalog's template with these answers.
func launch(t *testing.T, answers map[string]string) (env, labels map[string]string) {
	t.Helper()
	tmpl, err := template.New("compose").Parse(document(t, "rancher-catalog/ecr/0/docker-compose.yml.tpl"))
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := tmpl.Execute(&text, map[string]any{"Values": answers}); err != nil {
		t.Fatal(err)
	}
	var services map[string]struct {
		Image, Command      string
		Environment, Labels map[string]string
	}
	compose := os.Expand(text.String(), func(name string) string {
		answer, ok := answers[name]
		if !ok {
			t.Errorf("nobody is asked for %s", name)
		}
		return answer
	})
	if err := yaml.Unmarshal([]byte(compose), &services); err != nil {
		t.Fatalf("%v in\n%s", err, compose)
	}
	service := services["ecr-updater"]
	if service.Command != "rancher-sync" || service.Image == "" || service.Environment["RANCHER_SYNC_INTERVAL"] != "1h" {
		t.Errorf("%+v", service)
	}
	return service.Environment, service.Labels
}
