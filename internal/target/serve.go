package target

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Limits of the target's server.
const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	stopGrace     = time.Second // for answers under way at the end
)

// connKey is the context key of a request's connection, which reset needs.
type connKey struct{}

// Serve answers on ln until ctx is done, then returns nil; ln is closed. base has the server's certificate; nil stands
// for plain HTTP.
func (t *Target) Serve(ctx context.Context, ln net.Listener, base *tls.Config) error {
	serving, end := context.WithCancel(ctx)
	defer end()
	server := &http.Server{
		Handler:           t,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		BaseContext:       func(net.Listener) context.Context { return serving }, // its end frees the slow and the silent
		ConnContext:       func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) },
		ErrorLog:          slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug), // callers that hang up are no news
	}
	failed := make(chan error, 1)
	go func() {
		if base == nil {
			failed <- server.Serve(ln)
			return
		}
		server.TLSConfig = t.TLSConfig(base)
		failed <- server.ServeTLS(ln, "", "")
	}()
	select {
	case err := <-failed:
		return fmt.Errorf("serve the target: %w", err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopGrace)
	defer cancel()
	if err := server.Shutdown(grace); err != nil {
		_ = server.Close()
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the target: %w", err)
	}
	return nil
}
