// Package conformance has the real Keycloak, not modified, decide who may use a started Patchbay binary: applications by client
// credentials, people who sign in, two realms as two tenants, keys that change, and tokens that must be refused.
//
// Keycloak is the distribution that build.sh fetches. Its realms and Patchbay's settings are what docs/keycloak.md tells people
// to write, taken from that page, with more clients and people beside them. Patchbay runs as in production, `patchbay serve`
// without its local authority, and both speak TLS with certificates of the test's own authority.
//
// Nothing of Patchbay's own code may be imported here, and nothing of Keycloak's either: both are programs behind sockets. The
// checks run one after another, because each line of their report carries its time.
package conformance
