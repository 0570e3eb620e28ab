package authority

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/edge"
	"github.com/patchbay/patchbay/internal/manage"
)

// Options are what New needs.
type Options struct {
	Authority *manage.Authority
	CORS      bool  // answer browsers of other origins
	Refusal   error // what every request but a preflight is answered; nil: the surface does its work
}

// surface is the authority's HTTP side.
type surface struct {
	authority *manage.Authority
	cors      bool
	refusal   error
	trusted   []string // hosts[:port] that instance discovery vouches for besides the one asked
}

// handler answers a request or fails with an error that fail renders.
type handler func(w http.ResponseWriter, r *http.Request) error

// route is one path under the authority.
type route struct {
	pattern string
	method  string // GET allows HEAD too
	serve   handler
}

// New serves every path that Entra's login host serves to applications, under any tenant id or name. Wrap it in edge.Wrap.
func New(o Options) (http.Handler, error) {
	s := &surface{authority: o.Authority, cors: o.CORS, refusal: o.Refusal}
	for _, base := range append([]string{o.Authority.Issuer}, o.Authority.Aliases...) {
		u, err := url.Parse(base)
		if err != nil || u.Host == "" || u.Scheme != "https" {
			return nil, fmt.Errorf("the authority's URL %q is not an https URL", base)
		}
		s.trusted = append(s.trusted, strings.ToLower(u.Host))
	}
	mux := http.NewServeMux()
	for _, rt := range s.routes() {
		mux.HandleFunc(rt.pattern, s.adapt(rt))
	}
	mux.HandleFunc("/", s.adapt(route{serve: func(http.ResponseWriter, *http.Request) error { return errNoSuchPath }}))
	return mux, nil
}

// routes are all there are. Version 1 paths stand beside their successors.
func (s *surface) routes() []route {
	return []route{
		{"/{tenant}/oauth2/v2.0/token", http.MethodPost, s.token},
		{"/{tenant}/oauth2/token", http.MethodPost, s.tokenV1},
		{"/{tenant}/v2.0/.well-known/openid-configuration", http.MethodGet, s.configuration},
		{"/{tenant}/.well-known/openid-configuration", http.MethodGet, s.configurationV1},
		{"/{tenant}/discovery/v2.0/keys", http.MethodGet, s.keys},
		{"/{tenant}/discovery/keys", http.MethodGet, s.keys},
		{"/common/discovery/instance", http.MethodGet, s.instance},
		// Named in discovery because MSAL insists on them; nobody signs in here.
		{"/{tenant}/oauth2/v2.0/authorize", "", s.interactive},
		{"/{tenant}/oauth2/authorize", "", s.interactive},
		{"/{tenant}/oauth2/v2.0/devicecode", "", s.interactive},
		{"/{tenant}/oauth2/v2.0/logout", "", s.interactive},
	}
}

// adapt turns a route into a handler: what all answers have in common, CORS, the method check, errors.
func (s *surface) adapt(rt route) http.HandlerFunc {
	methods := []string{http.MethodOptions}
	switch rt.method {
	case http.MethodGet:
		methods = append(methods, http.MethodGet, http.MethodHead)
	case "":
		methods = append(methods, http.MethodGet, http.MethodHead, http.MethodPost)
	default:
		methods = append(methods, rt.method)
	}
	allow := strings.Join(methods, ", ")
	return func(w http.ResponseWriter, r *http.Request) {
		x := edge.From(r.Context())
		x.Route = strings.TrimSpace(rt.method + " " + rt.pattern)
		h := w.Header()
		h.Set("X-Ms-Request-Id", x.RequestID)
		if r.Header.Get("Client-Request-Id") != "" {
			h.Set("Client-Request-Id", x.ClientRequestID)
		}
		h.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
		h.Set("X-Content-Type-Options", "nosniff")
		if s.cors {
			h.Set("Access-Control-Allow-Origin", "*")
			h.Set("Access-Control-Expose-Headers", "x-ms-request-id, client-request-id, WWW-Authenticate")
		}
		if r.Method == http.MethodOptions {
			s.preflight(w, r, allow)
			return
		}
		if s.refusal != nil {
			s.fail(w, r, s.refusal)
			return
		}
		if !slices.Contains(methods, r.Method) {
			h.Set("Allow", allow)
			s.fail(w, r, methodNotAllowed(allow, r.Method))
			return
		}
		if err := rt.serve(w, r); err != nil {
			s.fail(w, r, err)
		}
	}
}

// preflight answers OPTIONS: any origin may ask for a token it has the secret of, or read what is public.
func (s *surface) preflight(w http.ResponseWriter, r *http.Request, allow string) {
	h := w.Header()
	h.Set("Allow", allow)
	if !s.cors {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	h.Set("Access-Control-Allow-Methods", allow)
	if asked := r.Header.Get("Access-Control-Request-Headers"); asked != "" {
		h.Set("Access-Control-Allow-Headers", asked)
	}
	h.Set("Access-Control-Max-Age", "86400")
	w.WriteHeader(http.StatusNoContent)
}

// interactive refuses what needs a person.
func (s *surface) interactive(http.ResponseWriter, *http.Request) error {
	return &apiconn.Error{
		Kind: apiconn.Invalid, Reason: apiconn.ReasonGrantUnsupported,
		Message: "This authority signs in applications only, by client_credentials at the token endpoint. Let people sign in at an OpenID Connect issuer that the server is configured to accept.",
	}
}

// write sends a small JSON document.
func write(w http.ResponseWriter, status int, document any) error {
	body, err := json.Marshal(document)
	if err != nil {
		return fmt.Errorf("encode an answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client is gone: there is nobody to tell
	return nil
}

// neverStore marks an answer that no cache may keep (RFC 6749 section 5.1).
func neverStore(h http.Header) {
	h.Set("Cache-Control", "no-store, no-cache")
	h.Set("Pragma", "no-cache")
	h.Set("Expires", "-1")
}
