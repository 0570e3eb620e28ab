package steps

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// base is where the surface stands.
const base = "/runtime/v1"

// handler answers one operation.
type handler func(h *Handler, ctx context.Context, c *call) (answer, error)

// route is one resource and its operations by method. HEAD follows GET and OPTIONS is every route's.
type route struct {
	path    string // below base
	methods map[string]operation
	public  bool // needs no caller
	// refuse writes the errors of the route; nil: refusal.
	refuse func(h *Handler, c *call, p *problem) answer
}

// operation is what a method does on a route.
type operation struct {
	run         handler
	permissions string // for docs/runtime.md
	does        string // likewise
}

// routes is every route there is. The table of docs/runtime.md is made from it, and OpenAPI.
func routes() []route {
	const (
		invoke    = "`UserFlows.Invoke.All`"
		receipts  = "`UserFlowInvocation.Read.All`"
		read      = "`APIConnectors.Read.All` or `APIConnectors.ReadWrite.All`"
		readWrite = "`APIConnectors.ReadWrite.All`"
	)
	return []route{
		{path: "/userFlows/{id}/steps/{step}", methods: map[string]operation{
			"POST": {(*Handler).runStep, invoke + "; with `receipt=true` also " + receipts, "Decide a step of a sign-up."},
		}},
		{path: "/invocations", methods: map[string]operation{
			"GET": {(*Handler).listInvocations, receipts, "List receipts, the newest first."},
		}},
		{path: "/invocations/{id}", methods: map[string]operation{
			"GET": {(*Handler).getInvocation, receipts, "Get a receipt."},
		}},
		{path: "/invocations/{id}/replay", methods: map[string]operation{
			"POST": {(*Handler).replay, invoke + " and " + receipts + "; with `targetUrl` also " + readWrite, "Run a recorded step again."},
		}},
		{path: "/connectors/{id}/callSettings", methods: map[string]operation{
			"GET":   {(*Handler).getCallSettings, read, "How a connector is called."},
			"PATCH": {(*Handler).updateCallSettings, readWrite, "Change how a connector is called."},
		}},
		{path: "/certificates", methods: map[string]operation{
			"GET": {(*Handler).listCertificates, read, "Client certificates that end soon, or have ended."},
		}},
		{path: "/reasons", public: true, methods: map[string]operation{
			"GET": {(*Handler).listReasons, "none, and no token", "Every reason of a decision, in words."},
		}},
		{path: "/openapi.json", public: true, methods: map[string]operation{
			"GET": {(*Handler).describe, "none, and no token", "The OpenAPI description of all surfaces."},
		}},
		{path: "/adapters/kratos/{id}/{step}", refuse: (*Handler).refuseKratos, methods: map[string]operation{
			"POST": {(*Handler).kratos, invoke, "Decide a step for the web hook of Ory Kratos."},
		}},
	}
}

// find returns the route of an escaped path and the keys in it. Names and ids are case-sensitive: this surface is our
// own, and nobody expects otherwise.
func (h *Handler) find(escaped string) (*route, []string) {
	below, found := strings.CutPrefix(escaped, base+"/")
	if !found {
		return nil, nil
	}
	segments := strings.Split(below, "/")
	for i, s := range segments {
		plain, err := url.PathUnescape(s)
		if err != nil || plain == "" {
			return nil, nil
		}
		segments[i] = plain
	}
	for i := range h.routes {
		if keys, ok := h.routes[i].match(segments); ok {
			return &h.routes[i], keys
		}
	}
	return nil, nil
}

// match compares unescaped segments with the route's path.
func (r *route) match(segments []string) (keys []string, ok bool) {
	pattern := strings.Split(r.path[1:], "/")
	if len(pattern) != len(segments) {
		return nil, false
	}
	for i, name := range pattern {
		switch {
		case strings.HasPrefix(name, "{"):
			keys = append(keys, segments[i])
		case name != segments[i]:
			return nil, false
		}
	}
	return keys, true
}

// allow lists the route's methods for an Allow header.
func (r *route) allow() string {
	methods := append(slices.Collect(maps.Keys(r.methods)), http.MethodOptions)
	if _, readable := r.methods[http.MethodGet]; readable {
		methods = append(methods, http.MethodHead)
	}
	slices.Sort(methods)
	return strings.Join(methods, ", ")
}

// options answers OPTIONS, the preflight of a browser included, without a token: a preflight carries none.
func options(r *route) answer {
	a := answer{status: http.StatusNoContent}
	if r != nil {
		a.set("Allow", r.allow())
	}
	return a
}
