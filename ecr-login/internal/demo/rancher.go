package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"ecr-credential-helper/ecr-login/internal/ranchertest"
)

const (
	cattleKey    = "DEMO0000000000000000"
	cattleSecret = "demo-environment-key"
	yesterdays   = "the password of yesterday"
)

// rancher is a Rancher 1.6 with an environment whose ECR registry has a
// password that ended long ago, beside a registry that is nobody's business.
type rancher struct {
	*ranchertest.Server
	environment string
	url         string
	front       *http.Server
}

func startRancher() (*rancher, error) {
	r := &rancher{Server: ranchertest.New(ranchertest.Options{})}
	r.environment = r.AddProject("demo")
	r.AddKey(ranchertest.Key{Access: cattleKey, Secret: cattleSecret, Project: r.environment})
	r.AddCredential(r.AddRegistry(r.environment, host), "AWS", yesterdays)
	r.AddCredential(r.AddRegistry(r.environment, "registry.example.com"), "me", "mine")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("starting the embedded Rancher: %w", err)
	}
	r.url = "http://" + listener.Addr().String()
	const patience = 10 * time.Second
	r.front = &http.Server{Handler: r, ReadHeaderTimeout: patience}
	go func() { _ = r.front.Serve(listener) }() // it ends when it is closed
	return r, nil
}

func (r *rancher) close() error { return r.front.Close() }

// exports are what Rancher gives a container that may write registries, and all
// that rancher-sync needs.
func (r *rancher) exports() []string {
	return []string{"CATTLE_URL=" + r.url + "/v1", "CATTLE_ACCESS_KEY=" + cattleKey, "CATTLE_SECRET_KEY=" + cattleSecret}
}

// report is what the story needs of rancher-sync's JSON.
type report struct {
	Totals  map[string]int `json:"totals"`
	Targets []struct {
		Registries []struct {
			Registry     string `json:"registry"`
			CredentialID string `json:"credential_id"`
			Action       string `json:"action"`
		} `json:"registries"`
	} `json:"targets"`
}

func (s *stage) sync(ctx context.Context, flags ...string) (r report, writes int, err error) {
	before := len(s.rancher.Writes())
	out, err := s.helper.run(ctx, "rancher-sync", "", append(flags, "--output", "json")...)
	if err != nil {
		return r, 0, fmt.Errorf("rancher-sync: %w", err)
	}
	err = json.Unmarshal([]byte(out), &r)
	return r, len(s.rancher.Writes()) - before, err
}

// intoRancher pushes the cached token into Rancher: first only in words, then in
// deed, then once more to show that there is nothing left to do.
func intoRancher(ctx context.Context, s *stage, t *teller) error {
	t.fact("Rancher", "embedded 1.6, at "+s.rancher.url+", with a password of yesterday for "+host)

	start := time.Now()
	r, writes, err := s.sync(ctx, "--dry-run")
	switch {
	case err != nil:
		return err
	case writes != 0:
		return errors.New("a dry run wrote into Rancher")
	case len(r.Targets) != 1 || len(r.Targets[0].Registries) != 1 || r.Targets[0].Registries[0].Registry != host:
		return fmt.Errorf("the plan is for %v, not for the one ECR registry", r.Targets)
	}
	plan := r.Targets[0].Registries[0]
	t.event("dry run", fmt.Sprintf("would %s credential %s of %s…; nothing written", plan.Action, plan.CredentialID, plan.Registry[:len(account)]), time.Since(start))

	var password string
	calls, took, err := s.callsDuring(func() error {
		if r, writes, err = s.sync(ctx); err != nil {
			return err
		}
		password, err = s.helper.get(ctx, host)
		return err
	})
	pull, ok := s.rancher.Pull(s.rancher.environment, host)
	switch {
	case err != nil:
		return err
	case r.Totals["updated"] != 1 || writes != 1 || calls != 0:
		return fmt.Errorf("the sync made %d writes and %d calls to AWS, and says %v", writes, calls, r.Totals)
	case !ok || pull.Password != password || !s.aws.Valid(pull.User, pull.Password):
		return errors.New("a host of Rancher would not pull with the cached token")
	}
	t.event("sync", "the cached token is pushed and read back; a pull would use it", took)

	start = time.Now()
	r, writes, err = s.sync(ctx)
	switch {
	case err != nil:
		return err
	case writes != 0 || r.Totals["unchanged"] != 1:
		return fmt.Errorf("the second sync made %d writes and says %v", writes, r.Totals)
	}
	t.event("sync again", "nothing to do, nothing written", time.Since(start))
	if other, ok := s.rancher.Pull(s.rancher.environment, "registry.example.com"); !ok || other.Password != "mine" {
		return errors.New("the sync touched a registry that is not ECR's")
	}
	return nil
}
