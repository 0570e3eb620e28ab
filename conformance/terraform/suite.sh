# Sourced by ../run.
# shellcheck shell=bash disable=SC2034

version=$(sed -nE 's/^readonly version=v(.*)$/\1/p' build.sh)
with="OpenTofu $(sed -nE 's/^readonly tofu=v(.*)$/\1/p' build.sh)"

prepare() {
	TOFU_DIR=$(./build.sh) || return 1
	(cd ../relay && go build -o "$TMPDIR/relay" .) || return 1
	export TOFU_DIR RELAY_BIN=$TMPDIR/relay
	go test -run '^$' . >/dev/null
}

check() {
	go test -json -count=1 -parallel 16 -timeout "${longest}s" . | node ../report.mjs
}
