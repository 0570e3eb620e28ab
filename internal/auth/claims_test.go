package auth_test

import (
	"maps"
	"testing"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/auth"
)

// TestKindsOfToken brings what issuers really mint, all of it signed, in time and for our audience, with the role that
// lets an application write. Only access tokens may pass, and only an application's as app-only.
func TestKindsOfToken(t *testing.T) {
	t.Parallel()
	c := newClock()
	i := newIssuer(t, c)
	defaults := i.Settings()
	scoped := i.Settings()
	scoped.ScopeClaim = "scope"
	const notAccess, person, noApp = "send an access token", "no delegated scope", "names no application"
	write := string(auth.APIConnectorsReadWriteAll)
	// What Keycloak puts into every access token, and into those of the client_credentials grant.
	keycloak := map[string]any{"typ": "Bearer", "azp": "spa", "sub": "s", "scope": "profile email", "acr": "1", "email_verified": false}
	service := with(keycloak, map[string]any{"preferred_username": "service-account-spa", "client_id": "spa", "clientHost": "192.0.2.1", "clientAddress": "192.0.2.1"})
	user := with(keycloak, map[string]any{"preferred_username": "alice", "sid": "x"})

	for name, tc := range map[string]struct {
		settings    auth.Issuer
		claims      map[string]any
		message     string // of the refusal; "" accepted
		application bool
	}{
		"Entra ID token": {
			defaults, map[string]any{"nonce": "n", "at_hash": "h", "name": "Alice", "preferred_username": "alice@contoso.example", "ver": "2.0"}, notAccess, false,
		},
		"ID token by nonce":              {defaults, map[string]any{"nonce": "n"}, notAccess, false},
		"ID token by at_hash":            {defaults, map[string]any{"at_hash": "h"}, notAccess, false},
		"ID token by c_hash":             {defaults, map[string]any{"c_hash": "h"}, notAccess, false},
		"ID token with scope":            {defaults, map[string]any{"nonce": "n", "scp": write}, notAccess, false},
		"Entra ID token without nonce":   {defaults, map[string]any{"azp": nil, "oid": "o", "ver": "2.0"}, noApp, false},
		"empty application":              {defaults, map[string]any{"azp": "", "appid": ""}, noApp, false},
		"delegated without application":  {defaults, map[string]any{"azp": nil, "scp": write}, noApp, false},
		"Google ID token":                {defaults, map[string]any{"azp": "a", "email": "alice@contoso.example", "email_verified": true}, person, false},
		"Keycloak ID token":              {defaults, map[string]any{"nonce": "n", "typ": "ID", "azp": "spa", "preferred_username": "alice"}, notAccess, false},
		"Keycloak ID token by typ":       {defaults, map[string]any{"typ": "ID"}, notAccess, false},
		"Keycloak refresh token":         {defaults, map[string]any{"typ": "Refresh"}, notAccess, false},
		"Keycloak offline token":         {defaults, map[string]any{"typ": "OFFLINE"}, notAccess, false},
		"Keycloak user":                  {defaults, user, person, false},
		"Keycloak user, no profile":      {defaults, with(user, map[string]any{"preferred_username": nil}), person, false},
		"Keycloak user, old release":     {defaults, with(user, map[string]any{"sid": nil, "preferred_username": nil, "session_state": "x"}), person, false},
		"user by upn":                    {defaults, map[string]any{"scope": "openid", "upn": "alice@contoso.example"}, person, false},
		"user by email":                  {defaults, map[string]any{"scope": "openid", "email": "alice@contoso.example"}, person, false},
		"user of a service account name": {defaults, with(user, map[string]any{"preferred_username": "service-account-spa"}), person, false},
		"user of another account's name": {defaults, with(user, map[string]any{"sid": nil, "preferred_username": "service-account-other"}), person, false},
		"Keycloak service account":       {defaults, service, "", true},
		"Keycloak service account, session": {
			defaults, with(service, map[string]any{"sid": "x", "session_state": "x"}), "", true,
		},
		"Keycloak service account, old release": {
			defaults, with(service, map[string]any{"client_id": nil, "clientId": "spa", "session_state": "x", "email": "service-account-spa@placeholder.org"}), "", true,
		},
		"Keycloak user where scope delegates": {scoped, user, "", false},
		"RFC 9068":                            {defaults, map[string]any{"azp": nil, "client_id": "a", "scope": "openid"}, "", true},
		"Entra version 1, application":        {defaults, map[string]any{"azp": nil, "appid": "a", "oid": "o", "idtyp": "app", "uti": "u", "ver": "1.0"}, "", true},
		"Entra version 2, application":        {defaults, map[string]any{"azp": "a", "azpacr": "1", "oid": "o", "ver": "2.0"}, "", true},
		"Entra version 1, delegated": {
			defaults, map[string]any{"azp": nil, "appid": "a", "scp": "openid", "upn": "alice@contoso.example", "unique_name": "alice@contoso.example", "ver": "1.0"}, "", false,
		},
		"Entra version 2, delegated": {
			defaults, map[string]any{"azp": "a", "scp": "openid", "preferred_username": "alice@contoso.example", "sid": "x", "ver": "2.0"}, "", false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			token := i.Token(t, with(map[string]any{"tid": tenant, "roles": []string{write}}, tc.claims))
			who, err := newVerifier(t, c, tc.settings).Verify(t.Context(), token)
			if tc.message != "" {
				refused(t, err, apiconn.Unauthenticated, tc.message)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			may := who.Require(auth.APIConnectorsReadWriteAll) == nil
			if who.Application != tc.application || may != tc.application {
				t.Errorf("application %v, may write %v; want %v for both", who.Application, may, tc.application)
			}
		})
	}
}

// TestIssuerStaysInItsTenants lets an issuer name a tenant of another one.
func TestIssuerStaysInItsTenants(t *testing.T) {
	t.Parallel()
	c := newClock()
	i := newIssuer(t, c)
	token := i.Application(t, otherTenant, auth.APIConnectorsReadWriteAll)
	fixed, listed, open := i.Settings(), i.Settings(), i.Settings()
	fixed.TenantID, fixed.Tenants = tenant, nil
	listed.Tenants = []string{tenant}
	if who, err := newVerifier(t, c, fixed).Verify(t.Context(), token); err != nil || who.TenantID != tenant {
		t.Errorf("tenant set: the caller is in %q (%v), want %q", who.TenantID, err, tenant)
	}
	_, err := newVerifier(t, c, listed).Verify(t.Context(), token)
	refused(t, err, apiconn.Unauthenticated, "names no acceptable tenant")
	if who, err := newVerifier(t, c, open).Verify(t.Context(), token); err != nil || who.TenantID != otherTenant {
		t.Errorf("any tenant: the caller is in %q (%v), want %q", who.TenantID, err, otherTenant)
	}
}

// with returns the claims overlaid with more.
func with(claims, more map[string]any) map[string]any {
	all := maps.Clone(claims)
	maps.Copy(all, more)
	return all
}
