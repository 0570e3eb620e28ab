module github.com/patchbay/patchbay/conformance/keycloak

go 1.26.0
