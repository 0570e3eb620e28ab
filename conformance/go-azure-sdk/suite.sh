# Sourced by ../run.
# shellcheck shell=bash disable=SC2034

version=$(version_of go.mod github.com/hashicorp/go-azure-sdk/microsoft-graph)
with="its own authorizers"

prepare() {
	(cd ../relay && go build -o "$TMPDIR/relay" .) || return 1
	export RELAY_BIN=$TMPDIR/relay
	go test -run '^$' . >/dev/null
}

check() {
	go test -json -count=1 -timeout "${longest}s" . | node ../report.mjs
}
