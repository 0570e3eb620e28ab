#!/usr/bin/env bash
# Makes sure that what the checks and tests run is on this machine: openssl (makes the PKCS#12 files of the tests), node and
# npm, python3 with venv, a JDK and mvn (the conformance suites of those languages), a C compiler (the race detector, Kratos'
# SQLite), PostgreSQL 15 or newer (every case of the store runs on it too), etcd, Patroni, HAProxy and ip (the cluster of
# deploy/cluster), make, curl and git. On Debian and Ubuntu it installs what
# is missing; elsewhere, or without the right to, it says what to install. Go itself must be there. The tests start what they
# need by themselves, so nothing that is installed here is left running or is started with the machine.
set -euo pipefail

readonly node_wanted=20 # @azure/identity asks for it

die() {
	printf 'prepare: %s\n' "$*" >&2
	exit 1
}

# packages_of prints the Debian packages that bring a command.
packages_of() {
	case $1 in
	cc) echo gcc libc6-dev ;;
	openssl) echo openssl ca-certificates ;;
	node) echo nodejs ;;
	python3) echo python3 python3-venv ;;
	javac) echo default-jdk-headless ;;
	mvn) echo maven ;;
	postgres) echo postgresql ;;
	etcd) echo etcd-server ;;
	etcdctl) echo etcd-client ;;
	ip) echo iproute2 ;;
	*) echo "$1" ;;
	esac
}

# postgres_at prints the folder of PostgreSQL's own programs, which Debian keeps out of the PATH.
postgres_at() {
	local folder
	for folder in "$(pg_config --bindir 2>/dev/null)" $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -rV) "$(dirname "$(command -v postgres)")"; do
		if [ -x "$folder/postgres" ] && [ -x "$folder/initdb" ]; then
			echo "$folder"
			return
		fi
	done
	return 1
}

# present tells whether a command is there, whole. Some of Debian's are in folders that only root has in the PATH.
present() {
	case $1 in
	postgres) postgres_at >/dev/null ;;
	python3) python3 -c 'import ensurepip, venv' 2>/dev/null ;;
	*) PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null ;;
	esac
}

missing=()
wanted=()
for command in git make cc curl openssl node npm python3 javac mvn postgres etcd etcdctl patroni haproxy ip; do
	if ! present "$command"; then
		missing+=("$command")
		read -ra more <<<"$(packages_of "$command")"
		wanted+=("${more[@]}")
	fi
done

if ((${#missing[@]})); then
	command -v apt-get >/dev/null || die "missing: ${missing[*]}. Install them with the package manager of this system, then run this again."
	root=()
	if [ "$(id -u)" -ne 0 ]; then
		sudo -n true 2>/dev/null || die "missing: ${missing[*]}. Install them: sudo apt-get install ${wanted[*]}"
		root=(sudo -n)
	fi
	printf 'prepare: installing %s\n' "${wanted[*]}" >&2
	# While packages are installed, nothing of theirs is started and PostgreSQL makes no cluster of its own.
	remove=()
	trap '((${#remove[@]} == 0)) || "${root[@]}" rm -f "${remove[@]}"' EXIT
	if [ ! -e /usr/sbin/policy-rc.d ]; then
		remove+=(/usr/sbin/policy-rc.d)
		printf '#!/bin/sh\nexit 101\n' | "${root[@]}" tee /usr/sbin/policy-rc.d >/dev/null
		"${root[@]}" chmod 755 /usr/sbin/policy-rc.d
	fi
	remove+=(/etc/postgresql-common/createcluster.d/patchbay-prepare.conf)
	"${root[@]}" mkdir -p /etc/postgresql-common/createcluster.d
	echo 'create_main_cluster = false' | "${root[@]}" tee "${remove[-1]}" >/dev/null
	"${root[@]}" apt-get update -qq
	"${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${wanted[@]}" >/dev/null
	# Nor is it started the next time that the machine is. What was here before is left as it was.
	for package in "${wanted[@]}"; do
		case $package in
		postgresql | patroni | haproxy) unit=$package ;;
		etcd-server) unit=etcd ;;
		*) continue ;;
		esac
		if command -v systemctl >/dev/null; then
			"${root[@]}" systemctl disable --quiet "$unit" 2>/dev/null || true
		fi
	done
fi

python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || die "Python 3.11 or newer is needed for the Python conformance suites; this is $(python3 --version)."

command -v go >/dev/null || die "Go is missing. Install the version that go.mod names from https://go.dev/dl/."

openssl_version=$(openssl version)
case $openssl_version in
'OpenSSL 3.'* | 'OpenSSL '[4-9]*) ;;
*) die "OpenSSL 3 or newer is needed to make the PKCS#12 files of the tests; this is $openssl_version." ;;
esac

postgres_version=$("$(postgres_at)/postgres" --version)
postgres_major=${postgres_version##*) }
postgres_major=${postgres_major%%[!0-9]*}
((postgres_major >= 15)) || die "PostgreSQL 15 or newer is needed; this is $postgres_version."

node_version=$(node --version)
node_major=${node_version#v}
node_major=${node_major%%.*}
((node_major >= node_wanted)) || die "Node $node_wanted or newer is needed for the JavaScript conformance suite; this is $node_version. Install it from https://nodejs.org/."
