package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/patchbay/patchbay/internal/apiconn"
)

const applicationColumns = "tenant_id, client_id, object_id, display_name, roles, credentials, created_at"

// CreateApplication writes a new application and its audit entry. Conflict if the tenant has that client id already.
func (s *Store) CreateApplication(ctx context.Context, a apiconn.Application, audit apiconn.AuditEntry) error {
	now := s.now()
	if a.CreatedAt.IsZero() {
		a.CreatedAt = now
	}
	roles, credentials, err := encodeApplication(a)
	if err != nil {
		return err
	}
	return s.write(ctx, a.TenantID, "create an application", func(ctx context.Context, db *statements) error {
		_, err := db.exec(ctx, "INSERT INTO applications ("+applicationColumns+") VALUES ($1, $2, $3, $4, $5, $6, $7)",
			a.TenantID, a.ClientID, a.ObjectID, a.DisplayName, roles, credentials, a.CreatedAt.UnixMicro())
		if err != nil {
			return s.unique(err, "An application with the client id '%s' exists already.", a.ClientID)
		}
		return insertAudit(ctx, db, a.TenantID, audit, now)
	})
}

// Applications returns a tenant's applications by display name.
func (s *Store) Applications(ctx context.Context, tenant string) ([]apiconn.Application, error) {
	return lookup(ctx, s, tenant, "list applications", func(ctx context.Context, db *statements) ([]apiconn.Application, error) {
		rows, err := db.query(ctx, "SELECT "+applicationColumns+" FROM applications WHERE tenant_id = $1 ORDER BY display_name, client_id", tenant)
		return collect(rows, err, scanApplication)
	})
}

// Application returns one application, compared exactly: client ids are lower-case GUIDs. NotFound if the tenant has no
// such application.
func (s *Store) Application(ctx context.Context, tenant, clientID string) (apiconn.Application, error) {
	return lookup(ctx, s, tenant, "read an application", func(ctx context.Context, db *statements) (apiconn.Application, error) {
		return readApplication(ctx, db, tenant, clientID)
	})
}

// UpdateApplication reads an application, lets apply change it, and writes it back with its audit entry in one
// transaction. Tenant, client id, object id and creation time cannot be changed. A nil audit entry without an error means
// that nothing changed. An error of apply is returned as it is. apply must not call the store. NotFound if the tenant has
// no such application.
func (s *Store) UpdateApplication(ctx context.Context, tenant, clientID string,
	apply func(a *apiconn.Application) (*apiconn.AuditEntry, error),
) error {
	return s.write(ctx, tenant, "update an application", func(ctx context.Context, db *statements) error {
		a, err := readApplication(ctx, db, tenant, clientID)
		if err != nil {
			return err
		}
		audit, err := apply(&a)
		if err != nil || audit == nil {
			return err
		}
		roles, credentials, err := encodeApplication(a)
		if err != nil {
			return err
		}
		if _, err := db.exec(ctx, "UPDATE applications SET display_name = $3, roles = $4, credentials = $5 "+
			"WHERE tenant_id = $1 AND client_id = $2", tenant, clientID, a.DisplayName, roles, credentials); err != nil {
			return err
		}
		return insertAudit(ctx, db, tenant, *audit, s.now())
	})
}

// DeleteApplication deletes an application and writes the audit entry that check returns; an error of check keeps the
// application and is returned as it is. NotFound if the tenant has no such application.
func (s *Store) DeleteApplication(ctx context.Context, tenant, clientID string,
	check func(a apiconn.Application) (apiconn.AuditEntry, error),
) error {
	return s.write(ctx, tenant, "delete an application", func(ctx context.Context, db *statements) error {
		a, err := readApplication(ctx, db, tenant, clientID)
		if err != nil {
			return err
		}
		audit, err := check(a)
		if err != nil {
			return err
		}
		if _, err := db.exec(ctx, "DELETE FROM applications WHERE tenant_id = $1 AND client_id = $2", tenant, clientID); err != nil {
			return err
		}
		return insertAudit(ctx, db, tenant, audit, s.now())
	})
}

func readApplication(ctx context.Context, db *statements, tenant, clientID string) (apiconn.Application, error) {
	a, err := scanApplication(db.queryRow(ctx, "SELECT "+applicationColumns+" FROM applications WHERE tenant_id = $1 AND client_id = $2", tenant, clientID))
	if errors.Is(err, sql.ErrNoRows) {
		return apiconn.Application{}, apiconn.Errorf(apiconn.NotFound, "The application '%s' does not exist in this tenant.", clientID)
	}
	return a, err
}

func encodeApplication(a apiconn.Application) (roles, credentials string, err error) {
	if roles, err = encodeList(a.Roles); err != nil {
		return "", "", err
	}
	credentials, err = encodeList(a.Credentials)
	return roles, credentials, err
}

func scanApplication(row scanner) (a apiconn.Application, err error) {
	var roles, credentials []byte
	var created int64
	if err := row.Scan(&a.TenantID, &a.ClientID, &a.ObjectID, &a.DisplayName, &roles, &credentials, &created); err != nil {
		return apiconn.Application{}, err
	}
	a.CreatedAt = toTime(created)
	if a.Roles, err = decodeList[string](roles); err != nil {
		return apiconn.Application{}, err
	}
	if a.Credentials, err = decodeList[apiconn.ApplicationCredential](credentials); err != nil {
		return apiconn.Application{}, err
	}
	return a, nil
}
