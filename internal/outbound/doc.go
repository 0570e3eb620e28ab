// Package outbound calls a connector's target: one POST within one budget of wall-clock time, and a receipt of every try.
//
// The budget is spent over everything: looking the name up, connecting, the TLS handshake, each attempt, the pauses
// between them and the body. [Client.Do] is back by its end whatever the target does, and leaves neither a goroutine nor
// a descriptor behind. There is one pooled transport per connector and version of its credential, so that a connection
// that was proved with the old certificate is never used by a call with the new one; and one circuit breaker and one
// bulkhead per connector, so that a target that hangs takes nothing from another.
//
// It follows no redirect, uses no proxy of the environment, keeps no cookies and dials no address that the guard refuses.
// It does not judge what an answer says: that is signup's. Nothing that it returns or logs holds a secret, a body, or a
// value of the target's query.
package outbound
