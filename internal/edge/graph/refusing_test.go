package graph_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/edge/graph"
)

// TestRefusing: whatever is asked is refused in Graph's form, without a store, a verifier or an operation to ask.
func TestRefusing(t *testing.T) {
	t.Parallel()
	surface, err := graph.New(graph.Options{Now: time.Now, CORS: true})
	if err != nil {
		t.Fatal(err)
	}
	refusing := surface.Refusing((&apiconn.Error{Kind: apiconn.Upstream, Message: "Sealed.", RetryAfter: 7 * time.Second}).Because(errors.New("the cause")))
	ask := func(method, path string) *http.Response {
		r := httptest.NewRequest(method, path, strings.NewReader(`{}`))
		r.Header.Set("Origin", "https://app.example")
		r.Header.Set("Access-Control-Request-Method", "PATCH")
		w := httptest.NewRecorder()
		refusing.ServeHTTP(w, r)
		return w.Result()
	}
	for _, path := range []string{"/v1.0/identity/apiConnectors", "/beta/$batch", "/v1.0/$metadata", "/v9/nothing", "/"} {
		for _, method := range []string{"GET", "POST", "PATCH", "DELETE"} {
			res := ask(method, path)
			var body struct {
				Error struct {
					Code, Message string
					InnerError    map[string]string
				}
			}
			err := json.NewDecoder(res.Body).Decode(&body)
			if err != nil || res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") != "7" ||
				res.Header.Get("Access-Control-Allow-Origin") != "*" || body.Error.Code != "ServiceUnavailable" || body.Error.Message != "Sealed." {
				t.Errorf("%s %s: %d, Retry-After %q, %+v (%v)", method, path, res.StatusCode, res.Header.Get("Retry-After"), body, err)
			}
			if _, dated := body.Error.InnerError["date"]; !dated {
				t.Errorf("%s %s: no innerError", method, path)
			}
		}
	}
	if res := ask("HEAD", "/v1.0/identity/apiConnectors"); res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("HEAD: %d", res.StatusCode)
	}
	if res := ask("OPTIONS", "/v1.0/identity/apiConnectors"); res.StatusCode != http.StatusNoContent || res.Header.Get("Access-Control-Allow-Methods") != "PATCH" {
		t.Errorf("a preflight: %d; a browser's script would not learn of the 503", res.StatusCode)
	}
}
