package edge

import (
	"context"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// Exchange is one request and its answer, for the log line, the metrics and the audit. The surface fills in what it
// learns; Wrap reads it when the answer has gone out.
type Exchange struct {
	RequestID       string // a GUID of ours, the request-id header of the answer
	ClientRequestID string // what the client sent as client-request-id, else RequestID
	ClientIP        string // the peer's address, or the proxy's word for it where the settings trust the proxy
	Route           string // the matched route's pattern, e.g. "PATCH /identity/apiConnectors/{id}"; a label, never a raw path
	TenantID        string
	AppID           string
	Failure         error // why the answer is not a success, with its cause; logged, never sent
	Fault           bool  // the log line is an error's, whatever the status: one request of a batch met a fault of ours

	started    time.Time
	limits     limits
	trustProxy bool
}

type limits struct{ body, inflated int64 }

type exchangeKey struct{}

// From returns the Exchange that Wrap put into ctx. Outside a wrapped request it returns an empty one, so that a handler
// can be tested by itself.
func From(ctx context.Context) *Exchange {
	if x, ok := ctx.Value(exchangeKey{}).(*Exchange); ok {
		return x
	}
	return &Exchange{limits: limits{body: DefaultMaxBody, inflated: DefaultMaxBody}}
}

func begin(r *http.Request, o Options) (*Exchange, *http.Request) {
	x := &Exchange{
		RequestID:  uuid.NewString(),
		started:    time.Now(),
		limits:     limits{body: o.MaxBody, inflated: o.MaxInflated},
		trustProxy: o.TrustProxyHeaders,
	}
	x.ClientRequestID = clientRequestID(r, x.RequestID)
	x.ClientIP = x.clientIP(r)
	ctx := apiconn.WithRequestID(r.Context(), x.RequestID)
	return x, r.WithContext(context.WithValue(ctx, exchangeKey{}, x))
}

// clientRequestID takes the client's own id as it is: it is opaque (the JavaScript client's is not a UUID). One that
// could not stand in a header or would swell the log is passed over.
func clientRequestID(r *http.Request, fallback string) string {
	id := r.Header.Get("Client-Request-Id")
	if id == "" || len(id) > 128 {
		return fallback
	}
	for i := range len(id) {
		if id[i] <= ' ' || id[i] > '~' {
			return fallback
		}
	}
	return id
}

func (x *Exchange) clientIP(r *http.Request) string {
	if x.trustProxy {
		// The last entry is the one our own proxy wrote; those before it are the client's word.
		if all := r.Header.Values("X-Forwarded-For"); len(all) > 0 {
			parts := strings.Split(all[len(all)-1], ",")
			if ip := net.ParseIP(strings.TrimSpace(parts[len(parts)-1])); ip != nil {
				return ip.String()
			}
		}
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// BaseURL is the origin by which the client knows us, e.g. "https://localhost:8443": context URLs, next links and
// Location must lead back the way the client came, also when that is a hosts-file entry or a proxy. The scheme is always
// https: behind a TLS-terminating proxy the listener itself may speak plain HTTP, but no client of Graph does.
func BaseURL(r *http.Request) string {
	host := r.Host
	if From(r.Context()).trustProxy {
		if forwarded := r.Header.Get("X-Forwarded-Host"); forwarded != "" {
			host = forwarded
		}
	}
	if !validHost(host) {
		host = "localhost"
	}
	return "https://" + host
}

// validHost accepts what may stand as host[:port] in a URL, so that a Host header cannot carry anything else into an
// answer's URLs.
func validHost(host string) bool {
	if host == "" || len(host) > 255 {
		return false
	}
	for i := range len(host) {
		c := host[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '.', c == '-', c == '_', c == ':', c == '[', c == ']':
		default:
			return false
		}
	}
	return true
}
