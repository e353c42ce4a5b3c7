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
)

// lab is the surroundings of a run: a fake AWS on loopback, a proxy that lets
// nobody out, and homes with caches of every size.
type lab struct {
	paths  programs
	effort time.Duration
	dir    string
	aws    *awstest.Server
	proxy  *awstest.Recorder
	homes  map[string]string // by program and number of tokens
}

// program is something to run.
type program struct{ name, path string }

func newLab(paths programs, effort time.Duration) (_ *lab, err error) {
	l := &lab{paths: paths, effort: effort, homes: map[string]string{}}
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

// subject is a program as it runs with a home. What it prints has to be the
// same each time; calls says how many requests have reached AWS or the proxy,
// so that a run that was meant to be warm and was not is an error.
func (l *lab) subject(p program, home, verb, stdin string) subject {
	return subject{
		name:  p.name,
		path:  p.path,
		args:  []string{verb},
		env:   l.env(home),
		stdin: stdin,
		calls: func() int { return l.aws.Count() + len(l.proxy.Hosts()) },
	}
}

// getters returns everyone who can answer a `get` of targetHost from a cache
// of so many tokens.
func (l *lab) getters(tokens int) ([]subject, error) {
	var subjects []subject
	for _, p := range l.helpers() {
		home, err := l.home(p, tokens)
		if err != nil {
			return nil, err
		}
		s := l.subject(p, home, "get", targetHost)
		s.check = l.checkAnswer
		subjects = append(subjects, s)
	}
	home, err := l.home(l.ours(), tokens)
	if err != nil {
		return nil, err
	}
	file, err := l.tokenFile(home)
	if err != nil {
		return nil, err
	}
	for _, p := range []program{{nameFloor, l.paths.floor}, {nameLinked, l.paths.linked}} {
		if p.path != "" {
			s := l.subject(p, home, file, "")
			s.check = l.checkAnswer
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
func (l *lab) env(home string) []string {
	env := append(l.aws.Env(),
		"HOME="+home,
		"USERPROFILE="+home,
		"AWS_ACCESS_KEY_ID="+accessKeyID,
		"AWS_SECRET_ACCESS_KEY="+secretKey,
		"AWS_REGION="+region,
		"HTTPS_PROXY="+l.proxy.URL(),
		"HTTP_PROXY="+l.proxy.URL(),
	)
	if root, ok := os.LookupEnv("SYSTEMROOT"); ok {
		env = append(env, "SYSTEMROOT="+root)
	}
	return env
}

// home returns a home directory in which p has so many cached tokens, one of
// them for targetHost. That one p has fetched itself; the others are copies
// for other owners or registries.
func (l *lab) home(p program, tokens int) (string, error) {
	id := fmt.Sprintf("%s-%d", strings.ReplaceAll(p.name, " ", "-"), tokens)
	if dir, ok := l.homes[id]; ok {
		return dir, nil
	}
	dir := filepath.Join(l.dir, id)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", err
	}
	if tokens > 0 {
		if err := l.fetch(p, dir); err != nil {
			return "", err
		}
		fill := l.fillOurs
		if p.name == nameReference {
			fill = l.fillReference
		}
		if err := fill(dir, tokens); err != nil {
			return "", fmt.Errorf("cannot fill the cache: %w", err)
		}
	}
	l.homes[id] = dir
	return dir, nil
}

// fetch lets p ask the fake AWS for the token of targetHost.
func (l *lab) fetch(p program, home string) error {
	cmd := exec.Command(p.path, "get") //nolint:noctx // it ends by its own deadline
	cmd.Env = l.env(home)
	cmd.Stdin = strings.NewReader(targetHost)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s cannot get a token from the fake AWS: %w\n%s%s", p.name, err, stdout.String(), stderr.String())
	}
	return l.checkAnswer(stdout.Bytes())
}

func tokensDir(home string) string { return filepath.Join(home, ".ecr", "tokens") }

// tokenFile is the only file in the cache of this helper in a home where it has
// one token.
func (l *lab) tokenFile(home string) (string, error) {
	one, err := l.home(l.ours(), 1)
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
func (l *lab) fillReference(home string, tokens int) error {
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
