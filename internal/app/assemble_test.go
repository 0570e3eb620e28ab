package app

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestBySurface(t *testing.T) {
	t.Parallel()
	named := func(name string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(name)) })
	}
	surface := bySurface(named("graph"), named("steps"), named("authority"))
	tests := []struct{ path, want string }{
		{"/v1.0/identity/apiConnectors", "graph"},
		{"/BETA/identity", "graph"},
		{"/v9.9/identity/apiConnectors", "graph"}, // to be told "Invalid version."
		{"/", "graph"},
		{"/favicon.ico", "graph"},
		{"/runtime/v1/userFlows/B2X_1_a/steps/postFederationSignup", "steps"},
		{"/runtime/v2/invocations", "graph"},
		{"/runtime/oauth2/v2.0/token", "authority"}, // a tenant may be called so
		{"/v1.0/oauth2/v2.0/token", "graph"},
		{"/contoso.example/oauth2/v2.0/token", "authority"},
		{"/contoso.example/oauth2/token", "authority"},
		{"/contoso.example/v2.0/.well-known/openid-configuration", "authority"},
		{"/contoso.example/.well-known/openid-configuration", "authority"},
		{"/common/discovery/instance", "authority"},
		{"/contoso.example/discovery/v2.0/keys", "authority"},
	}
	for _, tt := range tests {
		answer := httptest.NewRecorder()
		surface.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, tt.path, nil))
		if got := answer.Body.String(); got != tt.want {
			t.Errorf("%s goes to %s, want %s", tt.path, got, tt.want)
		}
	}
}
