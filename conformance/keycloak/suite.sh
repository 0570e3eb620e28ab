# Sourced by ../run.
# shellcheck shell=bash disable=SC2034

version=$(sed -nE 's/^readonly version=(.*)$/\1/p' build.sh)
with="two realms from docs/keycloak.md, over HTTPS"

prepare() {
	KEYCLOAK_HOME=$(./build.sh) || return 1
	export KEYCLOAK_HOME
	go test -run '^$' . >/dev/null
}

check() {
	go test -json -count=1 -timeout "${longest}s" . | node ../report.mjs
}
