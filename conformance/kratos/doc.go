// Package conformance lets the real Ory Kratos, not modified, register users through a started Patchbay binary: allowed,
// blocked, corrected, and not at all when the connector's target is down or the hook's own credentials are wrong.
//
// Kratos is the one that build.sh makes from the Go module cache. It is configured with what docs/kratos.md tells people to
// write, taken from that page, and calls Patchbay's adapter as its web_hook; Patchbay calls a target of the test's own.
//
// Nothing of Patchbay's own code may be imported here, and nothing of Kratos' either: both are programs behind sockets. The
// checks run one after another, because each line of their report carries its time.
package conformance
