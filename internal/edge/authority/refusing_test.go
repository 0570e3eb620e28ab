package authority_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/edge/authority"
	"github.com/patchbay/patchbay/internal/manage"
)

// TestRefusing: whatever is asked is refused in OAuth's form with Entra's number, without a store or a signer to ask.
func TestRefusing(t *testing.T) {
	t.Parallel()
	surface, err := authority.New(authority.Options{
		CORS: true, Authority: &manage.Authority{Issuer: "https://localhost:8443", Now: time.Now},
		Refusal: &apiconn.Error{Kind: apiconn.Upstream, Message: "Sealed.", RetryAfter: 7 * time.Second},
	})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(method, path string) *http.Response {
		w := httptest.NewRecorder()
		surface.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader("grant_type=client_credentials")))
		return w.Result()
	}
	for _, path := range []string{
		"/x/oauth2/v2.0/token", "/x/oauth2/token", "/x/v2.0/.well-known/openid-configuration", "/x/discovery/v2.0/keys", "/common/discovery/instance", "/x/v2.0/nothing",
	} {
		for _, method := range []string{"GET", "POST"} {
			res := ask(method, path)
			m := members(t, res)
			description, _ := m["error_description"].(string)
			if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") != "7" || m["error"] != "temporarily_unavailable" || !strings.HasPrefix(description, "AADSTS90033: Sealed.") {
				t.Errorf("%s %s: %d, Retry-After %q, %v", method, path, res.StatusCode, res.Header.Get("Retry-After"), m)
			}
		}
	}
	if res := ask("OPTIONS", "/x/oauth2/v2.0/token"); res.StatusCode != http.StatusNoContent {
		t.Errorf("a preflight: %d", res.StatusCode)
	}
}
