package auth_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/auth"
)

func TestRequire(t *testing.T) {
	t.Parallel()
	c := newClock()
	i := newIssuer(t, c)
	v := newVerifier(t, c, i.Settings())
	caller := func(token string) auth.Caller {
		t.Helper()
		who, err := v.Verify(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		return who
	}
	const read, write, audit = auth.APIConnectorsReadAll, auth.APIConnectorsReadWriteAll, auth.AuditLogReadAll
	const appText = "The application does not have any of the required application permissions"
	const userText = "The application does not have any of the required delegated permissions"
	for name, tc := range map[string]struct {
		who     auth.Caller
		need    []auth.Permission
		message string
		reason  apiconn.Reason
	}{
		"first of two":  {caller(i.Application(t, tenant, read)), []auth.Permission{read, write}, "", ""},
		"second of two": {caller(i.Application(t, tenant, write)), []auth.Permission{read, write}, "", ""},
		"read does not write": {
			caller(i.Application(t, tenant, read)), []auth.Permission{write}, appText + " (APIConnectors.ReadWrite.All) to access the resource.", apiconn.ReasonConnectorPermission,
		},
		"none: both are named": {
			caller(i.Application(t, tenant)),
			[]auth.Permission{read, write},
			appText + " (APIConnectors.Read.All, APIConnectors.ReadWrite.All) to access the resource.", apiconn.ReasonConnectorPermission,
		},
		"another family": {caller(i.Application(t, tenant, read)), []auth.Permission{audit}, appText + " (AuditLog.Read.All) to access the resource.", ""},
		"delegated":      {caller(i.Delegated(t, tenant, string(write), userFlowAdmin)), []auth.Permission{write}, "", ""},
		"delegated without scope": {
			caller(i.Delegated(t, tenant, "openid", userFlowAdmin)), []auth.Permission{write}, userText + " (APIConnectors.ReadWrite.All) to access the resource.", apiconn.ReasonConnectorPermission,
		},
		"delegated without directory role": {
			caller(i.Delegated(t, tenant, string(write))), []auth.Permission{write}, "does not hold a directory role that this operation needs", apiconn.ReasonConnectorPermission,
		},
		"delegated audit without directory role": {
			caller(i.Delegated(t, tenant, string(audit), userFlowAdmin)), []auth.Permission{audit}, "Reports Reader", "",
		},
		"operator":                  {auth.Local(), []auth.Permission{auth.Operator}, "", ""},
		"operator, any permission":  {auth.Local(), []auth.Permission{audit}, "", ""},
		"token is not the operator": {caller(i.Application(t, tenant, read, write, audit)), []auth.Permission{auth.Operator}, "only for the operator at the machine", ""},
		"limited operator":          {auth.Local().Limit(read), []auth.Permission{write}, appText, apiconn.ReasonConnectorPermission},
		"limit does not add":        {caller(i.Application(t, tenant, read)).Limit(read, write), []auth.Permission{write}, appText, apiconn.ReasonConnectorPermission},
		"nobody":                    {auth.Caller{}, []auth.Permission{read}, userText, apiconn.ReasonConnectorPermission},
		"nothing asked":             {auth.Local(), nil, appText, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := tc.who.Require(tc.need...)
			if tc.message == "" {
				if err != nil {
					t.Fatalf("refused: %v", err)
				}
				return
			}
			refused(t, err, apiconn.Forbidden, tc.message)
			if got := apiconn.AsError(err).Reason; got != tc.reason {
				t.Errorf("reason %q, want %q", got, tc.reason)
			}
		})
	}
}

func TestWithTenantIsForTheOperatorOnly(t *testing.T) {
	t.Parallel()
	c := newClock()
	i := newIssuer(t, c)
	who, err := newVerifier(t, c, i.Settings()).Verify(t.Context(), i.Application(t, tenant))
	if err != nil {
		t.Fatal(err)
	}
	if got := who.WithTenant(otherTenant).TenantID; got != tenant {
		t.Errorf("a token's tenant became %s", got)
	}
	if got := auth.Local().WithTenant("7C0D9F44-1F2A-4E0B-8A55-3D1E5B9A2C02").TenantID; got != otherTenant {
		t.Errorf("the operator's tenant is %s, want %s", got, otherTenant)
	}
}

func TestActor(t *testing.T) {
	t.Parallel()
	app := auth.Caller{AppID: "a", AppName: "n", ObjectID: "o", Application: true, IPAddress: "192.0.2.1"}
	user := auth.Caller{AppID: "a", AppName: "n", ObjectID: "o", UserID: "o", UserName: "u", UserPrincipalName: "p", IPAddress: "192.0.2.1"}
	for name, tc := range map[string]struct {
		who  auth.Caller
		want apiconn.Actor
	}{
		"application": {app, apiconn.Actor{AppID: "a", AppName: "n", ServicePrincipalID: "o", IPAddress: "192.0.2.1"}},
		"user":        {user, apiconn.Actor{AppID: "a", AppName: "n", UserID: "o", UserName: "u", UserPrincipalName: "p", IPAddress: "192.0.2.1"}},
	} {
		if diff := cmp.Diff(tc.want, tc.who.Actor()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestPermissionTable compares the table with the ids of the contract's section 4.1.
func TestPermissionTable(t *testing.T) {
	t.Parallel()
	want := map[auth.Permission][2]string{
		"APIConnectors.ReadWrite.All":    {"1dfe531a-24a6-4f1b-80f4-7a0dc5a0a171", "c67b52c5-7c69-48b6-9d48-7b3af3ded914"},
		"APIConnectors.Read.All":         {"b86848a7-d5b1-41eb-a9b4-54a4e6306e97", "1b6ff35f-31df-4332-8571-d31ea5a4893f"},
		"IdentityUserFlow.ReadWrite.All": {"65319a09-a2be-469d-8782-f6b07debf789", "281892cc-4dbf-4e3a-b6cc-b21029bb4e82"},
		"IdentityUserFlow.Read.All":      {"1b0c317f-dd31-4305-9932-259a8b6e8099", "2903d63d-4611-4d43-99ce-a33f3f52e343"},
		"AuditLog.Read.All":              {"b0afded3-3588-46d8-8b3d-9842eff778da", "e4c9e354-4dc5-45b8-9e7c-e1393b0b1a20"},
		"UserFlows.Invoke.All":           {"5d3c1c0a-6a51-4f0e-9c57-2f8e7b0d4a11", ""},
		"UserFlowInvocation.Read.All":    {"7c0f2b3e-94d1-4f5a-8a36-1d5b9e0c6f42", "a3d84c17-2e6b-4b0d-9f58-60c1e7b2d935"},
	}
	got := map[auth.Permission][2]string{}
	for _, p := range auth.Permissions() {
		got[p.Permission] = [2]string{p.ApplicationRoleID, p.DelegatedScopeID}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
