// Package bench measures the whole program as its users meet it: a started binary, over TLS, beside a peer in the same
// run. A figure is a ratio to that peer, because the speed of a machine drifts and its own does too.
package bench
