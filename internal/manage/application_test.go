package manage_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/auth"
	"github.com/patchbay/patchbay/internal/conntest"
)

const roleRead, roleWrite, roleAudit = "APIConnectors.Read.All", "APIConnectors.ReadWrite.All", "AuditLog.Read.All"

// wantKind checks the kind of an error.
func wantKind(t *testing.T, err error, kind apiconn.Kind) {
	t.Helper()
	if err == nil || apiconn.KindOf(err) != kind {
		t.Fatalf("error %v, want kind %v", err, kind)
	}
}

func TestApplicationLife(t *testing.T) {
	t.Parallel()
	i := conntest.NewInstallation(t)
	m, ctx, who := i.Manage, t.Context(), i.Operator
	app, err := m.CreateApplication(ctx, who, "Provisioning", roleWrite, roleRead, roleWrite)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{roleRead, roleWrite}, app.Roles); diff != "" {
		t.Errorf("roles (-want +got):\n%s", diff)
	}
	id := strings.ToUpper(app.ClientID) // people paste what they have
	steps := []struct {
		name     string
		run      func() error
		activity string // "" none
		roles    []string
	}{
		{"grant", func() error { return m.GrantRoles(ctx, who, id, roleAudit) }, "Add app role assignment to service principal", []string{roleRead, roleWrite, roleAudit}},
		{"grant again", func() error { return m.GrantRoles(ctx, who, id, roleAudit) }, "", []string{roleRead, roleWrite, roleAudit}},
		{"revoke", func() error { return m.RevokeRoles(ctx, who, id, roleRead, roleAudit) }, "Remove app role assignment from service principal", []string{roleWrite}},
		{"revoke again", func() error { return m.RevokeRoles(ctx, who, id, roleRead) }, "", []string{roleWrite}},
		{"rename", func() error { return m.RenameApplication(ctx, who, id, "Provisioning 2") }, "Update application", []string{roleWrite}},
		{"add secret", func() error { _, err := m.AddSecret(ctx, who, id, "first", 0); return err }, "Update application – Certificates and secrets management", []string{roleWrite}},
	}
	activities := []string{"Add application"}
	for _, step := range steps {
		i.Clock.Advance(time.Second) // entries are listed by time
		if err := step.run(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if step.activity != "" {
			activities = append(activities, step.activity)
		}
		got, err := m.GetApplication(ctx, who, id)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(step.roles, got.Roles, cmp.Transformer("sorted", func(s []string) map[string]bool {
			set := map[string]bool{}
			for _, r := range s {
				set[r] = true
			}
			return set
		})); diff != "" {
			t.Errorf("%s: roles (-want +got):\n%s", step.name, diff)
		}
	}
	i.Clock.Advance(time.Second)
	if err := m.DeleteApplication(ctx, who, id); err != nil {
		t.Fatal(err)
	}
	activities = append(activities, "Delete application")
	wantKind(t, m.DeleteApplication(ctx, who, id), apiconn.NotFound)
	entries := auditOf(t, i)
	var got []string
	for _, e := range entries {
		got = append(got, e.Activity)
		want := apiconn.AuditEntry{Category: "ApplicationManagement", Actor: apiconn.Actor{AppName: "Patchbay local operator"}}
		have := apiconn.AuditEntry{Category: e.Category, Actor: e.Actor}
		if diff := cmp.Diff(want, have); diff != "" {
			t.Errorf("%s (-want +got):\n%s", e.Activity, diff)
		}
		if len(e.Targets) != 1 || e.Targets[0].ID != app.ObjectID || len(e.Targets[0].Modified) == 0 {
			t.Errorf("%s: targets %+v", e.Activity, e.Targets)
		}
	}
	if diff := cmp.Diff(activities, got); diff != "" {
		t.Errorf("activities (-want +got):\n%s", diff)
	}
}

// auditOf returns the tenant's audit, oldest first.
func auditOf(t *testing.T, i *conntest.Installation) []apiconn.AuditEntry {
	t.Helper()
	page, err := i.Manage.ListAuditEntries(t.Context(), i.Operator, apiconn.Query{Order: []apiconn.Order{{Property: "activityDateTime"}}})
	if err != nil {
		t.Fatal(err)
	}
	return page.Items
}

func TestApplicationInput(t *testing.T) {
	t.Parallel()
	i := conntest.NewInstallation(t)
	m, who := i.Manage, i.Operator
	clientID, _ := i.Application(t)
	key := conntest.NewClientKey(t, i.Clock.Now(), time.Hour)
	expired := conntest.NewClientKey(t, i.Clock.Now().Add(-2*time.Hour), time.Hour)
	for name, tc := range map[string]struct {
		run  func(ctx context.Context) error
		kind apiconn.Kind
	}{
		"application without name": {func(ctx context.Context) error { _, err := m.CreateApplication(ctx, who, " "); return err }, apiconn.Invalid},
		"unknown permission": {func(ctx context.Context) error {
			_, err := m.CreateApplication(ctx, who, "a", "User.Read.All")
			return err
		}, apiconn.Invalid},
		"operator permission": {
			func(ctx context.Context) error { return m.GrantRoles(ctx, who, clientID, string(auth.Operator)) }, apiconn.Invalid,
		},
		"no permission": {func(ctx context.Context) error { return m.GrantRoles(ctx, who, clientID) }, apiconn.Invalid},
		"no tenant":     {func(ctx context.Context) error { _, err := m.CreateApplication(ctx, auth.Local(), "a"); return err }, apiconn.Invalid},
		"unknown tenant": {func(ctx context.Context) error {
			_, err := m.CreateApplication(ctx, auth.Local().WithTenant("x"), "a")
			return err
		}, apiconn.NotFound},
		"another tenant": {func(ctx context.Context) error {
			return m.GrantRoles(ctx, auth.Local().WithTenant("x"), clientID, roleRead)
		}, apiconn.NotFound},
		"negative life": {func(ctx context.Context) error { _, err := m.AddSecret(ctx, who, clientID, "", -1); return err }, apiconn.Invalid},
		"long secret name": {func(ctx context.Context) error {
			_, err := m.AddSecret(ctx, who, clientID, strings.Repeat("n", 121), 0)
			return err
		}, apiconn.Invalid},
		"unknown credential": {func(ctx context.Context) error { return m.RemoveCredential(ctx, who, clientID, "x") }, apiconn.NotFound},
		"no certificate": {func(ctx context.Context) error {
			_, err := m.AddCertificate(ctx, who, clientID, "", []byte("x"))
			return err
		}, apiconn.Invalid},
		"expired certificate": {
			func(ctx context.Context) error {
				_, err := m.AddCertificate(ctx, who, clientID, "", expired.PEM())
				return err
			}, apiconn.Invalid,
		},
		"same certificate twice": {func(ctx context.Context) error {
			if _, err := m.AddCertificate(ctx, who, clientID, "", key.PEM()); err != nil {
				return err
			}
			_, err := m.AddCertificate(ctx, who, clientID, "", key.Certificate)
			return err
		}, apiconn.Conflict},
		"tenant without name":   {func(ctx context.Context) error { _, err := m.CreateTenant(ctx, who, "", ""); return err }, apiconn.Invalid},
		"tenant name reserved":  {func(ctx context.Context) error { _, err := m.CreateTenant(ctx, who, "common", ""); return err }, apiconn.Invalid},
		"tenant name is a path": {func(ctx context.Context) error { _, err := m.CreateTenant(ctx, who, "a/b", ""); return err }, apiconn.Invalid},
		"tenant name is a GUID": {func(ctx context.Context) error { _, err := m.CreateTenant(ctx, who, i.Tenant.ID, ""); return err }, apiconn.Invalid},
		"tenant id is no GUID":  {func(ctx context.Context) error { _, err := m.CreateTenant(ctx, who, "a.example", "a"); return err }, apiconn.Invalid},
		"tenant name taken":     {func(ctx context.Context) error { _, err := m.CreateTenant(ctx, who, "Contoso.Example", ""); return err }, apiconn.Conflict},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantKind(t, tc.run(t.Context()), tc.kind)
		})
	}
}

// TestOnlyTheOperator tries every local operation with everything a token can carry.
func TestOnlyTheOperator(t *testing.T) {
	t.Parallel()
	i := conntest.NewInstallation(t)
	var all []auth.Permission
	for _, p := range auth.Permissions() {
		all = append(all, p.Permission)
	}
	clientID, secret := i.Application(t, all...)
	token, err := i.Authority.IssueToken(t.Context(), tokenRequest(i, clientID, secret))
	if err != nil {
		t.Fatal(err)
	}
	who, err := i.Verifier.Verify(t.Context(), token.AccessToken)
	if err != nil {
		t.Fatal(err)
	}
	m, ctx := i.Manage, t.Context()
	for name, run := range map[string]func() error{
		"CreateTenant":      func() error { _, err := m.CreateTenant(ctx, who, "x.example", ""); return err },
		"ListTenants":       func() error { _, err := m.ListTenants(ctx, who); return err },
		"GetTenant":         func() error { _, err := m.GetTenant(ctx, who, i.Tenant.ID); return err },
		"CreateApplication": func() error { _, err := m.CreateApplication(ctx, who, "x"); return err },
		"ListApplications":  func() error { _, err := m.ListApplications(ctx, who); return err },
		"GetApplication":    func() error { _, err := m.GetApplication(ctx, who, clientID); return err },
		"RenameApplication": func() error { return m.RenameApplication(ctx, who, clientID, "x") },
		"DeleteApplication": func() error { return m.DeleteApplication(ctx, who, clientID) },
		"GrantRoles":        func() error { return m.GrantRoles(ctx, who, clientID, roleRead) },
		"RevokeRoles":       func() error { return m.RevokeRoles(ctx, who, clientID, roleRead) },
		"AddSecret":         func() error { _, err := m.AddSecret(ctx, who, clientID, "", 0); return err },
		"CheckSecret":       func() error { _, err := m.CheckSecret(ctx, who, clientID, secret); return err },
		"AddCertificate":    func() error { _, err := m.AddCertificate(ctx, who, clientID, "", nil); return err },
		"RemoveCredential":  func() error { return m.RemoveCredential(ctx, who, clientID, "x") },
		"RotateSigningKey":  func() error { _, err := m.RotateSigningKey(ctx, who, true); return err },
	} {
		if err := run(); apiconn.KindOf(err) != apiconn.Forbidden {
			t.Errorf("%s by a token's caller: %v", name, err)
		}
	}
}

// TestSecretIsShownOnce looks for a new secret wherever else it could be.
func TestSecretIsShownOnce(t *testing.T) {
	t.Parallel()
	i := conntest.NewInstallation(t)
	app, err := i.Manage.CreateApplication(t.Context(), i.Operator, "Provisioning", roleRead)
	if err != nil {
		t.Fatal(err)
	}
	added, err := i.Manage.AddSecret(t.Context(), i.Operator, app.ClientID, "first", 0)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(added.Secret, "pbs_") || len(added.Secret) != len("pbs_")+43 {
		t.Errorf("a secret of %d characters", len(added.Secret))
	}
	for secret, want := range map[string]bool{added.Secret: true, added.Secret + "x": false, "": false} {
		if got, err := i.Manage.CheckSecret(t.Context(), i.Operator, app.ClientID, secret); err != nil || got != want {
			t.Errorf("CheckSecret is %v (%v), want %v", got, err, want)
		}
	}
	got, err := i.Manage.GetApplication(t.Context(), i.Operator, app.ClientID)
	if err != nil {
		t.Fatal(err)
	}
	listed, err := i.Manage.ListApplications(t.Context(), i.Operator)
	if err != nil || len(listed) != 1 {
		t.Fatalf("%d applications (%v)", len(listed), err)
	}
	for _, a := range append(listed, got) {
		if c := a.Credentials[0]; c.Hash != nil || c.Salt != nil || c.Hint != added.Secret[4:7] || c.ID != added.KeyID {
			t.Errorf("credential %+v", c)
		}
	}
	shown := fmt.Sprintf("%+v %+v %+v %#v %d %x", got, auditOf(t, i), added, added, added, added)
	if strings.Contains(shown, added.Secret) || strings.Contains(shown, added.Secret[4:]) {
		t.Error("the secret is shown a second time")
	}
}

func TestSigningKeyRotation(t *testing.T) {
	t.Parallel()
	i := conntest.NewInstallation(t)
	clientID, secret := i.Application(t, auth.APIConnectorsReadAll)
	issue := func() string {
		t.Helper()
		token, err := i.Authority.IssueToken(t.Context(), tokenRequest(i, clientID, secret))
		if err != nil {
			t.Fatal(err)
		}
		return token.AccessToken
	}
	verify := func(token string) error {
		_, err := i.Verifier.Verify(t.Context(), token)
		return err
	}
	rotate := func(revoke bool) {
		t.Helper()
		i.Clock.Advance(time.Second)
		if _, err := i.Manage.RotateSigningKey(t.Context(), auth.Local(), revoke); err != nil {
			t.Fatal(err)
		}
		i.Clock.Advance(time.Second)
	}
	first := issue()
	rotate(false)
	second := issue()
	for what, token := range map[string]string{"old": first, "new": second} {
		if err := verify(token); err != nil {
			t.Errorf("the %s key's token after a gentle rotation: %v", what, err)
		}
	}
	i.Clock.Advance(time.Hour + 2*time.Minute) // the tokens would still pass by clock skew
	if err := verify(second); err != nil {
		t.Errorf("within the clock skew: %v", err)
	}
	third := issue()
	rotate(true)
	wantKind(t, verify(third), apiconn.Unauthenticated)
	if err := verify(issue()); err != nil {
		t.Fatal(err)
	}
	keys, err := i.Signer.PublicKeys(t.Context())
	if err != nil || len(keys) != 1 {
		t.Fatalf("%d keys published (%v), want one", len(keys), err)
	}
}
