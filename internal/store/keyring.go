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
}

// KeyRing returns the key ring; false if none was ever written.
func (s *Store) KeyRing(ctx context.Context) (KeyRing, bool, error) {
	found, err := lookup(ctx, s, everyTenant, "read the key ring", func(ctx context.Context, db *statements) ([]KeyRing, error) {
		rows, err := db.query(ctx, "SELECT version, primary_key, wrapped FROM key_ring WHERE id = 1")
		return collect(rows, err, func(row scanner) (k KeyRing, err error) { return k, row.Scan(&k.Version, &k.Primary, &k.Wrapped) })
	})
	if err != nil || len(found) == 0 {
		return KeyRing{}, false, err
	}
	return found[0], true, nil
}

// ReplaceKeyRing writes next in the place of the ring whose version is oldVersion (0: there is none yet); its version
// becomes oldVersion + 1, whatever next says. retired are the keys that next has no more. Conflict if the ring has
// another version or a retired key still seals a value: such a value could never be opened again.
func (s *Store) ReplaceKeyRing(ctx context.Context, oldVersion int64, next KeyRing, retired []uint32) error {
	return s.write(ctx, everyTenant, "replace the key ring", func(ctx context.Context, db *statements) error {
		if err := holdRing(ctx, db, db.dialect.lock); err != nil {
			return err
		}
		var changed int64
		var err error
		if oldVersion == 0 {
			changed, err = db.exec(ctx, "INSERT INTO key_ring (id, version, primary_key, wrapped) VALUES (1, 1, $1, $2) "+
				"ON CONFLICT (id) DO NOTHING", int64(next.Primary), blob(next.Wrapped))
		} else {
			changed, err = db.exec(ctx, "UPDATE key_ring SET version = version + 1, primary_key = $1, wrapped = $2 "+
				"WHERE id = 1 AND version = $3", int64(next.Primary), blob(next.Wrapped), oldVersion)
		}
		if err != nil {
			return err
		}
		if changed == 0 {
			return apiconn.Errorf(apiconn.Conflict, "The key ring was changed by somebody else. Start again.")
		}
		for _, key := range retired {
			var inUse bool
			if err := db.queryRow(ctx, "SELECT EXISTS (SELECT 1 FROM secrets WHERE key_id = $1)", int64(key)).Scan(&inUse); err != nil {
				return fmt.Errorf("look for values under key %d: %w", key, err)
			}
			if inUse {
				return apiconn.Errorf(apiconn.Conflict, "Key %d still seals values and cannot be retired. Seal them again first.", key)
			}
		}
		return nil
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
