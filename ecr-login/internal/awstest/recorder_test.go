package awstest_test

import (
	"crypto/tls"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecrpublic"

	"ecr-credential-helper/ecr-login/internal/awstest"
)

// throughProxy is an HTTP client of the SDK that trusts s and goes through the
// proxy.
func throughProxy(t *testing.T, proxy *awstest.Recorder, s *awstest.Server) *awshttp.BuildableClient {
	t.Helper()
	u, err := url.Parse(proxy.URL())
	if err != nil {
		t.Fatal(err)
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if s != nil {
		if cfg.RootCAs, err = s.CertPool(); err != nil {
			t.Fatal(err)
		}
	}
	return awshttp.NewBuildableClient().WithTransportOptions(func(tr *http.Transport) {
		tr.Proxy = http.ProxyURL(u)
		tr.TLSClientConfig = cfg
	})
}

func TestTheRecorderSeesWhichEndpointAClientResolves(t *testing.T) {
	t.Parallel()
	proxy, err := awstest.NewRecorder()
	if err != nil {
		t.Fatal(err)
	}
	defer proxy.Close()
	s := start(t, awstest.Options{})
	cfg := asAlice(s)
	cfg.BaseEndpoint = nil
	cfg.RetryMaxAttempts = 1
	cfg.HTTPClient = throughProxy(t, proxy, s)

	if _, _, err := password(t.Context(), cfg); err == nil {
		t.Error("the refusing proxy let the client through")
	}
	tlsURL, err := s.StartTLS()
	if err != nil {
		t.Fatal(err)
	}
	proxy.TunnelTo(strings.TrimPrefix(tlsURL, "https://"))

	for _, options := range [][]func(*ecr.Options){
		nil,
		{func(o *ecr.Options) {
			o.EndpointOptions.UseFIPSEndpoint = aws.FIPSEndpointStateEnabled
			o.Region = "us-east-1"
		}},
		{func(o *ecr.Options) { o.EndpointOptions.UseDualStackEndpoint = aws.DualStackEndpointStateEnabled }},
		{func(o *ecr.Options) { o.Region = "cn-north-1" }},
	} {
		if _, err := ecr.NewFromConfig(cfg, options...).GetAuthorizationToken(t.Context(), &ecr.GetAuthorizationTokenInput{}); err != nil {
			t.Error(err)
		}
	}
	cfg.Region = "us-east-1"
	if _, err := ecrpublic.NewFromConfig(cfg).GetAuthorizationToken(t.Context(), &ecrpublic.GetAuthorizationTokenInput{}); err != nil {
		t.Error(err)
	}
	want := "api.ecr.eu-west-1.amazonaws.com:443 api.ecr.eu-west-1.amazonaws.com:443 api.ecr-fips.us-east-1.amazonaws.com:443 " +
		"ecr.eu-west-1.api.aws:443 api.ecr.cn-north-1.amazonaws.com.cn:443 api.ecr-public.us-east-1.amazonaws.com:443"
	if got := strings.Join(proxy.Hosts(), " "); got != want {
		t.Errorf("went to\n%s, want\n%s", got, want)
	}
	var hosts []string
	for _, r := range s.Requests() {
		hosts = append(hosts, r.Host+"/"+r.Region)
	}
	if hosts[0] != "api.ecr.eu-west-1.amazonaws.com/eu-west-1" || len(hosts) != 5 {
		t.Errorf("the server saw %v", hosts)
	}
	proxy.Reset()
	if len(proxy.Hosts()) != 0 {
		t.Error("Reset keeps hosts")
	}
}

func TestTheRealHostNameDecidesTheRegion(t *testing.T) {
	t.Parallel()
	proxy, err := awstest.NewRecorder()
	if err != nil {
		t.Fatal(err)
	}
	defer proxy.Close()
	s := start(t, awstest.Options{})
	tlsURL, err := s.StartTLS()
	if err != nil {
		t.Fatal(err)
	}
	proxy.TunnelTo(strings.TrimPrefix(tlsURL, "https://"))
	cfg := asAlice(s)
	cfg.HTTPClient = throughProxy(t, proxy, s)
	for host, code := range map[string]string{
		"api.ecr.us-east-2.amazonaws.com": "InvalidSignatureException",
		"sts.eu-west-1.amazonaws.com":     "UnknownOperationException",
	} {
		cfg.BaseEndpoint = aws.String("https://" + host)
		_, _, err := password(t.Context(), cfg)
		wantCode(t, err, code)
	}
}

func TestClosingTheRecorderCutsTunnels(t *testing.T) {
	t.Parallel()
	s := start(t, awstest.Options{})
	tlsURL, err := s.StartTLS()
	if err != nil {
		t.Fatal(err)
	}
	proxy, err := awstest.NewRecorder()
	if err != nil {
		t.Fatal(err)
	}
	proxy.TunnelTo(strings.TrimPrefix(tlsURL, "https://"))
	s.Inject(awstest.OpECRToken, awstest.Fault{Kind: awstest.Hang})
	cfg := asAlice(s)
	cfg.BaseEndpoint, cfg.RetryMaxAttempts = nil, 1
	cfg.HTTPClient = throughProxy(t, proxy, s)
	failed := make(chan error, 1)
	go func() {
		_, _, err := password(t.Context(), cfg)
		failed <- err
	}()
	if err := s.Wait(t.Context(), awstest.OpECRToken, 1); err != nil {
		t.Fatal(err)
	}
	if err := proxy.Close(); err != nil {
		t.Error(err)
	}
	if err := <-failed; err == nil {
		t.Error("the call through the closed tunnel succeeded")
	}
	if err := proxy.Close(); err != nil {
		t.Errorf("closing twice: %v", err)
	}
}
