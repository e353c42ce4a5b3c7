package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"ecr-credential-helper/ecr-login/internal/awstest"
	"ecr-credential-helper/ecr-login/internal/tokencache"
	"ecr-credential-helper/ecr-login/registry"
	"ecr-credential-helper/ecr-login/token"
)

const (
	nameOurs      = "this helper"
	nameReference = "reference"
	nameFloor     = "floor"
	nameLinked    = "floor, linked"

	region      = "eu-west-1"
	targetHost  = "111122223333.dkr.ecr." + region + ".amazonaws.com"
	accessKeyID = "AKIABENCHBENCHBENCH1"
	secretKey   = "bench+secret+bench+secret+bench+secret+1"
	roleARN     = "arn:aws:iam::111122223333:role/pull"

	// latency of every call to the fake AWS, about that of the real one.
	latency = 100 * time.Millisecond
)

// lab is the surroundings of a run: a fake AWS on loopback, a proxy that lets
// nobody out, and homes with caches of every size.
type lab struct {
	paths  programs
	effort time.Duration
	dir    string
	aws    *awstest.Server
	proxy  *awstest.Recorder
	homes  map[setting]string
}

// program is something to run.
type program struct{ name, path string }

func newLab(paths programs, effort time.Duration) (_ *lab, err error) {
	l := &lab{paths: paths, effort: effort, homes: map[setting]string{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.close())
		}
	}()
	if l.dir, err = os.MkdirTemp("", "ecr-bench-"); err != nil {
		return nil, err
	}
	if l.proxy, err = awstest.NewRecorder(); err != nil {
		return nil, err
	}
	if l.aws, err = awstest.Start(awstest.Options{}); err != nil {
		return nil, err
	}
	l.aws.AddUser("bench", accessKeyID, secretKey)
	l.aws.AddRole(awstest.Role{ARN: roleARN})
	l.slow()
	return l, nil
}

func (l *lab) close() error {
	var errs []error
	if l.aws != nil {
		errs = append(errs, l.aws.Close())
	}
	if l.proxy != nil {
		errs = append(errs, l.proxy.Close())
	}
	return errors.Join(append(errs, os.RemoveAll(l.dir))...)
}

func (l *lab) ours() program { return program{nameOurs, l.paths.ours} }

// helpers returns this helper and, if given, the reference.
func (l *lab) helpers() []program {
	all := []program{l.ours()}
	if l.paths.reference != "" {
		all = append(all, program{nameReference, l.paths.reference})
	}
	return all
}

// setting is what a program finds on the machine.
type setting struct {
	program
	// tokens is how many tokens its cache holds, one of them for targetHost
	// unless there is none.
	tokens int
	// profiles is how many profiles the shared config has. With none there is
	// no such file and the credentials are in the environment; else the
	// profile in use assumes a role.
	profiles int
}

// subject is a program as it runs in a setting. Its calls are the requests
// that have reached AWS or the proxy, so that a run that was meant to be warm
// and was not is an error.
func (l *lab) subject(s setting, verb, stdin string) (subject, error) {
	home, err := l.home(s)
	if err != nil {
		return subject{}, err
	}
	return subject{
		name:  s.name,
		path:  s.path,
		args:  []string{verb},
		env:   l.env(home, s),
		stdin: stdin,
		calls: l.calls,
	}, nil
}

func (l *lab) calls() int { return l.aws.Count() + len(l.proxy.Hosts()) }

// getter is a subject that answers a `get` of targetHost from its cache.
func (l *lab) getter(s setting) (subject, error) {
	sub, err := l.subject(s, "get", targetHost)
	sub.check = l.checkAnswer
	return sub, err
}

// getters returns everyone who can answer a `get` of targetHost from a cache
// of so many tokens.
func (l *lab) getters(tokens int) ([]subject, error) {
	var subjects []subject
	for _, p := range l.helpers() {
		s, err := l.getter(setting{program: p, tokens: tokens})
		if err != nil {
			return nil, err
		}
		subjects = append(subjects, s)
	}
	file, err := l.tokenFile(tokens)
	if err != nil {
		return nil, err
	}
	for _, p := range []program{{nameFloor, l.paths.floor}, {nameLinked, l.paths.linked}} {
		if p.path != "" {
			s := subjects[0]
			s.name, s.path, s.args, s.stdin = p.name, p.path, []string{file}, ""
			subjects = append(subjects, s)
		}
	}
	return subjects, nil
}

// checkAnswer refuses an answer whose password the fake AWS has not issued.
func (l *lab) checkAnswer(stdout []byte) error {
	var answer struct{ Username, Secret string }
	if err := json.Unmarshal(stdout, &answer); err != nil {
		return fmt.Errorf("the answer is not one: %w", err)
	}
	if _, ok := l.aws.Issued(answer.Secret); !ok || answer.Username != awstest.TokenUser {
		return errors.New("the answer is not a password of the fake AWS")
	}
	return nil
}

// env is all that a program sees: nothing of the machine's own AWS setup.
func (l *lab) env(home string, s setting) []string {
	env := append(l.aws.Env(),
		"HOME="+home,
		"USERPROFILE="+home,
		"AWS_REGION="+region,
		"HTTPS_PROXY="+l.proxy.URL(),
		"HTTP_PROXY="+l.proxy.URL(),
	)
	if s.profiles > 0 {
		env = append(env, "AWS_PROFILE=pull")
	} else {
		env = append(env, "AWS_ACCESS_KEY_ID="+accessKeyID, "AWS_SECRET_ACCESS_KEY="+secretKey)
	}
	if root, ok := os.LookupEnv("SYSTEMROOT"); ok {
		env = append(env, "SYSTEMROOT="+root)
	}
	return env
}

// home returns the home directory of a setting. The token for targetHost is one
// that the program has fetched itself; the others are copies for other owners
// or registries.
func (l *lab) home(s setting) (string, error) {
	if dir, ok := l.homes[s]; ok {
		return dir, nil
	}
	dir, err := l.newHome(s)
	if err != nil {
		return "", err
	}
	if s.tokens > 0 {
		if err := l.fetch(s, dir); err != nil {
			return "", err
		}
		fill := l.fillOurs
		if s.name == nameReference {
			fill = fillReference
		}
		if err := fill(dir, s.tokens); err != nil {
			return "", fmt.Errorf("cannot fill the cache: %w", err)
		}
	}
	l.homes[s] = dir
	return dir, nil
}

// newHome returns a home directory without a cache, that nobody else has.
func (l *lab) newHome(s setting) (string, error) {
	dir, err := os.MkdirTemp(l.dir, "home-")
	if err != nil || s.profiles == 0 {
		return dir, err
	}
	var config strings.Builder
	for i := 2; i < s.profiles; i++ {
		fmt.Fprintf(&config, "[profile other-%d]\nrole_arn = arn:aws:iam::%s:role/other\nsource_profile = base\nregion = %s\n\n", i, otherAccount(i), region)
	}
	fmt.Fprintf(&config, "[profile pull]\nrole_arn = %s\nsource_profile = base\n\n", roleARN)
	fmt.Fprintf(&config, "[profile base]\naws_access_key_id = %s\naws_secret_access_key = %s\n", accessKeyID, secretKey)
	if err := os.Mkdir(filepath.Join(dir, ".aws"), 0o700); err != nil {
		return "", err
	}
	return dir, os.WriteFile(filepath.Join(dir, ".aws", "config"), []byte(config.String()), 0o600)
}

// fetch lets a program ask the fake AWS for the token of targetHost.
func (l *lab) fetch(s setting, home string) error {
	cmd := exec.Command(s.path, "get") //nolint:noctx // it ends by its own deadline
	cmd.Env = l.env(home, s)
	cmd.Stdin = strings.NewReader(targetHost)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s cannot get a token from the fake AWS: %w\n%s%s", s.name, err, stdout.String(), stderr.String())
	}
	return l.checkAnswer(stdout.Bytes())
}

func tokensDir(home string) string { return filepath.Join(home, ".ecr", "tokens") }

// tokenFile is the file in which this helper keeps the token for targetHost,
// in the home where it has so many.
func (l *lab) tokenFile(tokens int) (string, error) {
	one, err := l.home(setting{program: l.ours(), tokens: 1})
	if err != nil {
		return "", err
	}
	home, err := l.home(setting{program: l.ours(), tokens: tokens})
	if err != nil {
		return "", err
	}
	files, err := filepath.Glob(filepath.Join(tokensDir(one), "*.json"))
	if err != nil {
		return "", err
	}
	if len(files) != 1 {
		return "", fmt.Errorf("%d token files where one was expected", len(files))
	}
	return filepath.Join(tokensDir(home), filepath.Base(files[0])), nil
}

// fillOurs adds tokens of other identities. Every Put looks over the whole
// folder, so they are made in small folders and moved.
func (l *lab) fillOurs(home string, tokens int) error {
	const batch = 100
	now := time.Now()
	for done := 1; done < tokens; {
		staging, err := os.MkdirTemp(l.dir, "staging-")
		if err != nil {
			return err
		}
		cache := tokencache.New(staging)
		for end := min(done+batch, tokens); done < end; done++ {
			r, err := registry.New(otherAccount(done), region)
			if err != nil {
				return err
			}
			var fingerprint [32]byte
			copy(fingerprint[:], fmt.Sprintf("bench %d", done))
			err = cache.Put(tokencache.NewKey(fingerprint, r.Endpoint), tokencache.Entry{
				Token: token.New(awstest.TokenUser, token.NewPassword(strings.Repeat("bench+password==", 144)), token.Lifetime{
					LocalNow: now, Expires: now.Add(12 * time.Hour),
				}),
				Endpoint: r.Endpoint,
				Identity: fmt.Sprintf("bench identity %d", done),
				Hosts:    []string{r.Host()},
			}, now)
			if err != nil {
				return err
			}
		}
		if err := moveAll(filepath.Join(staging, "tokens"), tokensDir(home)); err != nil {
			return err
		}
	}
	return nil
}

func moveAll(from, to string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := os.Rename(filepath.Join(from, e.Name()), filepath.Join(to, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// fillReference repeats the entry that the reference helper wrote into its one
// file, for other accounts' registries.
func fillReference(home string, tokens int) error {
	path := filepath.Join(home, ".ecr", "cache.json")
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var file struct {
		Registries map[string]map[string]any
		Version    string
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return err
	}
	account, _, _ := strings.Cut(targetHost, ".")
	for key, entry := range file.Registries {
		prefix, ok := strings.CutSuffix(key, account)
		if !ok {
			return fmt.Errorf("the reference helper's cache has a key of an unknown form: %s", key)
		}
		for i := 1; i < tokens; i++ {
			other := map[string]any{}
			for k, v := range entry {
				other[k] = v
			}
			other["ProxyEndpoint"] = "https://" + strings.Replace(targetHost, account, otherAccount(i), 1)
			file.Registries[prefix+otherAccount(i)] = other
		}
		break
	}
	if len(file.Registries) != tokens {
		return fmt.Errorf("the reference helper's cache has %d entries where %d were expected", len(file.Registries), tokens)
	}
	data, err = json.MarshalIndent(file, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o600)
}

func otherAccount(i int) string { return fmt.Sprintf("%012d", 400_000_000_000+i) }

// slow makes the fake AWS take its time.
func (l *lab) slow() {
	l.aws.Inject("*", awstest.Fault{Kind: awstest.Proceed, Latency: latency})
}
