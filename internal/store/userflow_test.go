package store

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/patchbay/patchbay/internal/apiconn"
)

func TestUserFlowComesBack(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		h.createBasic(t, tenantA, "a", "secret")
		h.createBasic(t, tenantA, "b", "secret")
		want := flow(tenantA, "B2C_1_f", "a")
		want.Kind, want.TypeVersion, want.LanguageCustomization, want.DefaultLanguage = apiconn.B2C, 1.1, true, "en"
		want.ConnectorIDs["preTokenIssuance"] = "b"
		h.createFlow(t, want)
		got, bound, err := h.UserFlowConnectors(t.Context(), tenantA, apiconn.B2C, "B2C_1_f")
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("-want +got:\n%s, error %v", diff, err)
		}
		if len(bound) != 2 || bound["preTokenIssuance"].DisplayName != "name of b" || bound["preTokenIssuance"].Authentication.Sealed != nil {
			t.Errorf("its connectors are %+v", bound)
		}
		_, err = h.CreateUserFlow(t.Context(), want, entry(""), nil)
		wantKind(t, err, apiconn.Conflict)
		_, err = h.UserFlow(t.Context(), tenantA, apiconn.B2X, "B2C_1_f") // of the other kind
		wantKind(t, err, apiconn.NotFound)

		changed, err := h.UpdateUserFlow(t.Context(), tenantA, apiconn.B2C, "B2C_1_f", func(f *apiconn.UserFlow) (*apiconn.AuditEntry, error) {
			f.LanguageCustomization, f.DefaultLanguage, f.Type, f.ID = false, "", "cannot be changed", "neither"
			f.ConnectorIDs = map[string]string{"postFederationSignup": "b"}
			return &apiconn.AuditEntry{}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		want.LanguageCustomization, want.DefaultLanguage, want.Version, want.ChangedAt = false, "", 2, changed.ChangedAt
		want.ConnectorIDs = map[string]string{"postFederationSignup": "b"}
		got, err = h.UserFlow(t.Context(), tenantA, apiconn.B2C, "B2C_1_f")
		if diff := cmp.Diff([]apiconn.UserFlow{want, want}, []apiconn.UserFlow{got, changed}); diff != "" || err != nil {
			t.Errorf("after the change (-want +got):\n%s, error %v", diff, err)
		}
	})
}

func TestUserFlowUpdateThatFailsOrChangesNothing(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		h.createBasic(t, tenantA, "a", "secret")
		want := h.createFlow(t, flow(tenantA, "f", "a"))
		_, err := h.UpdateUserFlow(t.Context(), tenantA, apiconn.B2X, "f", link("postFederationSignup", "none"))
		wantKind(t, err, apiconn.Invalid)
		got, err := h.UpdateUserFlow(t.Context(), tenantA, apiconn.B2X, "f", func(f *apiconn.UserFlow) (*apiconn.AuditEntry, error) {
			f.ConnectorIDs["postAttributeCollection"] = "a"
			return nil, nil
		})
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("-want +got:\n%s, error %v", diff, err)
		}
		if got, err = h.UserFlow(t.Context(), tenantA, apiconn.B2X, "f"); !cmp.Equal(want, got) || err != nil {
			t.Errorf("-want +got:\n%s, error %v", cmp.Diff(want, got), err)
		}
		if n, err := h.CountAuditEntries(t.Context(), tenantA, nil); err != nil || n != 2 {
			t.Errorf("%d audit entries, want the 2 of the creations; error %v", n, err)
		}
	})
}

// TestBindingsNeverDangle: whatever goes away takes its bindings along or stays, and so says the database itself.
func TestBindingsNeverDangle(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		h.createBasic(t, tenantA, "a", "secret")
		for _, id := range []string{"f", "g"} {
			h.createFlow(t, flow(tenantA, id, "a"))
		}
		if _, err := h.raw(t).ExecContext(t.Context(), "DELETE FROM connectors WHERE id = 'a'"); err == nil {
			t.Error("the database lets a connector go that is linked")
		}
		if _, err := h.raw(t).ExecContext(t.Context(), "UPDATE user_flow_bindings SET connector_id = 'none'"); err == nil {
			t.Error("the database links a connector that is not there")
		}
		refused := apiconn.Errorf(apiconn.Conflict, "in use")
		err := h.DeleteConnector(t.Context(), tenantA, "a", func(_ apiconn.Connector, users []apiconn.UserFlow) ([]apiconn.AuditEntry, error) {
			if len(users) != 2 || users[0].ID != "f" || users[1].ID != "g" || users[0].ConnectorIDs["postFederationSignup"] != "a" {
				t.Errorf("the connector is used by %+v", users)
			}
			return nil, refused
		})
		wantKind(t, err, apiconn.Conflict)
		if err := h.DeleteUserFlow(t.Context(), tenantA, apiconn.B2X, "g", func(apiconn.UserFlow) (apiconn.AuditEntry, error) { return entry(""), nil }); err != nil {
			t.Fatal(err)
		}
		if err := h.DeleteConnector(t.Context(), tenantA, "a", deleting("")); err != nil {
			t.Fatal(err)
		}
		f, err := h.UserFlow(t.Context(), tenantA, apiconn.B2X, "f")
		if err != nil || f.Version != 2 || len(f.ConnectorIDs) > 0 || f.ChangedAt.Equal(f.CreatedAt) {
			t.Errorf("after its connector went: %+v, error %v", f, err)
		}
		var n int
		if err := h.raw(t).QueryRowContext(t.Context(), "SELECT count(*) FROM user_flow_bindings").Scan(&n); err != nil || n != 0 {
			t.Errorf("%d bindings are left, error %v", n, err)
		}
	})
}

func TestUserFlowPaging(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		h.createBasic(t, tenantA, "a", "secret")
		h.createBasic(t, tenantA, "b", "secret")
		for i := range 7 {
			f := flow(tenantA, number(i), "a")
			f.Type = fmt.Sprint("type ", i%2)
			f.ConnectorIDs["postAttributeCollection"] = "b" // a second row for the same flow
			h.createFlow(t, f)
			f.Kind = apiconn.B2C
			h.createFlow(t, f)
		}
		for name, tt := range map[string]struct {
			order []apiconn.Order
			want  string
		}{
			"by id":             {nil, "0123456"},
			"by id, descending": {[]apiconn.Order{{Property: "id", Descending: true}}, "6543210"},
			"by type":           {[]apiconn.Order{{Property: "userFlowType"}}, "0246135"},
		} {
			got, ask := "", apiconn.Query{Limit: 2, Order: tt.order}
			for {
				page, err := h.UserFlows(t.Context(), tenantA, apiconn.B2X, ask)
				if err != nil {
					t.Fatal(err)
				}
				for _, f := range page.Items {
					got += f.ID[len(f.ID)-1:]
					if f.Kind != apiconn.B2X || len(f.ConnectorIDs) != 2 {
						t.Errorf("%s: %+v", name, f)
					}
				}
				if ask.After = page.Next; page.Next == nil {
					break
				}
			}
			if got != tt.want {
				t.Errorf("%s: %s, want %s", name, got, tt.want)
			}
		}
		n, err := h.CountUserFlows(t.Context(), tenantA, apiconn.B2C, cond("userFlowType", apiconn.Eq, "type 1"))
		if n != 3 || err != nil {
			t.Errorf("counted %d, want 3; error %v", n, err)
		}
	})
}
