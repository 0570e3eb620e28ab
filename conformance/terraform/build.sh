#!/usr/bin/env bash
# Builds OpenTofu and Microsoft's msgraph provider as their authors publish them, from the Go module cache, into bin/ of this
# repository, and prints the directory that has both, tofu and terraform-provider-msgraph. Does nothing if those versions are
# there already; out of everybody's way if not: it takes several minutes, once.
#
# OpenTofu and not Terraform, because the latter cannot be built from its module: its go.mod replaces modules with directories
# that the module does not contain.
set -euo pipefail

# The one place that says which. The sums are those of the modules, as go.sum would have them.
readonly tofu=v1.11.0
readonly tofu_sum=h1:ghYnhouGtBIr7KdpMV3THky3vxomDYDevnLAQQcnrlc=
readonly version=v0.4.0
readonly sum=h1:uuI2DekRI6kJ2naJCT3z4qyGphVmdcBfo/0GsQ76DyE=

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bin=$here/../../bin
mkdir -p "$bin"
bin=$(cd "$bin" && pwd)
readonly here bin
readonly built=$bin/tofu-$tofu-msgraph-$version

# build MODULE VERSION SUM PACKAGE BINARY [LDFLAG...] builds a program from its module.
build() {
	local module=$1 wanted=$2 expected=$3 package=$4 binary=$5 described source got
	shift 5
	[ ! -x "$built/$binary" ] || return 0
	described=$(cd "$scratch" && GOWORK=off go mod download -json "$module@$wanted")
	member() { sed -nE "s|^[[:space:]]*\"$1\": \"(.*)\",?$|\1|p" <<<"$described"; }
	got=$(member Sum)
	if [ "$got" != "$expected" ]; then
		printf 'build.sh: %s %s is %s, not %s\n' "$module" "$wanted" "$got" "$expected" >&2
		return 1
	fi
	# A copy outside of the cache: Go heeds what a go.mod replaces for the main module only, and its go.sum pins everything else.
	source=$scratch/$binary
	cp -R "$(member Dir)" "$source"
	chmod -R u+w "$source"
	printf 'build.sh: building %s %s, which takes a few minutes\n' "$binary" "$wanted" >&2
	(cd "$source" && CGO_ENABLED=0 GOWORK=off GOFLAGS=-mod=readonly nice -n 19 go build -trimpath -ldflags "-s -w $*" -o "$scratch/built/$binary" "$package")
	mkdir -p "$built"
	mv "$scratch/built/$binary" "$built/$binary"
}

if [ ! -x "$built/tofu" ] || [ ! -x "$built/terraform-provider-msgraph" ]; then
	# One build at a time, where the system has flock; whoever waited finds the binaries there.
	if [ -z "${TOFU_BUILD_LOCKED:-}" ] && command -v flock >/dev/null; then
		TOFU_BUILD_LOCKED=1 exec flock "$bin/tofu.lock" "${BASH_SOURCE[0]}"
	fi
	# Not below the repository, whose checks would take the copies for modules of ours.
	scratch=$(mktemp -d)
	trap 'rm -rf "$scratch"' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	build github.com/microsoft/terraform-provider-msgraph "$version" "$sum" . terraform-provider-msgraph
	build github.com/opentofu/opentofu "$tofu" "$tofu_sum" ./cmd/tofu tofu -X github.com/opentofu/opentofu/version.dev=no
fi
printf '%s\n' "$built"
