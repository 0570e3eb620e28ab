package seal

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func mustRing(t testing.TB) Ring {
	t.Helper()
	ring, err := NewRing()
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

func mustWrap(t testing.TB, ring Ring, master MasterKey) []byte {
	t.Helper()
	wrapped, err := ring.Wrap(master)
	if err != nil {
		t.Fatal(err)
	}
	return wrapped
}

func TestRingLife(t *testing.T) {
	t.Parallel()
	first := mustRing(t)
	second, err := first.AddKey()
	if err != nil {
		t.Fatal(err)
	}
	if len(first.KeyIDs()) != 1 {
		t.Error("AddKey changed the ring it was called on")
	}
	if second.Primary() == first.Primary() {
		t.Error("the new key is not the primary one")
	}
	if diff := cmp.Diff(first.KeyIDs(), second.OldKeyIDs()); diff != "" {
		t.Errorf("old keys of the second ring (-want +got):\n%s", diff)
	}
	third, err := second.DropOldKeys()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]uint32{second.Primary()}, third.KeyIDs()); diff != "" {
		t.Errorf("keys after dropping (-want +got):\n%s", diff)
	}
	if third.Primary() != second.Primary() {
		t.Error("dropping old keys changed the primary one")
	}
}

func TestZeroRing(t *testing.T) {
	t.Parallel()
	var r Ring
	_, addErr := r.AddKey()
	_, dropErr := r.DropOldKeys()
	_, wrapErr := r.Wrap(mustMaster(t, Production))
	for _, err := range []error{addErr, dropErr, wrapErr} {
		if !errors.Is(err, errNoRing) {
			t.Errorf("got %v, want errNoRing", err)
		}
	}
}

func TestWrappedRingComesBack(t *testing.T) {
	t.Parallel()
	master := mustMaster(t, Production)
	ring, err := mustRing(t).AddKey()
	if err != nil {
		t.Fatal(err)
	}
	again, err := OpenRing(master, mustWrap(t, ring, master))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(ring.KeyIDs(), again.KeyIDs()); diff != "" || ring.Primary() != again.Primary() {
		t.Errorf("the ring read back is another one (-want +got):\n%s", diff)
	}
}

// TestChangeOfMasterKey wraps the ring under another master key: sealed values stay as they are.
func TestChangeOfMasterKey(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	before, after := mustMaster(t, Production), mustMaster(t, Production)
	wrapped := mustWrap(t, mustRing(t), before)
	box, err := fixedKeys(before, wrapped).Sealer().Seal(ctx, Owner{ID: "a"}, []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	ring, err := OpenRing(before, wrapped)
	if err != nil {
		t.Fatal(err)
	}
	rewrapped := mustWrap(t, ring, after)
	if got, err := fixedKeys(after, rewrapped).Opener().Open(ctx, Owner{ID: "a"}, box); err != nil || string(got) != "secret" {
		t.Errorf("opened %q, %v", got, err)
	}
	if _, err := OpenRing(before, rewrapped); !errors.Is(err, ErrRing) {
		t.Errorf("the old master key: %v, want ErrRing", err)
	}
}

func TestDamagedRingDoesNotOpen(t *testing.T) {
	t.Parallel()
	master := mustMaster(t, Production)
	wrapped := mustWrap(t, mustRing(t), master)
	// Tink keeps key ids in clear beside the ciphertext; they are not used, so only the ciphertext is flipped.
	for i := range 60 {
		damaged := bytes.Clone(wrapped)
		damaged[i+4] ^= 1
		if _, err := OpenRing(master, damaged); !errors.Is(err, ErrRing) {
			t.Errorf("byte %d flipped: %v, want ErrRing", i+4, err)
		}
	}
	for _, n := range []int{0, 1, len(wrapped) / 2} {
		if _, err := OpenRing(master, wrapped[:n]); !errors.Is(err, ErrRing) {
			t.Errorf("cut to %d bytes: %v, want ErrRing", n, err)
		}
	}
	if _, err := OpenRing(mustMaster(t, Production), wrapped); !errors.Is(err, ErrRing) {
		t.Errorf("another master key: %v, want ErrRing", err)
	}
}

func TestOwnersEncodeApart(t *testing.T) {
	t.Parallel()
	owners := []Owner{
		{},
		{Tenant: "ab", ID: "c"},
		{Tenant: "a", ID: "bc"},
		{Tenant: "abc"},
		{ID: "abc"},
		{Member: "abc"},
		{Tenant: "a", ID: "b", Member: "c"},
		{Tenant: "a", Member: "bc"},
		{Tenant: "a\x00b"},
		{Tenant: "a", ID: "\x00b"},
		{Version: 1},
		{Version: 256},
		{Member: "\x00\x00\x00\x00\x00\x00\x00\x01"},
	}
	var seen [][]byte
	for _, o := range owners {
		data := o.associatedData()
		if slices.ContainsFunc(seen, func(other []byte) bool { return bytes.Equal(other, data) }) {
			t.Errorf("%+v has the encoding of another owner", o)
		}
		seen = append(seen, data)
	}
}
