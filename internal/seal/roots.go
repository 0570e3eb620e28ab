package seal

import (
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"

	"github.com/tink-crypto/tink-go/v2/aead/subtle"
)

// root numbers the roots of a master key: one for each use of it besides wrapping.
type root int

// The roots of a master key.
const (
	rootRecord     root = iota // of the records of a Journal
	rootJournalMAC             // of Journal.MAC
	rootSealerMAC              // of Sealer.MAC
	rootCount
)

// rootBytes is the length of a root.
const rootBytes = 32

// rootInfo is what each root is derived with.
var rootInfo = [rootCount]string{"patchbay 1 journal", "patchbay 1 journal mac", "patchbay 1 mac"}

// roots are derived from a master key and do not lead back to it.
type roots [rootCount][rootBytes]byte

// maxEarlier is how many changes of the master key its roots outlive: what they are for is kept for weeks.
const maxEarlier = 16

// earlierData is the associated data of the text of earlier roots: nothing else may pass for it.
var earlierData = []byte("patchbay 1 earlier roots")

// errNoMasterKey refuses to work without a master key.
var errNoMasterKey = errors.New("there is no master key")

// newRoots derives the roots of a master key (RFC 5869).
func newRoots(raw []byte) (*roots, error) {
	var r roots
	for i := range r {
		key, err := hkdf.Key(sha256.New, raw, nil, rootInfo[i], rootBytes)
		if err != nil {
			return nil, fmt.Errorf("derive a key from the master key: %w", err)
		}
		r[i] = [rootBytes]byte(key)
	}
	return &r, nil
}

// mac is HMAC-SHA-256 of data under a key that belongs to purpose.
func (r *roots) mac(of root, purpose string, data []byte) []byte {
	return hmacSHA256(hmacSHA256(r[of][:], []byte(purpose)), data)
}

// record is AES-256-GCM under the key of one record of a Journal.
func (r *roots) record(salt []byte) (*subtle.AESGCM, error) {
	key, err := hkdf.Key(sha256.New, r[rootRecord][:], salt, "patchbay 1 journal record", rootBytes)
	if err != nil {
		return nil, fmt.Errorf("derive a record's key: %w", err)
	}
	return subtle.NewAESGCM(key)
}

// CarryRoots returns what is kept beside the ring, in the place of earlier, when next takes the place of k: what k and the
// master keys before it recorded or hashed without the ring is then still opened and recognised. It has their roots, never
// a master key: those of k, and those in earlier, the newest first and 16 at the most. It is encrypted under next, so a
// master key that was replaced opens what is older than its end and nothing newer. An earlier text that does not open
// counts as none: nothing of what is older than k can be had any more.
func (k MasterKey) CarryRoots(next MasterKey, earlier []byte) ([]byte, error) {
	if k.IsZero() || next.IsZero() {
		return nil, errNoMasterKey
	}
	carried := append([]roots{*k.parts().roots}, k.openRoots(earlier)...)
	carried = carried[:min(len(carried), maxEarlier)]
	plaintext := make([]byte, 0, maxEarlier*int(rootCount)*rootBytes) // of its length at once, so that clear finds all of it
	for _, r := range carried {
		for i := range r {
			plaintext = append(plaintext, r[i][:]...)
		}
	}
	defer clear(plaintext)
	text, err := next.parts().carry.Encrypt(plaintext, earlierData)
	if err != nil {
		return nil, fmt.Errorf("encrypt the roots of earlier master keys: %w", err)
	}
	return text, nil
}

// OpensRoots tells whether a text is what CarryRoots made for k.
func (k MasterKey) OpensRoots(earlier []byte) bool { return k.openRoots(earlier) != nil }

// openRoots returns the roots that CarryRoots encrypted for k. There are none in a text that is missing or damaged, or that
// is for another master key, as it is after a change of the master key by a version that left it as it was.
func (k MasterKey) openRoots(earlier []byte) (all []roots) {
	if k.IsZero() {
		return nil
	}
	plaintext, err := k.parts().carry.Decrypt(earlier, earlierData)
	if err != nil {
		return nil
	}
	defer clear(plaintext)
	for rest := plaintext; len(rest) >= int(rootCount)*rootBytes; {
		var r roots
		for i := range r {
			copy(r[i][:], rest)
			rest = rest[rootBytes:]
		}
		all = append(all, r)
	}
	return all
}

// currentRoots returns the roots of the master key.
func (k *Keys) currentRoots() (*roots, error) {
	if k == nil {
		return nil, errNoMasterKey
	}
	master := k.master.Load()
	if master.IsZero() {
		return nil, errNoMasterKey
	}
	return master.parts().roots, nil
}

// allRoots yields the roots of the master key and then those of the ones before it, the newest first, which come with the
// ring: it is loaded only for whom the first were not enough. An error is the last of what it yields.
func (k *Keys) allRoots(ctx context.Context) iter.Seq2[*roots, error] {
	return func(yield func(*roots, error) bool) {
		current, err := k.currentRoots()
		if !yield(current, err) || err != nil {
			return
		}
		ring, err := k.current(ctx)
		if err != nil {
			yield(nil, err)
			return
		}
		for i := range ring.earlier {
			if !yield(&ring.earlier[i], nil) {
				return
			}
		}
	}
}

// mac is nil if there is no master key, so that nothing is ever hashed without a key.
func (k *Keys) mac(of root, purpose string, data []byte) []byte {
	r, err := k.currentRoots()
	if err != nil {
		return nil
	}
	return r.mac(of, purpose, data)
}

// verifyMAC tells whether mac was made of data under the root of this master key or of an earlier one.
func (k *Keys) verifyMAC(ctx context.Context, of root, purpose string, data, mac []byte) (bool, error) {
	for r, err := range k.allRoots(ctx) {
		if err != nil {
			return false, fmt.Errorf("recognise a MAC of %q: %w", purpose, err)
		}
		if hmac.Equal(r.mac(of, purpose, data), mac) {
			return true, nil
		}
	}
	return false, nil
}
