module github.com/patchbay/patchbay/conformance/terraform

go 1.26.0
