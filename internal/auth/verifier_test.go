package auth_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/auth"
	"github.com/patchbay/patchbay/internal/conntest"
)

const (
	tenant        = "0a5f3c1e-8b1d-4a7c-9d55-6f0e2b7c1a01"
	otherTenant   = "7c0d9f44-1f2a-4e0b-8a55-3d1e5b9a2c02"
	userFlowAdmin = "6e591065-9bad-43ed-90f3-e9424366d2f0"
	reportsReader = "4a5d8f65-41da-4de4-8968-e035b65339cf"
	userAdmin     = "fe930be7-5e62-47db-91af-98c3a49a38b1"
	personal      = "9188040d-6c67-4c5b-b112-36a304b66dad"
)

// clock is a time that the test moves.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// newVerifier makes a verifier on the clock for the settings.
func newVerifier(t testing.TB, c *clock, issuers ...auth.Issuer) *auth.Verifier {
	t.Helper()
	v, err := auth.NewVerifier(auth.Options{Issuers: issuers, ExtraDirectoryRoles: []string{userAdmin}, Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	return v
}

// newIssuer starts an issuer on the clock.
func newIssuer(t testing.TB, c *clock) *conntest.Issuer {
	t.Helper()
	i := conntest.NewIssuer(t)
	i.Now = c.now
	return i
}

// refused checks that an error is the refusal with that public text.
func refused(t *testing.T, err error, kind apiconn.Kind, message string) {
	t.Helper()
	e, ok := errors.AsType[*apiconn.Error](err)
	if !ok {
		t.Fatalf("error %v, want a %v with %q", err, kind, message)
	}
	if e.Kind != kind || !strings.Contains(e.Message, message) {
		t.Fatalf("error kind %v with %q, want kind %v with %q (cause: %v)", e.Kind, e.Message, kind, message, errors.Unwrap(e))
	}
}

func TestVerifierReadsCallers(t *testing.T) {
	t.Parallel()
	c := newClock()
	i := newIssuer(t, c)
	keycloak := i.Settings()
	keycloak.TenantID, keycloak.RolesClaim = strings.ToUpper(tenant), "resource_access.patchbay.roles"
	dotted := i.Settings()
	dotted.RolesClaim, dotted.TenantClaim = "https://contoso.example/roles", "https://contoso.example/tenant"
	scoped := i.Settings()
	scoped.ScopeClaim, scoped.DirectoryRolesClaim = "scope", "directory_roles"

	read, write := auth.APIConnectorsReadAll, auth.APIConnectorsReadWriteAll
	app := auth.Caller{TenantID: tenant, AppID: "a", ObjectID: "o", Application: true}
	user := auth.Caller{TenantID: tenant, AppID: "a", ObjectID: "o", UserID: "o"}
	claims := func(more map[string]any) map[string]any {
		all := map[string]any{"tid": tenant, "appid": "a", "oid": "o", "sub": "s"}
		for k, v := range more {
			all[k] = v
		}
		return all
	}
	for name, tc := range map[string]struct {
		settings auth.Issuer
		claims   map[string]any
		want     auth.Caller
		may      []auth.Permission
	}{
		"application": {i.Settings(), claims(map[string]any{"roles": []string{string(write), "Nonsense.All"}}), app, []auth.Permission{write}},
		"tenant in upper case": {
			i.Settings(), claims(map[string]any{"tid": strings.ToUpper(tenant), "roles": []string{string(read)}}), app, []auth.Permission{read},
		},
		"version 2 claims": {
			i.Settings(), claims(map[string]any{"appid": nil, "azp": "a", "oid": nil, "sub": "o", "roles": []string{string(read)}}), app, []auth.Permission{read},
		},
		"audience with a slash, among others": {
			i.Settings(), claims(map[string]any{"aud": []string{"x", conntest.Audience + "/"}}), app, nil,
		},
		"no permission":              {i.Settings(), claims(nil), app, nil},
		"directory role alone":       {i.Settings(), claims(map[string]any{"wids": []string{userFlowAdmin}}), app, nil},
		"operator cannot be carried": {i.Settings(), claims(map[string]any{"roles": []string{string(auth.Operator)}}), app, nil},
		"delegated with directory role": {
			i.Settings(), claims(map[string]any{"scp": "openid " + string(write), "wids": []string{strings.ToUpper(userFlowAdmin)}}), user, []auth.Permission{write},
		},
		"delegated with extra directory role": {
			i.Settings(), claims(map[string]any{"scp": string(read), "wids": []string{userAdmin}}), user, []auth.Permission{read},
		},
		"extra directory role is for connectors only": {
			i.Settings(), claims(map[string]any{"scp": string(auth.AuditLogReadAll), "wids": []string{userAdmin}}), user, nil,
		},
		"delegated with the role of another family": {
			i.Settings(), claims(map[string]any{"scp": string(write) + " " + string(auth.AuditLogReadAll), "wids": []string{reportsReader}}),
			user,
			[]auth.Permission{auth.AuditLogReadAll},
		},
		"delegated: roles do not count": {
			i.Settings(), claims(map[string]any{"scp": "openid", "roles": []string{string(write)}, "wids": []string{userFlowAdmin}}), user, nil,
		},
		"empty scope is still delegated": {
			i.Settings(), claims(map[string]any{"scp": "", "roles": []string{string(write)}, "wids": []string{userFlowAdmin}}), user, nil,
		},
		"undelegable permission": {
			i.Settings(), claims(map[string]any{"scp": string(auth.UserFlowsInvokeAll), "wids": []string{userFlowAdmin}}), user, nil,
		},
		"fixed tenant, nested roles": {
			keycloak, claims(map[string]any{"tid": nil, "resource_access": map[string]any{"patchbay": map[string]any{"roles": []string{string(write)}}}}),
			app,
			[]auth.Permission{write},
		},
		"claim names with dots": {
			dotted, claims(map[string]any{"tid": nil, "https://contoso.example/tenant": tenant, "https://contoso.example/roles": string(read)}),
			app,
			[]auth.Permission{read},
		},
		"scope and directory role claims by setting": {
			scoped, claims(map[string]any{"scope": string(read), "directory_roles": userFlowAdmin}), user, []auth.Permission{read},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newVerifier(t, c, tc.settings)
			token := i.Token(t, tc.claims)
			for _, pass := range []string{"verified", "remembered"} {
				got, err := v.Verify(t.Context(), token)
				if err != nil {
					t.Fatalf("%s: %v", pass, err)
				}
				if diff := cmp.Diff(tc.want, got, cmpopts.IgnoreUnexported(auth.Caller{})); diff != "" {
					t.Errorf("%s (-want +got):\n%s", pass, diff)
				}
				if diff := cmp.Diff(tc.may, got.Permissions(), cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("%s: permissions (-want +got):\n%s", pass, diff)
				}
			}
		})
	}
}

func TestVerifierRefuses(t *testing.T) {
	t.Parallel()
	c := newClock()
	i := newIssuer(t, c)
	other := newIssuer(t, c)
	limited := i.Settings()
	limited.Tenants = []string{otherTenant}
	rsaOnly := i.Settings()
	rsaOnly.Algorithms = []string{"RS256", "PS256"}
	at := func(d time.Duration) int64 { return c.now().Add(d).Unix() }
	valid := i.Application(t, tenant, auth.APIConnectorsReadAll)
	parts := strings.Split(valid, ".")

	const malformed, signature = "CompactToken parsing failed with error code: 80049217", "Access token validation failure. Invalid signature."
	lifetime, noTenant := "Lifetime validation failed", "names no acceptable tenant"
	for name, tc := range map[string]struct {
		settings auth.Issuer
		token    string
		message  string
	}{
		"empty":                 {i.Settings(), "", "Access token is empty."},
		"not a token":           {i.Settings(), "opaque", malformed},
		"two parts":             {i.Settings(), parts[0] + "." + parts[1], malformed},
		"empty signature":       {i.Settings(), parts[0] + "." + parts[1] + ".", malformed},
		"five parts":            {i.Settings(), valid + ".a.b", malformed},
		"too long":              {i.Settings(), valid + strings.Repeat("A", 40<<10), malformed},
		"line break":            {i.Settings(), valid[:len(valid)-4] + "\n" + valid[len(valid)-4:], malformed},
		"padding":               {i.Settings(), valid + "==", malformed},
		"stray bits":            {i.Settings(), strayBits(valid), malformed},
		"payload not JSON":      {i.Settings(), parts[0] + ".bm90IGpzb24." + parts[2], malformed},
		"payload not object":    {i.Settings(), parts[0] + ".W10." + parts[2], malformed},
		"crit":                  {i.Settings(), i.Sign(t, map[string]any{"crit": []string{"exp"}}, map[string]any{"tid": tenant}), malformed},
		"typ of another kind":   {i.Settings(), i.Sign(t, map[string]any{"typ": "logout+jwt"}, map[string]any{"tid": tenant}), malformed},
		"issuer not configured": {other.Settings(), valid, "Access token validation failure. Invalid issuer."},
		"issuer absent":         {i.Settings(), i.Token(t, map[string]any{"tid": tenant, "iss": nil}), "Invalid issuer."},
		"issuer is not text":    {i.Settings(), i.Token(t, map[string]any{"tid": tenant, "iss": []string{i.URL}}), "Invalid issuer."},
		"key of another issuer": {i.Settings(), other.Sign(t, nil, map[string]any{"iss": i.URL, "tid": tenant}), signature},
		"key of another, kid of ours": {
			i.Settings(), other.Sign(t, map[string]any{"kid": kidOf(t, valid)}, map[string]any{"iss": i.URL, "tid": tenant}), signature,
		},
		"unsigned":              {i.Settings(), encode(`{"alg":"none","kid":"`+kidOf(t, valid)+`"}`) + "." + parts[1] + ".AAAA", signature},
		"HMAC":                  {i.Settings(), encode(`{"alg":"HS256","kid":"`+kidOf(t, valid)+`"}`) + "." + parts[1] + ".AAAA", signature},
		"algorithm not allowed": {rsaOnly, valid, signature},
		"wrong audience":        {i.Settings(), i.Token(t, map[string]any{"tid": tenant, "aud": "https://graph.microsoft.com"}), "Access token validation failure. Invalid audience."},
		"no audience":           {i.Settings(), i.Token(t, map[string]any{"tid": tenant, "aud": nil}), "Invalid audience."},
		"audience words":        {i.Settings(), i.Token(t, map[string]any{"tid": tenant, "aud": "x " + conntest.Audience}), "Invalid audience."},
		"expired":               {i.Settings(), i.Token(t, map[string]any{"tid": tenant, "exp": at(-5 * time.Minute)}), "Lifetime validation failed, the token is expired."},
		"not yet valid":         {i.Settings(), i.Token(t, map[string]any{"tid": tenant, "nbf": at(5*time.Minute + time.Second)}), lifetime},
		"no exp":                {i.Settings(), i.Token(t, map[string]any{"tid": tenant, "exp": nil}), lifetime},
		"no nbf, no iat":        {i.Settings(), i.Token(t, map[string]any{"tid": tenant, "nbf": nil, "iat": nil}), lifetime},
		"exp as text":           {i.Settings(), i.Token(t, map[string]any{"tid": tenant, "exp": "4102444800"}), lifetime},
		"exp beyond time":       {i.Settings(), i.Token(t, map[string]any{"tid": tenant, "exp": 1e300}), lifetime},
		"no tenant":             {i.Settings(), i.Token(t, nil), noTenant},
		"tenant no GUID":        {i.Settings(), i.Token(t, map[string]any{"tid": "contoso"}), noTenant},
		"tenant not allowed":    {limited, valid, noTenant},
		"personal account":      {i.Settings(), i.Token(t, map[string]any{"tid": personal}), "Personal Microsoft accounts are not supported."},
		"user without scope":    {i.Settings(), i.Token(t, map[string]any{"tid": tenant, "idtyp": "user", "roles": []string{"APIConnectors.Read.All"}}), "no delegated scope"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newVerifier(t, c, tc.settings)
			for range 2 { // a refusal is not remembered as anything else
				got, err := v.Verify(t.Context(), tc.token)
				refused(t, err, apiconn.Unauthenticated, tc.message)
				if diff := cmp.Diff(auth.Caller{}, got, cmpopts.IgnoreUnexported(auth.Caller{})); diff != "" {
					t.Errorf("a refusal names a caller:\n%s", diff)
				}
			}
		})
	}
}

func TestVerifierClockSkew(t *testing.T) {
	t.Parallel()
	const hour = time.Hour
	for name, tc := range map[string]struct {
		skew time.Duration
		at   time.Duration // after issue
		want string        // "" accepted
	}{
		"default: last moment":     {0, hour + 5*time.Minute - time.Second, ""},
		"default: expired":         {0, hour + 5*time.Minute, "the token is expired"},
		"default: earliest moment": {0, -5 * time.Minute, ""},
		"default: too early":       {0, -5*time.Minute - time.Second, "not yet valid"},
		"none: last moment":        {-1, hour - time.Second, ""},
		"none: expired":            {-1, hour, "the token is expired"},
		"none: earliest moment":    {-1, 0, ""},
		"none: too early":          {-1, -time.Second, "not yet valid"},
		"one minute: last moment":  {time.Minute, hour + time.Minute - time.Second, ""},
		"one minute: expired":      {time.Minute, hour + time.Minute, "the token is expired"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newClock()
			i := newIssuer(t, c)
			settings := i.Settings()
			settings.ClockSkew = tc.skew
			token := i.Application(t, tenant)
			fresh, remembering := newVerifier(t, c, settings), newVerifier(t, c, settings)
			if _, err := remembering.Verify(t.Context(), token); err != nil {
				t.Fatal(err)
			}
			c.advance(tc.at)
			for what, v := range map[string]*auth.Verifier{"fresh": fresh, "remembering": remembering} {
				_, err := v.Verify(t.Context(), token)
				if tc.want == "" {
					if err != nil {
						t.Errorf("%s: %v", what, err)
					}
					continue
				}
				refused(t, err, apiconn.Unauthenticated, tc.want)
			}
		})
	}
}

func TestVerifierSettings(t *testing.T) {
	t.Parallel()
	good := auth.Issuer{URL: "https://issuer.example", Audiences: []string{"a"}, TenantID: tenant}
	const multiTenant = "https://issuer.example/{tenantid}"
	for name, tc := range map[string]struct {
		change func(*auth.Issuer)
		want   string
	}{
		"no URL":                        {func(i *auth.Issuer) { i.URL = "" }, "needs its URL"},
		"no audience":                   {func(i *auth.Issuer) { i.Audiences = nil }, "at least one audience"},
		"empty audience":                {func(i *auth.Issuer) { i.Audiences = []string{"a", ""} }, "at least one audience"},
		"none":                          {func(i *auth.Issuer) { i.Algorithms = []string{"none"} }, "not supported"},
		"HMAC":                          {func(i *auth.Issuer) { i.Algorithms = []string{"RS256", "HS256"} }, "not supported"},
		"skew":                          {func(i *auth.Issuer) { i.ClockSkew = time.Hour }, "clock skew"},
		"tenant":                        {func(i *auth.Issuer) { i.TenantID = "contoso" }, "not a GUID"},
		"tenants":                       {func(i *auth.Issuer) { i.Tenants = []string{"contoso"} }, "not a GUID"},
		"plain http":                    {func(i *auth.Issuer) { i.URL = "http://issuer.example" }, "https only"},
		"metadata plain http":           {func(i *auth.Issuer) { i.MetadataURL = "http://issuer.example/x" }, "https only"},
		"user in URL":                   {func(i *auth.Issuer) { i.MetadataURL = "https://a:b@issuer.example/x" }, "not an absolute URL"},
		"neither tenant nor tenants":    {func(i *auth.Issuer) { i.TenantID = "" }, "that it may speak for"},
		"tenant claim alone":            {func(i *auth.Issuer) { i.TenantID, i.TenantClaim = "", "realm" }, "that it may speak for"},
		"any tenant and one":            {func(i *auth.Issuer) { i.TenantID, i.Tenants = "", []string{"*", tenant} }, "not a GUID"},
		"placeholder and one tenant":    {func(i *auth.Issuer) { i.URL = multiTenant }, "does not go with {tenantid}"},
		"placeholder and another claim": {func(i *auth.Issuer) { i.URL, i.TenantID, i.TenantClaim = multiTenant, "", "realm" }, "the tenant claim is tid"},
		"placeholder":                   {func(i *auth.Issuer) { i.URL, i.TenantID = multiTenant, "" }, ""},
		"any tenant":                    {func(i *auth.Issuer) { i.TenantID, i.Tenants = "", []string{"*"} }, ""},
		"listed tenants":                {func(i *auth.Issuer) { i.TenantID, i.Tenants = "", []string{tenant} }, ""},
		"good":                          {func(*auth.Issuer) {}, ""},
		"loopback http":                 {func(i *auth.Issuer) { i.URL = "http://127.0.0.1:8080" }, ""},
		"localhost http":                {func(i *auth.Issuer) { i.URL = "http://localhost:8080" }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set := good
			tc.change(&set)
			v, err := auth.NewVerifier(auth.Options{Issuers: []auth.Issuer{set}})
			if err == nil {
				v.Close()
			}
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("error %v, want %q", err, tc.want)
			}
		})
	}
	if _, err := auth.NewVerifier(auth.Options{ExtraDirectoryRoles: []string{"User Administrator"}}); err == nil {
		t.Error("a directory role by name was accepted")
	}
}
