package seal

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"testing"
)

func mustCarry(t testing.TB, from, to MasterKey, earlier []byte) []byte {
	t.Helper()
	text, err := from.CarryRoots(to, earlier)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// relic is what one master key left behind: a record and a MAC of each kind.
type relic struct{ record, journalMAC, sealerMAC []byte }

// mustLeave makes a relic without a ring, which making needs not.
func mustLeave(t testing.TB, master MasterKey) relic {
	t.Helper()
	keys := NewKeys(master, nil)
	return relic{
		mustJournal(t, keys.Journal(), "decision", "tenant", canary),
		keys.Journal().MAC("request", []byte("x")), keys.Sealer().MAC("idempotency", []byte("x")),
	}
}

// opens tells whether keys can do anything with a relic. They can do all or nothing, and fail as they should.
func (r relic) opens(t testing.TB, keys *Keys) bool {
	t.Helper()
	got, err := keys.Journal().Open(t.Context(), "decision", []byte("tenant"), r.record)
	if err != nil && !errors.Is(err, ErrDamaged) {
		t.Fatal(err)
	}
	opened := err == nil
	if opened != (string(got) == canary) {
		t.Errorf("opened %d bytes, error %v", len(got), err)
	}
	for name, is := range map[string]func(context.Context, string, []byte, []byte) (bool, error){
		"request": keys.Journal().VerifyMAC, "idempotency": keys.Sealer().VerifyMAC,
	} {
		mac := map[string][]byte{"request": r.journalMAC, "idempotency": r.sealerMAC}[name]
		if same, err := is(t.Context(), name, []byte("x"), mac); err != nil || same != opened {
			t.Errorf("the MAC of %s is recognised: %v, error %v; the record opens: %v", name, same, err, opened)
		}
		for what, wrong := range map[string]struct {
			purpose, data string
			mac           []byte
		}{
			"other data": {name, "y", mac}, "another purpose": {name + "s", "x", mac}, "a part of it": {name, "x", mac[:16]}, "nothing": {name, "x", nil},
			"the MAC of another kind": {name, "x", map[string][]byte{"request": r.sealerMAC, "idempotency": r.journalMAC}[name]},
		} {
			if same, err := is(t.Context(), wrong.purpose, []byte(wrong.data), wrong.mac); err != nil || same {
				t.Errorf("the MAC of %s is recognised with %s, error %v", name, what, err)
			}
		}
	}
	return opened
}

// TestFormsOfOldRecords: what the first version recorded and hashed under a known key is opened and recognised.
func TestFormsOfOldRecords(t *testing.T) {
	t.Parallel()
	k, err := newMasterKey([masterKeyBytes]byte(knownKey), Production)
	if err != nil {
		t.Fatal(err)
	}
	var old relic
	for hexadecimal, part := range map[string]*[]byte{
		"017b2718a4000e8d138ef8fffb41d725cca857c2abfdf0cfac854e3df19d2538e4273138f25b174b40a8ed44a5c8572debf97905f784c100": &old.record,
		"44c963a7fa48ff34766d953995e903c2af43dc39f5b5c0f4cc8a2c3b7100db73":                                                 &old.journalMAC,
		"55ff3c99661339b30749d726f22eba1ed4abebf6a555ca3cedb5d27a9d8bdc91":                                                 &old.sealerMAC,
	} {
		if *part, err = hex.DecodeString(hexadecimal); err != nil {
			t.Fatal(err)
		}
	}
	if !old.opens(t, fixedKeys(k, mustWrap(t, mustRing(t), k))) {
		t.Error("nothing of it opens")
	}
}

// TestRecordsOutliveTheirMasterKey changes the master key more often than roots are carried: each time what the last 16 left
// behind opens, and what is older does not. What a master key makes itself needs no ring, and what is older loads it once.
func TestRecordsOutliveTheirMasterKey(t *testing.T) {
	t.Parallel()
	const changes = maxEarlier + 3
	ring := mustRing(t)
	var masters []MasterKey
	var relics []relic
	var earlier []byte
	for n := range changes + 1 {
		master := mustMaster(t, Production)
		if n > 0 {
			earlier = mustCarry(t, masters[n-1], master, earlier)
		}
		masters, relics = append(masters, master), append(relics, mustLeave(t, master))
		wrapped, loads := mustWrap(t, ring, master), 0
		keys := NewKeys(master, func(context.Context) ([]byte, []byte, error) { loads++; return wrapped, earlier, nil })
		if got, err := keys.Journal().Open(t.Context(), "decision", []byte("tenant"), relics[n].record); err != nil || string(got) != canary || loads > 0 {
			t.Errorf("after %d changes, a new record: %d bytes, error %v, the ring was loaded %d times", n, len(got), err, loads)
		}
		for i, r := range relics {
			if got, want := r.opens(t, keys), i >= n-maxEarlier; got != want {
				t.Errorf("after %d changes, what the master key %d left opens: %v, want %v", n, i, got, want)
			}
		}
		if loads != 1 {
			t.Errorf("after %d changes the ring was loaded %d times, want once", n, loads)
		}
		for i, m := range masters {
			parts := m.parts()
			for j := range rootCount {
				if bytes.Contains(earlier, parts.roots[j][:8]) || bytes.Contains(earlier, parts.raw[:8]) {
					t.Errorf("after %d changes a key of the master key %d is carried in clear", n, i)
				}
			}
		}
	}
	if limit := maxEarlier*int(rootCount)*rootBytes + 28; len(earlier) != limit {
		t.Errorf("%d bytes are carried, want %d", len(earlier), limit)
	}
}

// TestOldMasterKeyOpensNothingNew: whoever has a master key that was replaced, and the database as it was then and as it is
// now, can do with it what he always could, and nothing with what was made since.
func TestOldMasterKeyOpensNothingNew(t *testing.T) {
	t.Parallel()
	first, old, now := mustMaster(t, Production), mustMaster(t, Production), mustMaster(t, Production)
	ring := mustRing(t)
	then := mustCarry(t, first, old, nil)
	since := mustCarry(t, old, now, then)
	fresh := mustLeave(t, now)
	for name, earlier := range map[string][]byte{"the old row": then, "the new text in the old row": since, "nothing": nil} {
		keys := carriedKeys(old, mustWrap(t, ring, old), earlier)
		if fresh.opens(t, keys) {
			t.Errorf("with %s, what is new opens", name)
		}
		if !mustLeave(t, old).opens(t, keys) {
			t.Errorf("with %s, what is of its time does not open", name)
		}
	}
	if _, err := carriedKeys(old, mustWrap(t, ring, now), since).Ring(t.Context()); !errors.Is(err, ErrRing) {
		t.Errorf("the new ring: %v", err)
	}
}

// TestEarlierRootsAreNothingElse: their text opens under the one master key that it is for, and only as what it is.
func TestEarlierRootsAreNothingElse(t *testing.T) {
	t.Parallel()
	before, master := mustMaster(t, Production), mustMaster(t, Production)
	text := mustCarry(t, before, master, nil)
	ring := mustRing(t)
	wrapped := mustWrap(t, ring, master)
	keys := carriedKeys(master, wrapped, text)
	if !master.OpensRoots(text) {
		t.Fatal("the text does not open at all")
	}
	for name, k := range map[string]MasterKey{"the one before": before, "another": mustMaster(t, Production), "none": {}} {
		if k.OpensRoots(text) {
			t.Errorf("it opens under %s", name)
		}
	}
	if _, err := OpenRing(master, text); !errors.Is(err, ErrRing) {
		t.Errorf("it opens as a key ring: %v", err)
	}
	if got, err := keys.Opener().Open(t.Context(), someOwner, Box{ring.Primary(), text}); !errors.Is(err, ErrDamaged) || got != nil {
		t.Errorf("it opens as a secret: %v", err)
	}
	for _, associated := range [][]byte{nil, earlierData} {
		record := append([]byte{journalVersion}, text...)
		if got, err := keys.Journal().Open(t.Context(), string(earlierData), associated, record); !errors.Is(err, ErrDamaged) || got != nil {
			t.Errorf("it opens as a record: %v", err)
		}
	}
	record, err := keys.Journal().Seal(string(earlierData), nil, make([]byte, int(rootCount)*rootBytes))
	if err != nil {
		t.Fatal(err)
	}
	otherData, err := master.parts().carry.Encrypt(make([]byte, int(rootCount)*rootBytes), ringData)
	if err != nil {
		t.Fatal(err)
	}
	otherKey, err := master.parts().wrap.Encrypt(make([]byte, int(rootCount)*rootBytes), earlierData)
	if err != nil {
		t.Fatal(err)
	}
	for name, other := range map[string][]byte{
		"the ring": wrapped, "a record": record, "a record's ciphertext": record[1+journalSalt:],
		"what was encrypted for another use": otherData, "what the ring's own key encrypted": otherKey,
	} {
		if master.OpensRoots(other) {
			t.Errorf("%s passes for earlier roots", name)
		}
	}
}

// TestDamagedRootsCountAsNone: of a text that was changed, cut or swapped, or left as it was by a version that changes the
// master key without knowing of it, nothing is used; all the rest works, and the next change begins anew.
func TestDamagedRootsCountAsNone(t *testing.T) {
	t.Parallel()
	first, before, master, next := mustMaster(t, Production), mustMaster(t, Production), mustMaster(t, Production), mustMaster(t, Production)
	ring := mustRing(t)
	wrapped := mustWrap(t, ring, master)
	sound := mustCarry(t, before, master, mustCarry(t, first, before, nil))
	box := mustSeal(t, fixedKeys(master, wrapped), someOwner, "secret")
	old, own := mustLeave(t, before), mustLeave(t, master)
	texts := map[string][]byte{
		"nothing": nil, "an empty text": {}, "one byte": {1}, "one byte less": sound[:len(sound)-1], "one byte more": append(bytes.Clone(sound), 0),
		"the text of the master key before": mustCarry(t, first, before, nil), "the text of another database": mustCarry(t, before, mustMaster(t, Production), nil),
		"the ring": wrapped,
	}
	for i := range sound {
		flipped := bytes.Clone(sound)
		flipped[i] ^= 1 << (i % 8)
		texts[fmt.Sprintf("a flipped bit at %d", i)] = flipped
	}
	for name, text := range texts {
		keys := carriedKeys(master, wrapped, text)
		if old.opens(t, keys) || !own.opens(t, keys) {
			t.Errorf("%s: what is old opens, or what is new does not", name)
		}
		if got, err := keys.Opener().Open(t.Context(), someOwner, box); err != nil || string(got) != "secret" {
			t.Errorf("%s: a secret: %v", name, err)
		}
		after := carriedKeys(next, mustWrap(t, ring, next), mustCarry(t, master, next, text))
		if !own.opens(t, after) || old.opens(t, after) {
			t.Errorf("%s: after the next change it is not carried what is there, and no more", name)
		}
	}
	if !old.opens(t, carriedKeys(master, wrapped, sound)) {
		t.Error("the sound text carries nothing: the test shows nothing")
	}
}

// TestCarryRootsWithoutMasterKey refuses.
func TestCarryRootsWithoutMasterKey(t *testing.T) {
	t.Parallel()
	k := mustMaster(t, Production)
	for name, pair := range map[string][2]MasterKey{"no old one": {{}, k}, "no new one": {k, {}}} {
		if text, err := pair[0].CarryRoots(pair[1], nil); !errors.Is(err, errNoMasterKey) || text != nil {
			t.Errorf("%s: %d bytes, error %v", name, len(text), err)
		}
	}
	for name, keys := range map[string]*Keys{"no master key": NewKeys(MasterKey{}, nil), "nothing": nil} {
		if same, err := keys.Journal().VerifyMAC(t.Context(), "request", nil, nil); same || !errors.Is(err, errNoMasterKey) {
			t.Errorf("%s: recognised %v, error %v", name, same, err)
		}
	}
}
