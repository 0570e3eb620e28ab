// Package client speaks to a running Patchbay over HTTPS, for the commands that manage it from anywhere: it fetches tokens,
// repeats what was throttled, follows pages and turns refusals into one type of error.
//
// It knows the resources by their documented JSON only and holds no rule of theirs, and it imports nothing of ours: what it
// does would work against the original as well. A token or a secret leaves it in a request only, never in an error or in
// anything printed.
package client
