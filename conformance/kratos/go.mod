module github.com/patchbay/patchbay/conformance/kratos

go 1.26.0
