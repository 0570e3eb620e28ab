package store

import (
	"context"
	"database/sql"
	"errors"
	"iter"
	"maps"
	"slices"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// ErrStaleKeyRing refuses a write whose secrets were sealed under another key than the ring's primary one: the key was
// rotated since the ring was loaded. Refresh the sealer, seal again, write again. Because this is checked within the
// transaction of the write, a key that was replaced and that seals no row any more never seals one again.
var ErrStaleKeyRing = errors.New("the secrets were sealed under a key that is not the primary one any more")

// SealedRow is one sealed value: a member of a connector or the private half of a signing key.
type SealedRow struct {
	TenantID, OwnerID, Member string
	Sealed                    apiconn.Sealed
}

const sealedColumns = "tenant_id, owner_id, member, version, key_id, ciphertext"

// putSealed writes newly sealed values, each in the place of an older one if there is any.
func putSealed(ctx context.Context, db *statements, rows []SealedRow) error {
	if len(rows) == 0 {
		return nil
	}
	if err := requirePrimary(ctx, db, rows); err != nil {
		return err
	}
	for _, r := range rows {
		if _, err := db.exec(ctx, "INSERT INTO secrets ("+sealedColumns+") VALUES ($1, $2, $3, $4, $5, $6) "+
			"ON CONFLICT (tenant_id, owner_id, member) DO UPDATE SET version = excluded.version, key_id = excluded.key_id, "+
			"ciphertext = excluded.ciphertext",
			r.TenantID, r.OwnerID, r.Member, r.Sealed.Version, int64(r.Sealed.KeyID), r.Sealed.Ciphertext); err != nil {
			return err
		}
	}
	return nil
}

// requirePrimary returns ErrStaleKeyRing unless all rows are sealed under the ring's primary key, which it keeps from being
// changed until the end of the transaction: otherwise whoever retires a key could overlook a row that is just being written.
func requirePrimary(ctx context.Context, db *statements, rows []SealedRow) error {
	if err := holdRing(ctx, db, db.dialect.lockShared); err != nil {
		return err
	}
	var primary uint32
	err := db.queryRow(ctx, "SELECT primary_key FROM key_ring WHERE id = 1").Scan(&primary)
	if errors.Is(err, sql.ErrNoRows) {
		return errors.New("there is no key ring to seal under")
	}
	if err != nil {
		return err
	}
	for _, r := range rows {
		if r.Sealed.KeyID != primary {
			return ErrStaleKeyRing
		}
	}
	return nil
}

// fillSealed puts key ids and ciphertexts into an owner's members; their versions stay what the owner says.
func fillSealed(ctx context.Context, db *statements, tenant, owner string, members map[string]apiconn.Sealed) error {
	rows, err := db.query(ctx, "SELECT "+sealedColumns+" FROM secrets WHERE tenant_id = $1 AND owner_id = $2", tenant, owner)
	found, err := collect(rows, err, scanSealed)
	for _, r := range found {
		fillMember(members, r.Member, r.Sealed)
	}
	return err
}

// fillMember puts the key id and ciphertext of a row into its owner's member, if that is there; the row's version does not count.
func fillMember(members map[string]apiconn.Sealed, member string, sealed apiconn.Sealed) {
	if own, ok := members[member]; ok {
		sealed.Version = own.Version
		members[member] = sealed
	}
}

func scanSealed(row scanner) (r SealedRow, err error) {
	err = row.Scan(&r.TenantID, &r.OwnerID, &r.Member, &r.Sealed.Version, &r.Sealed.KeyID, &r.Sealed.Ciphertext)
	return r, err
}

// SealedUnderOtherKeys returns up to limit sealed values that the key primary did not seal, behind after in their order
// (nil: from the first).
func (s *Store) SealedUnderOtherKeys(ctx context.Context, primary uint32, after *SealedRow, limit int) ([]SealedRow, error) {
	if after == nil {
		after = &SealedRow{} // no row is before ('', '', ''), and no owner has an empty id
	}
	return lookup(ctx, s, everyTenant, "list sealed values", func(ctx context.Context, db *statements) ([]SealedRow, error) {
		rows, err := db.query(ctx, "SELECT "+sealedColumns+" FROM secrets WHERE key_id <> $1 "+
			"AND (tenant_id, owner_id, member) > ($2, $3, $4) ORDER BY tenant_id, owner_id, member LIMIT $5",
			int64(primary), after.TenantID, after.OwnerID, after.Member, limit)
		return collect(rows, err, scanSealed)
	})
}

// ResealedRow is a sealed value under a new key, and the key it was sealed under before.
type ResealedRow struct {
	SealedRow        // the new ciphertext and key; the version as it was
	OldKeyID  uint32 // the key of the row it was made from
}

// Reseal replaces ciphertexts by ones under the primary key and returns how many it replaced. Those of one tenant that follow
// one another go into one transaction; after an error, what is replaced stays replaced. A row that was written or deleted
// since it was read stays as it is. ErrStaleKeyRing if the primary key has moved on.
func (s *Store) Reseal(ctx context.Context, rows []ResealedRow) (replaced int64, err error) {
	for len(rows) > 0 {
		tenant, n := rows[0].TenantID, 1
		for n < len(rows) && rows[n].TenantID == tenant {
			n++
		}
		done, err := s.reseal(ctx, tenant, rows[:n])
		replaced += done
		if err != nil {
			return replaced, err
		}
		rows = rows[n:]
	}
	return replaced, nil
}

// reseal works in the lane of the rows' tenant, where nobody else writes meanwhile.
func (s *Store) reseal(ctx context.Context, tenant string, rows []ResealedRow) (replaced int64, err error) {
	fresh := make([]SealedRow, 0, len(rows))
	for _, r := range rows {
		fresh = append(fresh, r.SealedRow)
	}
	if tenant == "" {
		tenant = everyTenant
	}
	err = s.write(ctx, tenant, "seal values again", func(ctx context.Context, db *statements) error {
		if err := requirePrimary(ctx, db, fresh); err != nil {
			return err
		}
		for _, r := range rows {
			n, err := db.exec(ctx, "UPDATE secrets SET key_id = $4, ciphertext = $5 "+
				"WHERE tenant_id = $1 AND owner_id = $2 AND member = $3 AND version = $6 AND key_id = $7",
				r.TenantID, r.OwnerID, r.Member, int64(r.Sealed.KeyID), r.Sealed.Ciphertext, r.Sealed.Version, int64(r.OldKeyID))
			if err != nil {
				return err
			}
			replaced += n
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return replaced, nil
}

// verifyPage is how many connectors AllSealed reads at once.
const verifyPage = 200

// AllSealed goes through every sealed value as its owner has it: with the version that the owner says, and without
// ciphertext if the row has gone. It is for verifying a database. It stops after an error.
func (s *Store) AllSealed(ctx context.Context) iter.Seq2[SealedRow, error] {
	return func(yield func(SealedRow, error) bool) {
		keys, err := s.SigningKeys(ctx)
		if err != nil {
			yield(SealedRow{}, err)
			return
		}
		for _, k := range keys {
			row := SealedRow{OwnerID: apiconn.SigningKeyOwner, Member: apiconn.SigningKeyMember(k.ID), Sealed: k.Private}
			if !yield(row, nil) {
				return
			}
		}
		var tenant, id string
		for {
			page, err := s.sealedConnectors(ctx, tenant, id)
			if err != nil {
				yield(SealedRow{}, err)
				return
			}
			for _, c := range page {
				for _, member := range slices.Sorted(maps.Keys(c.Authentication.Sealed)) {
					row := SealedRow{TenantID: c.TenantID, OwnerID: c.ID, Member: member, Sealed: c.Authentication.Sealed[member]}
					if !yield(row, nil) {
						return
					}
				}
				tenant, id = c.TenantID, c.ID
			}
			if len(page) < verifyPage {
				return
			}
		}
	}
}

// sealedConnectors returns the connectors of all tenants behind (tenant, id), with their sealed members.
func (s *Store) sealedConnectors(ctx context.Context, tenant, id string) ([]apiconn.Connector, error) {
	var page []apiconn.Connector
	err := s.snapshot(ctx, everyTenant, func(ctx context.Context, db *statements) (err error) {
		if page, err = readConnectors(db.query(ctx, "SELECT "+connectorRowColumns+" FROM (SELECT "+connectorColumns+
			" FROM connectors WHERE (tenant_id, id) > ($1, $2) ORDER BY tenant_id, id LIMIT $3)"+connectorRowJoin+
			" ORDER BY c.tenant_id, c.id, k.sequence, k.thumbprint", tenant, id, verifyPage)); err != nil {
			return err
		}
		return fillPage(ctx, db, page)
	})
	return page, s.fail("read sealed values", err)
}

// fillPage is fillSealed for connectors that follow one another in order, by one statement.
func fillPage(ctx context.Context, db *statements, page []apiconn.Connector) error {
	if len(page) == 0 {
		return nil
	}
	members := make(map[[2]string]map[string]apiconn.Sealed, len(page))
	for _, c := range page {
		members[[2]string{c.TenantID, c.ID}] = c.Authentication.Sealed
	}
	first, last := page[0], page[len(page)-1]
	rows, err := db.query(ctx, "SELECT "+sealedColumns+" FROM secrets WHERE (tenant_id, owner_id) >= ($1, $2) AND (tenant_id, owner_id) <= ($3, $4)",
		first.TenantID, first.ID, last.TenantID, last.ID)
	found, err := collect(rows, err, scanSealed)
	for _, r := range found {
		fillMember(members[[2]string{r.TenantID, r.OwnerID}], r.Member, r.Sealed)
	}
	return err
}
