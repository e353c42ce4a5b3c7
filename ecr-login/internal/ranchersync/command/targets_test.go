package command_test

import (
	"encoding/pem"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ecr-credential-helper/ecr-login/internal/ranchersync/command"
	"ecr-credential-helper/ecr-login/internal/ranchertest"
)

func TestPlansOfSeveralTargetsDoNotGetMixedUp(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	var targets []command.FileTarget
	for i := range 8 {
		project := d.AddProject(fmt.Sprint(i))
		access := fmt.Sprintf("%dKEYOFAPROJECT", i)
		d.AddKey(ranchertest.Key{Access: access, Secret: secret, Project: project})
		for range 20 {
			d.AddCredential(d.AddRegistry(project, hostA), "AWS", "old")
		}
		targets = append(targets, command.FileTarget{URL: d.url, AccessKey: access})
	}
	d.targets(targets...)
	d.want(d.run(), 0, "160 updated in ")
	for i := range targets {
		name := fmt.Sprintf("%s key %dKEYO…", d.url, i)
		_, plan, ok := strings.Cut(d.out.String(), "Plan for "+name+"\n")
		plan, _, _ = strings.Cut(plan, "\n\n")
		if n := strings.Count(plan, "\n"); !ok || n != 20 || strings.Contains(plan, " for ") {
			t.Errorf("the plan for %s has %d rows:\n%s", name, n, plan)
		}
		if strings.Count(d.out.String(), "Result for "+name+"\n") != 1 {
			t.Errorf("not one result for %s", name)
		}
	}
}

func TestOneTargetsTrustIsNotAnothers(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.has(hostA)
	// Both have the same certificate, so only whose trust it is makes a difference.
	one, other := httptest.NewTLSServer(d.Server), httptest.NewTLSServer(d.Server)
	t.Cleanup(one.Close)
	t.Cleanup(other.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: one.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, trusting := range []command.FileTarget{
		{URL: one.URL, AccessKey: "KEY", CAFile: ca},
		{URL: one.URL, AccessKey: "KEY", InsecureSkipVerify: true},
	} {
		d.targets(trusting, command.FileTarget{URL: other.URL, AccessKey: "KEY"})
		d.out.b.Reset()
		d.want(d.run("--force"), 1, "1 updated, 1 failed in ", "certificate signed by unknown authority")
	}
}

func TestARancherThatHangsHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	d, hanging := newDesk(t), newDesk(t)
	d.has(hostA)
	hanging.Inject(ranchertest.Fault{Times: -1, Delay: time.Hour})
	d.targets(command.FileTarget{URL: hanging.url, AccessKey: "KEY"}, command.FileTarget{URL: d.url, AccessKey: "KEY"})
	d.want(d.run("--concurrency", "1", "--timeout", "1s"), 1, "1 updated, 1 failed in ", "the run took longer than 1s")
	d.wantPull(hostA)
}
