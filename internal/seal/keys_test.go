package seal

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// fixedKeys is a ring that never changes.
func fixedKeys(master MasterKey, wrapped []byte) *Keys {
	return carriedKeys(master, wrapped, nil)
}

// carriedKeys is fixedKeys with something from earlier master keys beside the ring.
func carriedKeys(master MasterKey, wrapped, earlier []byte) *Keys {
	return NewKeys(master, func(context.Context) ([]byte, []byte, error) { return wrapped, earlier, nil })
}

// changingKeys is a ring that can be replaced as by another process; loads counts how often it was loaded.
type changingKeys struct {
	*Keys
	master  MasterKey
	wrapped atomic.Pointer[[]byte]
	loads   atomic.Int64
}

func newChangingKeys(t testing.TB, ring Ring) *changingKeys {
	t.Helper()
	c := &changingKeys{master: mustMaster(t, Production)}
	c.Keys = NewKeys(c.master, func(context.Context) (wrapped, earlier []byte, err error) {
		c.loads.Add(1)
		return *c.wrapped.Load(), nil, nil
	})
	c.replace(t, ring)
	return c
}

func (c *changingKeys) replace(t testing.TB, ring Ring) {
	t.Helper()
	wrapped := mustWrap(t, ring, c.master)
	c.wrapped.Store(&wrapped)
}

var someOwner = Owner{Tenant: "tenant-1", ID: "connector-1", Member: "password", Version: 7}

func mustSeal(t testing.TB, k *Keys, o Owner, plaintext string) Box {
	t.Helper()
	box, err := k.Sealer().Seal(t.Context(), o, []byte(plaintext))
	if err != nil {
		t.Fatal(err)
	}
	return box
}

func TestSealAndOpen(t *testing.T) {
	t.Parallel()
	keys := newChangingKeys(t, mustRing(t))
	for _, plaintext := range []string{"", "pässword", strings.Repeat("x", 100_000)} {
		box := mustSeal(t, keys.Keys, someOwner, plaintext)
		if plaintext != "" && bytes.Contains(box.Ciphertext, []byte(plaintext)) {
			t.Error("the ciphertext contains the plaintext")
		}
		got, err := keys.Opener().Open(t.Context(), someOwner, box)
		if err != nil || string(got) != plaintext {
			t.Errorf("opened %d bytes instead of %d, error %v", len(got), len(plaintext), err)
		}
	}
	if n := keys.loads.Load(); n != 1 {
		t.Errorf("the ring was loaded %d times, want once", n)
	}
}

func TestSealingTwiceDiffers(t *testing.T) {
	t.Parallel()
	keys := newChangingKeys(t, mustRing(t))
	if bytes.Equal(mustSeal(t, keys.Keys, someOwner, "x").Ciphertext, mustSeal(t, keys.Keys, someOwner, "x").Ciphertext) {
		t.Error("equal secrets have equal ciphertexts")
	}
}

// TestDamageFailsClosed changes one thing at a time about a sealed value.
func TestDamageFailsClosed(t *testing.T) {
	t.Parallel()
	ring, err := mustRing(t).AddKey()
	if err != nil {
		t.Fatal(err)
	}
	keys := newChangingKeys(t, ring)
	box := mustSeal(t, keys.Keys, someOwner, "the secret")
	type sealed struct {
		owner Owner
		box   Box
	}
	cases := map[string]func(*sealed){
		"another tenant":     func(s *sealed) { s.owner.Tenant = "tenant-2" },
		"another owner":      func(s *sealed) { s.owner.ID = "connector-2" },
		"another member":     func(s *sealed) { s.owner.Member = "certificate" },
		"an older version":   func(s *sealed) { s.owner.Version = 6 },
		"a newer version":    func(s *sealed) { s.owner.Version = 8 },
		"a moved boundary":   func(s *sealed) { s.owner.Tenant, s.owner.ID = "tenant-1c", "onnector-1" },
		"nothing":            func(s *sealed) { s.box.Ciphertext = nil },
		"the prefix alone":   func(s *sealed) { s.box.Ciphertext = s.box.Ciphertext[:tinkPrefix] },
		"one byte less":      func(s *sealed) { s.box.Ciphertext = s.box.Ciphertext[:len(s.box.Ciphertext)-1] },
		"one byte more":      func(s *sealed) { s.box.Ciphertext = append(s.box.Ciphertext, 0) },
		"another known key":  func(s *sealed) { s.box.KeyID = ring.OldKeyIDs()[0] },
		"an unknown key":     func(s *sealed) { s.box.KeyID++ },
		"another key inside": func(s *sealed) { binary.BigEndian.PutUint32(s.box.Ciphertext[1:], ring.OldKeyIDs()[0]) },
	}
	for i := range len(box.Ciphertext) {
		cases["a flipped bit at "+string(rune('A'+i))] = func(s *sealed) { s.box.Ciphertext[i] ^= 1 << (i % 8) }
	}
	for name, damage := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := sealed{someOwner, Box{box.KeyID, bytes.Clone(box.Ciphertext)}}
			damage(&s)
			got, err := keys.Opener().Open(t.Context(), s.owner, s.box)
			if !errors.Is(err, ErrDamaged) || got != nil {
				t.Fatalf("opened %d bytes, error %v; want ErrDamaged", len(got), err)
			}
			if !strings.Contains(err.Error(), s.owner.String()) || strings.Contains(err.Error(), "the secret") {
				t.Errorf("the error does not name its owner alone: %v", err)
			}
		})
	}
}

func TestUnknownKeyLoadsTheRingOnce(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	first := mustRing(t)
	reader := newChangingKeys(t, first)
	old := mustSeal(t, reader.Keys, someOwner, "old")

	second, err := first.AddKey()
	if err != nil {
		t.Fatal(err)
	}
	reader.replace(t, second)
	fresh := mustSeal(t, fixedKeys(reader.master, *reader.wrapped.Load()), someOwner, "new")
	if got, err := reader.Opener().Open(ctx, someOwner, fresh); err != nil || string(got) != "new" {
		t.Fatalf("under the new key: %q, %v", got, err)
	}
	if n := reader.loads.Load(); n != 2 {
		t.Errorf("the ring was loaded %d times, want 2", n)
	}
	if got, err := reader.Opener().Open(ctx, someOwner, old); err != nil || string(got) != "old" {
		t.Errorf("under the old key: %q, %v", got, err)
	}

	third, err := second.DropOldKeys()
	if err != nil {
		t.Fatal(err)
	}
	reader.replace(t, third)
	if err := reader.Sealer().Refresh(ctx); err != nil {
		t.Fatal(err)
	}
	before := reader.loads.Load()
	if _, err := reader.Opener().Open(ctx, someOwner, old); !errors.Is(err, ErrDamaged) {
		t.Errorf("under a dropped key: %v, want ErrDamaged", err)
	}
	if n := reader.loads.Load() - before; n != 1 {
		t.Errorf("a dropped key loaded the ring %d times, want once", n)
	}
}

func TestRefreshChangesTheSealingKey(t *testing.T) {
	t.Parallel()
	first := mustRing(t)
	keys := newChangingKeys(t, first)
	if box := mustSeal(t, keys.Keys, someOwner, "x"); box.KeyID != first.Primary() {
		t.Errorf("sealed by %d, want %d", box.KeyID, first.Primary())
	}
	second, err := first.AddKey()
	if err != nil {
		t.Fatal(err)
	}
	keys.replace(t, second)
	if err := keys.Sealer().Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if box := mustSeal(t, keys.Keys, someOwner, "x"); box.KeyID != second.Primary() {
		t.Errorf("sealed by %d after Refresh, want %d", box.KeyID, second.Primary())
	}
}

func TestLoadFailureIsNotDamage(t *testing.T) {
	t.Parallel()
	down := errors.New("the database is down")
	keys := NewKeys(mustMaster(t, Production), func(context.Context) (wrapped, earlier []byte, err error) { return nil, nil, down })
	_, sealErr := keys.Sealer().Seal(t.Context(), someOwner, nil)
	_, openErr := keys.Opener().Open(t.Context(), someOwner, Box{})
	foreign := mustJournal(t, NewKeys(mustMaster(t, Production), nil).Journal(), "decision", "", "x")
	_, recordErr := keys.Journal().Open(t.Context(), "decision", nil, foreign)
	_, macErr := keys.Journal().VerifyMAC(t.Context(), "claim", nil, nil)
	_, onceErr := keys.Sealer().VerifyMAC(t.Context(), "idempotency", nil, nil)
	for _, err := range []error{sealErr, openErr, recordErr, macErr, onceErr, keys.Sealer().Refresh(t.Context())} {
		if !errors.Is(err, down) || errors.Is(err, ErrDamaged) {
			t.Errorf("got %v, want the load's own error", err)
		}
	}
}

func TestConcurrentFirstUseLoadsOnce(t *testing.T) {
	t.Parallel()
	keys := newChangingKeys(t, mustRing(t))
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := keys.Sealer().Seal(t.Context(), someOwner, []byte("x")); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if _, err := keys.refresh(t.Context(), nil); err != nil { // one that found no ring and came late
		t.Error(err)
	}
	if n := keys.loads.Load(); n != 1 {
		t.Errorf("the ring was loaded %d times, want once", n)
	}
}

func TestMAC(t *testing.T) {
	t.Parallel()
	master := mustMaster(t, Production)
	s := fixedKeys(master, nil).Sealer()
	again, err := ParseMasterKey(master.Text())
	if err != nil {
		t.Fatal(err)
	}
	mac := s.MAC("idempotency", []byte("body"))
	if len(mac) != 32 || !bytes.Equal(mac, fixedKeys(again, nil).Sealer().MAC("idempotency", []byte("body"))) {
		t.Error("the MAC is not 32 bytes that come again")
	}
	for name, other := range map[string][]byte{
		"another body":       s.MAC("idempotency", []byte("bodY")),
		"another purpose":    s.MAC("other", []byte("body")),
		"another master key": fixedKeys(mustMaster(t, Production), nil).Sealer().MAC("idempotency", []byte("body")),
	} {
		if bytes.Equal(mac, other) {
			t.Errorf("%s has the same MAC", name)
		}
	}
}

func BenchmarkSeal(b *testing.B) {
	keys := newChangingKeys(b, mustRing(b))
	secret := []byte("a password of some length")
	for b.Loop() {
		if _, err := keys.Sealer().Seal(b.Context(), someOwner, secret); err != nil {
			b.Fatal(err)
		}
	}
}

// TestUnlock: without a master key nothing is sealed, opened or made; a wrong one opens nothing and can be taken away again.
func TestUnlock(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	master := mustMaster(t, Production)
	wrapped := mustWrap(t, mustRing(t), master)
	box := mustSeal(t, fixedKeys(master, wrapped), someOwner, "secret")
	keys := fixedKeys(MasterKey{}, wrapped)
	sealer, opener, journal := keys.Sealer(), keys.Opener(), keys.Journal()
	locked := func(when string) {
		t.Helper()
		if _, err := sealer.Seal(ctx, someOwner, []byte("secret")); !errors.Is(err, ErrRing) {
			t.Errorf("%s: sealed, %v", when, err)
		}
		if got, err := opener.Open(ctx, someOwner, box); !errors.Is(err, ErrRing) || got != nil {
			t.Errorf("%s: opened, %v", when, err)
		}
	}
	locked("without a key")
	if _, err := journal.Seal("decision", nil, nil); !errors.Is(err, errNoMasterKey) {
		t.Errorf("the journal sealed without a key: %v", err)
	}
	keys.Unlock(mustMaster(t, Production))
	locked("with another key")
	keys.Unlock(MasterKey{})
	locked("without a key again")
	keys.Unlock(master)
	if got, err := opener.Open(ctx, someOwner, box); err != nil || string(got) != "secret" {
		t.Errorf("with the key: %q, %v", got, err)
	}
	if _, err := sealer.Seal(ctx, someOwner, []byte("secret")); err != nil {
		t.Errorf("with the key: %v", err)
	}
	record := mustJournal(t, journal, "decision", "", canary)
	if got, err := fixedKeys(master, wrapped).Journal().Open(ctx, "decision", nil, record); err != nil || string(got) != canary {
		t.Errorf("the journal has another key: %v", err)
	}
	keys.Unlock(MasterKey{})
	locked("with the key taken away")
}
