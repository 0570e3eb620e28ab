// Package edge is what every HTTP surface shares: one identity per request, one log line, one deadline, bodies that are
// capped before and after decompression, compressed answers, the headers that all read alike, and the words that an error
// has on those that speak as Microsoft Graph does, and the parts of which the OpenAPI description of all is made.
//
// It knows no resource and renders no error: what went wrong comes back as a value, and each surface (edge/graph,
// edge/steps, edge/authority) writes it in its own form.
package edge
