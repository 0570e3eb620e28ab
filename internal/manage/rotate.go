package manage

import (
	"context"
	"errors"
	"fmt"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/auth"
	"github.com/patchbay/patchbay/internal/seal"
	"github.com/patchbay/patchbay/internal/store"
)

// resealBatch is how many values are sealed again in one transaction: few enough that writers of a running service
// hardly notice.
const resealBatch = 100

// KeyRotation changes the keys that secrets are sealed under. It is the one place in this package that opens: re-sealing
// a value is opening it and sealing it again. Only local commands use it, beside a running service if there is one.
type KeyRotation struct {
	Store  *store.Store
	Keys   *seal.Keys
	Master seal.MasterKey // the key that wraps the ring
}

// RotationReport says what a rotation did.
type RotationReport struct {
	Resumed  bool   // an earlier rotation had not come to its end; no further key was added
	Primary  uint32 // the key that seals from now on
	Resealed int64
	Retired  []uint32      // keys that are gone from the ring; none while anything is damaged
	Damaged  []DamagedSeal // what could not be opened and stays as it is
}

// DamagedSeal names a sealed value that does not open.
type DamagedSeal struct {
	TenantID, OwnerID, Member string
	Version                   int64
	KeyID                     uint32
}

// Rotate adds a new primary key, seals every value again under it, and retires the old keys. It may be stopped at any
// moment: the next call takes up where it ended, and until then every value opens. Writes of others go on meanwhile;
// from the first step on the store takes values under the new key only, so the set of old values only shrinks.
//
// A value that does not open is reported and left alone, and the old keys then stay in the ring: its row may still be
// put back from a backup.
func (r KeyRotation) Rotate(ctx context.Context, who auth.Caller) (RotationReport, error) {
	if err := who.Require(auth.Operator); err != nil {
		return RotationReport{}, err
	}
	kept, ring, err := r.ring(ctx)
	if err != nil {
		return RotationReport{}, err
	}
	report := RotationReport{Resumed: len(ring.OldKeyIDs()) > 0}
	if !report.Resumed {
		if ring, err = ring.AddKey(); err != nil {
			return RotationReport{}, err
		}
		if kept, err = r.replace(ctx, kept, ring, nil); err != nil {
			return RotationReport{}, fmt.Errorf("add a key to the ring: %w", err)
		}
	}
	report.Primary = ring.Primary()
	if err := r.Keys.Sealer().Refresh(ctx); err != nil {
		return report, err
	}
	if err := r.resealAll(ctx, &report); err != nil || len(report.Damaged) > 0 {
		return report, err
	}
	retired := ring.OldKeyIDs()
	if ring, err = ring.DropOldKeys(); err != nil {
		return report, err
	}
	if _, err := r.replace(ctx, kept, ring, retired); err != nil {
		return report, fmt.Errorf("retire the old keys: %w", err)
	}
	report.Retired = retired
	return report, r.Keys.Sealer().Refresh(ctx)
}

// Rewrap wraps the key ring under another master key. No value is sealed again, and what was recorded and hashed under the
// master keys before still opens and is recognised (seal.MasterKey.CarryRoots). From then on only next opens the ring: stop the
// service first and start it with next.
func (r KeyRotation) Rewrap(ctx context.Context, who auth.Caller, next seal.MasterKey) error {
	if err := who.Require(auth.Operator); err != nil {
		return err
	}
	kept, ring, err := r.ring(ctx)
	if err != nil {
		return err
	}
	wrapped, err := ring.Wrap(next)
	if err != nil {
		return err
	}
	earlier, err := r.Master.CarryRoots(next, kept.EarlierRoots)
	if err != nil {
		return err
	}
	if err := r.Store.RewrapKeyRing(ctx, kept.Version, wrapped, earlier); err != nil {
		return fmt.Errorf("wrap the key ring under the new master key: %w", err)
	}
	return nil
}

// Verify opens every sealed value as its owner has it, at the version that the owner says, and returns how many there
// are and which do not open: a changed row, one put back from an older version, and one that is gone.
func (r KeyRotation) Verify(ctx context.Context, who auth.Caller) (total int, damaged []DamagedSeal, err error) {
	if err := who.Require(auth.Operator); err != nil {
		return 0, nil, err
	}
	for row, err := range r.Store.AllSealed(ctx) {
		if err != nil {
			return total, damaged, err
		}
		total++
		err = r.opens(ctx, row)
		if errors.Is(err, seal.ErrDamaged) {
			damaged = append(damaged, damage(row))
		} else if err != nil {
			return total, damaged, err
		}
	}
	return total, damaged, nil
}

// EarlierLost tells whether what was carried of the master keys before this one does not open: what they recorded and hashed
// counts as unknown then. A version that does not carry it has changed the master key, or its row is damaged.
func (r KeyRotation) EarlierLost(ctx context.Context, who auth.Caller) (bool, error) {
	if err := who.Require(auth.Operator); err != nil {
		return false, err
	}
	kept, _, err := r.ring(ctx)
	return err == nil && kept.EarlierRoots != nil && !r.Master.OpensRoots(kept.EarlierRoots), err
}

// opens tells whether one value opens: seal.ErrDamaged if it does not or has no ciphertext.
func (r KeyRotation) opens(ctx context.Context, row store.SealedRow) error {
	if len(row.Sealed.Ciphertext) == 0 {
		return seal.ErrDamaged
	}
	secret, err := r.Keys.Opener().Open(ctx, owner(row), box(row))
	clear(secret)
	return err
}

// ring reads the key ring as it is in the database now.
func (r KeyRotation) ring(ctx context.Context) (store.KeyRing, seal.Ring, error) {
	kept, ok, err := r.Store.KeyRing(ctx)
	if err != nil {
		return store.KeyRing{}, seal.Ring{}, err
	}
	if !ok {
		return store.KeyRing{}, seal.Ring{}, errors.New("there is no key ring yet: nothing has been sealed")
	}
	ring, err := seal.OpenRing(r.Master, kept.Wrapped)
	return kept, ring, err
}

// replace writes ring in the place of kept and returns what is kept then.
func (r KeyRotation) replace(ctx context.Context, kept store.KeyRing, ring seal.Ring, retired []uint32) (store.KeyRing, error) {
	wrapped, err := ring.Wrap(r.Master)
	if err != nil {
		return store.KeyRing{}, err
	}
	next := store.KeyRing{Version: kept.Version + 1, Primary: ring.Primary(), Wrapped: wrapped}
	return next, r.Store.ReplaceKeyRing(ctx, kept.Version, next, retired)
}

// resealAll seals again what other keys than the primary one sealed.
func (r KeyRotation) resealAll(ctx context.Context, report *RotationReport) error {
	return r.walk(ctx, report.Primary, func(rows []store.SealedRow) error {
		batch := make([]store.ResealedRow, 0, len(rows))
		for _, row := range rows {
			again, err := r.reseal(ctx, row)
			if errors.Is(err, seal.ErrDamaged) {
				report.Damaged = append(report.Damaged, damage(row))
				continue
			}
			if err != nil {
				return err
			}
			batch = append(batch, again)
		}
		done, err := r.Store.Reseal(ctx, batch)
		report.Resealed += done
		if errors.Is(err, store.ErrStaleKeyRing) {
			return apiconn.Errorf(apiconn.Conflict, "Another rotation has begun meanwhile. Let it finish, then start again.").Because(err)
		}
		return err
	})
}

// reseal opens one value and seals it again for the same owner at the same version.
func (r KeyRotation) reseal(ctx context.Context, row store.SealedRow) (store.ResealedRow, error) {
	secret, err := r.Keys.Opener().Open(ctx, owner(row), box(row))
	if err != nil {
		return store.ResealedRow{}, err
	}
	defer clear(secret)
	sealed, err := r.Keys.Sealer().Seal(ctx, owner(row), secret)
	if err != nil {
		return store.ResealedRow{}, err
	}
	again := store.ResealedRow{SealedRow: row, OldKeyID: row.Sealed.KeyID}
	again.Sealed.KeyID, again.Sealed.Ciphertext = sealed.KeyID, sealed.Ciphertext
	return again, nil
}

// walk calls visit with batches of the values that the key primary did not seal, in the order of their owners.
func (r KeyRotation) walk(ctx context.Context, primary uint32, visit func([]store.SealedRow) error) error {
	var last *store.SealedRow
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		rows, err := r.Store.SealedUnderOtherKeys(ctx, primary, last, resealBatch)
		if err != nil || len(rows) == 0 {
			return err
		}
		if err := visit(rows); err != nil {
			return err
		}
		last = &rows[len(rows)-1]
	}
}

func owner(row store.SealedRow) seal.Owner {
	return seal.Owner{Tenant: row.TenantID, ID: row.OwnerID, Member: row.Member, Version: row.Sealed.Version}
}

func box(row store.SealedRow) seal.Box {
	return seal.Box{KeyID: row.Sealed.KeyID, Ciphertext: row.Sealed.Ciphertext}
}

func damage(row store.SealedRow) DamagedSeal {
	return DamagedSeal{TenantID: row.TenantID, OwnerID: row.OwnerID, Member: row.Member, Version: row.Sealed.Version, KeyID: row.Sealed.KeyID}
}
