# Sourced by ../run.
# shellcheck shell=bash disable=SC2034

version=$(version_of package.json @microsoft/msgraph-sdk)
with="@azure/identity $(version_of package.json @azure/identity)"

prepare() {
	# npm writes this file last; one that is older than the lock file belongs to another installation.
	[ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --loglevel=error
}

check() {
	node launch.mjs --test-reporter=../report.mjs --test-reporter-destination=stdout
}
