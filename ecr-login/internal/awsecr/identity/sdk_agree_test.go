package identity

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
)

// sample is a trial of which both sides have an opinion.
type sample struct {
	principal string
	fields    []field
	says      string
}

// collisions returns pairs of principals that share a fingerprint, and splits
// those that have more than one, with the fields of some label left out.
func collisions(samples []sample, without string) (collisions, splits []string) {
	owner := map[[32]byte]string{}
	fingerprint := map[string][32]byte{}
	for _, s := range samples {
		sum := digest(drop(s.fields, without))
		if p, ok := owner[sum]; ok && p != s.principal {
			collisions = append(collisions, fmt.Sprintf("one fingerprint for\n  %s\n  %s", p, s.principal))
		}
		owner[sum] = s.principal
		if f, ok := fingerprint[s.principal]; ok && f != sum {
			splits = append(splits, fmt.Sprintf("several fingerprints for\n  %s\n  (%s)", s.principal, s.says))
		}
		fingerprint[s.principal] = sum
	}
	return collisions, splits
}

func drop(fields []field, label string) []field {
	if label == "" {
		return fields
	}
	var kept []field
	for _, f := range fields {
		if f.label != label {
			kept = append(kept, f)
		}
	}
	return kept
}

// isolate empties the environment of everything that speaks to the SDK, and
// makes it look into the home directory.
func isolate(t *testing.T, c *cloud) {
	t.Helper()
	for _, kv := range os.Environ() {
		if name, _, _ := strings.Cut(kv, "="); strings.HasPrefix(name, "AWS_") || strings.Contains(strings.ToUpper(name), "_PROXY") {
			t.Setenv(name, "")
			if err := os.Unsetenv(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Setenv("HOME", c.home)
	t.Setenv("USERPROFILE", c.home)
	// The address that relative container URIs lead to is nobody's here.
	t.Setenv("HTTP_PROXY", c.real.URL())
	configFiles, credentialsFiles := config.DefaultSharedConfigFiles, config.DefaultSharedCredentialsFiles
	t.Cleanup(func() {
		config.DefaultSharedConfigFiles, config.DefaultSharedCredentialsFiles = configFiles, credentialsFiles
	})
	config.DefaultSharedConfigFiles = []string{config.DefaultSharedConfigFilename()}
	config.DefaultSharedCredentialsFiles = []string{config.DefaultSharedCredentialsFilename()}
}

// sampled runs trials and reports those in which SDK and package disagree over
// whether the configuration makes sense.
func sampled(t *testing.T, c *cloud, n int) []sample {
	t.Helper()
	temporary := c.real.IssueSession(fmt.Sprintf(roleArn, 1), "environment", time.Hour)
	g := generator{
		Rand: rand.New(rand.NewPCG(7, 11)), home: c.home, real: c.real.URL(), other: c.other.URL(),
		temporary: []string{temporary.AccessKeyID, temporary.SecretAccessKey, temporary.SessionToken},
	}
	var samples []sample
	refused := 0
	for i := range n {
		if i%10 == 0 {
			c.rotate(t)
		}
		tr := g.trial()
		c.write(t, filepath.Join(".aws", "config"), tr.config)
		c.write(t, filepath.Join(".aws", "credentials"), tr.credentials)
		for name, v := range tr.env {
			t.Setenv(name, v)
		}
		in := tr.in
		in.LookupEnv = os.LookupEnv
		id, err := Resolve(in)
		out := c.ask(in)
		for name := range tr.env {
			if err := os.Unsetenv(name); err != nil {
				t.Fatal(err)
			}
		}
		show := func() string {
			return fmt.Sprintf("explicit %+v\nenvironment %v\n--- config\n%s\n--- credentials\n%s", tr.in, tr.env, tr.config, tr.credentials)
		}
		switch {
		case out.loadErr != nil && err == nil && id.MFASerial() == "":
			t.Errorf("the SDK says %v, we say %v\n%s", out.loadErr, id, show())
		case out.principal != "" && err != nil:
			t.Errorf("the SDK is %s, we say %v\n%s", out.principal, err, show())
		case out.principal == "" || err != nil:
			refused++
		default:
			s := sample{out.principal, id.fields, id.String()}
			if strings.Contains(s.principal, " process-") {
				s.principal += " seeing " + tr.process
			}
			if strings.Contains(s.principal, "container:") {
				s.principal += " with " + tr.token
			}
			samples = append(samples, s)
		}
	}
	t.Logf("%d trials: %d with a principal, %d without", n, len(samples), refused)
	return samples
}

// TestFingerprintsAgreeWithWhoTheSDKIs is the proof of the package: over
// generated environments and files, the principal that the fake AWS sees and
// the fingerprint tell the same trials apart. That the proof can fail is shown
// by leaving out, one at a time, everything that fingerprints are made of.
func TestFingerprintsAgreeWithWhoTheSDKIs(t *testing.T) {
	c := openCloud(t)
	isolate(t, c)
	samples := sampled(t, c, *rounds)

	found, split := collisions(samples, "")
	for _, v := range append(found, split...) {
		t.Error(v)
	}
	principals := map[string]bool{}
	labels := map[string]bool{}
	for _, s := range samples {
		principals[s.principal] = true
		for _, f := range s.fields {
			labels[f.label] = true
		}
	}
	if len(principals) < 50 {
		t.Errorf("only %d principals in %d trials", len(principals), *rounds)
	}

	// The generator cannot make everything that the table can: another
	// machine, say, or a token with tags.
	pairs := tablePairs(t)
	for _, p := range pairs {
		for _, f := range append(p[0], p[1]...) {
			labels[f.label] = true
		}
	}
	byTable := 0
	for label := range labels {
		if found, _ := collisions(samples, label); len(found) > 0 {
			continue
		}
		if !slices.ContainsFunc(pairs, func(p [2][]field) bool { return digest(drop(p[0], label)) == digest(drop(p[1], label)) }) {
			t.Errorf("nothing fails when fingerprints lack the %s", label)
		}
		byTable++
	}
	t.Logf("%d principals; of %d inputs to a fingerprint, leaving one out is noticed in the trials for %d, in the table for the others",
		len(principals), len(labels), len(labels)-byTable)
}

// tablePairs are the fields before and after everything in the table that
// makes another identity.
func tablePairs(t *testing.T) [][2][]field {
	t.Helper()
	home := t.TempDir()
	var pairs [][2][]field
	for _, s := range sources() {
		was := resolved(t, s.world.clone(), home)
		for _, c := range s.other {
			pairs = append(pairs, [2][]field{was.fields, resolved(t, s.world.changed(c), home).fields})
		}
	}
	relative := world{config: "[default]\ncredential_process = ./creds\n"}
	t.Chdir(t.TempDir())
	here := resolved(t, relative, home)
	t.Chdir(t.TempDir())
	there := resolved(t, relative, home)
	if here.Fingerprint() == there.Fingerprint() {
		t.Error("a relative command is the same in every working directory")
	}
	pairs = append(pairs, [2][]field{here.fields, there.fields})

	// The same relative path in two folders: two files.
	file := world{env: env("AWS_SHARED_CREDENTIALS_FILE", "creds")}
	inFolder := func() []field {
		t.Chdir(t.TempDir())
		if err := os.WriteFile("creds", []byte("[default]\ncredential_process = /bin/creds\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return resolved(t, file, home).fields
	}
	return append(pairs, [2][]field{inFolder(), inFolder()})
}
