package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker-credential-helpers/credentials"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/v1/random"

	"ecr-credential-helper/ecr-login/internal/app"
	"ecr-credential-helper/ecr-login/internal/awstest"
)

// chapter is a part of the story. It returns an error when something is not as
// the story has it.
type chapter struct {
	title string
	tell  func(context.Context, *stage, *teller) error
}

// chapters are told in this order, each on the stage as the one before left it.
func chapters() []chapter {
	return []chapter{
		{"The stage", theStage},
		{"Push and pull through the helper", pushAndPull},
		{"Cold and warm", coldAndWarm},
		{"List and erase", listAndErase},
		{"Into Rancher", intoRancher},
		{"Refused", refused},
	}
}

func theStage(ctx context.Context, s *stage, t *teller) error {
	version, err := s.helper.run(ctx, "version", "")
	if err != nil {
		return err
	}
	info, err := os.Stat(s.helper.path)
	if err != nil {
		return err
	}
	config, err := s.dockerConfig()
	if err != nil {
		return err
	}
	t.fact("AWS", fmt.Sprintf("embedded, at %s, takes %s to answer", s.aws.URL(), inWords(awsLatency)))
	t.fact("registry", fmt.Sprintf("embedded, at %s, opens only to passwords from that AWS", s.registry.URL()))
	t.fact("docker config", string(config))
	// The last word is the version; before it stand the program and its package.
	t.fact("helper", fmt.Sprintf("%s %s, one file of %.1f MB", app.Name, version[strings.LastIndexByte(version, ' ')+1:], float64(info.Size())/1e6))
	return nil
}

func pushAndPull(ctx context.Context, s *stage, t *teller) error {
	const size, layers = 256 << 10, 3
	img, err := random.Image(size, layers)
	if err != nil {
		return err
	}
	pushed, err := img.Digest()
	if err != nil {
		return err
	}
	c, err := s.client()
	if err != nil {
		return err
	}
	n, took, err := s.callsDuring(func() error { return c.push(ctx, img) })
	if err := expect("push", n, 1, err); err != nil {
		return err
	}
	t.event("push demo:1", fmt.Sprintf("%d layers, %d KiB; %s", layers, layers*size>>10, calls(n)), took)

	n, took, err = s.callsDuring(func() error {
		img, err = c.pull(ctx)
		return err
	})
	if err := expect("pull", n, 0, err); err != nil {
		return err
	}
	pulled, err := img.Digest()
	if err != nil {
		return err
	}
	if pulled != pushed {
		return fmt.Errorf("pushed %s, but pulled %s", pushed, pulled)
	}
	t.event("pull demo:1", fmt.Sprintf("the same image, %s…; %s", pulled.String()[:len("sha256:12345678")], calls(n)), took)
	return nil
}

func coldAndWarm(ctx context.Context, s *stage, t *teller) error {
	if _, err := s.helper.run(ctx, "erase", host); err != nil {
		return err
	}
	password := ""
	get := func(h string, again bool) func() error {
		return func() error {
			p, err := s.helper.get(ctx, h)
			if err == nil && again && p != password {
				err = errors.New("the password changed, though the last one is fresh")
			}
			password = p
			return err
		}
	}
	n, cold, err := s.callsDuring(get(host, false))
	if err := expect("cold get", n, 1, err); err != nil {
		return err
	}
	t.event("cold get", fmt.Sprintf("user AWS, password %s; %s", masked(password), calls(n)), cold)

	const rounds = 25
	var times []time.Duration
	asked := 0
	for range rounds {
		n, took, err := s.callsDuring(get(host, true))
		if err := expect("warm get", n, 0, err); err != nil {
			return err
		}
		asked += n
		times = append(times, took)
	}
	slices.Sort(times)
	warm := times[rounds/2]
	t.event("warm get", fmt.Sprintf("the same password, %.0f times as fast (median of %d); %s",
		float64(cold)/float64(warm), rounds, calls(asked)), warm)

	const accounts = 40
	n, took, err := s.callsDuring(func() error {
		for i := range accounts {
			if err := get(fmt.Sprintf("%012d%s", i+1, strings.TrimPrefix(host, account)), true)(); err != nil {
				return err
			}
		}
		return nil
	})
	if err := expect("get for other accounts", n, 0, err); err != nil {
		return err
	}
	t.event("other accounts", fmt.Sprintf("%d more in the region, one token serves them all; %s", accounts, calls(n)), took)
	return nil
}

func listAndErase(ctx context.Context, s *stage, t *teller) error {
	start := time.Now()
	hosts, err := s.helper.list(ctx)
	if err != nil {
		return err
	}
	if hosts[host] != "AWS" {
		return errors.New("list does not name " + host)
	}
	t.event("list", fmt.Sprintf("%d registries, offline, %s among them", len(hosts), account), time.Since(start))

	start = time.Now()
	if _, err := s.helper.run(ctx, "erase", host); err != nil {
		return err
	}
	took := time.Since(start)
	if hosts, err = s.helper.list(ctx); err != nil {
		return err
	}
	if len(hosts) != 0 {
		return fmt.Errorf("%d registries are listed after erase", len(hosts))
	}
	t.event("erase", "the token is gone, and with it all that it served", took)

	password := ""
	n, took, err := s.callsDuring(func() error {
		password, err = s.helper.get(ctx, host)
		return err
	})
	if err := expect("get after erase", n, 1, err); err != nil {
		return err
	}
	t.event("get", fmt.Sprintf("a new password, %s; %s", masked(password), calls(n)), took)
	return nil
}

func refused(ctx context.Context, s *stage, t *teller) error {
	c, err := s.client()
	if err != nil {
		return err
	}
	for _, who := range []struct {
		label string
		auth  authn.Authenticator
	}{
		{"wrong password", &authn.Basic{Username: awstest.TokenUser, Password: "guessed"}},
		{"no password", authn.Anonymous},
	} {
		status, err := c.status(ctx, who.auth)
		if err != nil {
			return err
		}
		if status != http.StatusUnauthorized {
			return fmt.Errorf("%s: the registry answered with status %d", who.label, status)
		}
		t.fact(who.label, fmt.Sprintf("the registry says %d %s", status, http.StatusText(status)))
	}

	_, err = s.helper.get(ctx, "registry.example.com")
	if err == nil || !credentials.IsErrCredentialsNotFoundMessage(err.Error()) {
		return fmt.Errorf("get for a registry that is not ECR: %w", orNone(err))
	}
	t.fact("other registry", "the helper says: "+err.Error())

	// The permission is taken away, and the token with it.
	s.aws.Deny(s.user.ARN, awstest.OpECRToken)
	defer s.aws.Allow(s.user.ARN, awstest.OpECRToken)
	if _, err := s.helper.run(ctx, "erase", host); err != nil {
		return err
	}
	_, err = s.helper.get(ctx, host)
	if err == nil || !strings.Contains(err.Error(), string(awstest.OpECRToken)) {
		return fmt.Errorf("get without permission: %w", orNone(err))
	}
	t.fact("no permission", "the helper says: "+err.Error())
	return nil
}

var errNone = errors.New("no error where there should be one")

func orNone(err error) error {
	if err == nil {
		return errNone
	}
	return err
}

// expect turns a number of calls other than the one it should be into an error.
func expect(what string, n, want int, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if n != want {
		return fmt.Errorf("%s: %s, where there should be %d", what, calls(n), want)
	}
	return nil
}
