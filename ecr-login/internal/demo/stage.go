package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"ecr-credential-helper/ecr-login/internal/awstest"
	"ecr-credential-helper/ecr-login/internal/awstest/ociregistry"
)

const (
	account = "111122223333"
	region  = "eu-west-1"
	host    = account + ".dkr.ecr." + region + ".amazonaws.com"

	// awsLatency makes the embedded AWS about as slow as the real one is from
	// a good connection; without it cold would look as quick as warm.
	awsLatency = 80 * time.Millisecond

	keyID  = "AKIAIOSFODNN7EXAMPLE"
	secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
)

// stage is everything the story happens on.
type stage struct {
	dir      string // temporary, removed by close
	home     string
	helper   helper
	environ  []string // the whole environment of clients and helper
	aws      *awstest.Server
	user     awstest.Principal
	registry *ociregistry.Registry
	rancher  *rancher
	proxy    *awstest.Recorder // leads the names of ECR to the registry
	ca       string            // path of the certificate that the registry's comes from
}

// setUp starts the servers, finds the helper and writes the configuration that
// a person would write. It replaces this process's environment.
func setUp(ctx context.Context, helperPath string, p Process) (_ *stage, err error) {
	s := &stage{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.dir, err = os.MkdirTemp("", "ecr-demo-"); err != nil {
		return nil, fmt.Errorf("making a temporary folder: %w", err)
	}
	if s.helper.path, err = findHelper(ctx, helperPath, s.dir, p.Environ); err != nil {
		return nil, err
	}
	if err := s.startServers(); err != nil {
		return nil, err
	}
	if err := s.writeFiles(); err != nil {
		return nil, err
	}
	s.environ = s.environment(p.Environ)
	s.helper.environ = s.environ
	if err := p.Replace(s.environ); err != nil {
		return nil, fmt.Errorf("replacing the environment: %w", err)
	}
	return s, nil
}

func (s *stage) startServers() (err error) {
	if s.aws, err = awstest.Start(awstest.Options{Account: account}); err != nil {
		return err
	}
	s.user = s.aws.AddUser("demo", keyID, secret)
	s.aws.SetLatency(awstest.OpECRToken, awsLatency)
	if s.registry, err = ociregistry.StartTLS(s.aws); err != nil {
		return err
	}
	if s.rancher, err = startRancher(); err != nil {
		return err
	}
	if s.ca, err = s.aws.WriteCA(s.dir); err != nil {
		return err
	}
	if s.proxy, err = awstest.NewRecorder(); err != nil {
		return err
	}
	s.proxy.TunnelTo(s.registry.Host())
	return nil
}

// dockerConfig is ~/.docker/config.json.
type dockerConfig struct {
	CredHelpers map[string]string `json:"credHelpers"`
}

func (s *stage) dockerConfig() ([]byte, error) {
	return json.Marshal(dockerConfig{CredHelpers: map[string]string{host: "ecr-login"}})
}

func (s *stage) writeFiles() error {
	config, err := s.dockerConfig()
	if err != nil {
		return err
	}
	s.home = filepath.Join(s.dir, "home")
	for path, content := range map[string]string{
		filepath.Join(s.home, ".docker", "config.json"): string(config) + "\n",
		filepath.Join(s.home, ".aws", "credentials"): "[default]\naws_access_key_id = " + keyID +
			"\naws_secret_access_key = " + secret + "\n",
	} {
		const dirMode, fileMode = 0o700, 0o600
		if err := os.MkdirAll(filepath.Dir(path), dirMode); err != nil {
			return fmt.Errorf("preparing the home directory: %w", err)
		}
		if err := os.WriteFile(path, []byte(content), fileMode); err != nil {
			return fmt.Errorf("preparing the home directory: %w", err)
		}
	}
	return nil
}

// keptVariables are what programs need on some systems to run at all, and what
// instrumented builds are told by. All else of the environment stays outside,
// above all AWS_PROFILE and its like: the demo must do the same on every
// machine, and must never reach the real AWS.
func keptVariables() []string {
	return []string{"LANG", "TMPDIR", "TMP", "TEMP", "SYSTEMROOT", "GOCOVERDIR", "GORACE"}
}

// environment is what the helper and its clients see.
func (s *stage) environment(original []string) []string {
	var env []string
	path := ""
	for _, kv := range original {
		name, value, _ := strings.Cut(kv, "=")
		if runtime.GOOS == "windows" {
			name = strings.ToUpper(name)
		}
		if name == "PATH" {
			path = value
		}
		if slices.Contains(keptVariables(), name) {
			env = append(env, name+"="+value)
		}
	}
	return append(append(env, s.exports()...),
		"USERPROFILE="+s.home,
		"PATH="+filepath.Dir(s.helper.path)+string(os.PathListSeparator)+path)
}

// exports are the variables that make the stage.
func (s *stage) exports() []string {
	return append([]string{
		"HOME=" + s.home,
		"DOCKER_CONFIG=" + filepath.Join(s.home, ".docker"),
		"AWS_ENDPOINT_URL=" + s.aws.URL(),
		"AWS_EC2_METADATA_DISABLED=true",
	}, s.rancher.exports()...)
}

// callsDuring returns how many tokens AWS was asked for while do ran, and how
// long it took.
func (s *stage) callsDuring(do func() error) (n int, took time.Duration, err error) {
	before, start := s.aws.Count(awstest.OpECRToken), time.Now()
	err = do()
	return s.aws.Count(awstest.OpECRToken) - before, time.Since(start), err
}

func (s *stage) close() error {
	var errs []error
	if s.proxy != nil {
		errs = append(errs, s.proxy.Close())
	}
	if s.rancher != nil {
		errs = append(errs, s.rancher.close())
	}
	if s.registry != nil {
		errs = append(errs, s.registry.Close())
	}
	if s.aws != nil {
		errs = append(errs, s.aws.Close())
	}
	if s.dir != "" {
		errs = append(errs, os.RemoveAll(s.dir))
	}
	return errors.Join(errs...)
}
