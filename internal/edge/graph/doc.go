// Package graph is the Microsoft Graph surface: /v1.0 and /beta, byte for byte what unmodified Graph clients expect.
//
// A request is normalised (path.go), matched against one table (routes.go), answered by a handler that returns a value
// or an error (connector.go, audit.go, batch.go, metadata.go), and written once (graph.go). Every HTTP status and Graph
// code comes from errors.go. The package knows the wire and nothing else: what may be done and by whom is manage's.
//
// The facts are those of the wire contract (graph-wire-contract, sections 1 to 3); the comments name the section.
package graph
