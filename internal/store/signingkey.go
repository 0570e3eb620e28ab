package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// SigningKeys returns all keys of the local authority with their sealed private halves, oldest first.
func (s *Store) SigningKeys(ctx context.Context) ([]apiconn.SigningKey, error) {
	var keys []apiconn.SigningKey
	err := s.snapshot(ctx, everyTenant, func(ctx context.Context, db *statements) (err error) {
		keys, err = readSigningKeys(ctx, db)
		return err
	})
	return keys, s.fail("list signing keys", err)
}

// AddSigningKey writes a new signing key. Its private half is sealed for SigningKeyOwner and SigningKeyMember(k.ID), at
// a version that k.Private names. Conflict if the id is taken; ErrStaleKeyRing as for every sealed value.
func (s *Store) AddSigningKey(ctx context.Context, k apiconn.SigningKey) error {
	if k.CreatedAt.IsZero() {
		k.CreatedAt = s.now()
	}
	retire := sql.NullInt64{Int64: k.RetireAt.UnixMicro(), Valid: !k.RetireAt.IsZero()}
	private := SealedRow{OwnerID: apiconn.SigningKeyOwner, Member: apiconn.SigningKeyMember(k.ID), Sealed: k.Private}
	return s.write(ctx, everyTenant, "add a signing key", func(ctx context.Context, db *statements) error {
		_, err := db.exec(ctx, "INSERT INTO signing_keys (id, public_jwk, certificate, sealed_version, created_at, retire_at) "+
			"VALUES ($1, $2, $3, $4, $5, $6)", k.ID, blob(k.PublicJWK), blob(k.Certificate), k.Private.Version, k.CreatedAt.UnixMicro(), retire)
		if err != nil {
			return s.unique(err, "A signing key with the id '%s' exists already.", k.ID)
		}
		return putSealed(ctx, db, []SealedRow{private})
	})
}

// RetireSigningKey sets the time from which tokens signed with a key are refused. NotFound if there is no such key.
func (s *Store) RetireSigningKey(ctx context.Context, id string, at time.Time) error {
	return s.write(ctx, everyTenant, "retire a signing key", func(ctx context.Context, db *statements) error {
		changed, err := db.exec(ctx, "UPDATE signing_keys SET retire_at = $2 WHERE id = $1", id, at.UnixMicro())
		if err == nil && changed == 0 {
			err = apiconn.Errorf(apiconn.NotFound, "The signing key '%s' does not exist.", id)
		}
		return err
	})
}

// DeleteSigningKeys deletes the keys retired before a time, with their private halves, and returns how many.
func (s *Store) DeleteSigningKeys(ctx context.Context, retiredBefore time.Time) (deleted int64, err error) {
	err = s.write(ctx, everyTenant, "delete retired signing keys", func(ctx context.Context, db *statements) error {
		rows, err := db.query(ctx, "DELETE FROM signing_keys WHERE retire_at < $1 RETURNING id", retiredBefore.UnixMicro())
		ids, err := collect(rows, err, func(row scanner) (id string, err error) { return id, row.Scan(&id) })
		if err != nil {
			return err
		}
		for _, id := range ids {
			if _, err := db.exec(ctx, "DELETE FROM secrets WHERE tenant_id = '' AND owner_id = $1 AND member = $2",
				apiconn.SigningKeyOwner, apiconn.SigningKeyMember(id)); err != nil {
				return err
			}
		}
		deleted = int64(len(ids))
		return nil
	})
	if err != nil {
		return 0, err
	}
	return deleted, nil
}

// readSigningKeys gives each key the version that its own row says, as connectors do: see authenticationForm.
func readSigningKeys(ctx context.Context, db *statements) ([]apiconn.SigningKey, error) {
	rows, err := db.query(ctx, "SELECT id, public_jwk, certificate, sealed_version, created_at, retire_at FROM signing_keys ORDER BY created_at, id")
	keys, err := collect(rows, err, func(row scanner) (k apiconn.SigningKey, err error) {
		var created int64
		var retire sql.NullInt64
		if err := row.Scan(&k.ID, &k.PublicJWK, &k.Certificate, &k.Private.Version, &created, &retire); err != nil {
			return apiconn.SigningKey{}, err
		}
		k.CreatedAt = toTime(created)
		if retire.Valid {
			k.RetireAt = toTime(retire.Int64)
		}
		return k, nil
	})
	if err != nil {
		return nil, err
	}
	members := make(map[string]apiconn.Sealed, len(keys))
	for _, k := range keys {
		members[apiconn.SigningKeyMember(k.ID)] = k.Private
	}
	if err := fillSealed(ctx, db, "", apiconn.SigningKeyOwner, members); err != nil {
		return nil, err
	}
	for i := range keys {
		keys[i].Private = members[apiconn.SigningKeyMember(keys[i].ID)]
	}
	return keys, nil
}
