//go:build linux

package e2e_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"ecr-credential-helper/ecr-login/internal/awstest"
	"ecr-credential-helper/ecr-login/internal/awstest/ociregistry"
)

const (
	account      = "111122223333"
	otherAccount = "444455556666"

	euWest    = account + ".dkr.ecr.eu-west-1.amazonaws.com"
	euWestToo = otherAccount + ".dkr.ecr.eu-west-1.amazonaws.com"
	usEast    = account + ".dkr.ecr.us-east-1.amazonaws.com"
	fips      = account + ".dkr.ecr-fips.us-east-1.amazonaws.com"
	dualStack = account + ".dkr-ecr.eu-west-1.on.aws"
	public    = "public.ecr.aws"
	// elsewhere is not ECR: it asks for no password.
	elsewhere = "registry.example.com"

	keyID  = "AKIAIOSFODNN7EXAMPLE"
	secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
)

// awsLatency makes AWS about as far away as it is. It cannot be nearer than a
// goroutine takes to be scheduled: should the SDK (smithy-go 1.28) get an answer
// while net/http has not yet seen the end of the request's body, it closes the
// body, which net/http takes for a failed write, and the call is made again.
const awsLatency = 50 * time.Millisecond

// The names of the AWS API as the SDK makes them: nothing redirects it.
const (
	apiEuWest    = "api.ecr.eu-west-1.amazonaws.com"
	apiUsEast    = "api.ecr.us-east-1.amazonaws.com"
	apiFIPS      = "ecr-fips.us-east-1.amazonaws.com"
	apiDualStack = "ecr.eu-west-1.api.aws"
	apiPublic    = "api.ecr-public.us-east-1.amazonaws.com"
)

// The real registry, which only the servers of this process can reach by name.
const backend = "registry.internal:5443"

// world is the machine: an AWS, registries behind its passwords, a Docker
// daemon and the clients.
type world struct {
	dir     string // a tmpfs
	tools   string // what run.sh has built
	helpers string // the folder of the helper
	ca      string // the certificate of the only authority that is trusted

	aws     *awstest.Server
	user    awstest.Principal
	private *ociregistry.Registry
	public  *publicRegistry
	seen    *visitors
	front   *http.Server

	registry, daemon *process
	clients          []client
	image            image
	results          *table
}

func newWorld(dir, address string) (_ *world, err error) {
	w := &world{
		dir: filepath.Join(dir, "private"), tools: filepath.Join(dir, "bin"), helpers: filepath.Join(dir, "helper"),
		aws: awstest.New(awstest.Options{Account: account}), seen: &visitors{},
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("%w%s", err, w.logs())
			w.close()
		}
	}()
	w.user = w.aws.AddUser("e2e", keyID, secret)
	w.aws.SetLatency("ecr:*", awsLatency)
	w.aws.SetLatency("ecr-public:*", awsLatency)
	if w.ca, err = w.aws.WriteCA(w.dir); err != nil {
		return nil, err
	}
	if err := writeEtc(address); err != nil {
		return nil, err
	}
	if err := w.startRegistry(); err != nil {
		return nil, err
	}
	if err := w.listen(net.JoinHostPort(address, "443")); err != nil {
		return nil, err
	}
	if w.daemon, err = startDaemon(w.dir, w.environ(nil)); err != nil {
		return nil, err
	}
	if w.clients, err = findClients(w); err != nil {
		return nil, err
	}
	w.results = &table{columns: w.clients}
	w.image, err = w.seed()
	return w, err
}

func (w *world) close() {
	if w.front != nil {
		_ = w.front.Close()
	}
	for _, p := range []*process{w.daemon, w.registry} {
		if p != nil {
			p.stop()
		}
	}
	_ = w.aws.Close()
}

// writeEtc makes the private /etc what the clients shall find.
func writeEtc(address string) error {
	var hosts strings.Builder
	hosts.WriteString("127.0.0.1 localhost registry.internal\n")
	for _, h := range []string{
		euWest, euWestToo, usEast, fips, dualStack, public, elsewhere,
		apiEuWest, apiUsEast, apiFIPS, apiDualStack, apiPublic,
	} {
		fmt.Fprintf(&hosts, "%s %s\n", address, h)
	}
	files := map[string]string{
		"/etc/hosts":         hosts.String(),
		"/etc/resolv.conf":   "",
		"/etc/nsswitch.conf": "hosts: files\n",

		"/etc/containers/policy.json": `{"default":[{"type":"insecureAcceptAnything"}]}`,
		"/etc/containers/storage.conf": "[storage]\ndriver = \"vfs\"\nrunroot = \"/run/containers/storage\"\n" +
			"graphroot = \"/var/lib/containers/storage\"\n[storage.options]\nignore_chown_errors = \"true\"\n",
		"/etc/containers/containers.conf": "[engine]\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"none\"\n",
		"/etc/containers/registries.conf": "",
	}
	// What the machine configures for its own clients is not ours to test.
	for _, d := range []string{"/etc/containers", "/etc/docker"} {
		if err := os.RemoveAll(d); err != nil {
			return err
		}
	}
	for path, content := range files {
		if err := writeFile(path, content); err != nil {
			return err
		}
	}
	return nil
}

func writeFile(path, content string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(content), 0o600)
}

// startRegistry starts docker-registry, with TLS, on loopback.
func (w *world) startRegistry() error {
	host, port, err := net.SplitHostPort(backend)
	if err != nil {
		return err
	}
	dir := filepath.Join(w.dir, "registry")
	if err := w.writeKeyPair(host, dir); err != nil {
		return err
	}
	config := fmt.Sprintf(`version: 0.1
log: {level: warn, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: %s/blobs}}
http:
  addr: 127.0.0.1:%s
  secret: not-secret
  tls: {certificate: %[1]s/cert.pem, key: %[1]s/key.pem}
`, dir, port)
	if err := writeFile(filepath.Join(dir, "config.yml"), config); err != nil {
		return err
	}
	w.registry, err = start(filepath.Join(w.dir, "registry.log"), w.environ(nil), "docker-registry", "serve", filepath.Join(dir, "config.yml"))
	if err != nil {
		return err
	}
	return w.registry.ready(func() error {
		c, err := net.DialTimeout("tcp", net.JoinHostPort("127.0.0.1", port), time.Second)
		if err != nil {
			return err
		}
		return c.Close()
	})
}

// writeKeyPair writes a certificate for host, by the authority that all
// certificates here are from.
func (w *world) writeKeyPair(host, dir string) error {
	cfg, err := w.aws.TLSConfig()
	if err != nil {
		return err
	}
	cert, err := cfg.GetCertificate(&tls.ClientHelloInfo{ServerName: host})
	if err != nil {
		return err
	}
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		return err
	}
	var chain []byte
	for _, der := range cert.Certificate {
		chain = append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	return errors.Join(
		writeFile(filepath.Join(dir, "cert.pem"), string(chain)),
		writeFile(filepath.Join(dir, "key.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))),
	)
}

// listen puts AWS and the registries on one address, as names tell them apart.
func (w *world) listen(address string) error {
	inner, err := w.toBackend()
	if err != nil {
		return err
	}
	w.private, w.public = ociregistry.Guard(w.aws, inner), &publicRegistry{aws: w.aws, inner: inner}
	w.aws.HandleHost(ociregistry.IsHost, w.seen.watch(w.private))
	w.aws.HandleHost(func(h string) bool { return h == public }, w.seen.watch(w.public))
	w.aws.HandleHost(func(h string) bool { return h == elsewhere }, w.seen.watch(inner))

	cfg, err := w.aws.TLSConfig()
	if err != nil {
		return err
	}
	l, err := tls.Listen("tcp", address, cfg)
	if err != nil {
		return err
	}
	w.front = &http.Server{Handler: w.aws, ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	go func() { _ = w.front.Serve(l) }() // ends with close
	return nil
}

// environ is the whole environment of a program, apart from more. HOME and
// everything about AWS is the caller's.
func (w *world) environ(more map[string]string) []string {
	env := map[string]string{
		"PATH":          strings.Join([]string{w.helpers, w.tools, "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}, ":"),
		"LANG":          "C.UTF-8",
		"TMPDIR":        filepath.Join(w.dir, "tmp"),
		"SSL_CERT_FILE": w.ca,
	}
	for k, v := range more {
		env[k] = v
	}
	list := make([]string, 0, len(env))
	for k, v := range env {
		list = append(list, k+"="+v)
	}
	return list
}

func (w *world) introduction() string {
	names := make([]string, 0, len(w.clients))
	for _, c := range w.clients {
		names = append(names, c.name)
	}
	return fmt.Sprintf("e2e: %s; dockerd %s; docker-registry %s behind the passwords of a fake AWS\n",
		strings.Join(names, ", "), versionOf("dockerd"), versionOf("docker-registry"))
}

// logs is what may explain a failure.
func (w *world) logs() string {
	var out strings.Builder
	fmt.Fprintf(&out, "\n--- last requests to the registries\n%s\n", w.seen.last(40))
	for _, p := range []*process{w.daemon, w.registry} {
		if p != nil {
			fmt.Fprintf(&out, "--- end of %s\n%s\n", filepath.Base(p.log), p.tail(3000))
		}
	}
	return out.String()
}
