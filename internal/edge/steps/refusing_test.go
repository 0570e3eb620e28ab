package steps_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/edge/steps"
)

// TestRefusing: whatever is asked is refused in the form of its route, without an operation to ask. Kratos gets messages for
// its user, because it would try a 503 again and then show an error page.
func TestRefusing(t *testing.T) {
	t.Parallel()
	surface, err := steps.New(steps.Options{Now: time.Now, CORS: true})
	if err != nil {
		t.Fatal(err)
	}
	refusing := surface.Refusing(&apiconn.Error{Kind: apiconn.Upstream, Message: "Sealed.", RetryAfter: 7 * time.Second})
	ask := func(method, path string) *http.Response {
		w := httptest.NewRecorder()
		refusing.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(`{}`)))
		return w.Result()
	}
	type body struct {
		Error    struct{ Code, Message string }
		Messages []struct{ Messages []struct{ Type string } }
	}
	for _, path := range []string{
		"/runtime/v1/userFlows/B2X_1_x/steps/postAttributeCollection", "/runtime/v1/invocations", "/runtime/v1/reasons",
		"/runtime/v1/openapi.json", "/runtime/v1/nothing", "/runtime/v1/",
	} {
		for _, method := range []string{"GET", "POST", "PATCH"} {
			res := ask(method, path)
			var b body
			err := json.NewDecoder(res.Body).Decode(&b)
			if err != nil || res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") != "7" || b.Error.Code != "ServiceUnavailable" || b.Error.Message != "Sealed." {
				t.Errorf("%s %s: %d, Retry-After %q, %+v (%v)", method, path, res.StatusCode, res.Header.Get("Retry-After"), b, err)
			}
		}
	}
	res := ask("POST", "/runtime/v1/adapters/kratos/B2X_1_x/postAttributeCollection")
	var b body
	if err := json.NewDecoder(res.Body).Decode(&b); err != nil || res.StatusCode != http.StatusFailedDependency || len(b.Messages) == 0 || b.Error.Code != "ServiceUnavailable" {
		t.Errorf("Kratos: %d %+v (%v)", res.StatusCode, b, err)
	}
	if res := ask("OPTIONS", "/runtime/v1/invocations"); res.StatusCode != http.StatusNoContent {
		t.Errorf("a preflight: %d", res.StatusCode)
	}
}
