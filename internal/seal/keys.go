package seal

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
)

// ErrDamaged means that a sealed value does not open: its row was changed, cut, swapped, put back from an older
// version, or sealed under a key that is no longer in the ring. The message names the owner and never the secret.
var ErrDamaged = errors.New("a sealed value is damaged")

// Owner is whom a secret belongs to. All of it is associated data of the ciphertext.
type Owner struct {
	Tenant, ID, Member string
	Version            int64 // the owner's version when the secret was sealed
}

// Box is a sealed secret.
type Box struct {
	KeyID      uint32 // the data key that sealed it
	Ciphertext []byte // Tink's form: one byte 1, four bytes key id, nonce, ciphertext, tag
}

// tinkPrefix is the length of the version byte and key id that begin a Tink ciphertext.
const tinkPrefix = 5

// Keys is the key ring in memory. It is loaded at its first use and again when a Sealer is told that it is stale or an
// Opener meets a key it does not know. Safe for concurrent use.
type Keys struct {
	master atomic.Pointer[MasterKey]
	load   func(context.Context) (wrapped, earlier []byte, err error)
	ring   atomic.Pointer[loadedRing]
	mu     sync.Mutex // held while loading
}

// loadedRing is a ring and what is kept beside it.
type loadedRing struct {
	Ring
	earlier []roots // of master keys that this one followed, the newest first
}

// NewKeys returns the ring that load returns in its wrapped form, and beside it what CarryRoots made, if anything: both to be
// opened by master. With the zero MasterKey nothing is sealed and nothing opens until Unlock.
func NewKeys(master MasterKey, load func(ctx context.Context) (wrapped, earlier []byte, err error)) *Keys {
	k := &Keys{load: load}
	k.Unlock(master)
	return k
}

// Unlock gives the ring the master key that it has gone without; the zero MasterKey takes a wrong one away again. It is not
// for changing the master key of a ring that is in use.
func (k *Keys) Unlock(master MasterKey) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.master.Store(&master)
	k.ring.Store(nil)
}

// Sealer returns what can seal and not open.
func (k *Keys) Sealer() Sealer { return Sealer{k} }

// Opener returns what can open and not seal.
func (k *Keys) Opener() Opener { return Opener{k} }

// Ring returns the ring in memory, for the commands that manage it.
func (k *Keys) Ring(ctx context.Context) (Ring, error) {
	ring, err := k.current(ctx)
	if err != nil {
		return Ring{}, err
	}
	return ring.Ring, nil
}

func (k *Keys) current(ctx context.Context) (*loadedRing, error) {
	if ring := k.ring.Load(); ring != nil {
		return ring, nil
	}
	return k.refresh(ctx, nil)
}

// refresh loads the ring unless another goroutine has replaced seen in the meantime.
func (k *Keys) refresh(ctx context.Context, seen *loadedRing) (*loadedRing, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if ring := k.ring.Load(); ring != seen {
		return ring, nil
	}
	wrapped, earlier, err := k.load(ctx)
	if err != nil {
		return nil, fmt.Errorf("load the key ring: %w", err)
	}
	master := *k.master.Load()
	ring, err := OpenRing(master, wrapped)
	if err != nil {
		return nil, err
	}
	loaded := &loadedRing{ring, master.openRoots(earlier)}
	k.ring.Store(loaded)
	return loaded, nil
}

// Sealer seals secrets. It cannot open any.
type Sealer struct{ keys *Keys }

// Seal encrypts plaintext for owner under the ring's primary key. It fails only if the ring cannot be loaded.
func (s Sealer) Seal(ctx context.Context, owner Owner, plaintext []byte) (Box, error) {
	ring, err := s.keys.current(ctx)
	if err != nil {
		return Box{}, err
	}
	ciphertext, err := ring.aead.Encrypt(plaintext, owner.associatedData())
	if err != nil {
		return Box{}, fmt.Errorf("seal %s: %w", owner, err)
	}
	return Box{KeyID: ring.primary, Ciphertext: ciphertext}, nil
}

// Refresh loads the ring again. Call it when the store refuses a write because the primary key has changed, then seal again.
func (s Sealer) Refresh(ctx context.Context) error {
	_, err := s.keys.refresh(ctx, s.keys.ring.Load())
	return err
}

// MAC is HMAC-SHA-256 of data under a key that belongs to purpose and is derived from the master key: equal data can be
// recognised later without being kept. It needs no ring. It is nil if there is no master key.
func (s Sealer) MAC(purpose string, data []byte) []byte {
	return s.keys.mac(rootSealerMAC, purpose, data)
}

// VerifyMAC tells, in constant time for each, whether mac is what MAC gave for data, under this master key or one that it
// followed. Only if it is not of this one it needs the ring; its errors are those of loading that.
func (s Sealer) VerifyMAC(ctx context.Context, purpose string, data, mac []byte) (bool, error) {
	return s.keys.verifyMAC(ctx, rootSealerMAC, purpose, data, mac)
}

// Opener opens secrets. It cannot seal any.
type Opener struct{ keys *Keys }

// Open decrypts box for owner. A key that the ring in memory does not have makes it load the ring once. Every failure of
// the box itself is ErrDamaged and names owner; a ring that cannot be loaded is another error.
func (o Opener) Open(ctx context.Context, owner Owner, box Box) ([]byte, error) {
	ring, err := o.keys.current(ctx)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(ring.ids, box.KeyID) {
		if ring, err = o.keys.refresh(ctx, ring); err != nil {
			return nil, err
		}
		if !slices.Contains(ring.ids, box.KeyID) {
			return nil, fmt.Errorf("%w: %s: no key %d in the ring", ErrDamaged, owner, box.KeyID)
		}
	}
	// The recorded key must be the one used: retiring a key relies on the record.
	if len(box.Ciphertext) < tinkPrefix || binary.BigEndian.Uint32(box.Ciphertext[1:tinkPrefix]) != box.KeyID {
		return nil, fmt.Errorf("%w: %s: it was not sealed by key %d", ErrDamaged, owner, box.KeyID)
	}
	plaintext, err := ring.aead.Decrypt(box.Ciphertext, owner.associatedData())
	if err != nil {
		return nil, fmt.Errorf("%w: %s", ErrDamaged, owner)
	}
	return plaintext, nil
}

// String names the owner for error messages and logs.
func (o Owner) String() string {
	return fmt.Sprintf("tenant %q, owner %q, member %q, version %d", o.Tenant, o.ID, o.Member, o.Version)
}

// associatedData encodes the owner so that no two owners share an encoding: each text is preceded by its length.
func (o Owner) associatedData() []byte {
	const format = "patchbay 1 sealed"
	out := make([]byte, 0, len(format)+len(o.Tenant)+len(o.ID)+len(o.Member)+4*8)
	out = append(out, format...)
	for _, text := range []string{o.Tenant, o.ID, o.Member} {
		out = binary.BigEndian.AppendUint64(out, uint64(len(text)))
		out = append(out, text...)
	}
	return binary.BigEndian.AppendUint64(out, uint64(o.Version))
}

func hmacSHA256(key, data []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(data)
	return h.Sum(nil)
}
