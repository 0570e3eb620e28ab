package edge

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/klauspost/compress/gzhttp"
)

// Options are the settings of Wrap. Sizes are in octets.
type Options struct {
	Log               *slog.Logger
	Metrics           *Metrics      // nil: none are kept
	MaxBody           int64         // of a body as sent; 0: DefaultMaxBody
	MaxInflated       int64         // of a gzip body once inflated; 0: MaxBody
	Timeout           time.Duration // for one request from its first octet to its answer; 0: 30 s
	TrustProxyHeaders bool          // believe X-Forwarded-For and X-Forwarded-Host
}

func (o Options) withDefaults() Options {
	if o.MaxBody <= 0 {
		o.MaxBody = DefaultMaxBody
	}
	if o.MaxInflated <= 0 {
		o.MaxInflated = o.MaxBody
	}
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Second
	}
	return o
}

// minCompressed is the answer size in octets from which gzip pays.
const minCompressed = 1024

// Wrap gives every request of next an Exchange, a deadline, a log line and its metrics, survives a panic, and
// compresses larger answers for clients that ask for gzip.
func Wrap(next http.Handler, opts Options) http.Handler {
	opts = opts.withDefaults()
	compress, err := gzhttp.NewWrapper(gzhttp.MinSize(minCompressed))
	if err != nil {
		compress = func(h http.Handler) http.HandlerFunc { return h.ServeHTTP }
	}
	compressed := compress(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x, r := begin(r, opts)
		ctx, cancel := context.WithTimeout(r.Context(), opts.Timeout)
		defer cancel()
		rec := &recorder{ResponseWriter: w}
		defer finish(rec, r, x, opts)
		compressed.ServeHTTP(rec, r.WithContext(ctx))
	})
}

// finish runs when the handler is done, by return or by panic: the one log line of the request.
func finish(rec *recorder, r *http.Request, x *Exchange, opts Options) {
	if p := recover(); p != nil {
		x.Failure = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		x.Fault = true // part of the answer may be out already, with another status
		if !rec.wrote {
			rec.Header()["request-id"] = []string{x.RequestID}
			rec.WriteHeader(http.StatusInternalServerError)
		}
	}
	took := time.Since(x.started)
	opts.Metrics.observe(x.Route, r.Method, rec.status, took)
	level, attrs := slog.LevelInfo, []slog.Attr{
		slog.String("request_id", x.RequestID),
		slog.String("method", r.Method),
		slog.String("route", x.Route),
		slog.Int("status", rec.status),
		slog.Int64("duration_us", took.Microseconds()),
		slog.Int64("answer_octets", rec.octets),
		slog.String("client_ip", x.ClientIP),
	}
	if x.ClientRequestID != x.RequestID {
		attrs = append(attrs, slog.String("client_request_id", x.ClientRequestID))
	}
	if x.TenantID != "" {
		attrs = append(attrs, slog.String("tenant_id", x.TenantID), slog.String("app_id", x.AppID))
	}
	if x.Failure != nil {
		attrs = append(attrs, slog.String("error", clip(x.Failure.Error())))
	}
	if x.Fault || rec.status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	opts.Log.LogAttrs(r.Context(), level, "request", attrs...)
}

// maxLogged bounds the error in a log line, in octets: a message may quote what a client sent.
const maxLogged = 4096

func clip(text string) string {
	if len(text) <= maxLogged {
		return text
	}
	return strings.ToValidUTF8(text[:maxLogged], "") + "…"
}

// recorder remembers what went out.
type recorder struct {
	http.ResponseWriter
	status int
	octets int64
	wrote  bool
}

func (w *recorder) WriteHeader(status int) {
	if !w.wrote && status >= http.StatusOK {
		w.wrote, w.status = true, status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(p []byte) (int, error) {
	if !w.wrote {
		w.wrote, w.status = true, http.StatusOK
	}
	n, err := w.ResponseWriter.Write(p)
	w.octets += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }
