// Package target is a small connector endpoint for demos and tests: it checks Basic credentials and client certificates,
// answers a step as the runtime contract asks, or misbehaves in one of the ways of its table.
//
// What it does is chosen by its options, and per request by the local part of the email, so that one running endpoint
// shows everything. It keeps nothing, decides nothing about real people, and is no part of the service.
package target
