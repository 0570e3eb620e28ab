package store

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/patchbay/patchbay/internal/apiconn"
)

func (h *house) addSigningKey(t testing.TB, id string) apiconn.SigningKey {
	t.Helper()
	private, err := h.seal(t.Context(), "", apiconn.SigningKeyOwner, apiconn.SigningKeyMember(id), 1, "private "+id)
	if err != nil {
		t.Fatal(err)
	}
	k := apiconn.SigningKey{ID: id, PublicJWK: []byte(`{"kid":"` + id + `"}`), Private: private, Certificate: []byte{0, 1}, CreatedAt: start}
	if err := h.AddSigningKey(t.Context(), k); err != nil {
		t.Fatal(err)
	}
	return k
}

func TestSigningKeys(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		one, two, three := h.addSigningKey(t, "1"), h.addSigningKey(t, "2"), h.addSigningKey(t, "3")
		wantKind(t, h.AddSigningKey(t.Context(), one), apiconn.Conflict)
		for id, at := range map[string]time.Time{"1": start.Add(time.Hour), "2": start.Add(2 * time.Hour)} {
			if err := h.RetireSigningKey(t.Context(), id, at); err != nil {
				t.Fatal(err)
			}
		}
		wantKind(t, h.RetireSigningKey(t.Context(), "none", start), apiconn.NotFound)
		one.RetireAt, two.RetireAt = start.Add(time.Hour), start.Add(2*time.Hour)
		got, err := h.SigningKeys(t.Context())
		if diff := cmp.Diff([]apiconn.SigningKey{one, two, three}, got); diff != "" || err != nil {
			t.Errorf("keys, error %v (-want +got):\n%s", err, diff)
		}
		if n, err := h.DeleteSigningKeys(t.Context(), start.Add(2*time.Hour)); n != 1 || err != nil {
			t.Errorf("deleted %d keys, want the first alone; error %v", n, err)
		}
		got, err = h.SigningKeys(t.Context())
		if diff := cmp.Diff([]apiconn.SigningKey{two, three}, got); diff != "" || err != nil {
			t.Errorf("keys left, error %v (-want +got):\n%s", err, diff)
		}
		var secrets int
		if err := h.raw(t).QueryRowContext(t.Context(), "SELECT count(*) FROM secrets").Scan(&secrets); err != nil || secrets != 2 {
			t.Errorf("%d private halves, want 2; error %v", secrets, err)
		}
	})
}

func TestTenants(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		contoso := apiconn.Tenant{ID: tenantA, Name: "contoso.example", CreatedAt: start}
		adatum := apiconn.Tenant{ID: tenantB, Name: "adatum.example", CreatedAt: start}
		for _, tenant := range []apiconn.Tenant{contoso, adatum} {
			if err := h.CreateTenant(t.Context(), tenant); err != nil {
				t.Fatal(err)
			}
		}
		wantKind(t, h.CreateTenant(t.Context(), apiconn.Tenant{ID: tenantA, Name: "other"}), apiconn.Conflict)
		wantKind(t, h.CreateTenant(t.Context(), apiconn.Tenant{ID: "other", Name: "contoso.example"}), apiconn.Conflict)
		all, err := h.Tenants(t.Context())
		if diff := cmp.Diff([]apiconn.Tenant{adatum, contoso}, all); diff != "" || err != nil {
			t.Errorf("all, error %v (-want +got):\n%s", err, diff)
		}
		// A name that looks like another tenant's id does not take that tenant's place.
		if err := h.CreateTenant(t.Context(), apiconn.Tenant{ID: "0", Name: tenantA, CreatedAt: start}); err != nil {
			t.Fatal(err)
		}
		for key, want := range map[string]apiconn.Tenant{tenantA: contoso, "contoso.example": contoso, tenantB: adatum} {
			got, err := h.TenantByIDOrName(t.Context(), key)
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%s, error %v (-want +got):\n%s", key, err, diff)
			}
		}
		_, err = h.TenantByIDOrName(t.Context(), "none")
		wantKind(t, err, apiconn.NotFound)
	})
}

func TestApplications(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		app := apiconn.Application{
			TenantID: tenantA, ClientID: "app", ObjectID: "object", DisplayName: "B", Roles: []string{"R1", "R2"}, CreatedAt: start,
			Credentials: []apiconn.ApplicationCredential{
				{ID: "c1", Kind: apiconn.CredentialSecret, Hint: "abc", Salt: []byte{1}, Hash: []byte{2}, NotBefore: start, NotAfter: start.Add(time.Hour)},
				{ID: "c2", Kind: apiconn.CredentialCertificate, Certificate: []byte{3}, NotBefore: start, NotAfter: start},
			},
		}
		bare := apiconn.Application{TenantID: tenantA, ClientID: "bare", DisplayName: "A", CreatedAt: start}
		for _, a := range []apiconn.Application{app, bare} {
			if err := h.CreateApplication(t.Context(), a, entry("create")); err != nil {
				t.Fatal(err)
			}
		}
		wantKind(t, h.CreateApplication(t.Context(), app, entry("again")), apiconn.Conflict)
		all, err := h.Applications(t.Context(), tenantA)
		if diff := cmp.Diff([]apiconn.Application{bare, app}, all); diff != "" || err != nil {
			t.Errorf("all, error %v (-want +got):\n%s", err, diff)
		}
		if err := h.UpdateApplication(t.Context(), tenantA, "app", func(a *apiconn.Application) (*apiconn.AuditEntry, error) {
			a.Credentials, a.Roles, a.DisplayName = a.Credentials[1:], append(a.Roles, "R3"), "C"
			audit := entry("update")
			return &audit, nil
		}); err != nil {
			t.Fatal(err)
		}
		if err := h.UpdateApplication(t.Context(), tenantA, "app", func(a *apiconn.Application) (*apiconn.AuditEntry, error) {
			a.DisplayName = "not written"
			return nil, nil
		}); err != nil {
			t.Fatal(err)
		}
		want := app
		want.Credentials, want.Roles, want.DisplayName = app.Credentials[1:], []string{"R1", "R2", "R3"}, "C"
		got, err := h.Application(t.Context(), tenantA, "app")
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("updated, error %v (-want +got):\n%s", err, diff)
		}
		deletion := func(apiconn.Application) (apiconn.AuditEntry, error) { return entry("delete"), nil }
		if err := h.DeleteApplication(t.Context(), tenantA, "app", deletion); err != nil {
			t.Fatal(err)
		}
		wantKind(t, h.DeleteApplication(t.Context(), tenantA, "app", deletion), apiconn.NotFound)
		_, err = h.Application(t.Context(), tenantA, "app")
		wantKind(t, err, apiconn.NotFound)
		var activities []string
		page, err := h.AuditEntries(t.Context(), tenantA, apiconn.Query{Order: []apiconn.Order{{Property: "activityDateTime"}}})
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range page.Items {
			activities = append(activities, a.CorrelationID)
		}
		slices.Sort(activities) // entries of one microsecond have no order
		if diff := cmp.Diff([]string{"create", "create", "delete", "update"}, activities); diff != "" {
			t.Errorf("audit (-want +got):\n%s", diff)
		}
	})
}

func TestMeta(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		if _, ok, err := h.Meta(t.Context(), "purpose"); ok || err != nil {
			t.Errorf("before: %v, error %v", ok, err)
		}
		for _, value := range []string{"development", ""} {
			if err := h.SetMeta(t.Context(), "purpose", value); err != nil {
				t.Fatal(err)
			}
			if got, ok, err := h.Meta(t.Context(), "purpose"); got != value || !ok || err != nil {
				t.Errorf("got %q, %v, error %v; want %q", got, ok, err, value)
			}
		}
	})
}
