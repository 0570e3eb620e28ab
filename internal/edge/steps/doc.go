// Package steps is Patchbay's own surface, /runtime/v1: identity providers report the steps of sign-ups to it, and
// administrators read the receipts, the reasons and how connectors are called.
//
// A request is matched against one table (routes.go), its caller is verified (caller.go), a handler returns a value or an
// error, and it is written once (steps.go). kratos.go speaks the web hook of Ory Kratos on one side and this surface on the
// other. Errors have the words of edge.FailureOf. The package knows the wire and nothing else: what a step decides is
// signup's, what may be set is manage's.
package steps
