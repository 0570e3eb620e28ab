package apiconn

import "context"

type requestIDKey struct{}

// WithRequestID returns a context that carries the request id, by which an answer, a log line and an audit entry find
// each other.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestIDKey{}, id)
}

// RequestID returns the request id that ctx carries, "" if none.
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}
