package authority_test

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/patchbay/patchbay/internal/auth"
	"github.com/patchbay/patchbay/internal/conntest"
	"github.com/patchbay/patchbay/internal/edge"
	"github.com/patchbay/patchbay/internal/edge/authority"
	"github.com/patchbay/patchbay/internal/manage"
)

func TestConfiguration(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.Tenant.ID
	for name, tc := range map[string]struct {
		path, host string
		root       string // of the URLs
		issuer     string
		oauth      string
		keys       string
	}{
		"version 2":      {"/" + id + "/v2.0", "patchbay.example:8443", conntest.BaseURL + "/" + id, conntest.BaseURL + "/" + id + "/v2.0", "/oauth2/v2.0", "/discovery/v2.0/keys"},
		"version 1":      {"/" + id, "patchbay.example:8443", conntest.BaseURL + "/" + id, conntest.BaseURL + "/" + id + "/v2.0", "/oauth2", "/discovery/keys"},
		"tenant by name": {"/contoso.example/v2.0", "patchbay.example:8443", conntest.BaseURL + "/" + id, conntest.BaseURL + "/" + id + "/v2.0", "/oauth2/v2.0", "/discovery/v2.0/keys"},
		"another host":   {"/" + id + "/v2.0", "login.microsoftonline.com", "https://login.microsoftonline.com/" + id, "https://login.microsoftonline.com/" + id + "/v2.0", "/oauth2/v2.0", "/discovery/v2.0/keys"},
		"any tenant":     {"/common/v2.0", "patchbay.example:8443", conntest.BaseURL + "/common", conntest.BaseURL + "/{tenantid}/v2.0", "/oauth2/v2.0", "/discovery/v2.0/keys"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// Node appends client-request-id to the address.
			m := members(t, b.do(http.MethodGet, tc.path+"/.well-known/openid-configuration?client-request-id=x", "", "Host", tc.host))
			want := map[string]any{
				"issuer": tc.issuer, "token_endpoint": tc.root + tc.oauth + "/token", "authorization_endpoint": tc.root + tc.oauth + "/authorize",
				"jwks_uri": tc.root + tc.keys, "device_authorization_endpoint": tc.root + "/oauth2/v2.0/devicecode",
				"end_session_endpoint": tc.root + "/oauth2/v2.0/logout", "msgraph_host": tc.host, "cloud_instance_name": tc.host,
				"subject_types_supported": []any{"pairwise"}, "id_token_signing_alg_values_supported": []any{"RS256"},
				"token_endpoint_auth_methods_supported": []any{"client_secret_post", "private_key_jwt", "client_secret_basic"},
			}
			got := map[string]any{}
			for member := range want {
				got[member] = m[member]
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for _, member := range []string{"response_types_supported", "claims_supported"} {
				if list, _ := m[member].([]any); len(list) == 0 {
					t.Errorf("%s: %v", member, m[member])
				}
			}
		})
	}
	for _, path := range []string{"/nobody.example/v2.0/.well-known/openid-configuration", "/nobody.example/discovery/v2.0/keys"} {
		res := b.do(http.MethodGet, path, "")
		if m := members(t, res); res.StatusCode != http.StatusBadRequest || m["error_codes"].([]any)[0] != 90002.0 {
			t.Errorf("%s: %d %v", path, res.StatusCode, m)
		}
	}
	m := members(t, b.do(http.MethodGet, "/"+id+"/v2.0/.well-known/openid-configuration", "", "Host", "evil.example/x\"<"))
	if strings.Contains(m["token_endpoint"].(string), "evil") {
		t.Errorf("a Host header that is no host came into %v", m["token_endpoint"])
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for path, issuer := range map[string]string{
		"/" + b.Tenant.ID + "/discovery/v2.0/keys": conntest.BaseURL + "/" + b.Tenant.ID + "/v2.0",
		"/" + b.Tenant.ID + "/discovery/keys":      conntest.BaseURL + "/" + b.Tenant.ID + "/v2.0",
		"/common/discovery/keys":                   conntest.BaseURL + "/{tenantid}/v2.0",
	} {
		keys, _ := members(t, b.do(http.MethodGet, path, ""))["keys"].([]any)
		if len(keys) != 1 {
			t.Fatalf("%s: %d keys", path, len(keys))
		}
		key := keys[0].(map[string]any)
		der, err := base64.StdEncoding.DecodeString(key["x5c"].([]any)[0].(string))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := x509.ParseCertificate(der); err != nil {
			t.Error(err)
		}
		public, err := b.Signer.PublicKeys(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		delete(key, "x5c")
		want := map[string]any{
			"kty": "RSA", "use": "sig", "kid": public[0].ID, "x5t": public[0].CertificateThumbprint(), "e": "AQAB", "issuer": issuer,
			"n": base64.RawURLEncoding.EncodeToString(public[0].RSA.N.Bytes()),
		}
		if diff := cmp.Diff(want, key); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
}

func TestInstanceDiscovery(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ask := func(endpoint string, header ...string) *http.Response {
		return b.do(http.MethodGet, "/common/discovery/instance?api-version=1.1&authorization_endpoint="+url.QueryEscape(endpoint), "", header...)
	}
	for endpoint, tc := range map[string]struct{ host, want string }{
		"https://patchbay.example:8443/" + b.Tenant.ID + "/oauth2/v2.0/authorize": {
			"patchbay.example:8443", "https://patchbay.example:8443/" + b.Tenant.ID + "/v2.0/.well-known/openid-configuration",
		},
		"https://login.microsoftonline.com/contoso.example/oauth2/v2.0/authorize": {
			"login.microsoftonline.com", "https://login.microsoftonline.com/contoso.example/v2.0/.well-known/openid-configuration",
		},
	} {
		m := members(t, ask(endpoint, "Host", tc.host))
		want := map[string]any{
			"tenant_discovery_endpoint": tc.want, "api-version": "1.1",
			"metadata": []any{map[string]any{"preferred_network": tc.host, "preferred_cache": tc.host, "aliases": []any{tc.host}}},
		}
		if diff := cmp.Diff(want, m); diff != "" {
			t.Errorf("%s (-want +got):\n%s", endpoint, diff)
		}
	}
	for _, endpoint := range []string{"https://login.example/x/oauth2/v2.0/authorize", "http://patchbay.example:8443/x", "::"} {
		res := ask(endpoint)
		if m := members(t, res); res.StatusCode != http.StatusBadRequest || m["error"] != "invalid_instance" {
			t.Errorf("%s: %d %v", endpoint, res.StatusCode, m)
		}
	}
	if res := b.do(http.MethodGet, "/common/discovery/instance", ""); res.StatusCode != http.StatusBadRequest {
		t.Errorf("without authorization_endpoint: %d", res.StatusCode)
	}
}

// TestOIDCClientOfOurs lets our own verifier find the authority's keys over TLS, as any resource server would, for one
// tenant and for all.
func TestOIDCClientOfOurs(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var handler http.Handler
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	b.Authority.Issuer = server.URL
	surface, err := authority.New(authority.Options{Authority: b.Authority, CORS: true})
	if err != nil {
		t.Fatal(err)
	}
	handler = edge.Wrap(surface, edge.Options{Log: noLog()})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	token, err := b.Authority.IssueToken(ctx, manage.TokenRequest{
		Tenant: b.Tenant.ID, GrantType: "client_credentials", ClientID: b.clientID, ClientSecret: b.secret, Scope: server.URL + "/.default",
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, tenant := range []string{b.Tenant.ID, "{tenantid}"} {
		v, err := auth.NewVerifier(auth.Options{Now: b.Clock.Now, Issuers: []auth.Issuer{
			{URL: auth.LocalIssuerURL(server.URL, tenant), Audiences: []string{server.URL}, Client: server.Client(), Tenants: []string{b.Tenant.ID}},
		}})
		if err != nil {
			t.Fatal(err)
		}
		who, err := v.Verify(ctx, token.AccessToken)
		v.Close()
		if err != nil || who.TenantID != b.Tenant.ID || who.Require(auth.APIConnectorsReadWriteAll) != nil {
			t.Errorf("issuer for %s: %v", tenant, err)
		}
	}
}
