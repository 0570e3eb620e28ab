module github.com/patchbay/patchbay/conformance/relay

go 1.26.0
