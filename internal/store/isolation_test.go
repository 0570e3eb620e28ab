package store

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// isolated has every method that works within a tenant: what it finds in tenant B of what is in tenant A. Each returns
// true if it saw or changed anything.
var isolated = map[string]func(ctx context.Context, h *house) (bool, error){
	"Connectors": func(ctx context.Context, h *house) (bool, error) {
		p, err := h.Connectors(ctx, tenantB, apiconn.Query{Where: &apiconn.Condition{Op: apiconn.Or, Args: []*apiconn.Condition{
			{Op: apiconn.Ne, Property: "id", Values: []string{"x"}}, {Op: apiconn.Ne, Property: "id", Null: true},
		}}})
		return len(p.Items) > 0, err
	},
	"CountConnectors": func(ctx context.Context, h *house) (bool, error) {
		n, err := h.CountConnectors(ctx, tenantB, &apiconn.Condition{Op: apiconn.Not, Args: []*apiconn.Condition{{Op: apiconn.Eq, Property: "id", Values: []string{"x"}}}})
		return n > 0, err
	},
	"Connector": func(ctx context.Context, h *house) (bool, error) {
		_, err := h.Connector(ctx, tenantB, "a")
		return err == nil, absent(err)
	},
	"ConnectorSealed": func(ctx context.Context, h *house) (bool, error) {
		_, err := h.ConnectorSealed(ctx, tenantB, "a")
		return err == nil, absent(err)
	},
	"CreateConnector": func(ctx context.Context, h *house) (bool, error) {
		prior, err := h.CreateConnector(ctx, apiconn.Connector{TenantID: tenantB, ID: "new"}, entry("b"),
			&Once{TenantID: tenantA, AppID: "app", Key: "key", ExpiresAt: time.Now().Add(time.Hour)}) // its tenant does not count
		return prior != nil, err
	},
	"UpdateConnector": func(ctx context.Context, h *house) (bool, error) {
		_, prior, err := h.UpdateConnector(ctx, tenantB, "a", &Once{TenantID: tenantA, AppID: "app", Key: "key"}, rename("taken over"))
		return err == nil || prior != nil, absent(err)
	},
	"DeleteConnector": func(ctx context.Context, h *house) (bool, error) {
		err := h.DeleteConnector(ctx, tenantB, "a", deleting("b"))
		return err == nil, absent(err)
	},
	"UserFlows": func(ctx context.Context, h *house) (bool, error) {
		p, err := h.UserFlows(ctx, tenantB, apiconn.B2X, apiconn.Query{Where: &apiconn.Condition{Op: apiconn.Or, Args: []*apiconn.Condition{
			{Op: apiconn.Ne, Property: "id", Values: []string{"x"}}, {Op: apiconn.Ne, Property: "id", Null: true},
		}}})
		return len(p.Items) > 0, err
	},
	"CountUserFlows": func(ctx context.Context, h *house) (bool, error) {
		n, err := h.CountUserFlows(ctx, tenantB, apiconn.B2X, &apiconn.Condition{Op: apiconn.Not, Args: []*apiconn.Condition{{Op: apiconn.Eq, Property: "id", Values: []string{"x"}}}})
		return n > 0, err
	},
	"UserFlow": func(ctx context.Context, h *house) (bool, error) {
		_, err := h.UserFlow(ctx, tenantB, apiconn.B2X, "flow")
		return err == nil, absent(err)
	},
	"UserFlowConnectors": func(ctx context.Context, h *house) (bool, error) {
		_, _, err := h.UserFlowConnectors(ctx, tenantB, apiconn.B2X, "flow")
		return err == nil, absent(err)
	},
	"CreateUserFlow": func(ctx context.Context, h *house) (bool, error) { // the same id in both is no conflict, A's connector is unknown
		linked, err := h.CreateUserFlow(ctx, flow(tenantB, "linked", "a"), entry("b"), nil)
		if linked != nil || apiconn.KindOf(err) != apiconn.Invalid {
			return true, err
		}
		own := flow(tenantB, "flow", "")
		own.ConnectorIDs = nil
		prior, err := h.CreateUserFlow(ctx, own, entry("b"), &Once{TenantID: tenantA, AppID: "app", Key: "key", ExpiresAt: time.Now().Add(time.Hour)})
		return prior != nil, err
	},
	"UpdateUserFlow": func(ctx context.Context, h *house) (bool, error) {
		_, err := h.UpdateUserFlow(ctx, tenantB, apiconn.B2X, "flow", link("postFederationSignup", ""))
		return err == nil, absent(err)
	},
	"DeleteUserFlow": func(ctx context.Context, h *house) (bool, error) {
		err := h.DeleteUserFlow(ctx, tenantB, apiconn.B2X, "flow", func(apiconn.UserFlow) (apiconn.AuditEntry, error) { return entry("b"), nil })
		return err == nil, absent(err)
	},
	"StepBinding": func(ctx context.Context, h *house) (bool, error) {
		_, err := h.StepBinding(ctx, tenantB, apiconn.B2X, "flow", "postFederationSignup")
		return err == nil, absent(err)
	},
	"CallSettings": func(ctx context.Context, h *house) (bool, error) {
		_, err := h.CallSettings(ctx, tenantB, "a")
		return err == nil, absent(err)
	},
	"UpdateCallSettings": func(ctx context.Context, h *house) (bool, error) {
		_, err := h.UpdateCallSettings(ctx, tenantB, "a", setCalls(func(s *apiconn.CallSettings) { s.Attempts = 1 }))
		return err == nil, absent(err)
	},
	"CredentialStates": func(ctx context.Context, h *house) (bool, error) {
		found, err := h.CredentialStates(ctx, [][2]string{{tenantB, "a"}})
		return len(found) > 0, err
	},
	"ExpiringCertificates": func(ctx context.Context, h *house) (bool, error) {
		found, err := h.ExpiringCertificates(ctx, tenantB, start, start.AddDate(1, 0, 0))
		return len(found) > 0, err
	},
	"Journey": func(ctx context.Context, h *house) (bool, error) {
		j, err := h.Journey(ctx, tenantB, "journey", start)
		return j != nil, err
	},
	"RecordInvocation": func(ctx context.Context, h *house) (bool, error) { // the same id and key in both are no conflict
		prior, err := h.RecordInvocation(ctx, invocation(tenantB, "invocation", start),
			&apiconn.Journey{TenantID: tenantA, Key: "journey", ExpiresAt: soon()}) // its tenant does not count
		return prior != nil, err
	},
	"Invocation": func(ctx context.Context, h *house) (bool, error) {
		_, err := h.Invocation(ctx, tenantB, "invocation")
		return err == nil, absent(err)
	},
	"Invocations": func(ctx context.Context, h *house) (bool, error) {
		p, err := h.Invocations(ctx, tenantB, apiconn.Query{Where: &apiconn.Condition{Op: apiconn.Or, Args: []*apiconn.Condition{
			{Op: apiconn.Ne, Property: "id", Values: []string{"x"}}, {Op: apiconn.Ne, Property: "id", Null: true},
		}}})
		return len(p.Items) > 0, err
	},
	"AuditEntries": func(ctx context.Context, h *house) (bool, error) {
		p, err := h.AuditEntries(ctx, tenantB, apiconn.Query{Where: &apiconn.Condition{Op: apiconn.Eq, Property: "correlationId", Values: []string{"in A"}}})
		return len(p.Items) > 0, err
	},
	"CountAuditEntries": func(ctx context.Context, h *house) (bool, error) {
		n, err := h.CountAuditEntries(ctx, tenantB, &apiconn.Condition{Op: apiconn.Eq, Property: "correlationId", Values: []string{"in A"}})
		return n > 0, err
	},
	"AuditEntry": func(ctx context.Context, h *house) (bool, error) {
		_, err := h.AuditEntry(ctx, tenantB, "audit in A")
		return err == nil, absent(err)
	},
	"Applications": func(ctx context.Context, h *house) (bool, error) {
		found, err := h.Applications(ctx, tenantB)
		return len(found) > 0, err
	},
	"Application": func(ctx context.Context, h *house) (bool, error) {
		_, err := h.Application(ctx, tenantB, "app")
		return err == nil, absent(err)
	},
	"UpdateApplication": func(ctx context.Context, h *house) (bool, error) {
		err := h.UpdateApplication(ctx, tenantB, "app", func(a *apiconn.Application) (*apiconn.AuditEntry, error) {
			a.DisplayName = "taken over"
			return &apiconn.AuditEntry{}, nil
		})
		return err == nil, absent(err)
	},
	"DeleteApplication": func(ctx context.Context, h *house) (bool, error) {
		err := h.DeleteApplication(ctx, tenantB, "app", func(apiconn.Application) (apiconn.AuditEntry, error) { return entry("b"), nil })
		return err == nil, absent(err)
	},
	"CreateApplication": func(ctx context.Context, h *house) (bool, error) { // the same client id in both is no conflict
		return false, h.CreateApplication(ctx, apiconn.Application{TenantID: tenantB, ClientID: "app"}, entry("b"))
	},
}

// withoutTenant has the methods that are not about one tenant; the operator's machine alone reaches them.
var withoutTenant = map[string]bool{
	"Close": true, "Ping": true, "Meta": true, "SetMeta": true, "KeyRing": true, "ReplaceKeyRing": true, "RewrapKeyRing": true,
	"SealedUnderOtherKeys": true, "Reseal": true, "AllSealed": true, "SigningKeys": true, "AddSigningKey": true, "RetireSigningKey": true, "DeleteSigningKeys": true,
	"CreateTenant": true, "Tenants": true, "TenantByIDOrName": true, "PruneAudit": true, "PruneOnce": true,
	"PruneInvocations": true, "PruneJourneys": true,
}

// absent lets NotFound pass.
func absent(err error) error {
	if err != nil && apiconn.KindOf(err) == apiconn.NotFound {
		return nil
	}
	return err
}

func TestTenantsSeeNothingOfEachOther(t *testing.T) {
	t.Parallel()
	for i := range reflect.TypeFor[*Store]().NumMethod() {
		name := reflect.TypeFor[*Store]().Method(i).Name
		if isolated[name] == nil && !withoutTenant[name] {
			t.Errorf("the method %s is in neither table: add how another tenant would use it", name)
		}
	}
	for name, try := range isolated {
		t.Run(name, func(t *testing.T) {
			onEachEngine(t, func(t *testing.T, h *house) { stayOutside(t, h, try) })
		})
	}
}

// stayOutside has tenant B try to reach what is tenant A's.
func stayOutside(t *testing.T, h *house, try func(context.Context, *house) (bool, error)) {
	t.Helper()
	audit := entry("in A")
	audit.ID = "audit in A"
	connector := h.basic(t, tenantA, "a", "secret")
	h.certificate(t, &connector, 1, "T1")
	if _, err := h.CreateConnector(t.Context(), connector, audit,
		&Once{TenantID: tenantA, AppID: "app", Key: "key", ExpiresAt: time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	if err := h.CreateApplication(t.Context(), apiconn.Application{TenantID: tenantA, ClientID: "app", DisplayName: "App"}, entry("in A")); err != nil {
		t.Fatal(err)
	}
	before := h.createFlow(t, flow(tenantA, "flow", "a"))
	signUp := h.signUp(t)
	found, err := try(t.Context(), h)
	if found || err != nil {
		t.Errorf("tenant B reached what is tenant A's: %v, error %v", found, err)
	}
	c, err := h.ConnectorSealed(t.Context(), tenantA, "a")
	if err != nil || c.Version != 1 {
		t.Errorf("tenant A's connector is at version %d, error %v", c.Version, err)
	}
	if secret, err := h.open(t.Context(), c, "password"); err != nil || secret != "secret" {
		t.Errorf("tenant A's secret: error %v", err)
	}
	if a, err := h.Application(t.Context(), tenantA, "app"); err != nil || a.DisplayName != "App" {
		t.Errorf("tenant A's application is %q, error %v", a.DisplayName, err)
	}
	if f, err := h.UserFlow(t.Context(), tenantA, apiconn.B2X, "flow"); err != nil || !cmp.Equal(before, f) {
		t.Errorf("tenant A's user flow (-before +after):\n%s, error %v", cmp.Diff(before, f), err)
	}
	if diff := cmp.Diff(signUp, h.signUpState(t)); diff != "" {
		t.Errorf("tenant A's settings, receipt and journey (-before +after):\n%s", diff)
	}
	if n, err := h.CountAuditEntries(t.Context(), tenantA, nil); err != nil || n != 4 {
		t.Errorf("tenant A has %d audit entries, want 4; error %v", n, err)
	}
}

// signUp gives tenant A call settings, a receipt and a journey, and returns them.
func (h *house) signUp(t *testing.T) []any {
	t.Helper()
	if _, err := h.UpdateCallSettings(t.Context(), tenantA, "a", setCalls(func(s *apiconn.CallSettings) { s.Attempts = 5 })); err != nil {
		t.Fatal(err)
	}
	inv := invocation(tenantA, "invocation", start)
	if _, err := h.RecordInvocation(t.Context(), inv, h.journey(t, "journey", inv, "decision", soon())); err != nil {
		t.Fatal(err)
	}
	return h.signUpState(t)
}

func (h *house) signUpState(t *testing.T) []any {
	t.Helper()
	settings, settingsErr := h.CallSettings(t.Context(), tenantA, "a")
	inv, invErr := h.Invocation(t.Context(), tenantA, "invocation")
	j, journeyErr := h.Journey(t.Context(), tenantA, "journey", start)
	if err := errors.Join(settingsErr, invErr, journeyErr); err != nil || j == nil {
		t.Fatalf("journey %v, error %v", j, err)
	}
	return []any{settings, inv, *j}
}

// TestTwinsInTwoTenants has the same ids in both tenants: whatever happens to one leaves the other as it is.
func TestTwinsInTwoTenants(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		state := func() (all []any) {
			c, err := h.ConnectorSealed(t.Context(), tenantA, "a")
			if err != nil {
				t.Fatal(err)
			}
			a, err := h.Application(t.Context(), tenantA, "app")
			if err != nil {
				t.Fatal(err)
			}
			f, err := h.UserFlow(t.Context(), tenantA, apiconn.B2X, "flow")
			if err != nil {
				t.Fatal(err)
			}
			b, err := h.StepBinding(t.Context(), tenantA, apiconn.B2X, "flow", "postFederationSignup")
			if err != nil {
				t.Fatal(err)
			}
			return append(append(all, c, a, f, b), h.signUpState(t)...)
		}
		for _, tenant := range []string{tenantA, tenantB} {
			c := h.basic(t, tenant, "a", "secret")
			h.certificate(t, &c, 1, "T1")
			h.certificate(t, &c, 1, "T2")
			h.create(t, c)
			if err := h.CreateApplication(t.Context(), apiconn.Application{TenantID: tenant, ClientID: "app", DisplayName: "App"}, entry("")); err != nil {
				t.Fatal(err)
			}
			h.createFlow(t, flow(tenant, "flow", "a"))
		}
		h.signUp(t)
		if b, err := h.StepBinding(t.Context(), tenantB, apiconn.B2X, "flow", "postFederationSignup"); err != nil || b.Settings.Version != 0 {
			t.Errorf("the twin has settings of version %d, error %v", b.Settings.Version, err)
		}
		before := state()
		twin := invocation(tenantB, "invocation", start)
		prior, recordErr := h.RecordInvocation(t.Context(), twin, h.journey(t, "journey", twin, "new", start))
		_, settingsErr := h.UpdateCallSettings(t.Context(), tenantB, "a", func(s *apiconn.CallSettings, _ apiconn.Connector) (*apiconn.AuditEntry, error) {
			if s.Version != 0 {
				t.Errorf("the twin begins with settings of version %d", s.Version)
			}
			s.Attempts = 1
			return &apiconn.AuditEntry{}, nil
		})
		if err := errors.Join(recordErr, settingsErr); prior != nil || err != nil {
			t.Fatalf("prior %v, error %v", prior, err)
		}
		_, _, connectorErr := h.UpdateConnector(t.Context(), tenantB, "a", nil, func(c *apiconn.Connector) (*apiconn.AuditEntry, error) {
			sealed, err := h.seal(t.Context(), tenantB, "a", "password", 2, "new")
			c.DisplayName, c.Authentication.Sealed["password"] = "new", sealed
			delete(c.Authentication.Sealed, apiconn.CertificateMember("T1"))
			c.Authentication.Certificates = c.Authentication.Certificates[1:]
			c.Authentication.Certificates[0].Subject = "new"
			return &apiconn.AuditEntry{}, err
		})
		applicationErr := h.UpdateApplication(t.Context(), tenantB, "app", func(a *apiconn.Application) (*apiconn.AuditEntry, error) {
			a.DisplayName = "new"
			return &apiconn.AuditEntry{}, nil
		})
		_, flowErr := h.UpdateUserFlow(t.Context(), tenantB, apiconn.B2X, "flow", link("postAttributeCollection", "a"))
		if err := errors.Join(connectorErr, applicationErr, flowErr); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, state()); diff != "" {
			t.Errorf("after the twins changed (-before +after):\n%s", diff)
		}
		connectorErr = h.DeleteConnector(t.Context(), tenantB, "a", deleting(""))
		applicationErr = h.DeleteApplication(t.Context(), tenantB, "app", func(apiconn.Application) (apiconn.AuditEntry, error) { return entry(""), nil })
		flowErr = h.DeleteUserFlow(t.Context(), tenantB, apiconn.B2X, "flow", func(apiconn.UserFlow) (apiconn.AuditEntry, error) { return entry(""), nil })
		if n, err := h.PruneJourneys(t.Context(), start); n != 1 || err != nil { // the twin's has expired
			t.Errorf("%d journeys expired, error %v", n, err)
		}
		if err := errors.Join(connectorErr, applicationErr, flowErr); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, state()); diff != "" {
			t.Errorf("after the twins were deleted (-before +after):\n%s", diff)
		}
	})
}
