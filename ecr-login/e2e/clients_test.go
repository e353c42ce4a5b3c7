//go:build linux

package e2e_test

import (
	"debug/buildinfo"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// client is a program that people use with a registry. Its operations are nil
// where it has none of the kind; each checks that it did what it says.
type client struct {
	name string // with the version
	path string

	// pull gets an image that is not there and throws it away again.
	pull func(u *user, ref string, im image) error
	// push uploads an image from its archive.
	push func(u *user, ref string, im image) error
	// inspect reads the manifest alone.
	inspect func(u *user, ref string, im image) error
	// build makes an image with a file more.
	build func(u *user, ref, dir string, im image) error
	// buildkit does so in Docker's newer way.
	buildkit func(u *user, ref, dir string, im image) error
	// login is told no password: the helper has one.
	login func(u *user, host string) error
	// loginWith is told one on standard input.
	loginWith func(u *user, host, password string) error
	logout    func(u *user, host string) error
}

// findClients returns one client for every docker in PATH, and the others.
func findClients(w *world) ([]client, error) {
	var all []client
	for _, dir := range []string{"/usr/local/bin", "/usr/bin", "/bin"} {
		path, err := filepath.EvalSymlinks(filepath.Join(dir, "docker"))
		if err != nil || known(all, path) {
			continue
		}
		all = append(all, docker(path))
	}
	if len(all) == 0 {
		path, err := exec.LookPath("docker")
		if err != nil {
			return nil, err
		}
		all = append(all, docker(path))
	}
	for _, packaged := range []struct {
		name string
		as   func(path string) client
	}{{"podman", podman}, {"buildah", buildah}, {"skopeo", skopeo}} {
		path, err := exec.LookPath(packaged.name)
		if err != nil {
			return nil, err
		}
		c := packaged.as(path)
		c.name = packaged.name + " " + versionOf(path)
		all = append(all, c)
	}
	for _, built := range []struct {
		name, module string
		as           func(path string) client
	}{{"crane", "github.com/google/go-containerregistry", crane}, {"oras", "oras.land/oras", oras}} {
		path := filepath.Join(w.tools, built.name)
		version, err := moduleVersion(path, built.module)
		if err != nil {
			return nil, err
		}
		c := built.as(path)
		c.name = built.name + " " + version
		all = append(all, c)
	}
	return all, nil
}

func known(clients []client, path string) bool {
	for _, c := range clients {
		if c.path == path {
			return true
		}
	}
	return false
}

// moduleVersion is the version of a module that a Go program was built from.
func moduleVersion(path, module string) (string, error) {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return "", err
	}
	for _, d := range append(info.Deps, &info.Main) {
		if d.Path == module {
			return strings.TrimPrefix(d.Version, "v"), nil
		}
	}
	return "", fmt.Errorf("%s was not built from %s", path, module)
}

// both returns the error of the first of two commands that failed.
func both(first, second error) error {
	if first != nil {
		return first
	}
	return second
}

func docker(path string) client {
	c := client{
		name: "docker " + versionOf(path), path: path,
		pull: func(u *user, ref string, im image) error {
			if _, err := u.run(path, "pull", "-q", ref); err != nil {
				return err
			}
			id, err := u.run(path, "image", "inspect", "--format={{.Id}}", ref)
			if err == nil && id != im.id.String() {
				err = equal(id, im.manifest.String()) // a daemon that keeps images in containerd calls them by that
			}
			_, rm := u.run(path, "rmi", ref)
			return both(err, rm)
		},
		push: func(u *user, ref string, im image) error {
			if _, err := u.run(path, "load", "-q", "-i", im.archive); err != nil {
				return err
			}
			_, err := u.run(path, "push", "-q", ref)
			_, rm := u.run(path, "rmi", ref)
			return both(err, rm)
		},
		inspect: func(u *user, ref string, im image) error {
			out, err := u.run(path, "manifest", "inspect", ref)
			if err != nil {
				return err
			}
			return ofImage([]byte(out), im)
		},
		build: dockerBuild(path, "0"),
		login: func(u *user, host string) error {
			return u.says("Login Succeeded", path, "login", host)
		},
		loginWith: func(u *user, host, password string) error {
			return u.reading(password).says("Login Succeeded", path, "login", "-u", "AWS", "--password-stdin", host)
		},
		logout: func(u *user, host string) error {
			return u.says("Removing login credentials", path, "logout", host)
		},
	}
	if hasBuildKit(path) {
		c.buildkit = dockerBuild(path, "1")
	}
	return c
}

// hasBuildKit: since version 23 a plugin has it, which distributions package
// apart and not every machine has; before, it is built in.
func hasBuildKit(path string) bool {
	major, _, _ := strings.Cut(versionOf(path), ".")
	n, err := strconv.Atoi(major)
	return err == nil && n < 23 || exec.Command(path, "buildx", "version").Run() == nil
}

func dockerBuild(path, buildkit string) func(u *user, ref, dir string, im image) error {
	const tag = "built:here"
	return func(u *user, ref, dir string, im image) error {
		if _, err := u.with("DOCKER_BUILDKIT", buildkit).run(path, "build", "-q", "-t", tag, dir); err != nil {
			return err
		}
		layers, err := u.run(path, "image", "inspect", "--format={{json .RootFS.Layers}}", tag)
		if err == nil {
			err = contains(layers, im.layer.String())
		}
		_, rm := u.run(path, "rmi", tag)
		// The classic build leaves the image that it was built from, under its name.
		if images, _ := u.run(path, "images", "-q", ref); images != "" {
			_, more := u.run(path, "rmi", ref)
			rm = both(rm, more)
		}
		return both(err, rm)
	}
}

// podman and buildah share their storage and most of their commands.
func podman(path string) client {
	c := libpod(path)
	c.push = func(u *user, ref string, im image) error {
		if _, err := u.run(path, "load", "-q", "-i", im.archive); err != nil {
			return err
		}
		_, err := u.run(path, "push", "-q", ref)
		_, rm := u.run(path, "rmi", ref)
		return both(err, rm)
	}
	return c
}

func buildah(path string) client {
	c := libpod(path)
	c.push = func(u *user, ref string, im image) error {
		id, err := u.run(path, "pull", "-q", "docker-archive:"+im.archive)
		if err != nil {
			return err
		}
		_, err = u.run(path, "push", "-q", id, "docker://"+ref)
		_, rm := u.run(path, "rmi", id)
		return both(err, rm)
	}
	return c
}

func libpod(path string) client {
	c := client{
		path: path,
		pull: func(u *user, ref string, im image) error {
			id, err := u.run(path, "pull", "-q", ref)
			if err != nil {
				return err
			}
			_, rm := u.run(path, "rmi", ref)
			return both(equal(id, im.id.Hex), rm)
		},
		build: func(u *user, ref, dir string, im image) error {
			const tag = "localhost/built:here"
			if _, err := u.run(path, "build", "-q", "--isolation=chroot", "-t", tag, dir); err != nil {
				return err
			}
			layers, err := u.run("podman", "image", "inspect", "--format={{json .RootFS.Layers}}", tag)
			if err == nil {
				err = contains(layers, im.layer.String())
			}
			_, rm := u.run(path, "rmi", tag, ref)
			return both(err, rm)
		},
	}
	c.login, c.loginWith, c.logout = containersLogin(path)
	return c
}

// containersLogin are the operations that podman, buildah and skopeo share.
func containersLogin(path string) (login func(*user, string) error, loginWith func(*user, string, string) error, logout func(*user, string) error) {
	login = func(u *user, host string) error {
		return u.says("Existing credentials are valid", path, "login", host)
	}
	loginWith = func(u *user, host, password string) error {
		return u.reading(password).says("Login Succeeded", path, "login", "-u", "AWS", "--password-stdin", host)
	}
	logout = func(u *user, host string) error {
		return u.says("Removed login credentials", path, "logout", host)
	}
	return login, loginWith, logout
}

func skopeo(path string) client {
	c := client{
		path: path,
		pull: func(u *user, ref string, im image) error {
			dir := u.scratch()
			if _, err := u.run(path, "copy", "-q", "docker://"+ref, "dir:"+dir); err != nil {
				return err
			}
			return inFolder(dir, im)
		},
		push: func(u *user, ref string, im image) error {
			_, err := u.run(path, "copy", "-q", "docker-archive:"+im.archive, "docker://"+ref)
			return err
		},
		inspect: func(u *user, ref string, im image) error {
			out, err := u.run(path, "inspect", "--raw", "docker://"+ref)
			if err != nil {
				return err
			}
			return ofImage([]byte(out), im)
		},
	}
	c.login, c.loginWith, c.logout = containersLogin(path)
	return c
}

func crane(path string) client {
	return client{
		path: path,
		pull: func(u *user, ref string, im image) error {
			dir := u.scratch()
			if _, err := u.run(path, "pull", "--format=oci", ref, dir); err != nil {
				return err
			}
			return inLayout(dir, im)
		},
		push: func(u *user, ref string, im image) error {
			_, err := u.run(path, "push", im.archive, ref)
			return err
		},
		inspect: func(u *user, ref string, im image) error {
			out, err := u.run(path, "manifest", ref)
			if err != nil {
				return err
			}
			return ofImage([]byte(out), im)
		},
		loginWith: func(u *user, host, password string) error {
			return u.reading(password).says("", path, "auth", "login", "-u", "AWS", "--password-stdin", host)
		},
		logout: func(u *user, host string) error {
			return u.says("", path, "auth", "logout", host)
		},
	}
}

func oras(path string) client {
	return client{
		path: path,
		pull: func(u *user, ref string, im image) error {
			dir := u.scratch()
			if _, err := u.run(path, "copy", "--no-tty", "--to-oci-layout", ref, dir+":v1"); err != nil {
				return err
			}
			return inLayout(dir, im)
		},
		push: func(u *user, ref string, im image) error {
			dir := u.scratch()
			if err := im.saveLayout(dir); err != nil {
				return err
			}
			_, err := u.run(path, "copy", "--no-tty", "--from-oci-layout", dir+":v1", ref)
			return err
		},
		inspect: func(u *user, ref string, im image) error {
			out, err := u.run(path, "manifest", "fetch", ref)
			if err != nil {
				return err
			}
			return ofImage([]byte(out), im)
		},
		loginWith: func(u *user, host, password string) error {
			return u.reading(password).says("Login Succeeded", path, "login", "-u", "AWS", "--password-stdin", host)
		},
		logout: func(u *user, host string) error {
			return u.says("", path, "logout", host)
		},
	}
}
