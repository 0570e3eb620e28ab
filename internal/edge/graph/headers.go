package graph

import (
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

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

// etag is the weak entity tag of a version.
func etag(version int64) string { return `W/"` + strconv.FormatInt(version, 10) + `"` }

// precondition reads If-Match: "*", or a list of entity tags. Tags are compared weakly, since ours are weak and a client
// can have no other.
func (c *call) precondition() (manage.Precondition, error) {
	lines := c.header.Values("If-Match")
	if len(lines) == 0 {
		return manage.Precondition{}, nil
	}
	match := manage.Precondition{Versions: []int64{}}
	for tag := range strings.SplitSeq(strings.Join(lines, ","), ",") {
		tag = strings.TrimSpace(tag)
		if tag == "*" {
			return manage.Precondition{}, nil
		}
		quoted := strings.TrimPrefix(tag, "W/")
		if len(quoted) < 2 || quoted[0] != '"' || quoted[len(quoted)-1] != '"' {
			return manage.Precondition{}, badRequest(`The If-Match header is not valid. Send the ETag as it was read, such as W/"3", or *.`)
		}
		if version, err := strconv.ParseInt(quoted[1:len(quoted)-1], 10, 64); err == nil {
			match.Versions = append(match.Versions, version)
		}
	}
	return match, nil
}

// maxIdempotencyKey bounds an Idempotency-Key, in octets.
const maxIdempotencyKey = 255

// once reads the Idempotency-Key header of a POST (draft-ietf-httpapi-idempotency-key-header).
func (c *call) once(body []byte) (manage.Once, error) {
	lines := c.header.Values("Idempotency-Key")
	if len(lines) == 0 {
		return manage.Once{}, nil
	}
	key := strings.Trim(strings.TrimSpace(lines[0]), `"`)
	if len(lines) > 1 || key == "" || len(key) > maxIdempotencyKey || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return manage.Once{}, badRequest("The Idempotency-Key header must be one value of 1 to 255 printable ASCII characters without spaces, such as a UUID.")
	}
	return manage.Once{Key: key, Body: body}, nil
}

// retryAfter is a Retry-After in whole seconds, rounded up: a client that waits so long is let in.
func retryAfter(d time.Duration) string {
	return strconv.Itoa(max(1, int(math.Ceil(d.Seconds()))))
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

// cors lets browsers of any origin in: a token is what counts here, never a cookie (contract 3.5).
func cors(header http.Header, r *http.Request) {
	if r.Header.Get("Origin") == "" {
		return
	}
	header.Set("Access-Control-Allow-Origin", "*")
	header.Set("Access-Control-Expose-Headers", exposed)
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return
	}
	header.Set("Access-Control-Allow-Methods", r.Header.Get("Access-Control-Request-Method"))
	if asked := r.Header.Get("Access-Control-Request-Headers"); asked != "" {
		header.Set("Access-Control-Allow-Headers", asked)
	}
	header.Set("Access-Control-Max-Age", "3600")
}
