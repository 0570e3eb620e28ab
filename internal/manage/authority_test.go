package manage_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/auth"
	"github.com/patchbay/patchbay/internal/conntest"
	"github.com/patchbay/patchbay/internal/manage"
)

const graphScope = "https://graph.microsoft.com/.default"

// tokenRequest is a good request of an application with a secret.
func tokenRequest(i *conntest.Installation, clientID, secret string) manage.TokenRequest {
	return manage.TokenRequest{
		Tenant: i.Tenant.ID, GrantType: "client_credentials", ClientID: clientID, ClientSecret: secret, Scope: graphScope,
	}
}

// wantReason checks kind and reason of an error.
func wantReason(t *testing.T, err error, reason apiconn.Reason) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %s", reason)
	}
	if got := apiconn.AsError(err).Reason; got != reason {
		t.Fatalf("reason %q, want %q: %v", got, reason, err)
	}
}

func TestIssueTokenClaims(t *testing.T) {
	t.Parallel()
	i := conntest.NewInstallation(t)
	clientID, secret := i.Application(t, auth.APIConnectorsReadWriteAll, auth.AuditLogReadAll)
	app, err := i.Manage.GetApplication(t.Context(), i.Operator, clientID)
	if err != nil {
		t.Fatal(err)
	}
	token, err := i.Authority.IssueToken(t.Context(), tokenRequest(i, clientID, secret))
	if err != nil {
		t.Fatal(err)
	}
	claims := conntest.Claims(t, token.AccessToken)
	if uti, _ := claims["uti"].(string); len(uti) != 22 {
		t.Errorf("uti %q", uti)
	}
	delete(claims, "uti")
	now := float64(i.Clock.Now().Unix())
	want := map[string]any{
		"aud": "https://graph.microsoft.com", "iss": conntest.BaseURL + "/" + i.Tenant.ID + "/v2.0", "tid": i.Tenant.ID,
		"iat": now, "nbf": now, "exp": now + 3600, "ver": "1.0", "idtyp": "app",
		"appid": clientID, "appidacr": "1", "app_displayname": "Test application", "oid": app.ObjectID, "sub": app.ObjectID,
		"roles": []any{"APIConnectors.ReadWrite.All", "AuditLog.Read.All"}, "wids": []any{auth.DefaultWIDs},
	}
	if diff := cmp.Diff(want, claims); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
	who, err := i.Verifier.Verify(t.Context(), token.AccessToken)
	if err != nil {
		t.Fatal(err)
	}
	if who.TenantID != i.Tenant.ID || who.AppID != clientID || who.Require(auth.APIConnectorsReadWriteAll) != nil || who.Require(auth.Operator) == nil {
		t.Errorf("the token speaks for %+v", who)
	}
}

func TestIssueTokenScopes(t *testing.T) {
	t.Parallel()
	i := conntest.NewInstallation(t)
	clientID, secret := i.Application(t)
	for name, tc := range map[string]struct {
		scope, resource string
		want            string // the audience; "" refused
		reason          apiconn.Reason
	}{
		"plain":               {scope: graphScope, want: "https://graph.microsoft.com"},
		"as MSAL for Go asks": {scope: graphScope + " openid offline_access profile", want: "https://graph.microsoft.com"},
		"double slash":        {scope: "https://graph.microsoft.com//.default", want: "https://graph.microsoft.com"},
		"upper case host":     {scope: "https://Graph.Microsoft.com/.default", want: "https://graph.microsoft.com"},
		"US government":       {scope: "https://graph.microsoft.us/.default", want: "https://graph.microsoft.us"},
		"DoD":                 {scope: "https://dod-graph.microsoft.us/.default", want: "https://dod-graph.microsoft.us"},
		"China":               {scope: "https://microsoftgraph.chinacloudapi.cn/.default", want: "https://microsoftgraph.chinacloudapi.cn"},
		"application id":      {scope: "00000003-0000-0000-c000-000000000000/.default", want: "00000003-0000-0000-c000-000000000000"},
		"our own URL":         {scope: conntest.BaseURL + "/.default", want: conntest.BaseURL},
		"version 1":           {resource: "https://graph.microsoft.com/", want: "https://graph.microsoft.com"},
		"twice the same":      {scope: graphScope + " " + graphScope, want: "https://graph.microsoft.com"},
		"no default":          {scope: "https://graph.microsoft.com/APIConnectors.Read.All", reason: apiconn.ReasonScopeInvalid},
		"two resources":       {scope: graphScope + " https://graph.microsoft.us/.default", reason: apiconn.ReasonScopeInvalid},
		"only OpenID":         {scope: "openid profile", reason: apiconn.ReasonScopeInvalid},
		"another resource":    {scope: "https://management.core.windows.net//.default", reason: apiconn.ReasonResourceUnknown},
		"looks like ours":     {scope: conntest.BaseURL + ".evil.example/.default", reason: apiconn.ReasonResourceUnknown},
		"neither":             {reason: apiconn.ReasonRequestMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := tokenRequest(i, clientID, secret)
			r.Scope, r.Resource = tc.scope, tc.resource
			token, err := i.Authority.IssueToken(t.Context(), r)
			if tc.want == "" {
				wantReason(t, err, tc.reason)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := conntest.Claims(t, token.AccessToken)["aud"]; got != tc.want || token.Resource != tc.want {
				t.Errorf("audience %v, want %s", got, tc.want)
			}
			if _, err := i.Verifier.Verify(t.Context(), token.AccessToken); err != nil {
				t.Errorf("our own verifier refuses it: %v", err)
			}
		})
	}
}

func TestIssueTokenRefusals(t *testing.T) {
	t.Parallel()
	i := conntest.NewInstallation(t)
	clientID, secret := i.Application(t)
	other, err := i.Manage.CreateTenant(t.Context(), auth.Local(), "fabrikam.example", "")
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		change func(*manage.TokenRequest)
		reason apiconn.Reason // "" accepted
	}{
		"good":           {func(*manage.TokenRequest) {}, ""},
		"tenant by name": {func(r *manage.TokenRequest) { r.Tenant = "Contoso.Example" }, ""},
		"ids in upper case": {func(r *manage.TokenRequest) {
			r.Tenant, r.ClientID = strings.ToUpper(r.Tenant), strings.ToUpper(r.ClientID)
		}, ""},
		"unknown tenant":          {func(r *manage.TokenRequest) { r.Tenant = "nobody.example" }, apiconn.ReasonTenantUnknown},
		"another tenant":          {func(r *manage.TokenRequest) { r.Tenant = other.ID }, apiconn.ReasonApplicationUnknown},
		"no tenant":               {func(r *manage.TokenRequest) { r.Tenant = "" }, apiconn.ReasonTenantUnknown},
		"no grant":                {func(r *manage.TokenRequest) { r.GrantType = "" }, apiconn.ReasonRequestMalformed},
		"password grant":          {func(r *manage.TokenRequest) { r.GrantType = "password" }, apiconn.ReasonGrantUnsupported},
		"no client":               {func(r *manage.TokenRequest) { r.ClientID = "" }, apiconn.ReasonRequestMalformed},
		"unknown client":          {func(r *manage.TokenRequest) { r.ClientID = "3f1c2d4e-aaaa-4bbb-8ccc-0123456789ab" }, apiconn.ReasonApplicationUnknown},
		"no credential":           {func(r *manage.TokenRequest) { r.ClientSecret = "" }, apiconn.ReasonCredentialAbsent},
		"wrong secret":            {func(r *manage.TokenRequest) { r.ClientSecret = secret + "x" }, apiconn.ReasonSecretWrong},
		"secret cut":              {func(r *manage.TokenRequest) { r.ClientSecret = secret[:len(secret)-1] }, apiconn.ReasonSecretWrong},
		"assertion without type":  {func(r *manage.TokenRequest) { r.Assertion = "a.b.c" }, apiconn.ReasonRequestMalformed},
		"assertion of other type": {func(r *manage.TokenRequest) { r.Assertion, r.AssertionType = "a.b.c", "saml" }, apiconn.ReasonAssertionInvalid},
		"assertion malformed": {
			func(r *manage.TokenRequest) { r.Assertion, r.AssertionType = "a.b.c", conntest.AssertionType }, apiconn.ReasonAssertionInvalid,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := tokenRequest(i, clientID, secret)
			tc.change(&r)
			_, err := i.Authority.IssueToken(t.Context(), r)
			if tc.reason == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			wantReason(t, err, tc.reason)
			if apiconn.KindOf(err) == apiconn.Internal {
				t.Errorf("an internal error: %v", err)
			}
		})
	}
}

func TestSecretLife(t *testing.T) {
	t.Parallel()
	i := conntest.NewInstallation(t)
	clientID, long := i.Application(t)
	short, err := i.Manage.AddSecret(t.Context(), i.Operator, clientID, "short", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(secret string) error {
		_, err := i.Authority.IssueToken(t.Context(), tokenRequest(i, clientID, secret))
		return err
	}
	for _, secret := range []string{long, short.Secret} {
		if err := ask(secret); err != nil {
			t.Fatal(err)
		}
	}
	i.Clock.Advance(time.Minute)
	wantReason(t, ask(short.Secret), apiconn.ReasonSecretExpired)
	if err := ask(long); err != nil {
		t.Fatal(err)
	}
	if err := i.Manage.RemoveCredential(t.Context(), i.Operator, clientID, short.KeyID); err != nil {
		t.Fatal(err)
	}
	wantReason(t, ask(short.Secret), apiconn.ReasonSecretWrong)
}

func TestIssueTokenForAssertion(t *testing.T) {
	t.Parallel()
	i := conntest.NewInstallation(t)
	i.Authority.Aliases = []string{"https://127.0.0.1:8443/"}
	clientID, _ := i.Application(t)
	key := conntest.NewClientKey(t, i.Clock.Now(), time.Hour)
	if _, err := i.Manage.AddCertificate(t.Context(), i.Operator, clientID, "", key.PEM()); err != nil {
		t.Fatal(err)
	}
	ask := func(assertion string) (manage.Token, error) {
		r := tokenRequest(i, clientID, "")
		r.Assertion, r.AssertionType = assertion, conntest.AssertionType
		return i.Authority.IssueToken(t.Context(), r)
	}
	for _, endpoint := range []string{
		conntest.BaseURL + "/" + i.Tenant.ID + "/oauth2/v2.0/token",
		conntest.BaseURL + "/contoso.example/oauth2/v2.0/token",
		conntest.BaseURL + "/" + i.Tenant.ID + "/oauth2/token",
		conntest.BaseURL + "/" + i.Tenant.ID + "/v2.0",
		"https://127.0.0.1:8443/" + i.Tenant.ID + "/oauth2/v2.0/token",
		"https://login.microsoftonline.com/" + i.Tenant.ID + "/oauth2/v2.0/token",
	} {
		token, err := ask(key.Assertion(t, clientID, endpoint))
		if err != nil {
			t.Fatalf("aud %s: %v", endpoint, err)
		}
		if got := conntest.Claims(t, token.AccessToken)["appidacr"]; got != "2" {
			t.Errorf("appidacr %v, want 2", got)
		}
	}
	good := conntest.BaseURL + "/" + i.Tenant.ID + "/oauth2/v2.0/token"
	_, err := ask(key.Assertion(t, clientID, "https://evil.example/"+i.Tenant.ID+"/oauth2/v2.0/token"))
	wantReason(t, err, apiconn.ReasonAssertionInvalid)
	_, err = ask(key.Assertion(t, clientID, conntest.BaseURL+"/3f1c2d4e-aaaa-4bbb-8ccc-0123456789ab/oauth2/v2.0/token"))
	wantReason(t, err, apiconn.ReasonAssertionInvalid)
	_, err = ask(conntest.NewClientKey(t, i.Clock.Now(), time.Hour).Assertion(t, clientID, good))
	wantReason(t, err, apiconn.ReasonAssertionKeyUnknown)
	i.Clock.Advance(time.Hour + time.Second)
	key.Now = i.Clock.Now()
	_, err = ask(key.Assertion(t, clientID, good))
	wantReason(t, err, apiconn.ReasonAssertionKeyUnknown) // the certificate has expired
}

// TestNothingSecretInErrors sends secrets in every wrong way and looks for them in what comes back.
func TestNothingSecretInErrors(t *testing.T) {
	t.Parallel()
	i := conntest.NewInstallation(t)
	clientID, secret := i.Application(t)
	const canary = "canary-7f3a9c"
	for _, change := range []func(*manage.TokenRequest){
		func(r *manage.TokenRequest) { r.ClientSecret = canary },
		func(r *manage.TokenRequest) { r.ClientID = "unknown" },
		func(r *manage.TokenRequest) { r.Tenant = "unknown" },
		func(r *manage.TokenRequest) { r.GrantType = "x" },
		func(r *manage.TokenRequest) { r.Scope = "x" },
		func(r *manage.TokenRequest) { r.Scope = "https://x.example/.default" },
		func(r *manage.TokenRequest) { r.Assertion, r.AssertionType = canary, conntest.AssertionType },
		func(r *manage.TokenRequest) {
			r.Assertion, r.AssertionType = "e30."+canary+".AA", conntest.AssertionType
		},
	} {
		r := tokenRequest(i, clientID, secret)
		change(&r)
		_, err := i.Authority.IssueToken(t.Context(), r)
		if err == nil {
			t.Fatalf("%v was accepted", r)
		}
		shown := fmt.Sprintf("%v %+v %#v %v %+v %#v", err, err, err.Error(), r, r, r)
		for _, hidden := range []string{secret, canary} {
			if strings.Contains(shown, hidden) {
				t.Errorf("a secret is shown by the error or the request of %v", r)
			}
		}
	}
}
