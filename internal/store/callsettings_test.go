package store

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// setCalls changes call settings and returns an audit entry.
func setCalls(change func(*apiconn.CallSettings)) func(*apiconn.CallSettings, apiconn.Connector) (*apiconn.AuditEntry, error) {
	return func(s *apiconn.CallSettings, _ apiconn.Connector) (*apiconn.AuditEntry, error) {
		change(s)
		audit := entry("call settings")
		return &audit, nil
	}
}

func TestCallSettingsComeBack(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		before := h.createBasic(t, tenantA, "a", "secret")
		zero := apiconn.CallSettings{TenantID: tenantA, ConnectorID: "a"}
		got, err := h.CallSettings(t.Context(), tenantA, "a")
		if diff := cmp.Diff(zero, got); diff != "" || err != nil {
			t.Errorf("before anything was set, error %v (-want +got):\n%s", err, diff)
		}
		_, err = h.CallSettings(t.Context(), tenantA, "none")
		wantKind(t, err, apiconn.NotFound)
		_, err = h.UpdateCallSettings(t.Context(), tenantA, "none", setCalls(func(*apiconn.CallSettings) {}))
		wantKind(t, err, apiconn.NotFound)

		want := apiconn.CallSettings{
			TenantID: tenantA, ConnectorID: "a", Version: 1, Profile: apiconn.ProfileB2C, Budget: 1234567 * time.Microsecond,
			AttemptTimeout: time.Second, Attempts: 3, TrustedRoots: "-----BEGIN CERTIFICATE-----\n", PinnedKeys: []string{"x", "y"},
			LateCertificate: true, MaxConcurrent: 9,
		}
		changed, err := h.UpdateCallSettings(t.Context(), tenantA, "a", func(s *apiconn.CallSettings, c apiconn.Connector) (*apiconn.AuditEntry, error) {
			if c.DisplayName != before.DisplayName || c.Authentication.Sealed != nil || s.Version != 0 {
				t.Errorf("apply got %+v and %+v", s, c)
			}
			*s = want
			s.TenantID, s.ConnectorID, s.Version = "cannot", "be", 42
			audit := entry("call settings")
			return &audit, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		want.ChangedAt = changed.ChangedAt
		got, err = h.CallSettings(t.Context(), tenantA, "a")
		if diff := cmp.Diff([]apiconn.CallSettings{want, want}, []apiconn.CallSettings{got, changed}); diff != "" || err != nil || got.ChangedAt.IsZero() {
			t.Errorf("error %v (-want +got):\n%s", err, diff)
		}

		changed, err = h.UpdateCallSettings(t.Context(), tenantA, "a", setCalls(func(s *apiconn.CallSettings) { *s = apiconn.CallSettings{} }))
		zero.Version, zero.ChangedAt = 2, changed.ChangedAt
		if diff := cmp.Diff(zero, changed); diff != "" || err != nil {
			t.Errorf("set back, error %v (-want +got):\n%s", err, diff)
		}
		if n, err := h.CountAuditEntries(t.Context(), tenantA, cond("correlationId", apiconn.Eq, "call settings")); n != 2 || err != nil {
			t.Errorf("%d audit entries, want 2; error %v", n, err)
		}
		if c, err := h.Connector(t.Context(), tenantA, "a"); c.Version != 1 || err != nil {
			t.Errorf("the connector is at version %d, error %v", c.Version, err)
		}
	})
}

func TestCallSettingsUpdateThatFailsOrChangesNothing(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		h.createBasic(t, tenantA, "a", "secret")
		want, err := h.UpdateCallSettings(t.Context(), tenantA, "a", setCalls(func(s *apiconn.CallSettings) { s.PinnedKeys = []string{"x"} }))
		if err != nil {
			t.Fatal(err)
		}
		refused := errors.New("refused")
		_, err = h.UpdateCallSettings(t.Context(), tenantA, "a", func(s *apiconn.CallSettings, _ apiconn.Connector) (*apiconn.AuditEntry, error) {
			s.Attempts, s.PinnedKeys[0] = 5, "y"
			return nil, refused
		})
		if !errors.Is(err, refused) {
			t.Errorf("error %v, want that of apply", err)
		}
		same, err := h.UpdateCallSettings(t.Context(), tenantA, "a", func(s *apiconn.CallSettings, _ apiconn.Connector) (*apiconn.AuditEntry, error) {
			s.Attempts, s.PinnedKeys[0] = 5, "y"
			return nil, nil
		})
		if err != nil {
			t.Error(err)
		}
		got, err := h.CallSettings(t.Context(), tenantA, "a")
		if diff := cmp.Diff([]apiconn.CallSettings{want, want}, []apiconn.CallSettings{same, got}); diff != "" || err != nil {
			t.Errorf("error %v (-want +got):\n%s", err, diff)
		}
	})
}

// TestConcurrentCallSettingsLoseNothing has read-modify-write changes by 16 writers.
func TestConcurrentCallSettingsLoseNothing(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		h.createBasic(t, tenantA, "a", "secret")
		const writers, each = 16, 20
		var wg sync.WaitGroup
		for range writers {
			wg.Go(func() {
				for range each {
					if _, err := h.UpdateCallSettings(t.Context(), tenantA, "a", setCalls(func(s *apiconn.CallSettings) { s.MaxConcurrent++ })); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if s, err := h.CallSettings(t.Context(), tenantA, "a"); s.MaxConcurrent != writers*each || s.Version != writers*each || err != nil {
			t.Errorf("%d changes at version %d, want %d; error %v", s.MaxConcurrent, s.Version, writers*each, err)
		}
	})
}

// TestCallSettingsGoWithTheirConnector: one that is made again under the same id begins anew.
func TestCallSettingsGoWithTheirConnector(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		h.createBasic(t, tenantA, "a", "secret")
		if _, err := h.UpdateCallSettings(t.Context(), tenantA, "a", setCalls(func(s *apiconn.CallSettings) { s.Attempts = 5 })); err != nil {
			t.Fatal(err)
		}
		if err := h.DeleteConnector(t.Context(), tenantA, "a", deleting("")); err != nil {
			t.Fatal(err)
		}
		h.createBasic(t, tenantA, "a", "secret")
		if s, err := h.CallSettings(t.Context(), tenantA, "a"); s.Version != 0 || s.Attempts != 0 || err != nil {
			t.Errorf("the new connector has %+v, error %v", s, err)
		}
	})
}
