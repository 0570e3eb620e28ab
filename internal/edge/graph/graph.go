package graph

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"github.com/patchbay/patchbay/internal/auth"
	"github.com/patchbay/patchbay/internal/edge"
	"github.com/patchbay/patchbay/internal/manage"
	"github.com/patchbay/patchbay/internal/odata"
)

// Options are the settings of the surface.
type Options struct {
	Manage   *manage.Service
	Verifier *auth.Verifier
	Now      func() time.Time

	Cloud        Cloud    // "": Global
	Throttle     Throttle // "": ThrottleGenerous
	AuthorityURL string   // what a 401 names as authorization_uri's host; "": the cloud's own (contract 4.4)
	CORS         bool     // answer browsers of other origins
	MaxURL       int      // octets of a request target; 0: 16 KiB
	PageSize     int      // items of a page unless $top says otherwise; 0: 100
}

// Handler is the Graph surface.
type Handler struct {
	opts      Options
	trees     map[string]*node // by version
	throttle  *throttle
	flights   *flights
	schemas   map[string][]byte // by version
	challenge string            // WWW-Authenticate of a 401
}

// logins are the clouds' login hosts (contract 4.4).
var logins = map[Cloud]string{
	Global:   "https://login.microsoftonline.com",
	USGov:    "https://login.microsoftonline.us",
	USGovDoD: "https://login.microsoftonline.us",
	China:    "https://login.chinacloudapi.cn",
}

// graphAppID is the application id of Microsoft Graph, the client_id of its challenge.
const graphAppID = "00000003-0000-0000-c000-000000000000"

// New makes the surface. It fails only if its own templates are broken.
func New(opts Options) (*Handler, error) {
	if opts.Cloud == "" {
		opts.Cloud = Global
	}
	if opts.Throttle == "" {
		opts.Throttle = ThrottleGenerous
	}
	if opts.AuthorityURL == "" {
		opts.AuthorityURL = logins[opts.Cloud]
	}
	if opts.MaxURL <= 0 {
		opts.MaxURL = 16 << 10
	}
	if opts.PageSize <= 0 {
		opts.PageSize = 100
	}
	h := &Handler{
		opts:     opts,
		trees:    map[string]*node{},
		throttle: newThrottle(opts.Throttle, opts.Now),
		flights:  newFlights(),
		schemas:  map[string][]byte{},
		// The exact shape of the live service, empty realm included (contract 3.1). No claims: an SDK would ask for a
		// new token once more.
		challenge: `Bearer realm="", authorization_uri="` + strings.TrimSuffix(opts.AuthorityURL, "/") +
			`/common/oauth2/authorize", client_id="` + graphAppID + `"`,
	}
	for _, version := range versions {
		h.trees[version] = tree(routes(), opts.Cloud, version)
		var err error
		if h.schemas[version], err = schemaFor(opts.Cloud, version); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// handler answers one operation.
type handler func(h *Handler, ctx context.Context, c *call) (answer, error)

// call is one request after the wire: its own, or one of a batch.
type call struct {
	method        string
	version       string // v1.0 or beta
	origin        string // https://host
	query         string // raw
	header        http.Header
	body          func() ([]byte, error)
	route         *route
	keys          []string // of the path, in order
	container     string   // the path of a connector that was come by through a user flow; "" otherwise
	format        odata.Format
	options       odata.Options
	caller        auth.Caller
	authenticated bool
	x             *edge.Exchange
	inBatch       bool
	leave         func() // ends what flights.enter began
}

// writes tells whether the call may change something, for the throttle's scope.
func (c *call) writes() bool { return c.method != http.MethodGet && c.method != http.MethodHead }

// base is the URL of the version's root, without a slash at its end.
func (c *call) base() string { return c.origin + "/" + c.version }

// answer is what goes back.
type answer struct {
	status      int
	header      http.Header // beyond those that every answer has
	contentType string
	body        []byte
}

// set sets a header, in the spelling that the live service uses and not in Go's canonical one.
func (a *answer) set(name, value string) {
	if a.header == nil {
		a.header = http.Header{}
	}
	a.header[name] = []string{value}
}

// ok is a 200 with a JSON body in the format that the client asked for.
func (c *call) ok(body []byte) answer {
	return answer{status: http.StatusOK, contentType: c.format.ContentType(), body: body}
}

// ServeHTTP answers one request of /v1.0 or /beta.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &call{
		method: r.Method, origin: edge.BaseURL(r), query: r.URL.RawQuery, header: r.Header, x: edge.From(r.Context()),
		body: func() ([]byte, error) { return edge.ReadBody(r) },
	}
	defer func() {
		if c.leave != nil {
			c.leave() // now that the answer is out of memory
		}
	}()
	var a answer
	if version, path, ok := h.split(r); !ok {
		a = h.failure(c, badRequest("Invalid version."))
	} else if c.version = version; len(r.RequestURI) > h.opts.MaxURL {
		a = h.failure(c, urlTooLong())
	} else {
		a = h.answer(r.Context(), c, path)
	}
	h.write(w, r, c, a)
}

// Refusing answers every request but a preflight with err, in the form of this surface. It asks nobody and does nothing.
func (h *Handler) Refusing(err error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodOptions {
			h.ServeHTTP(w, r)
			return
		}
		c := &call{method: r.Method, x: edge.From(r.Context())}
		h.write(w, r, c, h.failure(c, err))
	})
}

func urlTooLong() *problem {
	return &problem{status: http.StatusRequestURITooLong, code: "UriTooLong", message: "The request URL is longer than this service accepts. Shorten it."}
}

// split cuts the version off the escaped path; its name is case-insensitive and may be percent-encoded like every other
// segment's.
func (h *Handler) split(r *http.Request) (version, path string, ok bool) {
	first, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
	if plain, err := url.PathUnescape(first); err == nil {
		first = plain
	}
	for _, known := range versions {
		if strings.EqualFold(first, known) {
			return known, rest, true
		}
	}
	return v1, "", false
}

// answer resolves, authenticates, admits and runs one call. It never fails: a failure is an answer too.
func (h *Handler) answer(ctx context.Context, c *call, path string) answer {
	route, unresolved := h.resolve(c, path)
	if c.method == http.MethodOptions {
		return options(route, unresolved)
	}
	var throttled http.Header
	if route == nil || !route.public {
		var err error
		if throttled, err = h.admit(ctx, c, route); err != nil {
			return h.failure(c, err).with(throttled)
		}
	}
	if unresolved != nil {
		return h.failure(c, unresolved).with(throttled)
	}
	a, err := h.guard(ctx, c, route)
	if err != nil {
		if route.unmetered { // nothing in it was counted
			return h.refuse(c, asProblem(err))
		}
		a = h.failure(c, err)
	}
	return a.with(throttled)
}

// admit lets a call in: its caller is known, is not at too many things at once, and keeps to the limits. The requests of a
// batch count, and not the batch (contract 3.4).
func (h *Handler) admit(ctx context.Context, c *call, route *route) (http.Header, error) {
	if err := h.authenticate(ctx, c); err != nil {
		return nil, err
	}
	unmetered := route != nil && route.unmetered
	if !c.inBatch {
		var err error
		if c.leave, err = h.flights.enter(c.caller.TenantID, unmetered); err != nil {
			return nil, err
		}
	}
	if unmetered {
		return nil, nil
	}
	return h.throttle.admit(c.caller, c.writes())
}

// with adds headers to an answer.
func (a answer) with(extra http.Header) answer {
	for name, values := range extra {
		a.set(name, values[0])
	}
	return a
}

// resolve finds the route of a path and the keys in it.
func (h *Handler) resolve(c *call, path string) (*route, *problem) {
	segments, ok := splitPath(path)
	if !ok {
		return nil, badRequest("The request URI is not valid: it has an empty, malformed or unbalanced path segment.")
	}
	route, keys, missing := h.trees[c.version].find(segments)
	if route == nil {
		return nil, segmentNotFound(missing)
	}
	c.route, c.keys, c.x.Route = route, keys, route.path
	return route, nil
}

// guard makes a panic of one operation that operation's error, so that a client still gets an envelope and the other
// requests of a batch their answers.
func (h *Handler) guard(ctx context.Context, c *call, route *route) (a answer, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("an operation panicked: %v\n%s", p, debug.Stack())
		}
	}()
	return h.run(ctx, c, route)
}

// run parses what every operation needs and hands over to the route's handler.
func (h *Handler) run(ctx context.Context, c *call, route *route) (answer, error) {
	method := c.method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	operation, found := route.methods[method]
	if !found {
		return answer{}, &problem{
			status: http.StatusMethodNotAllowed, code: "Request_BadRequest", header: http.Header{"Allow": {route.allow()}},
			message: "Specified HTTP method is not allowed for the request target.",
		}
	}
	var err error
	if c.options, err = odata.ParseOptions(c.query); err != nil {
		return answer{}, err
	}
	if c.format, err = odata.ParseFormat(c.header.Get("Accept"), c.options.Format); err != nil {
		return answer{}, &problem{status: http.StatusNotAcceptable, code: "NotAcceptable", message: err.Error(), cause: err}
	}
	return operation.run(h, ctx, c)
}

// authenticate finds out who is calling. In a batch the outer request has told already.
func (h *Handler) authenticate(ctx context.Context, c *call) error {
	if c.authenticated {
		return nil
	}
	token, err := edge.Bearer(c.header)
	if err != nil {
		return err
	}
	if c.caller, err = h.opts.Verifier.Verify(ctx, token); err != nil {
		return err
	}
	c.authenticated = true
	c.caller.IPAddress = c.x.ClientIP
	c.x.TenantID, c.x.AppID = c.caller.TenantID, c.caller.AppID
	return nil
}

// failure turns an error into an answer and leaves it, with its cause, to the log.
func (h *Handler) failure(c *call, err error) answer {
	p := asProblem(err)
	c.x.Failure, c.x.Fault = forLog(err), p.status >= http.StatusInternalServerError
	a := answer{status: p.status, contentType: "application/json", body: p.envelope(c.x.RequestID, c.x.ClientRequestID, h.opts.Now())}
	a = a.with(p.header)
	if p.retryAfter > 0 {
		a.set("Retry-After", edge.RetryAfter(p.retryAfter))
	}
	if p.status == http.StatusUnauthorized {
		a.set("WWW-Authenticate", h.challenge)
	}
	return a
}

// diagnostic is x-ms-ags-diagnostic in the live service's shape; it tells nothing about the machine.
const diagnostic = `{"ServerInfo":{"DataCenter":"Patchbay","Slice":"E","Ring":"1","ScaleUnit":"001","RoleInstance":"PB00000001"}}`

// write sends the answer with the headers of contract 3.2.
func (h *Handler) write(w http.ResponseWriter, r *http.Request, c *call, a answer) {
	header := w.Header()
	for name, values := range a.header {
		header[name] = values
	}
	header["request-id"] = []string{c.x.RequestID}
	header["client-request-id"] = []string{c.x.ClientRequestID}
	header["x-ms-ags-diagnostic"] = []string{diagnostic}
	header.Set("Strict-Transport-Security", "max-age=31536000")
	if h.opts.CORS {
		edge.CORS(header, r, exposed)
	}
	if a.contentType != "" {
		header.Set("Content-Type", a.contentType)
		header.Set("Cache-Control", "no-cache")
		if a.status < http.StatusBadRequest {
			header["OData-Version"] = []string{"4.0"}
			header["x-ms-resource-unit"] = []string{"1"}
		}
	}
	w.WriteHeader(a.status)
	if len(a.body) > 0 && r.Method != http.MethodHead {
		_, _ = w.Write(a.body) // the client has gone: nobody is left to tell
	}
}
