#!/usr/bin/env bash
# Builds Ory Kratos as its authors publish it, from the Go module cache, into bin/ of this repository, and prints the path of
# the binary. Does nothing if that version is there already; out of everybody's way if not: it takes a few minutes, once.
set -euo pipefail

# The one place that says which Kratos. The sum is that of the module, as go.sum would have it.
readonly version=v1.3.1
readonly sum=h1:XOw84ToAxLDb5K5Xv/Qspk0vzlBq+6zgz2TufVg4kkU=

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bin=$here/../../bin
mkdir -p "$bin"
bin=$(cd "$bin" && pwd)
readonly here bin
readonly binary=$bin/kratos-$version

if [ ! -x "$binary" ]; then
	# One build at a time, where the system has flock; whoever waited finds the binary there.
	if [ -z "${KRATOS_BUILD_LOCKED:-}" ] && command -v flock >/dev/null; then
		KRATOS_BUILD_LOCKED=1 exec flock "$bin/kratos.lock" "${BASH_SOURCE[0]}"
	fi
	# Not below the repository, whose checks would take the copy for a module of ours.
	source=$(mktemp -d)
	built=$binary.$$
	trap 'rm -rf "$source" "$built"' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM

	if ! module=$(cd "$source" && GOWORK=off go mod download -json "github.com/ory/kratos@$version"); then
		printf 'build.sh: cannot get github.com/ory/kratos: %s\n' "$module" >&2
		exit 1
	fi
	member() { sed -nE "s|^[[:space:]]*\"$1\": \"(.*)\",?$|\1|p" <<<"$module"; }
	if [ "$(member Sum)" != "$sum" ]; then
		printf 'build.sh: github.com/ory/kratos %s is %s, not %s\n' "$version" "$(member Sum)" "$sum" >&2
		exit 1
	fi
	# A copy outside of the cache: Kratos' go.mod replaces modules, which Go heeds for the main module only, and its go.sum
	# pins everything else.
	cp -R "$(member Dir)/." "$source/"
	chmod -R u+w "$source"
	printf 'build.sh: building Kratos %s, which takes a few minutes\n' "$version" >&2
	(cd "$source" && CGO_ENABLED=1 GOWORK=off GOFLAGS=-mod=readonly nice -n 19 go build -trimpath -tags sqlite \
		-ldflags "-s -w -X github.com/ory/kratos/driver/config.Version=$version" -o "$built" .)
	mv "$built" "$binary"
fi
printf '%s\n' "$binary"
