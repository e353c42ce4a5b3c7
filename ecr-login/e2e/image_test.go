//go:build linux

package e2e_test

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"

	gcrane "github.com/google/go-containerregistry/pkg/crane"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// repository holds the image that is pulled, in every registry: one server is
// behind all of them.
const repository = "team/app:v1"

// image is an image that was made here.
type image struct {
	// id is the digest of its configuration, which no client changes on the
	// way; Docker and podman call it the image's ID.
	id       v1.Hash
	manifest v1.Hash
	layer    v1.Hash // its uncompressed layer
	// archive is where it lies in the format of `docker save`, tagged.
	archive string
	content v1.Image
}

// newImage makes an image that nobody has seen before, so that pushing it
// means to upload it.
func newImage() (image, error) {
	layer, err := gcrane.Layer(map[string][]byte{"app": []byte("hello " + rand.Text() + "\n")})
	if err != nil {
		return image{}, err
	}
	content, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return image{}, err
	}
	cfg, err := content.ConfigFile()
	if err != nil {
		return image{}, err
	}
	cfg = cfg.DeepCopy()
	cfg.OS, cfg.Architecture = "linux", runtime.GOARCH
	cfg.Config.Cmd = []string{"/app"}
	if content, err = mutate.ConfigFile(content, cfg); err != nil {
		return image{}, err
	}
	im := image{content: content}
	if im.id, err = content.ConfigName(); err != nil {
		return image{}, err
	}
	if im.manifest, err = content.Digest(); err != nil {
		return image{}, err
	}
	im.layer, err = layer.DiffID()
	return im, err
}

// save writes the image as an archive that gives it the name ref.
func (im *image) save(dir, ref string) error {
	tag, err := name.NewTag(ref)
	if err != nil {
		return err
	}
	im.archive = filepath.Join(dir, im.id.Hex+".tar")
	return tarball.WriteToFile(im.archive, tag, im.content)
}

// saveLayout writes the image as an OCI layout, tagged v1.
func (im *image) saveLayout(dir string) error {
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		return err
	}
	return path.AppendImage(im.content, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": "v1"}))
}

// reference names something in the real registry, with what it takes to go
// there without a password, past what the clients go through.
func (w *world) reference(path string) (name.Reference, []remote.Option, error) {
	ref, err := name.ParseReference(backend + "/" + path)
	if err != nil {
		return nil, nil, err
	}
	pool, err := w.aws.CertPool()
	if err != nil {
		return nil, nil, err
	}
	return ref, []remote.Option{remote.WithTransport(&http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
	})}, nil
}

// seed puts the image that is pulled into the registry.
func (w *world) seed() (image, error) {
	im, err := newImage()
	if err != nil {
		return image{}, err
	}
	ref, opts, err := w.reference(repository)
	if err != nil {
		return image{}, err
	}
	return im, remote.Write(ref, im.content, opts...)
}

// arrived checks that the registry holds an image whole, every blob of it.
func (w *world) arrived(path string, im image) error {
	ref, opts, err := w.reference(path)
	if err != nil {
		return err
	}
	got, err := remote.Image(ref, opts...)
	if err != nil {
		return err
	}
	return same(got, im)
}

func same(got v1.Image, im image) error {
	id, err := got.ConfigName()
	if err != nil {
		return err
	}
	if id != im.id {
		return fmt.Errorf("image %s, want %s", id, im.id)
	}
	return validate.Image(got)
}

// inLayout checks that an OCI layout holds the image whole.
func inLayout(dir string, im image) error {
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return err
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return err
	}
	if len(manifest.Manifests) != 1 {
		return fmt.Errorf("%d images", len(manifest.Manifests))
	}
	got, err := index.Image(manifest.Manifests[0].Digest)
	if err != nil {
		return err
	}
	return same(got, im)
}

// inFolder checks that a folder as skopeo writes it, manifest.json and blobs
// under their digests, holds the image whole.
func inFolder(dir string, im image) error {
	data, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	if err != nil {
		return err
	}
	if err := ofImage(data, im); err != nil {
		return err
	}
	m, err := v1.ParseManifest(bytes.NewReader(data))
	if err != nil {
		return err
	}
	for _, d := range append(m.Layers, m.Config) {
		blob, err := os.ReadFile(filepath.Join(dir, d.Digest.Hex))
		if err != nil {
			return err
		}
		got, _, err := v1.SHA256(bytes.NewReader(blob))
		if err != nil {
			return err
		}
		if got != d.Digest {
			return fmt.Errorf("blob %s is %s", d.Digest, got)
		}
	}
	return nil
}

// ofImage checks that a manifest is the image's.
func ofImage(manifest []byte, im image) error {
	m, err := v1.ParseManifest(bytes.NewReader(manifest))
	if err != nil {
		return fmt.Errorf("%w: %s", err, manifest)
	}
	if m.Config.Digest != im.id {
		return fmt.Errorf("manifest of image %s, want %s", m.Config.Digest, im.id)
	}
	return nil
}
