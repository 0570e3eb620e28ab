package store

import (
	"io/fs"
	"path"
	"testing"

	"github.com/pressly/goose/v3"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// older makes a database of an older schema, lets fill write into it past the store, and opens it.
func older(t *testing.T, database string, version int64, fill ...string) *Store {
	t.Helper()
	d := dialectOf(database)
	files, err := fs.Sub(migrations, path.Join("migrations", d.name))
	if err != nil {
		t.Fatal(err)
	}
	db, err := d.open(database, useMigrate)
	if err != nil {
		t.Fatal(err)
	}
	provider, err := goose.NewProvider(d.migrations, db, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.UpTo(t.Context(), version); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, text := range fill {
		if _, err := rawOf(t, database).ExecContext(t.Context(), text, tenantA); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Open(t.Context(), Options{Database: database})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

const oldConnector = "INSERT INTO connectors (" + connectorColumns + ") VALUES ($1, 'a', 'Old', 'https://example.com/', '{}', 1, 0, 0)"

// TestUpgradeKeepsWhatIsThere opens a database of the first schema: its connectors are there and can be linked.
func TestUpgradeKeepsWhatIsThere(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		s := older(t, database, 1, oldConnector)
		if _, err := s.CreateUserFlow(t.Context(), flow(tenantA, "f", "a"), entry(""), nil); err != nil {
			t.Fatal(err)
		}
		_, bound, err := s.UserFlowConnectors(t.Context(), tenantA, apiconn.B2X, "f")
		if err != nil || bound["postFederationSignup"].DisplayName != "Old" {
			t.Errorf("the flow calls %+v, error %v", bound, err)
		}
	})
}

// TestUpgradeFromTheSecondSchema: the flows that are there can be run, and what that needs can be written.
func TestUpgradeFromTheSecondSchema(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		s := older(t, database, 2, oldConnector,
			"INSERT INTO user_flows ("+userFlowColumns+") VALUES ($1, 'b2x', 'f', 'signUpOrSignIn', 1, 0, '', 1, 0, 0)",
			"INSERT INTO user_flow_bindings (tenant_id, kind, flow_id, step, connector_id) VALUES ($1, 'b2x', 'f', 'postFederationSignup', 'a')")
		b, err := s.StepBinding(t.Context(), tenantA, apiconn.B2X, "f", "postFederationSignup")
		if err != nil || !b.Linked || b.Connector.DisplayName != "Old" || b.Settings.Version != 0 {
			t.Errorf("the step calls %+v, error %v", b, err)
		}
		if _, err := s.UpdateCallSettings(t.Context(), tenantA, "a", setCalls(func(c *apiconn.CallSettings) { c.Attempts = 1 })); err != nil {
			t.Error(err)
		}
		if _, err := s.RecordInvocation(t.Context(), invocation(tenantA, "i", start), &apiconn.Journey{Key: "k", ExpiresAt: soon()}); err != nil {
			t.Error(err)
		}
		if _, err := s.Invocation(t.Context(), tenantA, "i"); err != nil {
			t.Error(err)
		}
	})
}
