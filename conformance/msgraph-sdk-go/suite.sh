# Sourced by ../run.
# shellcheck shell=bash disable=SC2034

version=$(version_of go.mod github.com/microsoftgraph/msgraph-sdk-go)
with="azidentity $(version_of go.mod github.com/Azure/azure-sdk-for-go/sdk/azidentity)"

prepare() {
	go test -run '^$' . >/dev/null
}

check() {
	go test -json -count=1 -timeout "${longest}s" . | node ../report.mjs
}
