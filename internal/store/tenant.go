package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// CreateTenant writes a new tenant. Conflict if its id or name is taken.
func (s *Store) CreateTenant(ctx context.Context, t apiconn.Tenant) error {
	if t.CreatedAt.IsZero() {
		t.CreatedAt = s.now()
	}
	return s.write(ctx, everyTenant, "create a tenant", func(ctx context.Context, db *statements) error {
		_, err := db.exec(ctx, "INSERT INTO tenants (id, name, created_at) VALUES ($1, $2, $3)", t.ID, t.Name, t.CreatedAt.UnixMicro())
		return s.unique(err, "A tenant with the id '%s' or the name '%s' exists already.", t.ID, t.Name)
	})
}

// Tenants returns all tenants by name.
func (s *Store) Tenants(ctx context.Context) ([]apiconn.Tenant, error) {
	return lookup(ctx, s, everyTenant, "list tenants", func(ctx context.Context, db *statements) ([]apiconn.Tenant, error) {
		rows, err := db.query(ctx, "SELECT id, name, created_at FROM tenants ORDER BY name")
		return collect(rows, err, scanTenant)
	})
}

// TenantByIDOrName returns the tenant with that id, else the one with that name. Both are compared exactly: the caller
// writes them in lower case. NotFound if there is neither.
func (s *Store) TenantByIDOrName(ctx context.Context, idOrName string) (apiconn.Tenant, error) {
	return lookup(ctx, s, everyTenant, "read a tenant", func(ctx context.Context, db *statements) (apiconn.Tenant, error) {
		t, err := scanTenant(db.queryRow(ctx,
			"SELECT id, name, created_at FROM tenants WHERE id = $1 OR name = $1 ORDER BY CASE WHEN id = $1 THEN 0 ELSE 1 END LIMIT 1", idOrName))
		if errors.Is(err, sql.ErrNoRows) {
			return apiconn.Tenant{}, apiconn.Errorf(apiconn.NotFound, "The tenant '%s' does not exist.", idOrName)
		}
		return t, err
	})
}

func scanTenant(row scanner) (t apiconn.Tenant, err error) {
	var created int64
	if err := row.Scan(&t.ID, &t.Name, &created); err != nil {
		return apiconn.Tenant{}, err
	}
	t.CreatedAt = toTime(created)
	return t, nil
}
