#!/usr/bin/env bash
# usage: private.sh PROGRAM [ARGUMENT...]
# Runs a program as root of network, mount and process namespaces of its own. Run by `go test -exec`.
#
# The network has a loopback device and nothing else. /etc is a copy, and /run, /var/lib, /var/tmp, /root and /dev/shm
# are empty, so hosts, configurations, images, locks and sockets can be what the program makes them, and vanish with
# it. The program is process 1: when it ends, the kernel kills what it has started, and it ends when whoever runs this
# script does.
# E2E_DIR is a folder that holds the sub-folder private, where all of that is kept.
set -euo pipefail

if [[ -z ${E2E_INSIDE:-} ]]; then
	namespaces=(--net --mount --pid --fork --kill-child --mount-proc)
	if ! unshare "${namespaces[@]}" true 2>/dev/null; then
		namespaces=(--user --map-root-user "${namespaces[@]}")
		if ! reason=$(unshare "${namespaces[@]}" true 2>&1); then
			echo "e2e: namespaces of its own are not allowed here: be root, or allow user namespaces" \
				"(sysctl kernel.unprivileged_userns_clone=1 kernel.apparmor_restrict_unprivileged_userns=0): $reason" >&2
			exit 1
		fi
	fi
	export E2E_INSIDE=yes
	exec setpriv --pdeathsig KILL -- unshare "${namespaces[@]}" -- bash "$0" "$@"
fi

private=$E2E_DIR/private
mount -t tmpfs -o size=1g,mode=0755 tmpfs "$private"
mkdir "$private"/{etc,tmp}
chmod 1777 "$private/tmp"
cp "$1" "$private/tests"
# Without root's rights some files cannot be read, such as the shadow passwords: nobody needs them here.
cp -a /etc/. "$private/etc/" 2>/dev/null || true
mount --bind "$private/etc" /etc
for covered in /run /var/lib /var/tmp /root /dev/shm; do
	mount -t tmpfs -o mode=0755 tmpfs "$covered"
done
ip link set lo up
# The registries' address: clients allow plain HTTP to 127.0.0.0/8, and what they do there proves little.
ip address add "${E2E_ADDRESS:=10.77.0.1}/32" dev lo
export E2E_ADDRESS TMPDIR=$private/tmp
shift
exec "$private/tests" "$@"
