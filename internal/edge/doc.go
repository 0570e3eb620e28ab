// Package edge is what every HTTP surface shares: one identity per request, one log line, one deadline, bodies that are
// capped before and after decompression, compressed answers, and the bearer token out of its header.
//
// It knows no resource and renders no error of its own: what went wrong comes back as an error value, and each surface
// (edge/graph, edge/authority) turns it into its own protocol.
package edge
