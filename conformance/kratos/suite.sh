# Sourced by ../run.
# shellcheck shell=bash disable=SC2034

version=$(sed -nE 's/^readonly version=v(.*)$/\1/p' build.sh)
with="its web_hook, registration.after.password"

prepare() {
	KRATOS_BIN=$(./build.sh) || return 1
	export KRATOS_BIN
	go test -run '^$' . >/dev/null
}

check() {
	go test -json -count=1 -timeout "${longest}s" . | node ../report.mjs
}
