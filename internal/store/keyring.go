package store

import (
	"context"
	"fmt"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// KeyRing is the wrapped key ring as it is kept.
type KeyRing struct {
	Version int64  // counts its changes; the first is 1
	Primary uint32 // the id of the key that seals
	Wrapped []byte
	// EarlierRoots is what seal.MasterKey.CarryRoots gave when the master key was last changed; nil if it never was.
	EarlierRoots []byte
}

// KeyRing returns the key ring; false if none was ever written.
func (s *Store) KeyRing(ctx context.Context) (KeyRing, bool, error) {
	found, err := lookup(ctx, s, everyTenant, "read the key ring", func(ctx context.Context, db *statements) ([]KeyRing, error) {
		rows, err := db.query(ctx, "SELECT version, primary_key, wrapped, earlier_roots FROM key_ring WHERE id = 1")
		return collect(rows, err, func(row scanner) (k KeyRing, err error) {
			return k, row.Scan(&k.Version, &k.Primary, &k.Wrapped, &k.EarlierRoots)
		})
	})
	if err != nil || len(found) == 0 {
		return KeyRing{}, false, err
	}
	return found[0], true, nil
}

// ReplaceKeyRing writes next in the place of the ring whose version is oldVersion (0: there is none yet); its version
// becomes oldVersion + 1, whatever next says. retired are the keys that next has no more. Conflict if the ring has
// another version or a retired key still seals a value: such a value could never be opened again. It is not for changing the
// master key: EarlierRoots stays as it is, whatever next says.
func (s *Store) ReplaceKeyRing(ctx context.Context, oldVersion int64, next KeyRing, retired []uint32) error {
	return s.changeRing(ctx, "replace the key ring", func(ctx context.Context, db *statements) (changed int64, err error) {
		if oldVersion == 0 {
			return db.exec(ctx, "INSERT INTO key_ring (id, version, primary_key, wrapped) VALUES (1, 1, $1, $2) "+
				"ON CONFLICT (id) DO NOTHING", int64(next.Primary), blob(next.Wrapped))
		}
		changed, err = db.exec(ctx, "UPDATE key_ring SET version = version + 1, primary_key = $1, wrapped = $2 "+
			"WHERE id = 1 AND version = $3", int64(next.Primary), blob(next.Wrapped), oldVersion)
		if err != nil || changed == 0 {
			return changed, err
		}
		for _, key := range retired {
			var inUse bool
			if err := db.queryRow(ctx, "SELECT EXISTS (SELECT 1 FROM secrets WHERE key_id = $1)", int64(key)).Scan(&inUse); err != nil {
				return 0, fmt.Errorf("look for values under key %d: %w", key, err)
			}
			if inUse {
				return 0, apiconn.Errorf(apiconn.Conflict, "Key %d still seals values and cannot be retired. Seal them again first.", key)
			}
		}
		return changed, nil
	})
}

// RewrapKeyRing writes the same keys in the place of the ring whose version is oldVersion, wrapped under another master key, and
// the roots of the master keys before it, encrypted under it too. Conflict if the ring has another version.
func (s *Store) RewrapKeyRing(ctx context.Context, oldVersion int64, wrapped, earlierRoots []byte) error {
	return s.changeRing(ctx, "rewrap the key ring", func(ctx context.Context, db *statements) (int64, error) {
		return db.exec(ctx, "UPDATE key_ring SET version = version + 1, wrapped = $1, earlier_roots = $2 WHERE id = 1 AND version = $3",
			blob(wrapped), blob(earlierRoots), oldVersion)
	})
}

// changeRing runs a change while nobody writes what the ring has sealed. Conflict if it changed nothing.
func (s *Store) changeRing(ctx context.Context, what string, change func(context.Context, *statements) (int64, error)) error {
	return s.write(ctx, everyTenant, what, func(ctx context.Context, db *statements) error {
		if err := holdRing(ctx, db, db.dialect.lock); err != nil {
			return err
		}
		changed, err := change(ctx, db)
		if err == nil && changed == 0 {
			err = apiconn.Errorf(apiconn.Conflict, "The key ring was changed by somebody else. Start again.")
		}
		return err
	})
}

// holdRing takes the lock of the key ring for the rest of the transaction: shared by whoever writes what it sealed, alone by
// whoever changes it. Who waits has its turn, which a lock of the row (FOR SHARE) would not give to a change beside writers that
// never pause.
func holdRing(ctx context.Context, db *statements, lock string) error {
	if lock == "" { // begin has locked the database
		return nil
	}
	_, err := db.exec(ctx, lock, int32(laneClass), int32(ringLock))
	return err
}
