package store

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// CreateConnector writes a new connector, its audit entry and, if once is not nil, the record that makes a repetition of
// the request harmless. If that record is there already, nothing is written and it is returned as prior.
//
// The store sets Version to 1, the times it is given as zero to now, and the sequence of certificates that have none.
// Sealed members must be sealed at version 1. Conflict if the id is taken; ErrStaleKeyRing as for every sealed value.
func (s *Store) CreateConnector(ctx context.Context, c apiconn.Connector, audit apiconn.AuditEntry, once *Once) (prior *Once, err error) {
	c.Version = 1
	now := s.now()
	if c.CreatedAt.IsZero() {
		c.CreatedAt = now
	}
	if c.ChangedAt.IsZero() {
		c.ChangedAt = c.CreatedAt
	}
	authentication, err := encodeAuthentication(c.Authentication)
	if err != nil {
		return nil, err
	}
	var found *Once
	err = s.write(ctx, c.TenantID, "create a connector", func(ctx context.Context, db *statements) (err error) {
		if found, err = claimOnce(ctx, db, once, c.TenantID, c.ID, now); found != nil || err != nil {
			return err
		}
		_, err = db.exec(ctx, "INSERT INTO connectors ("+connectorColumns+") VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
			c.TenantID, c.ID, c.DisplayName, c.TargetURL, authentication, c.Version, c.CreatedAt.UnixMicro(), c.ChangedAt.UnixMicro())
		if s.dialect.classify(err) == faultUnique {
			return apiconn.Errorf(apiconn.Conflict, "A connector with the id '%s' exists already.", c.ID).Because(err)
		}
		if err != nil {
			return err
		}
		if err := writeAuthentication(ctx, db, c, apiconn.Authentication{}); err != nil {
			return err
		}
		return insertAudit(ctx, db, c.TenantID, audit, now)
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

// UpdateConnector reads a connector, lets apply change it, and writes it back with its audit entry, all in one
// transaction: no other change comes in between. It returns the connector as it is afterwards, without sealed members.
//
// apply gets the stored connector. Its Sealed members have their versions and neither ciphertext nor key id; one that
// apply leaves alone keeps its ciphertext, one that it deletes goes, one that it puts in with ciphertext is written and
// must be sealed at the stored version + 1. Tenant, id and creation time cannot be changed; the store sets Version and
// ChangedAt, and the sequence of certificates that have none. apply must not call the store and must be quick: other
// writers wait for it.
//
// A nil audit entry without an error means that nothing changed: nothing is written. An error of apply is returned as it
// is. once works as in CreateConnector; with a prior record the returned connector is the zero one. NotFound if the
// tenant has no such connector; ErrStaleKeyRing as for every sealed value.
func (s *Store) UpdateConnector(ctx context.Context, tenant, id string, once *Once,
	apply func(c *apiconn.Connector) (*apiconn.AuditEntry, error),
) (c apiconn.Connector, prior *Once, err error) {
	var result apiconn.Connector
	var found *Once
	err = s.write(ctx, tenant, "update a connector", func(ctx context.Context, db *statements) (err error) {
		now := s.now()
		if found, err = findOnce(ctx, db, once, tenant, now); found != nil || err != nil {
			return err
		}
		stored, err := readConnector(ctx, db, tenant, id)
		if err != nil {
			return err
		}
		result = stored
		result.Authentication = cloneAuthentication(stored.Authentication)
		audit, err := apply(&result)
		if err != nil {
			return err
		}
		if audit == nil {
			result = stored
			return nil
		}
		result.TenantID, result.ID, result.CreatedAt = stored.TenantID, stored.ID, stored.CreatedAt
		result.Version, result.ChangedAt = stored.Version+1, now
		if err := rewriteConnector(ctx, db, result, stored.Authentication); err != nil {
			return err
		}
		if err := insertOnce(ctx, db, once, tenant, id, now); err != nil {
			return err
		}
		return insertAudit(ctx, db, tenant, *audit, now)
	})
	if err != nil {
		return apiconn.Connector{}, nil, err
	}
	result.Authentication.Sealed = nil
	return result, found, nil
}

// DeleteConnector deletes a connector, its certificates and its secrets, and writes the audit entries that check returns.
// check gets the connector without sealed members and the user flows that it is linked to; its error is returned as it is
// and keeps the connector. Without one, the connector is taken out of those flows. NotFound if the tenant has no such
// connector.
func (s *Store) DeleteConnector(ctx context.Context, tenant, id string,
	check func(c apiconn.Connector, users []apiconn.UserFlow) ([]apiconn.AuditEntry, error),
) error {
	return s.write(ctx, tenant, "delete a connector", func(ctx context.Context, db *statements) error {
		c, err := readConnector(ctx, db, tenant, id)
		if err != nil {
			return err
		}
		c.Authentication.Sealed = nil
		users, err := readUserFlowsOf(ctx, db, tenant, id)
		if err != nil {
			return err
		}
		audit, err := check(c, users)
		if err != nil {
			return err
		}
		now := s.now()
		if err := unlinkConnector(ctx, db, tenant, id, now); err != nil {
			return err
		}
		if _, err := db.exec(ctx, "DELETE FROM secrets WHERE tenant_id = $1 AND owner_id = $2", tenant, id); err != nil {
			return err
		}
		if _, err := db.exec(ctx, "DELETE FROM connectors WHERE tenant_id = $1 AND id = $2", tenant, id); err != nil {
			return err
		}
		for _, entry := range audit {
			if err := insertAudit(ctx, db, tenant, entry, now); err != nil {
				return err
			}
		}
		return nil
	})
}

// rewriteConnector replaces the row of c, whose authentication configuration was before.
func rewriteConnector(ctx context.Context, db *statements, c apiconn.Connector, before apiconn.Authentication) error {
	authentication, err := encodeAuthentication(c.Authentication)
	if err != nil {
		return err
	}
	if _, err := db.exec(ctx, "UPDATE connectors SET display_name = $3, target_url = $4, authentication = $5, version = $6, "+
		"changed_at = $7 WHERE tenant_id = $1 AND id = $2",
		c.TenantID, c.ID, c.DisplayName, c.TargetURL, authentication, c.Version, c.ChangedAt.UnixMicro()); err != nil {
		return err
	}
	return writeAuthentication(ctx, db, c, before)
}

// writeAuthentication brings the rows of c's secrets and certificates from before to what c has.
func writeAuthentication(ctx context.Context, db *statements, c apiconn.Connector, before apiconn.Authentication) error {
	if err := writeSealed(ctx, db, c, before.Sealed); err != nil {
		return err
	}
	return writeCertificates(ctx, db, c, before.Certificates)
}

func writeSealed(ctx context.Context, db *statements, c apiconn.Connector, before map[string]apiconn.Sealed) error {
	after := c.Authentication.Sealed
	for member := range before {
		if _, kept := after[member]; !kept {
			if _, err := db.exec(ctx, "DELETE FROM secrets WHERE tenant_id = $1 AND owner_id = $2 AND member = $3",
				c.TenantID, c.ID, member); err != nil {
				return err
			}
		}
	}
	var written []SealedRow
	for _, member := range slices.Sorted(maps.Keys(after)) {
		sealed := after[member]
		if sealed.Ciphertext != nil {
			written = append(written, SealedRow{TenantID: c.TenantID, OwnerID: c.ID, Member: member, Sealed: sealed})
			if sealed.Version != c.Version {
				return fmt.Errorf("member %s of connector %s is sealed at version %d and written at %d", member, c.ID, sealed.Version, c.Version)
			}
		} else if old, ok := before[member]; !ok || old.Version != sealed.Version {
			return fmt.Errorf("member %s of connector %s is new and has no ciphertext", member, c.ID)
		}
	}
	return putSealed(ctx, db, written)
}

func writeCertificates(ctx context.Context, db *statements, c apiconn.Connector, before []apiconn.Certificate) error {
	stored := make(map[string]apiconn.Certificate, len(before))
	var newest int64
	for _, k := range before {
		stored[k.Thumbprint] = k
		newest = max(newest, k.Sequence)
	}
	for i := range c.Authentication.Certificates {
		k := &c.Authentication.Certificates[i]
		if k.Sequence == 0 {
			newest++
			k.Sequence = newest
		}
		old, present := stored[k.Thumbprint]
		delete(stored, k.Thumbprint)
		if present && old == *k {
			continue
		}
		if _, err := db.exec(ctx, "INSERT INTO certificates (tenant_id, connector_id, thumbprint, not_before, not_after, subject, "+
			"sequence, uploaded_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (tenant_id, connector_id, thumbprint) "+
			"DO UPDATE SET not_before = excluded.not_before, not_after = excluded.not_after, subject = excluded.subject, "+
			"sequence = excluded.sequence, uploaded_at = excluded.uploaded_at",
			c.TenantID, c.ID, k.Thumbprint, k.NotBefore.UnixMicro(), k.NotAfter.UnixMicro(), k.Subject, k.Sequence,
			k.UploadedAt.UnixMicro()); err != nil {
			return err
		}
	}
	for thumbprint := range stored {
		if _, err := db.exec(ctx, "DELETE FROM certificates WHERE tenant_id = $1 AND connector_id = $2 AND thumbprint = $3",
			c.TenantID, c.ID, thumbprint); err != nil {
			return err
		}
	}
	return nil
}

// cloneAuthentication copies all that a caller could change in place.
func cloneAuthentication(a apiconn.Authentication) apiconn.Authentication {
	a.Open, a.Sealed, a.Certificates = maps.Clone(a.Open), maps.Clone(a.Sealed), slices.Clone(a.Certificates)
	return a
}
