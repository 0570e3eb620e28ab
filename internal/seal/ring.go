package seal

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// ErrRing means that a wrapped key ring does not open: it is damaged, or it was wrapped under another master key.
var ErrRing = errors.New("the key ring does not open with this master key")

// errNoRing refuses to work on the zero Ring.
var errNoRing = errors.New("there is no key ring")

// ringData is the associated data of a wrapped ring: nothing else may pass for one.
var ringData = []byte("patchbay 1 key ring")

// Ring is the set of data keys. It is a value: every change gives a new one. The zero Ring has no keys.
type Ring struct {
	handle  *keyset.Handle
	aead    tink.AEAD
	primary uint32
	ids     []uint32 // ascending
}

// NewRing makes a ring with one new key.
func NewRing() (Ring, error) {
	return fromManager(keyset.NewManager(), true)
}

// OpenRing unwraps a ring. Its errors are ErrRing.
func OpenRing(master MasterKey, wrapped []byte) (Ring, error) {
	if master.IsZero() {
		return Ring{}, fmt.Errorf("%w: there is no master key", ErrRing)
	}
	handle, err := keyset.ReadWithAssociatedData(keyset.NewBinaryReader(bytes.NewReader(wrapped)), master.parts().wrap, ringData)
	if err != nil {
		return Ring{}, fmt.Errorf("%w: %w", ErrRing, err)
	}
	return newRing(handle)
}

// Wrap encrypts the ring under master, for the database. To change the master key, open the ring with the old one and
// wrap it with the new one: no secret is sealed again.
func (r Ring) Wrap(master MasterKey) ([]byte, error) {
	if r.handle == nil {
		return nil, errNoRing
	}
	if master.IsZero() {
		return nil, errors.New("wrap the key ring: there is no master key")
	}
	var out bytes.Buffer
	if err := r.handle.WriteWithAssociatedData(keyset.NewBinaryWriter(&out), master.parts().wrap, ringData); err != nil {
		return nil, fmt.Errorf("wrap the key ring: %w", err)
	}
	return out.Bytes(), nil
}

// AddKey returns a ring that seals with a new key and still opens with all the old ones.
func (r Ring) AddKey() (Ring, error) {
	if r.handle == nil {
		return Ring{}, errNoRing
	}
	return fromManager(keyset.NewManagerFromHandle(r.handle), true)
}

// DropOldKeys returns a ring with the primary key alone. Nothing sealed under another key opens any more.
func (r Ring) DropOldKeys() (Ring, error) {
	if r.handle == nil {
		return Ring{}, errNoRing
	}
	m := keyset.NewManagerFromHandle(r.handle)
	for _, id := range r.OldKeyIDs() {
		if err := m.Delete(id); err != nil {
			return Ring{}, fmt.Errorf("drop key %d: %w", id, err)
		}
	}
	return fromManager(m, false)
}

// Primary is the id of the key that seals.
func (r Ring) Primary() uint32 { return r.primary }

// KeyIDs are the ids of all keys, ascending.
func (r Ring) KeyIDs() []uint32 { return slices.Clone(r.ids) }

// OldKeyIDs are the ids of all keys but the primary, ascending.
func (r Ring) OldKeyIDs() []uint32 {
	return slices.DeleteFunc(r.KeyIDs(), func(id uint32) bool { return id == r.primary })
}

// fromManager finishes a change, adding a new primary key first if addKey.
func fromManager(m *keyset.Manager, addKey bool) (Ring, error) {
	if addKey {
		id, err := m.Add(aead.AES256GCMKeyTemplate())
		if err != nil {
			return Ring{}, fmt.Errorf("make a data key: %w", err)
		}
		if err := m.SetPrimary(id); err != nil {
			return Ring{}, fmt.Errorf("make key %d the primary: %w", id, err)
		}
	}
	handle, err := m.Handle()
	if err != nil {
		return Ring{}, fmt.Errorf("build the key ring: %w", err)
	}
	return newRing(handle)
}

func newRing(handle *keyset.Handle) (Ring, error) {
	primitive, err := aead.New(handle)
	if err != nil {
		return Ring{}, fmt.Errorf("use the key ring: %w", err)
	}
	info := handle.KeysetInfo()
	r := Ring{handle: handle, aead: primitive, primary: info.GetPrimaryKeyId()}
	for _, key := range info.GetKeyInfo() {
		r.ids = append(r.ids, key.GetKeyId())
	}
	slices.Sort(r.ids)
	return r, nil
}
