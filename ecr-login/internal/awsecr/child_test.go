package awsecr

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"ecr-credential-helper/ecr-login/internal/awsecr/identity"
	"ecr-credential-helper/ecr-login/internal/awstest"
	"ecr-credential-helper/ecr-login/registry"
	"ecr-credential-helper/ecr-login/token"
)

// The SDK reads environment and home directory of the process, some of it
// once. So that tests can run beside each other, and to see what reaches a
// client's standard error, each Fetch runs in a process of its own: this test
// binary, started once more.
const specVariable = "AWSECR_TEST_FETCH"

// spec is what a child process is to do.
type spec struct {
	Host       string
	Profile    string
	RoleARN    string
	ExternalID string
	Timeout    time.Duration
	CancelIn   time.Duration // cancels in the place of the deadline, if set
	Anonymous  bool          // leave Request.Identity out
	SlowRetry  bool          // wait between attempts as in earnest
	SDK        bool          // let the SDK alone do it
	DNS        string        // address of the name server
}

// outcome is what came of it.
type outcome struct {
	User, Password         string
	Issued, Refresh        time.Time
	Expires, ServerExpires time.Time

	Sentence  string
	Reason    Reason
	Transient bool
	Call      Call
	Chain     string // what the sentence was made of, for whoever has to mend it

	Elapsed   time.Duration
	Allocated uint64 // bytes of memory, freed or not

	stderr string
}

func TestMain(m *testing.M) {
	if text, ok := os.LookupEnv(specVariable); ok {
		os.Exit(child(text))
	}
	// Most tests wait, for a child or for a time-out, and need no processor.
	flag.Parse()
	if fuzzing := flag.Lookup("test.fuzz"); fuzzing == nil || fuzzing.Value.String() == "" {
		if err := flag.Set("test.parallel", "10"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

func child(text string) int {
	var s spec
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		panic(err)
	}
	// No name leads out of this machine.
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", s.DNS)
	}}
	reg, err := registry.Parse(s.Host)
	if err != nil {
		panic(err)
	}
	r := Request{Endpoint: reg.Endpoint, Profile: s.Profile, RoleARN: s.RoleARN, ExternalID: s.ExternalID}
	if !s.Anonymous {
		r.Identity, _ = identity.Resolve(identity.Inputs{
			LookupEnv: os.LookupEnv, Profile: s.Profile, RoleARN: s.RoleARN, ExternalID: s.ExternalID,
		})
	}
	f := Fetcher{}
	if !s.SlowRetry {
		f.retryDelay = func(int, error) (time.Duration, error) { return time.Millisecond, nil }
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.Timeout)
	defer cancel()
	if s.CancelIn > 0 {
		time.AfterFunc(s.CancelIn, cancel)
	}
	begin := time.Now()
	tok, err := token.Token{}, error(nil)
	if s.SDK {
		tok, err = fetchBySDK(ctx, r)
	} else {
		tok, err = f.Fetch(ctx, r)
	}
	o := outcome{
		User: tok.User, Password: tok.Password.Reveal(), Issued: tok.Issued, Refresh: tok.Refresh,
		Expires: tok.Expires, ServerExpires: tok.ServerExpires, Elapsed: time.Since(begin),
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	o.Allocated = memory.TotalAlloc
	var e *Error
	switch {
	case errors.As(err, &e):
		o.Sentence, o.Reason, o.Transient, o.Call = e.Error(), e.Reason, e.Transient, e.Call
		o.Chain = fmt.Sprintf("%v", e.Unwrap())
	case err != nil:
		panic(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(o); err != nil {
		panic(err)
	}
	return 0
}

// fetchBySDK does what Fetch does, with the SDK and nothing else.
func fetchBySDK(ctx context.Context, r Request) (token.Token, error) {
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRegion(r.Endpoint.Region), config.WithSharedConfigProfile(r.Profile))
	if err != nil {
		return token.Token{}, err
	}
	out, err := ecr.NewFromConfig(cfg).GetAuthorizationToken(ctx, nil)
	if err != nil {
		return token.Token{}, err
	}
	data := out.AuthorizationData[0]
	return answer{encoded: data.AuthorizationToken, expires: data.ExpiresAt}.token(time.Time{}, time.Now(), 0)
}

const (
	eu      = "111122223333.dkr.ecr.eu-west-1.amazonaws.com"
	public  = "public.ecr.aws"
	keyID   = "AKIAALICE00000000000"
	secret  = "aliceSECRETkey/forty+characters+long0000"
	pull    = "arn:aws:iam::111122223333:role/pull"
	startAt = "https://example.awsapps.com/start"
)

// world is a fake AWS with a home directory and an environment that lead to it.
type world struct {
	t       *testing.T
	aws     *awstest.Server
	home    string
	env     map[string]string
	secrets []string // that nothing may show
	places  []string // what differs from run to run, and the names that sentences are compared with
	after   func(outcome)
}

// place gives what differs from run to run a name such as {proxy}.
func (w *world) place(value, name string) string {
	w.places = append(w.places, value, name)
	return value
}

// general returns a sentence with the names of places.
func (w *world) general(sentence string) string {
	return strings.NewReplacer(append(w.places, w.address(), "{aws}", w.home, "{home}")...).Replace(sentence)
}

func newWorld(t *testing.T, o awstest.Options) *world {
	t.Helper()
	aws, err := awstest.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = aws.Close() })
	aws.AddUser("alice", keyID, secret)
	aws.AddRole(awstest.Role{ARN: pull, MaxSession: 12 * time.Hour})
	w := &world{t: t, aws: aws, home: t.TempDir(), env: aws.EnvMap(), secrets: []string{secret}}
	for _, name := range []string{"PATH", "SystemRoot", "TMPDIR", "TEMP", "GOCOVERDIR"} {
		if v, ok := os.LookupEnv(name); ok {
			w.env[name] = v
		}
	}
	w.set("HOME", w.home, "USERPROFILE", w.home)
	return w
}

// set sets variables, given as names and values.
func (w *world) set(pairs ...string) *world {
	for i := 0; i < len(pairs); i += 2 {
		w.env[pairs[i]] = pairs[i+1]
	}
	return w
}

// alice puts alice's keys into the environment.
func (w *world) alice() *world {
	return w.set("AWS_ACCESS_KEY_ID", keyID, "AWS_SECRET_ACCESS_KEY", secret)
}

// config writes the AWS config file.
func (w *world) config(lines ...string) *world {
	w.file(".aws/config", strings.Join(lines, "\n")+"\n")
	return w
}

// file writes a file into the home directory and returns its path.
func (w *world) file(name, text string) string {
	w.t.Helper()
	path := filepath.Join(w.home, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// address is the host and port of the fake AWS.
func (w *world) address() string { return strings.TrimPrefix(w.aws.URL(), "http://") }

// fetch runs one Fetch in a child process, and checks what must hold for all.
func (w *world) fetch(s spec) outcome {
	w.t.Helper()
	if s.Host == "" {
		s.Host = eu
	}
	if s.Timeout == 0 {
		s.Timeout = 20 * time.Second
	}
	if s.DNS == "" {
		s.DNS = nameServer(w.t, rcodeNoName)
	}
	text, err := json.Marshal(s)
	if err != nil {
		w.t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		w.t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	ctx, cancel := context.WithTimeout(w.t.Context(), s.Timeout+20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = []string{specVariable + "=" + string(text)}
	for name, value := range w.env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.Stdout, cmd.Stderr, cmd.Dir = &stdout, &stderr, w.home
	cmd.Stdin = strings.NewReader("the request of our client, which is nobody else's to read\n")
	if err := cmd.Run(); err != nil {
		w.t.Fatalf("the child failed: %v\n%s%s", err, stdout.String(), stderr.String())
	}
	var o outcome
	if err := json.Unmarshal(stdout.Bytes(), &o); err != nil {
		w.t.Fatalf("%v in %q", err, stdout.String())
	}
	o.stderr = stderr.String()
	w.check(s, o)
	return o
}

// check is what every outcome has to satisfy.
func (w *world) check(s spec, o outcome) {
	w.t.Helper()
	if o.stderr != "" {
		w.t.Errorf("standard error, which is our client's, got %q", o.stderr)
	}
	if (o.Sentence == "") != w.aws.Valid(o.User, o.Password) {
		w.t.Errorf("neither a token nor an error: %+v", o)
	}
	if limit := s.Timeout + 300*time.Millisecond; o.Elapsed > limit {
		w.t.Errorf("it took %v, and the limit is %v", o.Elapsed, limit)
	}
	if o.Sentence == "" {
		return
	}
	checkSentence(w.t, o.Sentence)
	for _, s := range w.secrets {
		if s != "" && strings.Contains(o.Sentence, s) {
			w.t.Errorf("the secret %q stands in %q", s, o.Sentence)
		}
	}
	if o.Reason == "" {
		w.t.Error("the error has no reason")
	}
}

func checkSentence(t *testing.T, s string) {
	t.Helper()
	first := strings.Fields(s)[0]
	if capitals := strings.ToLower(first[1:]) != first[1:]; 'A' <= s[0] && s[0] <= 'Z' && !capitals { // a name such as AWS or AssumeRole may
		t.Errorf("it begins with a capital: %q", s)
	}
	if strings.HasSuffix(s, ".") || strings.ContainsAny(s, "\n\r\t\x00") || strings.TrimSpace(s) != s || strings.Contains(s, "  ") {
		t.Errorf("it is no clean line: %q", s)
	}
	if len(s) > 1000 {
		t.Errorf("it is too long: %q", s)
	}
}

const (
	rcodeServFail = 2
	rcodeNoName   = 3
)

// nameServer answers every question with the same failure.
func nameServer(t *testing.T, rcode byte) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	go func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			if n < 12 {
				continue
			}
			// The question once more, marked as an answer (RFC 1035, 4.1.1),
			// without the records that may follow it.
			answer := question(buf[:n])
			answer[2] |= 0x80
			answer[3] = 0x80 | rcode
			clear(answer[8:12])
			_, _ = conn.WriteTo(answer, from)
		}
	}()
	return conn.LocalAddr().String()
}

// question cuts a query after its only question.
func question(query []byte) []byte {
	i := 12
	for i < len(query) && query[i] != 0 {
		i += int(query[i]) + 1
	}
	return append([]byte(nil), query[:min(i+5, len(query))]...)
}
