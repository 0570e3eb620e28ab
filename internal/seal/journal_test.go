package seal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/tink-crypto/tink-go/v2/aead/subtle"
)

const canary = "canary-5be1"

func mustJournal(t testing.TB, j Journal, purpose, associated, plaintext string) []byte {
	t.Helper()
	record, err := j.Seal(purpose, []byte(associated), []byte(plaintext))
	if err != nil {
		t.Fatal(err)
	}
	return record
}

func TestJournalSealsAndOpens(t *testing.T) {
	t.Parallel()
	j := NewKeys(mustMaster(t, Production), nil).Journal() // needs no ring
	for _, plaintext := range []string{"", canary, strings.Repeat(canary, 10_000)} {
		record := mustJournal(t, j, "decision", "tenant", plaintext)
		if bytes.Contains(record, []byte(canary)) {
			t.Error("the record contains its plaintext")
		}
		got, err := j.Open(t.Context(), "decision", []byte("tenant"), record)
		if err != nil || string(got) != plaintext {
			t.Errorf("opened %d bytes instead of %d, error %v", len(got), len(plaintext), err)
		}
	}
}

// TestJournalRecordsShareNothing: equal records have a salt, and with it a key, and a nonce each of their own.
func TestJournalRecordsShareNothing(t *testing.T) {
	t.Parallel()
	j := NewKeys(mustMaster(t, Production), nil).Journal()
	const nonceAt, restAt = 1 + journalSalt, 1 + journalSalt + subtle.AESGCMIVSize
	seen := make(map[string]bool)
	for range 1000 {
		record := mustJournal(t, j, "decision", "tenant", canary)
		for name, part := range map[string][]byte{"salt": record[1:nonceAt], "nonce": record[nonceAt:restAt], "rest": record[restAt:]} {
			if seen[name+string(part)] {
				t.Fatalf("two records have the same %s", name)
			}
			seen[name+string(part)] = true
		}
	}
}

// TestJournalDataIsUnambiguous has pairs that are alike if a length is left out.
func TestJournalDataIsUnambiguous(t *testing.T) {
	t.Parallel()
	length := func(n uint64) string { return string(binary.BigEndian.AppendUint64(nil, n)) }
	seen := make(map[string]bool)
	for _, pair := range [][2]string{
		{"p", "a"},
		{"pa", ""},
		{"", "pa"},
		{"p", length(0)},
		{"p" + length(8), ""}, // without the purpose's length
		{"", "p" + length(1)},
		{length(9) + "p", ""},
	} {
		data := string(journalData(pair[0], []byte(pair[1])))
		if seen[data] {
			t.Errorf("%q is encoded as another", pair)
		}
		seen[data] = true
	}
}

// TestJournalDamageFailsClosed changes one thing at a time about a record.
func TestJournalDamageFailsClosed(t *testing.T) {
	t.Parallel()
	newJournal := func() Journal {
		master := mustMaster(t, Production)
		return fixedKeys(master, mustWrap(t, mustRing(t), master)).Journal()
	}
	j := newJournal()
	record := mustJournal(t, j, "decision", "tenant-1", canary)
	type opening struct {
		journal             Journal
		purpose, associated string
		record              []byte
	}
	cases := map[string]func(*opening){
		"another purpose":    func(o *opening) { o.purpose = "decisions" },
		"other data":         func(o *opening) { o.associated = "tenant-2" },
		"no data":            func(o *opening) { o.associated = "" },
		"a moved boundary":   func(o *opening) { o.purpose, o.associated = "decisiont", "enant-1" },
		"another master key": func(o *opening) { o.journal = newJournal() },
		"nothing":            func(o *opening) { o.record = nil },
		"the salt alone":     func(o *opening) { o.record = o.record[:1+journalSalt] },
		"one byte less":      func(o *opening) { o.record = o.record[:len(o.record)-1] },
		"one byte more":      func(o *opening) { o.record = append(o.record, 0) },
		"another salt":       func(o *opening) { copy(o.record, mustJournal(t, j, "decision", "tenant-1", canary)[:1+journalSalt]) },
	}
	for i := range record {
		cases[fmt.Sprintf("a flipped bit at %d", i)] = func(o *opening) { o.record[i] ^= 1 << (i % 8) }
	}
	for name, damage := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := opening{j, "decision", "tenant-1", bytes.Clone(record)}
			damage(&o)
			got, err := o.journal.Open(t.Context(), o.purpose, []byte(o.associated), o.record)
			if !errors.Is(err, ErrDamaged) || got != nil {
				t.Fatalf("opened %d bytes, error %v; want ErrDamaged", len(got), err)
			}
			if strings.Contains(err.Error(), canary) {
				t.Errorf("the error shows the record: %v", err)
			}
		})
	}
}

// TestJournalAndRingDoNotOpenEachOther: law 3. Whoever holds a Journal can neither read a connector's secret nor make a
// value that passes for one, whatever name it gives to it.
func TestJournalAndRingDoNotOpenEachOther(t *testing.T) {
	t.Parallel()
	master := mustMaster(t, Production)
	ring := mustRing(t)
	wrapped := mustWrap(t, ring, master)
	keys := fixedKeys(master, wrapped)
	box := mustSeal(t, keys, someOwner, canary)
	j := keys.Journal()
	salted := func(ciphertext []byte) []byte {
		return append(append([]byte{journalVersion}, make([]byte, journalSalt)...), ciphertext...)
	}
	for form, sealed := range map[string][]byte{
		"a secret":                      box.Ciphertext,
		"a secret in a journal's form":  salted(box.Ciphertext),
		"a secret without its prefix":   box.Ciphertext[tinkPrefix:],
		"the same in a journal's form":  salted(box.Ciphertext[tinkPrefix:]),
		"the ring":                      wrapped,
		"the ring in a journal's form":  salted(wrapped),
		"a secret behind a real record": append(mustJournal(t, j, "decision", "", "")[:1+journalSalt], box.Ciphertext...),
	} {
		for _, purpose := range []string{"", "decision", "patchbay 1 sealed", someOwner.Member} {
			for _, associated := range [][]byte{nil, someOwner.associatedData(), ringData} {
				if got, err := j.Open(t.Context(), purpose, associated, sealed); !errors.Is(err, ErrDamaged) || got != nil {
					t.Errorf("%s opened as %q: error %v", form, purpose, err)
				}
			}
		}
	}
	record, err := j.Seal("patchbay 1 sealed", someOwner.associatedData(), []byte(canary))
	if err != nil {
		t.Fatal(err)
	}
	for form, ciphertext := range map[string][]byte{
		"a record":                        record,
		"a record's ciphertext":           record[1+journalSalt:],
		"that with the prefix of the key": append(box.Ciphertext[:tinkPrefix:tinkPrefix], record[1+journalSalt:]...),
	} {
		got, err := keys.Opener().Open(t.Context(), someOwner, Box{box.KeyID, ciphertext})
		if !errors.Is(err, ErrDamaged) || got != nil {
			t.Errorf("%s opened as a secret: error %v", form, err)
		}
	}
	if _, err := OpenRing(master, record[1+journalSalt:]); !errors.Is(err, ErrRing) {
		t.Errorf("a record opened as a key ring: %v", err)
	}
}

// TestJournalMAC: equal data of a purpose has an equal MAC, and nothing else has.
func TestJournalMAC(t *testing.T) {
	t.Parallel()
	keys := NewKeys(mustMaster(t, Production), nil)
	j := keys.Journal()
	mac := j.MAC("claim", []byte("x"))
	if len(mac) != 32 || !bytes.Equal(mac, j.MAC("claim", []byte("x"))) {
		t.Error("the MAC of equal data differs")
	}
	for name, other := range map[string][]byte{
		"other data":         j.MAC("claim", []byte("y")),
		"another purpose":    j.MAC("claims", []byte("x")),
		"a moved boundary":   j.MAC("claimx", nil),
		"the sealer":         keys.Sealer().MAC("claim", []byte("x")),
		"another master key": NewKeys(mustMaster(t, Production), nil).Journal().MAC("claim", []byte("x")),
	} {
		if bytes.Equal(mac, other) {
			t.Errorf("the MAC is that of %s", name)
		}
	}
}

// TestJournalWithoutMasterKey refuses, and never hashes without a key.
func TestJournalWithoutMasterKey(t *testing.T) {
	t.Parallel()
	record := mustJournal(t, NewKeys(mustMaster(t, Production), nil).Journal(), "decision", "", canary)
	for name, j := range map[string]Journal{"zero": {}, "zero master key": NewKeys(MasterKey{}, nil).Journal()} {
		if got, err := j.Seal("decision", nil, []byte(canary)); !errors.Is(err, errNoMasterKey) || got != nil {
			t.Errorf("%s: sealed %d bytes, error %v", name, len(got), err)
		}
		if got, err := j.Open(t.Context(), "decision", nil, record); !errors.Is(err, errNoMasterKey) || got != nil {
			t.Errorf("%s: opened %d bytes, error %v", name, len(got), err)
		}
		if mac := j.MAC("claim", nil); mac != nil {
			t.Errorf("%s: hashed without a key", name)
		}
	}
}

// TestJournalMasksItself: its keys show in no form, as TestMasterKeyMasksItself shows of the master key itself.
func TestJournalMasksItself(t *testing.T) {
	t.Parallel()
	k, err := newMasterKey([masterKeyBytes]byte(knownKey), Production)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	before := mustMaster(t, Production)
	keys := carriedKeys(k, mustWrap(t, mustRing(t), k), mustCarry(t, before, k, nil))
	ring, err := keys.current(t.Context())
	if err != nil || len(ring.earlier) != 1 {
		t.Fatal(err, "the earlier roots were not loaded")
	}
	j := keys.Journal()
	for _, v := range []any{j, &j, j.keys, k} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
	}
	shown := out.String()
	secrets := [][]byte{knownKey}
	for i := range rootCount {
		secrets = append(secrets, k.parts().roots[i][:], before.parts().roots[i][:])
	}
	for _, key := range secrets {
		for _, verb := range []string{"%s", "%x", "%X", "%d"} {
			part := strings.Trim(fmt.Sprintf(verb, key[:4]), "[]")
			if strings.Contains(shown, part) {
				t.Errorf("a key shows in the form of %s", verb)
			}
		}
	}
	if !strings.Contains(shown, masked) {
		t.Error("nothing is masked: the test prints nothing")
	}
}

func BenchmarkJournal(b *testing.B) {
	j := NewKeys(mustMaster(b, Production), nil).Journal()
	plaintext := bytes.Repeat([]byte("x"), 1024)
	for b.Loop() {
		record, err := j.Seal("decision", nil, plaintext)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := j.Open(b.Context(), "decision", nil, record); err != nil {
			b.Fatal(err)
		}
	}
}
