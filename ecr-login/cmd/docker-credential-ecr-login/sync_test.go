//go:build unix

package main

import (
	"bytes"
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"ecr-credential-helper/ecr-login/internal/ranchertest"
)

const cattleSecret = "the-environment-keys-secret"

// cattle is a Rancher for a lab, with one environment and the old updaters'
// variables set for it.
func (l *lab) cattle(hosts ...string) (rancher *ranchertest.Server, project string) {
	l.t.Helper()
	rancher = ranchertest.New(ranchertest.Options{})
	project = rancher.AddProject("Default")

	rancher.AddKey(ranchertest.Key{Access: "CATTLEKEY", Secret: cattleSecret, Project: project})
	for _, host := range hosts {
		rancher.AddCredential(rancher.AddRegistry(project, host), "AWS", "yesterday's")
	}
	front := httptest.NewServer(rancher)
	l.t.Cleanup(front.Close)
	maps.Copy(l.env, map[string]string{
		"CATTLE_URL": front.URL + "/v1", "CATTLE_ACCESS_KEY": "CATTLEKEY", "CATTLE_SECRET_KEY": cattleSecret, "AWS_REGION": "eu-west-1",
	})
	return rancher, project
}

// pushes matches the requests that put a token into a credential.
func pushes(r ranchertest.Request) bool { return r.Method == http.MethodPut }

// syncing is a rancher-sync that was started.
type syncing struct {
	cmd      *exec.Cmd
	out, err bytes.Buffer
}

func (l *lab) startSync(ctx context.Context, args ...string) *syncing {
	l.t.Helper()
	s := &syncing{cmd: l.command(ctx, append([]string{"rancher-sync"}, args...)...)}
	s.cmd.Stdout, s.cmd.Stderr = &s.out, &s.err
	if err := s.cmd.Start(); err != nil {
		l.t.Fatal(err)
	}
	return s
}

// A signal in the middle of a write: the write is finished, none is begun after
// it, and a service that was told to stop has not failed.
func TestASignalLetsTheSyncFinishTheWriteUnderWay(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		signal syscall.Signal
		args   []string
		code   int
		says   string
	}{
		"SIGTERM to a service":  {syscall.SIGTERM, []string{"--interval", "1h", "--listen", "off"}, 0, "rancher-sync ends"},
		"SIGINT to a service":   {syscall.SIGINT, []string{"--interval", "1h", "--listen", "off"}, 0, "rancher-sync ends"},
		"SIGTERM to a one-shot": {syscall.SIGTERM, nil, 1, "not reached: "},
		"SIGINT to a one-shot":  {syscall.SIGINT, nil, 1, "not reached: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			l := newLab(t)
			rancher, project := l.cattle(irish, german)
			var s *syncing
			started := make(chan struct{})
			rancher.Inject(ranchertest.Fault{
				Match: pushes,
				// As long as a program takes that would not wait for the answer.
				Delay: 300 * time.Millisecond,
				Before: func() {
					<-started
					if err := s.cmd.Process.Signal(c.signal); err != nil {
						t.Error(err)
					}
				},
			})
			s = l.startSync(ctx, append(c.args, "--concurrency", "1")...)
			close(started)
			_ = s.cmd.Wait() // the exit code tells
			said := s.out.String() + s.err.String()
			if got := s.cmd.ProcessState.ExitCode(); got != c.code || !strings.Contains(said, c.says) {
				t.Errorf("the exit code is %d, want %d\n%s", got, c.code, said)
			}
			writes := rancher.Writes()
			if len(writes) != 1 || writes[0].Status != http.StatusOK {
				t.Errorf("writes: %+v", writes)
			}
			pushed := 0
			for _, host := range []string{irish, german} {
				if p, ok := rancher.Pull(project, host); ok && l.aws.Valid(p.User, p.Password) {
					pushed++
				}
			}
			if pushed != 1 {
				t.Errorf("%d of two registries have a token", pushed)
			}
			l.noTemporaryFiles()

			// Whoever runs it again finds all in order afterwards.
			again := l.startSync(ctx)
			if err := again.cmd.Wait(); err != nil {
				t.Errorf("the next run: %v\n%s%s", err, again.out.String(), again.err.String())
			}
			for _, host := range []string{irish, german} {
				if p, ok := rancher.Pull(project, host); !ok || !l.aws.Valid(p.User, p.Password) {
					t.Errorf("a pull of %s uses %.20q…", host, p.Password)
				}
			}
		})
	}
}

// A Rancher that never answers a write holds the program up, and whoever cannot
// wait for that asks once more.
func TestASecondSignalEndsTheSyncAtOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		first, second syscall.Signal
		args          []string
		code          int
	}{
		"Ctrl-C twice, once":         {syscall.SIGINT, syscall.SIGINT, nil, 130},
		"SIGTERM twice to a service": {syscall.SIGTERM, syscall.SIGTERM, []string{"--interval", "1h", "--listen", "off"}, 143},
		"SIGTERM after Ctrl-C":       {syscall.SIGINT, syscall.SIGTERM, nil, 143},
		"SIGHUP after SIGTERM":       {syscall.SIGTERM, syscall.SIGHUP, nil, 129},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			rancher, _ := l.cattle(irish)
			writing := make(chan struct{})
			rancher.Inject(ranchertest.Fault{
				Match:  pushes,
				Delay:  time.Hour,
				Before: func() { close(writing) },
			})
			s := l.startSync(t.Context(), c.args...)
			<-writing
			if err := s.cmd.Process.Signal(c.first); err != nil {
				t.Fatal(err)
			}
			ended := make(chan struct{})
			go func() {
				_ = s.cmd.Wait() // the exit code tells
				close(ended)
			}()
			select {
			case <-ended:
				t.Fatalf("the first signal ended it: %v", s.cmd.ProcessState)
			case <-time.After(400 * time.Millisecond): // nobody asks again faster
			}
			if err := s.cmd.Process.Signal(c.second); err != nil {
				t.Fatal(err)
			}
			select {
			case <-ended:
			case <-time.After(5 * time.Second):
				_ = s.cmd.Process.Kill() // it is a failure already
				<-ended
				t.Fatal("the second signal did not end it")
			}
			if got := s.cmd.ProcessState.ExitCode(); got != c.code {
				t.Errorf("it ended with %v, want exit code %d\n%s%s", s.cmd.ProcessState, c.code, s.out.String(), s.err.String())
			}
			l.noTemporaryFiles()
		})
	}
}

// As timeout(1) signals a program and then its group, and a wrapper passes on
// the Ctrl-C that the terminal sent to both.
func TestASignalThatComesTwiceAtOnceIsOne(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	rancher, project := l.cattle(irish)
	var s *syncing
	started := make(chan struct{})
	rancher.Inject(ranchertest.Fault{
		Match: pushes,
		Delay: 300 * time.Millisecond,
		Before: func() {
			<-started
			for range 2 {
				if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
					t.Error(err)
				}
				time.Sleep(5 * time.Millisecond) // else the kernel makes one of them
			}
		},
	})
	s = l.startSync(t.Context())
	close(started)
	_ = s.cmd.Wait() // the exit code tells
	if !s.cmd.ProcessState.Exited() {
		t.Errorf("it ended with %v\n%s%s", s.cmd.ProcessState, s.out.String(), s.err.String())
	}
	if p, ok := rancher.Pull(project, irish); !ok || !l.aws.Valid(p.User, p.Password) {
		t.Errorf("a pull uses %.20q…", p.Password)
	}
}
