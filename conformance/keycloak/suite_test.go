package conformance

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/patchbay/patchbay/conformance/harness"
)

const (
	connectors = "/v1.0/identity/apiConnectors"
	flows      = "/v1.0/identity/b2xUserFlows"
	audits     = "/v1.0/auditLogs/directoryAudits"
)

// suite is what the checks share.
type suite struct {
	authority *authority
	keycloak  *keycloak
	patchbay  *patchbay
	target    *target
	connector string // of contoso
}

func TestConformance(t *testing.T) {
	s := newSuite(t)
	t.Run("applications", s.applications)
	t.Run("people", s.people)
	t.Run("tenants", s.tenants)
	t.Run("steps", s.steps)
	t.Run("keys", s.keys)
	t.Run("refused", s.refused)
	t.Run("outage", s.outage)
}

func newSuite(t *testing.T) *suite {
	t.Helper()
	ctx, binary, home := harness.Life(t), harness.PatchbayBinary(t), harness.Prepared(t, "KEYCLOAK_HOME")
	s := &suite{authority: newAuthority(t, t.TempDir())}
	s.target = startTarget(t, s.authority)
	patchbayPort, keycloakPort := freePorts(t)
	s.patchbay = newPatchbay(t, binary, s.authority)
	s.keycloak = startKeycloak(t, ctx, home, s.authority, keycloakPort, s.patchbay.contoso)
	t.Cleanup(func() {
		if err := s.keycloak.Terminate(terminated); err != nil {
			t.Error(err)
		}
	})
	s.patchbay.serve(t, ctx, s.authority, patchbayPort, s.keycloak.url, s.target.address())
	t.Cleanup(func() {
		if err := s.patchbay.Terminate(0); err != nil {
			t.Error(err)
		}
	})
	t.Run("start", func(t *testing.T) { s.start(t, ctx) })
	if t.Failed() {
		t.FailNow() // nothing else would work
	}
	s.connector = s.create(t, s.keycloak.application(t, "contoso", "terraform"), "of contoso")
	return s
}

// start is what happens while Keycloak is not there yet, and how long it takes.
func (s *suite) start(t *testing.T, ctx context.Context) {
	t.Run("before Keycloak is up its tokens are 503 with Retry-After", func(t *testing.T) {
		got := s.patchbay.want(t, http.StatusServiceUnavailable, forge(object{"alg": "RS256", "kid": "any"}, object{"iss": s.keycloak.issuer("contoso")}, []byte("any")), http.MethodGet, connectors, nil)
		if got.header.Get("Retry-After") == "" {
			t.Error("there is no Retry-After")
		}
	})
	t.Run("Keycloak starts and imports the realms", func(t *testing.T) {
		if err := s.keycloak.ready(ctx); err != nil {
			t.Fatal(err)
		}
	})
}

// create makes a connector and returns its id.
func (s *suite) create(t *testing.T, token, name string) string {
	t.Helper()
	created := s.patchbay.want(t, http.StatusCreated, token, http.MethodPost, connectors, s.body(name))
	return created.body["id"].(string)
}

// body is a connector that calls the target.
func (s *suite) body(name string) object {
	return object{
		"displayName": name, "targetUrl": s.target.server.URL + "/approve",
		"authenticationConfiguration": object{"@odata.type": "#microsoft.graph.basicAuthentication", "username": "patchbay", "password": "of the connector"},
	}
}

// wantForbidden checks that an answer is a 403 whose message names what is missing.
func wantForbidden(t *testing.T, got answer, names ...string) {
	t.Helper()
	if got.status != http.StatusForbidden {
		t.Fatalf("answered %d, want 403: %v", got.status, got.body)
	}
	for _, name := range names {
		if !strings.Contains(got.message(), name) {
			t.Errorf("the message is %q, want %q in it", got.message(), name)
		}
	}
}

// wantUnauthenticated checks that a token is a 401 as Graph's, for that reason.
func (s *suite) wantUnauthenticated(t *testing.T, token, reason string) {
	t.Helper()
	got := s.patchbay.want(t, http.StatusUnauthorized, token, http.MethodGet, connectors, nil)
	if got.code() != "InvalidAuthenticationToken" || !strings.Contains(got.message(), reason) {
		t.Errorf("answered %s %q, want %q in it", got.code(), got.message(), reason)
	}
	if !strings.HasPrefix(got.header.Get("WWW-Authenticate"), "Bearer ") {
		t.Errorf("WWW-Authenticate is %q", got.header.Get("WWW-Authenticate"))
	}
}
