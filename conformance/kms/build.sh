#!/usr/bin/env bash
# Builds HashiCorp Vault from the Go module cache, into bin/ of this repository, and prints the path of the binary; installs
# moto beside it. Does nothing if both are there already; out of everybody's way if not: it takes five minutes, once.
set -euo pipefail

# The one place that says which Vault. The sum is that of the module, as go.sum would have it.
readonly version=v1.21.4
readonly sum=h1:KHGcdSnJtombvae1gDk+jZ50kiFngJPFDOvcCJRnU0c=

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bin=$here/../../bin
mkdir -p "$bin"
bin=$(cd "$bin" && pwd)
readonly here bin
readonly binary=$bin/vault-$version

"$here/../venv.sh" "$here" >&2

# fit makes the source build against the published SDK: the authors build with one of their repository, which is in no
# module. What is changed is not used here: restoring a transit key from a backup, and activating a clean-up of identities.
fit() {
	sed -i 's/restoredKeyName, err := b\.lm\.RestorePolicy(/restoredKeyName, err := keyName, b.lm.RestorePolicy(/' builtin/logical/transit/path_restore.go
	sed -i 's/activateDeduplication(ctx context\.Context, req \*logical\.Request) error/activateDeduplication(ctx context.Context, req *logical.Request, _ string) error/' vault/identity_store_util.go
	sed -i 's/idStoreBackend\.ActivationFunc(ctx, nil)/idStoreBackend.ActivationFunc(ctx, nil, "")/' vault/logical_system_activation_flags.go
	local module
	for module in api api/auth/approle api/auth/kubernetes api/auth/userpass sdk; do
		go mod edit -dropreplace="github.com/hashicorp/vault/$module"
	done
	cat >>go.sum <<-'SUMS'
		github.com/hashicorp/vault/api v1.22.0 h1:+HYFquE35/B74fHoIeXlZIP2YADVboaPjaSicHEZiH0=
		github.com/hashicorp/vault/api v1.22.0/go.mod h1:IUZA2cDvr4Ok3+NtK2Oq/r+lJeXkeCrHRmqdyWfpmGM=
		github.com/hashicorp/vault/api/auth/approle v0.1.0 h1:/LQp+JcqWoG38MIwapG+0Acde9eFVRTFXbict99NB48=
		github.com/hashicorp/vault/api/auth/approle v0.1.0/go.mod h1:mHOLgh//xDx4dpqXoq6tS8Ob0FoCFWLU2ibJ26Lfmag=
		github.com/hashicorp/vault/api/auth/kubernetes v0.10.0 h1:5rqWmUFxnu3S7XYq9dafURwBgabYDFzo2Wv+AMopPHs=
		github.com/hashicorp/vault/api/auth/kubernetes v0.10.0/go.mod h1:cZZmhF6xboMDmDbMY52oj2DKW6gS0cQ9g0pJ5XIXQ5U=
		github.com/hashicorp/vault/api/auth/userpass v0.1.0 h1:C6OdAYczMbzd1Pe1LLf2SHDulxOq/iybWV3kbgV/PS4=
		github.com/hashicorp/vault/api/auth/userpass v0.1.0/go.mod h1:0orUbtkEwbEPmaQ+wvfrOddGBimLJnuN8A/J0PNfBks=
		github.com/hashicorp/vault/sdk v0.21.0 h1:3gDqdKLhHY2ekmCEE9EeesoNpgsReq2bo/SpMqvBYdw=
		github.com/hashicorp/vault/sdk v0.21.0/go.mod h1:BkJpVju7qe2cDe+T8gA84uFtRnNYQIPXkiJqqWGUYrc=
	SUMS
}

if [ ! -x "$binary" ]; then
	# One build at a time, where the system has flock; whoever waited finds the binary there.
	if [ -z "${VAULT_BUILD_LOCKED:-}" ] && command -v flock >/dev/null; then
		VAULT_BUILD_LOCKED=1 exec flock "$bin/vault.lock" "${BASH_SOURCE[0]}"
	fi
	# Not below the repository, whose checks would take the copy for a module of ours.
	source=$(mktemp -d)
	built=$binary.$$
	trap 'rm -rf "$source" "$built"' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM

	if ! module=$(cd "$source" && GOWORK=off go mod download -json "github.com/hashicorp/vault@$version"); then
		printf 'build.sh: cannot get github.com/hashicorp/vault: %s\n' "$module" >&2
		exit 1
	fi
	member() { sed -nE "s|^[[:space:]]*\"$1\": \"(.*)\",?$|\1|p" <<<"$module"; }
	if [ "$(member Sum)" != "$sum" ]; then
		printf 'build.sh: github.com/hashicorp/vault %s is %s, not %s\n' "$version" "$(member Sum)" "$sum" >&2
		exit 1
	fi
	# A copy outside of the cache, whose go.sum pins everything else.
	cp -R "$(member Dir)/." "$source/"
	chmod -R u+w "$source"
	printf 'build.sh: building Vault %s, which takes five minutes\n' "$version" >&2
	(
		cd "$source"
		export CGO_ENABLED=0 GOWORK=off GOFLAGS=-mod=readonly
		fit
		# With few of its back ends: transit is one of them.
		nice -n 19 go build -trimpath -tags minimal -ldflags '-s -w' -o "$built" .
	)
	mv "$built" "$binary"
fi
printf '%s\n' "$binary"
