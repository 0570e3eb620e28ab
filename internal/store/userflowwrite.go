package store

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// CreateUserFlow writes a new user flow with its bindings, its audit entry and, if once is not nil, the record that makes
// a repetition of the request harmless. If that record is there already, nothing is written and it is returned as prior.
//
// The store sets Version to 1. Conflict if the id is taken; Invalid if a connector that the flow names does not exist.
func (s *Store) CreateUserFlow(ctx context.Context, f apiconn.UserFlow, audit apiconn.AuditEntry, once *Once) (prior *Once, err error) {
	f.Version = 1
	err = s.write(ctx, f.TenantID, "create a user flow", func(ctx context.Context, db *statements) (err error) {
		now := s.now()
		if prior, err = claimOnce(ctx, db, once, f.TenantID, f.ID, now); prior != nil || err != nil {
			return err
		}
		_, err = db.exec(ctx, "INSERT INTO user_flows ("+userFlowColumns+") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
			f.TenantID, string(f.Kind), f.ID, f.Type, f.TypeVersion, integer(f.LanguageCustomization), f.DefaultLanguage, f.Version,
			f.CreatedAt.UnixMicro(), f.ChangedAt.UnixMicro())
		if err != nil {
			return s.unique(err, "A user flow with the id '%s' exists already. Choose another id.", f.ID)
		}
		if err := writeBindings(ctx, db, f, nil); err != nil {
			return err
		}
		return insertAudit(ctx, db, f.TenantID, audit, now)
	})
	if err != nil {
		return nil, err
	}
	return prior, nil
}

// UpdateUserFlow reads a user flow, lets apply change it, and writes it back with its audit entry, all in one transaction.
// It returns the flow as it is afterwards. Tenant, kind, id, type and creation time cannot be changed; the store sets
// Version and ChangedAt. apply must not call the store and must be quick: other writers wait for it.
//
// A nil audit entry without an error means that nothing changed: nothing is written. An error of apply is returned as it
// is. NotFound if the tenant has no such flow of that kind; Invalid if a connector that is linked does not exist.
func (s *Store) UpdateUserFlow(ctx context.Context, tenant string, kind apiconn.UserFlowKind, id string,
	apply func(f *apiconn.UserFlow) (*apiconn.AuditEntry, error),
) (result apiconn.UserFlow, err error) {
	err = s.write(ctx, tenant, "update a user flow", func(ctx context.Context, db *statements) error {
		stored, err := readUserFlow(ctx, db, tenant, kind, id)
		if err != nil {
			return err
		}
		changed := stored
		changed.ConnectorIDs = maps.Clone(stored.ConnectorIDs)
		audit, err := apply(&changed)
		if err != nil {
			return err
		}
		if audit == nil {
			result = stored
			return nil
		}
		now := s.now()
		changed.TenantID, changed.Kind, changed.ID, changed.CreatedAt = stored.TenantID, stored.Kind, stored.ID, stored.CreatedAt
		changed.Type, changed.TypeVersion = stored.Type, stored.TypeVersion
		changed.Version, changed.ChangedAt = stored.Version+1, now
		result = changed
		if _, err := db.exec(ctx, "UPDATE user_flows SET language_customization = $4, default_language = $5, version = $6, changed_at = $7 "+
			"WHERE tenant_id = $1 AND kind = $2 AND id = $3", tenant, string(kind), id,
			integer(changed.LanguageCustomization), changed.DefaultLanguage, changed.Version, changed.ChangedAt.UnixMicro()); err != nil {
			return err
		}
		if err := writeBindings(ctx, db, changed, stored.ConnectorIDs); err != nil {
			return err
		}
		return insertAudit(ctx, db, tenant, *audit, now)
	})
	if err != nil {
		return apiconn.UserFlow{}, err
	}
	return result, nil
}

// DeleteUserFlow deletes a user flow with its bindings and writes the audit entry that check returns. The error of check
// is returned as it is and keeps the flow. NotFound if the tenant has no such flow of that kind.
func (s *Store) DeleteUserFlow(ctx context.Context, tenant string, kind apiconn.UserFlowKind, id string,
	check func(f apiconn.UserFlow) (apiconn.AuditEntry, error),
) error {
	return s.write(ctx, tenant, "delete a user flow", func(ctx context.Context, db *statements) error {
		f, err := readUserFlow(ctx, db, tenant, kind, id)
		if err != nil {
			return err
		}
		audit, err := check(f)
		if err != nil {
			return err
		}
		if _, err := db.exec(ctx, "DELETE FROM user_flows WHERE tenant_id = $1 AND kind = $2 AND id = $3", tenant, string(kind), id); err != nil {
			return err
		}
		return insertAudit(ctx, db, tenant, audit, s.now())
	})
}

// writeBindings brings the rows of f's bindings from before to what f has. The connectors are looked for first, so that a
// missing one can be told from every other fault; the foreign key would refuse it too.
func writeBindings(ctx context.Context, db *statements, f apiconn.UserFlow, before map[string]string) error {
	for _, step := range slices.Sorted(maps.Keys(before)) {
		if _, kept := f.ConnectorIDs[step]; kept {
			continue
		}
		if _, err := db.exec(ctx, "DELETE FROM user_flow_bindings WHERE tenant_id = $1 AND kind = $2 AND flow_id = $3 AND step = $4",
			f.TenantID, string(f.Kind), f.ID, step); err != nil {
			return err
		}
	}
	for _, step := range slices.Sorted(maps.Keys(f.ConnectorIDs)) {
		connector := f.ConnectorIDs[step]
		if before[step] == connector {
			continue
		}
		var n int
		if err := db.queryRow(ctx, "SELECT count(*) FROM connectors WHERE tenant_id = $1 AND id = $2", f.TenantID, connector).Scan(&n); err != nil {
			return err
		}
		if n == 0 {
			return apiconn.Invalidf(step, "The API connector '%s' that the step '%s' is to be linked to does not exist. Create it first, or name another.", connector, step)
		}
		if _, err := db.exec(ctx, "INSERT INTO user_flow_bindings (tenant_id, kind, flow_id, step, connector_id) VALUES ($1, $2, $3, $4, $5) "+
			"ON CONFLICT (tenant_id, kind, flow_id, step) DO UPDATE SET connector_id = excluded.connector_id",
			f.TenantID, string(f.Kind), f.ID, step, connector); err != nil {
			return err
		}
	}
	return nil
}

// unlinkConnector takes a connector out of every flow, each of which gets a new version.
func unlinkConnector(ctx context.Context, db *statements, tenant, connector string, now time.Time) error {
	if _, err := db.exec(ctx, "UPDATE user_flows SET version = version + 1, changed_at = $3 WHERE tenant_id = $1 AND (kind, id) IN "+
		"(SELECT kind, flow_id FROM user_flow_bindings WHERE tenant_id = $1 AND connector_id = $2)",
		tenant, connector, now.UnixMicro()); err != nil {
		return err
	}
	_, err := db.exec(ctx, "DELETE FROM user_flow_bindings WHERE tenant_id = $1 AND connector_id = $2", tenant, connector)
	return err
}

// integer is a boolean as a column has it.
func integer(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
