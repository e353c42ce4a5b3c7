package demo

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/url"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// client is what crane, ko and many others are made of: a registry client that
// reads the docker configuration and runs the helper named there.
type client struct {
	image     name.Reference
	transport http.RoundTripper
}

func (s *stage) client() (client, error) {
	ref, err := name.ParseReference(host + "/demo:1")
	if err != nil {
		return client{}, err
	}
	proxy, err := url.Parse(s.proxy.URL())
	if err != nil {
		return client{}, err
	}
	pool, err := s.aws.CertPool()
	if err != nil {
		return client{}, err
	}
	return client{ref, &http.Transport{
		Proxy:           http.ProxyURL(proxy),
		TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
	}}, nil
}

func (c client) push(ctx context.Context, img v1.Image) error {
	return remote.Write(c.image, img, remote.WithContext(ctx), remote.WithTransport(c.transport),
		remote.WithAuthFromKeychain(authn.DefaultKeychain))
}

// pull returns the image with everything it consists of.
func (c client) pull(ctx context.Context) (v1.Image, error) {
	img, err := remote.Image(c.image, remote.WithContext(ctx), remote.WithTransport(c.transport),
		remote.WithAuthFromKeychain(authn.DefaultKeychain))
	if err != nil {
		return nil, err
	}
	return img, readLayers(img)
}

// status returns the HTTP status with which the registry turns somebody away,
// or 200.
func (c client) status(ctx context.Context, who authn.Authenticator) (int, error) {
	_, err := remote.Head(c.image, remote.WithContext(ctx), remote.WithTransport(c.transport), remote.WithAuth(who))
	var refusal *transport.Error
	if errors.As(err, &refusal) {
		return refusal.StatusCode, nil
	}
	return http.StatusOK, err
}

// readLayers reads an image to its end; each layer is checked against its
// digest on the way.
func readLayers(img v1.Image) error {
	layers, err := img.Layers()
	if err != nil {
		return err
	}
	for _, l := range layers {
		content, err := l.Compressed()
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, content)
		if err = errors.Join(err, content.Close()); err != nil {
			return err
		}
	}
	return nil
}
