#!/usr/bin/env bash
# Makes sure that what the checks and tests run is on this machine: openssl (makes the PKCS#12 files of the tests), node and
# npm, python3 with venv, a JDK and mvn (the conformance suites of those languages), a C compiler (the race detector, Kratos'
# SQLite), make, curl and git. On Debian and Ubuntu it installs what
# is missing; elsewhere, or without the right to, it says what to install. Go itself must be there.
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
	*) echo "$1" ;;
	esac
}

missing=()
wanted=()
for command in git make cc curl openssl node npm python3 javac mvn; do
	if ! command -v "$command" >/dev/null || { [ "$command" = python3 ] && ! python3 -c 'import ensurepip, venv' 2>/dev/null; }; then
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
	"${root[@]}" apt-get update -qq
	"${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${wanted[@]}" >/dev/null
fi

python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || die "Python 3.11 or newer is needed for the Python conformance suites; this is $(python3 --version)."

command -v go >/dev/null || die "Go is missing. Install the version that go.mod names from https://go.dev/dl/."

openssl_version=$(openssl version)
case $openssl_version in
'OpenSSL 3.'* | 'OpenSSL '[4-9]*) ;;
*) die "OpenSSL 3 or newer is needed to make the PKCS#12 files of the tests; this is $openssl_version." ;;
esac

node_version=$(node --version)
node_major=${node_version#v}
node_major=${node_major%%.*}
((node_major >= node_wanted)) || die "Node $node_wanted or newer is needed for the JavaScript conformance suite; this is $node_version. Install it from https://nodejs.org/."
