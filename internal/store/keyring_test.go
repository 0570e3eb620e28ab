package store

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/seal"
)

// opensEarlier looks whether what was recorded under earlierKey opens, whose roots everyOperation has carried.
func (h *house) opensEarlier(t testing.TB) {
	t.Helper()
	record, err := seal.NewKeys(masterOf(t, earlierKey), nil).Journal().Seal("decision", nil, []byte("earlier"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := h.keys.Journal().Open(t.Context(), "decision", nil, record)
	if err != nil || string(got) != "earlier" {
		t.Errorf("a record of an earlier master key is %q, error %v", got, err)
	}
}

// wantRing reads the ring past the house, whose keys may have another in memory.
func (h *house) wantRing(t testing.TB, want KeyRing) {
	t.Helper()
	got, _, err := h.KeyRing(t.Context())
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("the ring, error %v (-want +got):\n%s", err, diff)
	}
}

// TestRewrapKeyRing: what is carried from earlier master keys is written with the ring that it belongs to or not at all, and
// whoever changes the ring otherwise cannot touch it.
func TestRewrapKeyRing(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		first, _, err := h.KeyRing(t.Context())
		if err != nil || first.EarlierRoots != nil {
			t.Fatalf("%d bytes are carried at first, error %v", len(first.EarlierRoots), err)
		}
		for _, version := range []int64{0, 2} {
			wantKind(t, h.RewrapKeyRing(t.Context(), version, []byte("wrapped"), []byte("carried")), apiconn.Conflict)
		}
		h.wantRing(t, first)
		rewrapped := KeyRing{Version: 2, Primary: first.Primary, Wrapped: []byte("wrapped"), EarlierRoots: []byte("carried")}
		if err := h.RewrapKeyRing(t.Context(), 1, rewrapped.Wrapped, rewrapped.EarlierRoots); err != nil {
			t.Fatal(err)
		}
		h.wantRing(t, rewrapped)
		for name, change := range map[string]KeyRing{
			"nothing beside it":        {Primary: 7, Wrapped: []byte("next")},
			"something else beside it": {Primary: 7, Wrapped: []byte("next"), EarlierRoots: []byte("else")},
		} {
			rewrapped.Version++
			if err := h.ReplaceKeyRing(t.Context(), rewrapped.Version-1, change, []uint32{first.Primary}); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			rewrapped.Primary, rewrapped.Wrapped = change.Primary, change.Wrapped
			h.wantRing(t, rewrapped)
		}
	})
}

// TestChangeOfTheMasterKey: what was recorded before opens after it, in every process that has the new master key, also after
// the keys were rotated; an older program's change of the master key, which knows nothing of this, stops that and no more.
func TestChangeOfTheMasterKey(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		h.createBasic(t, tenantA, "a", "secret")
		inv := invocation(tenantA, "i", start)
		if _, err := h.RecordInvocation(t.Context(), inv, h.journey(t, "k", inv, "decision", soon())); err != nil {
			t.Fatal(err)
		}
		opens := func(h *house) error {
			t.Helper()
			c, err := h.ConnectorSealed(t.Context(), tenantA, "a")
			if err != nil {
				t.Fatal(err)
			}
			if secret, err := h.open(t.Context(), c, "password"); err != nil || secret != "secret" {
				t.Errorf("the password is %q, error %v", secret, err)
			}
			j, err := h.Journey(t.Context(), tenantA, "k", start)
			if err != nil {
				t.Fatal(err)
			}
			decision, err := h.decision(t, j)
			if err == nil && decision != "decision" {
				t.Errorf("the decision is %q", decision)
			}
			return err
		}
		for range 3 {
			next, err := seal.GenerateMasterKey(seal.Development)
			if err != nil {
				t.Fatal(err)
			}
			ring, wrapped := h.rewrapped(t, next)
			earlier, err := h.master.CarryRoots(next, ring.EarlierRoots)
			if err != nil {
				t.Fatal(err)
			}
			if err := h.RewrapKeyRing(t.Context(), ring.Version, wrapped, earlier); err != nil {
				t.Fatal(err)
			}
			h = openHouse(t, h.path, next)
			if err := opens(h); err != nil {
				t.Error(err)
			}
			h.rotate(t)
			if err := opens(openHouse(t, h.path, next)); err != nil {
				t.Errorf("after a rotation: %v", err)
			}
		}
		next, err := seal.GenerateMasterKey(seal.Development)
		if err != nil {
			t.Fatal(err)
		}
		_, wrapped := h.rewrapped(t, next)
		h.exec(t, 1, "UPDATE key_ring SET version = version + 1, wrapped = $1 WHERE id = 1", wrapped)
		if err := opens(openHouse(t, h.path, next)); !errors.Is(err, seal.ErrDamaged) {
			t.Errorf("after a change by an older program: %v", err)
		}
	})
}

// rewrapped is the ring as it is kept, and wrapped under another master key.
func (h *house) rewrapped(t testing.TB, next seal.MasterKey) (kept KeyRing, wrapped []byte) {
	t.Helper()
	kept, _, err := h.KeyRing(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ring, err := seal.OpenRing(h.master, kept.Wrapped)
	if err != nil {
		t.Fatal(err)
	}
	if wrapped, err = ring.Wrap(next); err != nil {
		t.Fatal(err)
	}
	return kept, wrapped
}
