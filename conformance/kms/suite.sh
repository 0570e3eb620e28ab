# Sourced by ../run.
# shellcheck shell=bash disable=SC2034

version=$(sed -nE 's/^readonly version=v(.*)$/\1/p' build.sh)
with="Vault's transit engine, and moto $(sed -nE 's/^moto==([0-9.]+).*/\1/p' requirements.txt) as AWS KMS"

prepare() {
	VAULT_BIN=$(./build.sh) || return 1
	export VAULT_BIN
	go test -run '^$' . >/dev/null
}

check() {
	go test -json -count=1 -timeout "${longest}s" . | node ../report.mjs
}
