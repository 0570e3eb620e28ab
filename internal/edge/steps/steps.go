package steps

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/patchbay/patchbay/internal/auth"
	"github.com/patchbay/patchbay/internal/edge"
	"github.com/patchbay/patchbay/internal/manage"
	"github.com/patchbay/patchbay/internal/signup"
)

// Options are what New needs.
type Options struct {
	Signup    *signup.Service
	Manage    *manage.Service
	Verifier  *auth.Verifier
	Authority *manage.Authority // for HTTP Basic; nil: bearer tokens only
	Now       func() time.Time

	Description func() ([]byte, error) // the OpenAPI document; nil: there is none

	MaxFlights int // requests of one tenant at work at a time; 0: 4,096, for a step may wait as long as its budget

	CORS    bool                  // answer browsers of other origins
	Metrics prometheus.Registerer // nil: none are kept
}

// Handler is the surface. Wrap it in edge.Wrap.
type Handler struct {
	opts    Options
	routes  []route
	tokens  *tokens
	metrics *metrics
	flights *edge.Flights
}

// defaultFlights bounds what one tenant can make us hold.
const defaultFlights = 4096

// New makes the surface.
func New(opts Options) (*Handler, error) {
	h := &Handler{
		opts: opts, routes: routes(), metrics: newMetrics(opts.Metrics), flights: edge.NewFlights(cmp.Or(opts.MaxFlights, defaultFlights)),
	}
	if opts.Authority == nil {
		return h, nil
	}
	var err error
	h.tokens, err = newTokens(opts.Authority)
	return h, err
}

// call is one request after the wire.
type call struct {
	method string
	origin string // https://host
	query  string // raw
	header http.Header
	body   func() ([]byte, error)
	keys   []string // of the path, in order
	caller auth.Caller
	x      *edge.Exchange
	leave  func() // ends what flights.Enter began
}

// answer is what goes back: JSON, or nothing.
type answer struct {
	status int
	header http.Header // beyond those that every answer has
	body   []byte
}

// set sets a header, in the spelling given and not in Go's canonical one.
func (a *answer) set(name string, values ...string) {
	if a.header == nil {
		a.header = http.Header{}
	}
	a.header[name] = values
}

// ok is a 200 with a JSON document.
func ok(document any) (answer, error) {
	body, err := encode(document)
	return answer{status: http.StatusOK, body: body}, err
}

// ServeHTTP answers one request below /runtime/v1.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &call{
		method: r.Method, origin: edge.BaseURL(r), query: r.URL.RawQuery, header: r.Header, x: edge.From(r.Context()),
		body: func() ([]byte, error) { return edge.ReadBody(r) },
	}
	defer func() {
		if c.leave != nil {
			c.leave()
		}
	}()
	route, keys := h.find(r.URL.EscapedPath())
	refuse := refusal
	if route != nil {
		c.keys, c.x.Route = keys, base+route.path
		if route.refuse != nil {
			refuse = route.refuse
		}
	}
	a, err := h.answer(r.Context(), c, route)
	if err != nil {
		a = h.failure(c, err, refuse)
	}
	h.write(w, r, c, a)
}

// Refusing answers every request but a preflight with err, in the form of its route. It asks nobody and does nothing.
func (h *Handler) Refusing(err error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodOptions {
			h.ServeHTTP(w, r)
			return
		}
		c := &call{method: r.Method, x: edge.From(r.Context())}
		refuse := refusal
		if route, _ := h.find(r.URL.EscapedPath()); route != nil && route.refuse != nil {
			refuse = route.refuse
		}
		h.write(w, r, c, h.failure(c, err, refuse))
	})
}

// failure turns an error into an answer and leaves it to the log.
func (h *Handler) failure(c *call, err error, refuse func(*Handler, *call, *problem) answer) answer {
	p := asProblem(err)
	c.x.Failure, c.x.Fault = err, p.Status >= http.StatusInternalServerError
	return refuse(h, c, p)
}

// answer finds out who is calling, and then what is asked: whoever is not known is not told what exists (ADR 0007).
func (h *Handler) answer(ctx context.Context, c *call, route *route) (a answer, err error) {
	if c.method == http.MethodOptions {
		return options(route), nil
	}
	if route == nil || !route.public {
		if c.caller, err = h.authenticate(ctx, c.header); err != nil {
			return answer{}, err
		}
		c.caller.IPAddress = c.x.ClientIP
		c.x.TenantID, c.x.AppID = c.caller.TenantID, c.caller.AppID
		if c.leave, err = h.flights.Enter(c.caller.TenantID); err != nil {
			return answer{}, err
		}
	}
	if route == nil {
		return answer{}, noSuchPath()
	}
	method := c.method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	operation, found := route.methods[method]
	if !found {
		return answer{}, methodNotAllowed(route)
	}
	return guarded(ctx, h, c, operation.run)
}

// guarded makes a panic of an operation that operation's error, so that a client still gets an answer in its form.
func guarded(ctx context.Context, h *Handler, c *call, run handler) (a answer, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("an operation panicked: %v\n%s", p, debug.Stack())
		}
	}()
	return run(h, ctx, c)
}

// exposed are the headers that a script of another origin may read.
const exposed = "ETag, request-id, client-request-id, Retry-After, WWW-Authenticate"

// write sends the answer. Decisions hold what somebody typed about himself, so that no cache may keep one.
func (h *Handler) write(w http.ResponseWriter, r *http.Request, c *call, a answer) {
	header := w.Header()
	for name, values := range a.header {
		header[name] = values
	}
	header["request-id"] = []string{c.x.RequestID}
	header["client-request-id"] = []string{c.x.ClientRequestID}
	header.Set("Strict-Transport-Security", "max-age=31536000")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	if h.opts.CORS {
		edge.CORS(header, r, exposed)
	}
	if len(a.body) > 0 {
		header.Set("Content-Type", "application/json")
	}
	w.WriteHeader(a.status)
	if len(a.body) > 0 && r.Method != http.MethodHead {
		_, _ = w.Write(a.body) // the client has gone: nobody is left to tell
	}
}
