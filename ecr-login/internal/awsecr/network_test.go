package awsecr

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"ecr-credential-helper/ecr-login/internal/awstest"
)

func TestWhatIsWrongWithTheNetwork(t *testing.T) {
	t.Parallel()
	tell(t, toldOfNetworks())
}

func toldOfNetworks() []told {
	// tunnel leads alice to the fake over TLS by way of a proxy.
	tunnel := func(w *world) {
		if _, err := w.aws.StartTLS(); err != nil {
			w.t.Fatal(err)
		}
		r := recorder(w.t)
		r.TunnelTo(hostOf(w.aws.TLSURL()))
		w.alice().real().set("HTTPS_PROXY", r.URL())
	}
	proxy := func(status int, text string) func(*world) spec {
		return func(w *world) spec {
			s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { http.Error(rw, text, status) }))
			w.t.Cleanup(s.Close)
			w.secrets = append(w.secrets, "hunter2")
			w.alice().real().set("HTTPS_PROXY", "http://me:hunter2@"+w.place(hostOf(s.URL), "{proxy}"))
			return spec{}
		}
	}
	drop := func(k awstest.Kind) func(*world) spec { return faulty(awstest.OpECRToken, awstest.Fault{Kind: k}) }
	return []told{
		{
			name:   "nobody listens",
			want:   "127.0.0.1:1 refuses connections; hint: check the network, its firewall, and AWS_ENDPOINT_URL if it is set",
			reason: Network, transient: true, prepare: func(w *world) spec {
				w.alice().set("AWS_ENDPOINT_URL_ECR", "http://127.0.0.1:1")
				return spec{}
			},
		},
		{
			name:   "nobody listens where STS should",
			want:   "127.0.0.1:1 refuses connections; hint: check the network, its firewall, and AWS_ENDPOINT_URL if it is set",
			reason: Network, transient: true, prepare: func(w *world) spec {
				w.alice().set("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1")
				return spec{RoleARN: pull}
			},
		},
		{
			name:   "the connection is closed",
			want:   "{aws} closed the connection without an answer; hint: check the network, its firewall, and AWS_ENDPOINT_URL if it is set",
			reason: Network, transient: true, prepare: drop(awstest.DropBeforeHeaders),
		},
		{
			name:   "there is no such region",
			want:   "there is no host api.ecr.xx-nowhere-9.amazonaws.com: either xx-nowhere-9 is no AWS region, or the DNS of this network does not know it; hint: check the region in the registry's host name, then the network and its DNS",
			reason: UnknownRegion, transient: true, prepare: func(w *world) spec {
				w.alice().real()
				return spec{Host: "111122223333.dkr.ecr.xx-nowhere-9.amazonaws.com"}
			},
		},
		{
			name:   "the region has no FIPS endpoint",
			want:   "there is no host ecr-fips.eu-west-1.amazonaws.com: either eu-west-1 has no FIPS endpoint, or the DNS of this network does not know it; hint: use the registry's host without FIPS and no AWS_USE_FIPS_ENDPOINT, or a region that has it",
			reason: UnknownRegion, transient: true, prepare: func(w *world) spec {
				w.alice().real()
				return spec{Host: "111122223333.dkr.ecr-fips.eu-west-1.amazonaws.com"}
			},
		},
		{
			name:   "there is no such host",
			want:   "there is no host aws.example; hint: check the network and its DNS, and AWS_ENDPOINT_URL if it is set",
			reason: DNS, transient: true, prepare: func(w *world) spec {
				w.alice().set("AWS_ENDPOINT_URL_ECR", "http://aws.example")
				return spec{}
			},
		},
		{
			name:   "the name server is broken",
			want:   "the name api.ecr.eu-west-1.amazonaws.com cannot be looked up: server misbehaving; hint: check the network and its DNS",
			reason: DNS, transient: true, prepare: func(w *world) spec {
				w.alice().real()
				return spec{DNS: nameServer(w.t, rcodeServFail)}
			},
		},
		{
			name:   "the certificate is of an unknown authority",
			want:   "the certificate of api.ecr.eu-west-1.amazonaws.com is not trusted: x509: certificate signed by unknown authority; hint: if a proxy inspects TLS, name its CA in AWS_CA_BUNDLE; else see that the CA certificates of this machine are up to date",
			reason: TLS, prepare: func(w *world) spec {
				tunnel(w)
				return spec{}
			},
		},
		{
			name:   "the certificate is for another host",
			want:   "the certificate of {server} is not trusted: x509: cannot validate certificate for 127.0.0.1 because it doesn't contain any IP SANs; hint: if a proxy inspects TLS, name its CA in AWS_CA_BUNDLE; else see that the CA certificates of this machine are up to date",
			reason: TLS, prepare: func(w *world) spec {
				w.alice().set("AWS_ENDPOINT_URL_ECR", certified(w, "aws.example", time.Now().Add(time.Hour)))
				return spec{}
			},
		},
		{
			name:   "the certificate has expired",
			want:   "the certificate of {server} was valid until 2020-01-02T00:00:00Z; hint: check the clock of this machine; else a proxy inspects TLS with a certificate of its own",
			reason: TLS, prepare: func(w *world) spec {
				w.alice().set("AWS_ENDPOINT_URL_ECR", certified(w, "127.0.0.1", time.Date(2020, 1, 2, 0, 0, 0, 0, time.UTC)))
				return spec{}
			},
		},
		{
			name:   "the certificate is of tomorrow",
			want:   "the certificate of {server} is not valid before 2199-01-01T00:00:00Z; hint: check the clock of this machine; else a proxy inspects TLS with a certificate of its own",
			reason: TLS, prepare: func(w *world) spec {
				w.alice().set("AWS_ENDPOINT_URL_ECR", certified(w, "127.0.0.1", time.Date(2199, 1, 2, 0, 0, 0, 0, time.UTC)))
				return spec{}
			},
		},
		{
			name:   "the port is none",
			want:   "the connection to 127.0.0.1:99999 failed: address 99999: invalid port; hint: check the network, its firewall, and AWS_ENDPOINT_URL if it is set",
			reason: Network, transient: true, prepare: func(w *world) spec {
				w.alice().set("AWS_ENDPOINT_URL_ECR", "http://127.0.0.1:99999")
				return spec{}
			},
		},
		{
			name:   "TLS is spoken to who does not",
			want:   "TLS with {aws} fails: http: server gave HTTP response to HTTPS client; hint: see what stands between here and AWS; AWS_ENDPOINT_URL and HTTPS_PROXY must say http:// where there is no TLS",
			reason: TLS, prepare: func(w *world) spec {
				w.alice().set("AWS_ENDPOINT_URL_ECR", "https://"+w.address())
				return spec{}
			},
		},
		{
			name:   "TLS fails at the other end",
			want:   "TLS with {server} fails: tls: protocol version not supported; hint: see what stands between here and AWS; AWS_ENDPOINT_URL and HTTPS_PROXY must say http:// where there is no TLS",
			reason: TLS, prepare: func(w *world) spec {
				s := httptest.NewUnstartedServer(http.NotFoundHandler())
				s.Config.ErrorLog = log.New(io.Discard, "", 0)
				s.TLS = &tls.Config{MaxVersion: tls.VersionTLS11}
				s.StartTLS()
				w.t.Cleanup(s.Close)
				w.alice().set("AWS_ENDPOINT_URL_ECR", "https://"+w.place(hostOf(s.URL), "{server}"))
				return spec{}
			},
		},
		{
			name:   "the proxy is gone",
			want:   "the proxy for api.ecr.eu-west-1.amazonaws.com cannot be reached: 127.0.0.1:1: connection refused; hint: check HTTPS_PROXY, and put hosts that need no proxy into NO_PROXY",
			reason: Proxy, transient: true, prepare: func(w *world) spec {
				w.secrets = append(w.secrets, "hunter2")
				w.alice().real().set("HTTPS_PROXY", "http://me:hunter2@127.0.0.1:1")
				return spec{}
			},
		},
		{
			name:   "the proxy's name is not known",
			want:   "the proxy for api.ecr.eu-west-1.amazonaws.com cannot be reached: its name proxy.example cannot be looked up; hint: check HTTPS_PROXY, and put hosts that need no proxy into NO_PROXY",
			reason: Proxy, transient: true, prepare: func(w *world) spec {
				w.alice().real().set("HTTPS_PROXY", "http://proxy.example:3128")
				return spec{}
			},
		},
		{
			name:   "the proxy's address is none, and Go passes over it",
			want:   "there is no host api.ecr.eu-west-1.amazonaws.com: either eu-west-1 is no AWS region, or the DNS of this network does not know it; hint: check the region in the registry's host name, then the network and its DNS",
			reason: UnknownRegion, transient: true, prepare: func(w *world) spec {
				w.secrets = append(w.secrets, "hun%ter2", "%te")
				w.alice().real().set("HTTPS_PROXY", "http://me:hun%ter2@127.0.0.1:1")
				return spec{}
			},
		},
		{
			name:   "the proxy wants a password",
			want:   "the proxy {proxy} wants a user name and password, or other ones (status 407); hint: put them into HTTPS_PROXY: http://user:password@{proxy}",
			reason: Proxy, prepare: proxy(http.StatusProxyAuthRequired, "who are you"),
		},
		{
			name:   "the proxy forbids it",
			want:   "the proxy {proxy} does not let api.ecr.eu-west-1.amazonaws.com through (status 403); hint: allow that host in the proxy, or put it into NO_PROXY if it can be reached directly",
			reason: Proxy, prepare: proxy(http.StatusForbidden, "not for you"),
		},
		{
			name:   "the proxy cannot reach it",
			want:   "the proxy {proxy} does not let api.ecr.eu-west-1.amazonaws.com through (status 502); hint: allow that host in the proxy, or put it into NO_PROXY if it can be reached directly",
			reason: Proxy, transient: true, prepare: proxy(http.StatusBadGateway, "no way"),
		},
		{
			name:   "nothing comes",
			want:   "no answer from {aws} to GetAuthorizationToken before time ran out; hint: check the network, HTTPS_PROXY and VPC endpoints, or raise AWS_ECR_TIMEOUT",
			reason: TimedOut, transient: true, prepare: func(w *world) spec {
				w.alice().aws.Inject(awstest.OpECRToken, awstest.Fault{Kind: awstest.Hang})
				return spec{Timeout: 300 * time.Millisecond}
			},
		},
		{
			name:   "half of it comes",
			want:   "the answer of {aws} to GetAuthorizationToken began and did not end before time ran out; hint: check the network, HTTPS_PROXY and VPC endpoints, or raise AWS_ECR_TIMEOUT",
			reason: TimedOut, transient: true, prepare: func(w *world) spec {
				w.alice().aws.Inject(awstest.OpECRToken, awstest.Fault{Kind: awstest.HangMidBody})
				return spec{Timeout: 300 * time.Millisecond}
			},
		},
		{
			name:   "nothing comes from STS",
			want:   "no answer from {aws} to AssumeRole before time ran out; hint: check the network, HTTPS_PROXY and VPC endpoints, or raise AWS_ECR_TIMEOUT",
			reason: TimedOut, transient: true, prepare: func(w *world) spec {
				w.alice().aws.Inject(awstest.OpAssumeRole, awstest.Fault{Kind: awstest.Hang})
				return spec{RoleARN: pull, Timeout: 300 * time.Millisecond}
			},
		},
		{
			name:   "nothing comes from the proxy",
			want:   "no answer from api.ecr.eu-west-1.amazonaws.com to GetAuthorizationToken, by way of a proxy, before time ran out; hint: check the network, HTTPS_PROXY and VPC endpoints, or raise AWS_ECR_TIMEOUT",
			reason: TimedOut, transient: true, prepare: func(w *world) spec {
				w.alice().real().set("HTTPS_PROXY", "http://"+silence(w.t))
				return spec{Timeout: 300 * time.Millisecond}
			},
		},
		{
			name:   "refusals until time runs out",
			want:   "GetAuthorizationToken of ECR in eu-west-1 is throttled (ThrottlingException), until time ran out; hint: too many calls come from this account in this region; see whether the token cache is off (AWS_ECR_DISABLE_CACHE) or cannot be written",
			reason: Throttled, transient: true, prepare: func(w *world) spec {
				w.alice().set("AWS_MAX_ATTEMPTS", "1000").aws.Inject(awstest.OpECRToken, awstest.Throttled(0))
				return spec{SlowRetry: true, Timeout: 3 * time.Second}
			},
		},
		{
			name:   "the user gives up",
			want:   "interrupted while getting a token for ECR in eu-west-1",
			reason: Cancelled, prepare: func(w *world) spec {
				w.alice().aws.Inject(awstest.OpECRToken, awstest.Fault{Kind: awstest.Hang})
				return spec{CancelIn: 200 * time.Millisecond, Timeout: 10 * time.Second}
			},
		},
	}
}

func TestWhatWillNotChangeIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	want := map[string]int{
		"the certificate is of an unknown authority": 1, "the certificate has expired": 1, "TLS is spoken to who does not": 1, "TLS fails at the other end": 1,
		"the proxy wants a password": 1, "the proxy forbids it": 1, "the proxy cannot reach it": 3, "the proxy is gone": 3, "nobody listens": 3,
		"there is no such region": 1,
	}
	for _, test := range toldOfNetworks() {
		attempts, ok := want[test.name]
		if !ok {
			continue
		}
		delete(want, test.name)
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, awstest.Options{})
			if o := w.fetch(test.prepare(w)); o.Call.Attempts != attempts {
				t.Errorf("%d attempts, want %d: %s", o.Call.Attempts, attempts, o.Sentence)
			}
		})
	}
	if len(want) > 0 {
		t.Errorf("no such tests: %v", want)
	}
}

// silence is an address where connections are taken and nothing is said.
func silence(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String() // the kernel takes them
}

// certified serves TLS with a certificate of its own, which the world trusts.
func certified(w *world, host string, until time.Time) string {
	w.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: until.Add(-24 * time.Hour), NotAfter: until,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	if ip := net.ParseIP(host); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{host}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		w.t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(w.aws)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	s.StartTLS()
	w.t.Cleanup(s.Close)
	w.set("AWS_CA_BUNDLE", w.file("ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))))
	w.place(hostOf(s.URL), "{server}")
	return s.URL
}
