#!/usr/bin/env bash
# usage: BIN=path/of/docker-credential-ecr-login ecr-login/e2e/run.sh [go test flags]
#        ecr-login/e2e/run.sh --install    only installs the clients, for who runs the tests as somebody else
# Lets real clients push and pull through the helper. Installs the clients where it may, builds the others, and runs
# the tests of this folder in namespaces of their own (see private.sh). `make e2e` calls it with BIN set.
set -euo pipefail
cd "$(dirname "$0")"
GO=${GO:-go}
name=docker-credential-ecr-login

# Debian keeps daemons and network tools where ordinary users do not look.
export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
# What is used, and the package that has it.
needed=(
	docker:docker.io dockerd:docker.io docker-registry:docker-registry podman:podman buildah:buildah skopeo:skopeo
	ip:iproute2 mount:mount unshare:util-linux setpriv:util-linux
)

fail() {
	printf 'e2e: %s\n' "$1" >&2
	exit 1
}

missing_packages() {
	local pair
	for pair in "${needed[@]}"; do
		command -v "${pair%%:*}" >/dev/null || echo "${pair#*:}"
	done | sort -u
}

# Packages of daemons start them. A machine that runs the tests shall not end up with a registry and a Docker daemon:
# during the installation the two programs that maintainer scripts start services with do nothing, and they do so in
# this mount namespace alone, so there is nothing to undo however the installation ends.
install_packages() {
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -q
	unshare --mount -- bash -euc '
		for starter in /usr/sbin/invoke-rc.d /usr/bin/deb-systemd-invoke; do
			if [[ -e $starter ]]; then mount --bind /bin/true "$starter"; fi
		done
		exec apt-get install -q -y --no-install-recommends -o DPkg::Lock::Timeout=120 "$@"' - "$@"
}

mapfile -t missing < <(missing_packages)
if ((${#missing[@]})); then
	command="apt-get update && apt-get install --no-install-recommends ${missing[*]}"
	command -v apt-get >/dev/null || fail "programs of these Debian packages are missing: ${missing[*]}; install them"
	((EUID == 0)) || fail "packages are missing; run as root: $command"
	echo "e2e: installing ${missing[*]} (no service is started)"
	log=$(install_packages "${missing[@]}" </dev/null 2>&1) || fail "$log
e2e: the packages cannot be installed; try: $command"
	hash -r
	mapfile -t missing < <(missing_packages)
	((${#missing[@]} == 0)) || fail "still missing after the installation: ${missing[*]}"
fi

if [[ ${1:-} == --install ]]; then exit 0; fi

[[ -n ${BIN:-} ]] || fail "BIN must be the path of $name; run make e2e"
[[ -x $BIN && $(basename "$BIN") == "$name" ]] || fail "BIN=$BIN is not an executable called $name"
BIN=$(realpath "$BIN")

# A short path, for sockets lie below it, in a folder that private.sh does not cover.
E2E_DIR=$(mktemp -d /tmp/ecr-e2e.XXXXXX)
export E2E_DIR
tests=''
finish() {
	local code=$?
	trap '' INT TERM HUP
	# Killing `go test` kills everything that it started, down to the daemons: see private.sh.
	if [[ -n $tests ]] && kill -KILL "$tests" 2>/dev/null; then wait "$tests" 2>/dev/null || true; fi
	rm -rf "$E2E_DIR"
	exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

mkdir "$E2E_DIR"/{bin,helper,go,private}
cp "$BIN" "$E2E_DIR/helper/$name"
CGO_ENABLED=0 "$GO" build -o "$E2E_DIR/bin/" oras.land/oras/cmd/oras github.com/google/go-containerregistry/cmd/crane

# In the background, so that a signal is answered at once and not when the tests are over.
export GOTMPDIR=$E2E_DIR/go
setpriv --pdeathsig KILL -- "$GO" test -exec 'bash ./private.sh' -count=1 -timeout=5m "$@" </dev/null &
tests=$!
wait "$tests" && code=0 || code=$?
tests=''
exit "$code"
