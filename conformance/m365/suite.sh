# Sourced by ../run.
# shellcheck shell=bash disable=SC2034

version=$(version_of package.json @pnp/cli-microsoft365)
with="Node $(node --version | tr -d v), by the relay's proxy"

prepare() {
	# npm writes this file last; one that is older than the lock file belongs to another installation.
	[ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --loglevel=error || return 1
	if [ -z "${RELAY_BIN:-}" ]; then
		(cd ../relay && go build -o "$work/relay" .) || return 1
		export RELAY_BIN=$work/relay
	fi
}

check() {
	PYTHONPATH=.. PYTHONDONTWRITEBYTECODE=1 python3 main.py | node ../report.mjs
}
