# Sourced by ../run.
# shellcheck shell=bash disable=SC2034

version=$(curl --version | sed -nE '1s/^curl ([^ ]+).*/\1/p')
with="what README.md and patchbay dev print, HTTP/1.1 and HTTP/2"

prepare() {
	if [ -z "${RELAY_BIN:-}" ]; then
		(cd ../relay && go build -o "$work/relay" .) || return 1
		export RELAY_BIN=$work/relay
	fi
}

check() {
	PYTHONPATH=.. PYTHONDONTWRITEBYTECODE=1 python3 main.py | node ../report.mjs
}
