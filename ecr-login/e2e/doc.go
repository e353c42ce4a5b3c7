// Package e2e lets real clients pull and push through the helper, as users do.
// It has tests only; `make e2e` runs them, and run.sh says how.
//
// # What is real
//
// The helper is the binary that `make build` makes. The clients are every
// docker in PATH, podman, buildah, skopeo, crane and oras; docker's pulls,
// pushes and builds are done by a dockerd that is started for the purpose. All
// blobs are in a docker-registry. Docker, podman, buildah, skopeo and the
// registry are Debian's packages, which run.sh installs where it may; crane and
// oras are built from the versions that go.mod pins.
//
// AWS is played by package awstest. Nothing redirects anybody to it: the names
// of registries and of the API's endpoints lead there through /etc/hosts, with
// certificates of the only authority that is trusted, so what is shown to work
// includes the endpoint that the AWS SDK chooses for a FIPS or dual-stack host. In
// front of the real registry stands the Basic authentication of ECR, or the
// bearer tokens of public.ecr.aws, and neither opens to a password that AWS has
// not issued, or for another region.
//
// # What is left alone
//
// All of it happens in network, mount and process namespaces of its own, on an
// address outside 127.0.0.0/8 (docker would try plain HTTP there), and ends
// with them: see private.sh. Without root's rights user namespaces do, once the
// packages are installed.
//
// # What the clients are like
//
// Seen with docker 20.10 and 28.2, podman 4.3, buildah 1.28, skopeo 1.9, crane
// 0.22 and oras 1.3:
//
//   - credHelpers in ~/.docker/config.json serves all of them. credsStore does
//     not: podman, buildah and skopeo ignore it and read credential-helpers in
//     registries.conf (5), for which ~/.config/containers is a place.
//   - podman, buildah and skopeo log in to and out of a helper only when it
//     stands in their own auth.json or in registries.conf. With credHelpers in
//     Docker's file alone, `podman login -u AWS` writes the password into
//     auth.json, where it is preferred to the helper and soon expires, and
//     logout removes no more than that.
//   - `docker login HOST` and `podman login HOST` succeed without a question:
//     the helper has the password. crane and oras want one to be given. All
//     then call store, and none leaves the password in a file.
//   - Logging out erases the cached token, which is the remedy for one that was
//     revoked: the next pull fetches another.
//   - The classic `docker build` with credsStore knows the registries that
//     `list` names, under bare host names, and no others. On a cold cache that
//     is none, unless config.yaml names the host. BuildKit and credHelpers need
//     no list.
//   - When the helper fails, all quote what it said but docker before version 29,
//     whose pull goes on without a password and ends in "no basic auth
//     credentials". There the cause is in ~/.ecr/log/ecr-login.log, which is
//     where these tests look for it.
package e2e
