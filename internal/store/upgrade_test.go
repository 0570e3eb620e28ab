package store

import (
	"database/sql"
	"io/fs"
	"path"
	"path/filepath"
	"testing"

	"github.com/pressly/goose/v3"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// TestUpgradeKeepsWhatIsThere opens a database of the first schema: its connectors are there and can be linked.
func TestUpgradeKeepsWhatIsThere(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "patchbay.db")
	files, err := fs.Sub(migrations, path.Join("migrations", sqliteDialect.name))
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open(sqliteDialect.driver, sqliteDialect.source(file, false))
	if err != nil {
		t.Fatal(err)
	}
	provider, err := goose.NewProvider(sqliteDialect.migrations, db, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.UpTo(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), "INSERT INTO connectors ("+connectorColumns+") VALUES ($1, 'a', 'Old', 'https://example.com/', '{}', 1, 0, 0)", tenantA); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), Options{Path: file})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := s.CreateUserFlow(t.Context(), flow(tenantA, "f", "a"), entry(""), nil); err != nil {
		t.Fatal(err)
	}
	_, bound, err := s.UserFlowConnectors(t.Context(), tenantA, apiconn.B2X, "f")
	if err != nil || bound["postFederationSignup"].DisplayName != "Old" {
		t.Errorf("the flow calls %+v, error %v", bound, err)
	}
}
