package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// Limits of connections that no setting covers.
const (
	headerTimeout = 10 * time.Second // a request's line and headers must be there within it
	idleTimeout   = 2 * time.Minute  // a connection without a request is closed after it
)

// listener is one bound address with the HTTP server on it.
type listener struct {
	name   string // public or health, for the log
	net    net.Listener
	server *http.Server
}

// listen binds address. It accepts connections from then on; they are served from serve on.
func listen(ctx context.Context, name, address string, server *http.Server) (*listener, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("the %s listener: %w", name, err)
	}
	return &listener{name: name, net: ln, server: server}, nil
}

// serve serves until stop or a failure; after stop it returns nil.
func (l *listener) serve() error {
	var err error
	if l.server.TLSConfig != nil {
		err = l.server.ServeTLS(l.net, "", "") // HTTP/2 by ALPN
	} else {
		err = l.server.Serve(l.net)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("the %s listener failed: %w", l.name, err)
}

// stop takes no more connections and waits for the requests in flight until ctx is done; those that are left then are
// cut off, which is an error.
func (l *listener) stop(ctx context.Context) error {
	err := l.server.Shutdown(ctx)
	if err == nil {
		return nil
	}
	return errors.Join(fmt.Errorf("requests were still in flight on the %s listener at the end of shutdown_timeout and were cut off: %w", l.name, err), l.server.Close())
}

// port is the bound port, which matters when port 0 was asked for.
func (l *listener) port() int {
	if a, ok := l.net.Addr().(*net.TCPAddr); ok {
		return a.Port
	}
	return 0
}

// newServer is an http.Server that no slow or silent client can hold on to. requestTimeout is that of one request; 0
// stands for a listener on which requests are trusted to be short.
func newServer(handler http.Handler, log *slog.Logger, requestTimeout time.Duration, headerBytes int) *http.Server {
	s := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    headerBytes,
		// Broken handshakes and the like: anybody can cause them, so they are no warnings.
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	if requestTimeout > 0 {
		// The edge ends a request by its context; these end the connection of a client that neither sends nor reads.
		s.ReadTimeout = headerTimeout + requestTimeout
		s.WriteTimeout = headerTimeout + requestTimeout + headerTimeout
	}
	return s
}

// tlsConfig serves the certificate with TLS 1.2 or newer, the least that Graph accepts too.
func tlsConfig(c *certificate) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.Get}
}

// readiness is what /readyz tells: ready from start until the stop begins, as long as the checks pass and the service is
// not sealed.
type readiness struct {
	stopping atomic.Bool
	sealed   atomic.Pointer[string] // why, in one word; nil: it is not
	check    func(context.Context) error
}

// closing makes next's answers say that the connection ends with them, once the stop has begun: the next request then comes on a
// new one, which a load balancer opens elsewhere. Connections without a request are left alone, because one may be on
// its way.
func (r *readiness) closing(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if r.stopping.Load() {
			w.Header().Set("Connection", "close") // net/http makes GOAWAY of it where the protocol is HTTP/2
		}
		next.ServeHTTP(w, req)
	})
}

// probeTimeout is how long a readiness check may take.
const probeTimeout = 2 * time.Second

// healthHandler serves liveness, readiness and metrics. It tells outsiders nothing: the address is for the operator.
func healthHandler(r *readiness, metrics http.Handler, log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		answerProbe(w, http.StatusOK, "ok")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, req *http.Request) {
		if r.stopping.Load() {
			answerProbe(w, http.StatusServiceUnavailable, "stopping")
			return
		}
		if reason := r.sealed.Load(); reason != nil {
			answerProbe(w, http.StatusServiceUnavailable, "sealed: "+*reason)
			return
		}
		ctx, cancel := context.WithTimeout(req.Context(), probeTimeout)
		defer cancel()
		if err := r.check(ctx); err != nil {
			log.Error("not ready", "error", err.Error())
			answerProbe(w, http.StatusServiceUnavailable, "not ready")
			return
		}
		answerProbe(w, http.StatusOK, "ready")
	})
	mux.Handle("GET /metrics", metrics)
	return mux
}

func answerProbe(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n"))
}
