module github.com/patchbay/patchbay/conformance/kms

go 1.26.0

require github.com/patchbay/patchbay/conformance/harness v0.0.0

replace github.com/patchbay/patchbay/conformance/harness => ../harness
