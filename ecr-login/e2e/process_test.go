//go:build linux

package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	startLimit   = 60 * time.Second
	stopLimit    = 10 * time.Second
	commandLimit = 60 * time.Second
)

// process is a server that runs beside the tests. Should a test die before it
// is stopped, the kernel ends it together with the process namespace.
type process struct {
	cmd  *exec.Cmd
	log  string
	done chan struct{}
}

func start(log string, env []string, name string, args ...string) (*process, error) {
	out, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	path, err := exec.LookPath(name)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(path, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr, cmd.Dir = env, out, out, filepath.Dir(log)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, log: log, done: make(chan struct{})}
	go func() { defer close(p.done); _ = cmd.Wait() }()
	return p, nil
}

// ready waits until probe succeeds.
func (p *process) ready(probe func() error) error {
	limit := time.After(startLimit)
	for {
		err := probe()
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("%s has ended", p.cmd.Path)
		case <-limit:
			return fmt.Errorf("%s does not answer: %w", p.cmd.Path, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(stopLimit):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

func (p *process) tail(size int) string {
	b, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-size):])
}

// startDaemon starts dockerd where clients look for it. It has neither bridge
// nor firewall rules, for it runs no container.
func startDaemon(dir string, env []string) (*process, error) {
	const socket = "/var/run/docker.sock"
	p, err := start(filepath.Join(dir, "dockerd.log"), env, "dockerd",
		"--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false",
		"--storage-driver=vfs", "--group=root", "--log-level=warn", "--host=unix://"+socket)
	if err != nil {
		return nil, err
	}
	c := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		},
	}}
	err = p.ready(func() error {
		resp, err := c.Get("http://docker/_ping")
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return errors.New(resp.Status)
		}
		return nil
	})
	return p, err
}

// versionOf asks a program for its version and returns the first word of the
// answer that looks like one.
func versionOf(path string) string {
	out, err := exec.Command(path, "--version").Output()
	if err != nil {
		if out, err = exec.Command(path, "version").Output(); err != nil {
			return "?"
		}
	}
	for _, word := range strings.Fields(string(out)) {
		word = strings.TrimPrefix(strings.Trim(word, ",()"), "v")
		if word != "" && '0' <= word[0] && word[0] <= '9' && strings.Contains(word, ".") {
			word, _, _ = strings.Cut(word, "+")
			return word
		}
	}
	return "?"
}
