package edge

import (
	"math"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// ETag is the weak entity tag of a version.
func ETag(version int64) string { return `W/"` + strconv.FormatInt(version, 10) + `"` }

// IfMatch reads the versions that If-Match accepts: nil for any, be it by "*" or without the header. Tags are compared
// weakly, since ours are weak and a client can have no other.
func IfMatch(h http.Header) ([]int64, error) {
	lines := h.Values("If-Match")
	if len(lines) == 0 {
		return nil, nil
	}
	versions := []int64{}
	for tag := range strings.SplitSeq(strings.Join(lines, ","), ",") {
		tag = strings.TrimSpace(tag)
		if tag == "*" {
			return nil, nil
		}
		quoted := strings.TrimPrefix(tag, "W/")
		if len(quoted) < 2 || quoted[0] != '"' || quoted[len(quoted)-1] != '"' {
			return nil, apiconn.Errorf(apiconn.Invalid, `The If-Match header is not valid. Send the ETag as it was read, such as W/"3", or *.`)
		}
		if version, err := strconv.ParseInt(quoted[1:len(quoted)-1], 10, 64); err == nil {
			versions = append(versions, version)
		}
	}
	return versions, nil
}

// maxIdempotencyKey bounds an Idempotency-Key, in octets.
const maxIdempotencyKey = 255

// IdempotencyKey reads the Idempotency-Key header (draft-ietf-httpapi-idempotency-key-header); "" if there is none.
func IdempotencyKey(h http.Header) (string, error) {
	lines := h.Values("Idempotency-Key")
	if len(lines) == 0 {
		return "", nil
	}
	key := strings.Trim(strings.TrimSpace(lines[0]), `"`)
	if len(lines) > 1 || key == "" || len(key) > maxIdempotencyKey || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", apiconn.Errorf(apiconn.Invalid, "The Idempotency-Key header must be one value of 1 to 255 printable ASCII characters without spaces, such as a UUID.")
	}
	return key, nil
}

// CheckJSON refuses a body whose Content-Type is not JSON.
func CheckJSON(h http.Header) error {
	mediaType, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil || (mediaType != "application/json" && !strings.HasSuffix(mediaType, "+json")) {
		return apiconn.Errorf(apiconn.Invalid, "Entity only allows writes with a JSON Content-Type header.")
	}
	return nil
}

// RetryAfter is a Retry-After in whole seconds, rounded up: a client that waits so long is let in.
func RetryAfter(d time.Duration) string {
	return strconv.Itoa(max(1, int(math.Ceil(d.Seconds()))))
}

// CORS lets browsers of any origin in: a token is what counts here, never a cookie (contract 3.5). exposed are the headers
// of answers that a script may read.
func CORS(header http.Header, r *http.Request, exposed string) {
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
