package graph

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/patchbay/patchbay/internal/edge"
	"github.com/patchbay/patchbay/internal/manage"
)

// The values of the return preference (RFC 7240 section 4.2).
const (
	returnMinimal        = "minimal"
	returnRepresentation = "representation"
)

// returnPreference finds return=minimal or return=representation among the preferences; "" if neither.
func returnPreference(h http.Header) string {
	for _, line := range h.Values("Prefer") {
		for preference := range strings.SplitSeq(line, ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(preference), "=")
			value, _, _ = strings.Cut(value, ";")
			value = strings.ToLower(strings.Trim(strings.TrimSpace(value), `"`))
			if strings.EqualFold(strings.TrimSpace(name), "return") && (value == returnMinimal || value == returnRepresentation) {
				return value
			}
		}
	}
	return ""
}

// precondition reads If-Match.
func (c *call) precondition() (manage.Precondition, error) {
	versions, err := edge.IfMatch(c.header)
	return manage.Precondition{Versions: versions}, err
}

// once reads the Idempotency-Key header of a POST.
func (c *call) once(body []byte) (manage.Once, error) {
	key, err := edge.IdempotencyKey(c.header)
	if key == "" || err != nil {
		return manage.Once{}, err
	}
	return manage.Once{Key: key, Body: body}, nil
}

// allow lists a route's methods for an Allow header.
func (r *route) allow() string {
	methods := append(slices.Collect(maps.Keys(r.methods)), http.MethodOptions)
	if _, ok := r.methods[http.MethodGet]; ok {
		methods = append(methods, http.MethodHead)
	}
	slices.Sort(methods)
	return strings.Join(methods, ", ")
}

// options answers OPTIONS, the preflight of a browser included, without a token: a preflight carries none.
func options(r *route, unresolved *problem) answer {
	a := answer{status: http.StatusNoContent}
	if unresolved == nil {
		a.set("Allow", r.allow())
	}
	return a
}

// exposed are the headers that a script of another origin may read (contract 3.5).
const exposed = "ETag, Location, Preference-Applied, Content-Range, request-id, client-request-id, ReadWriteConsistencyToken, " +
	"Retry-After, SdkVersion, WWW-Authenticate, x-ms-client-gcc-tenant, OData-EntityId, x-ms-throttle-limit-percentage, x-ms-throttle-scope, x-ms-throttle-information"
