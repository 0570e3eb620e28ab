package seal

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/aead/subtle"
)

// The form of a journal record: the version, a salt, and what subtle.AESGCM gives (nonce, ciphertext, tag).
const (
	journalVersion = 1
	journalSalt    = 16
)

// Journal encrypts the service's own records, such as the decision of a journey, under a key of its own that is derived
// from the master key. It does not use the ring's keys, so it can neither open a connector's secret nor make one, and key
// rotation does not touch a record. When the master key is changed, what the old one recorded opens by its roots, which
// CarryRoots keeps beside the ring: of 16 changes, and as long as nobody who does not know of them changes the master key.
// It is for what expires within weeks. The zero Journal refuses to seal and to open. Safe for concurrent use.
//
// Each record has a key of its own, derived with a random salt: the number of records that one key may encrypt with
// random nonces (NIST SP 800-38D section 8.3: 2^32) is no limit of a service's life.
type Journal struct{ keys *Keys }

// Journal returns what encrypts the service's own records. It needs no ring.
func (k *Keys) Journal() Journal { return Journal{k} }

// Seal encrypts plaintext; only Open with the same purpose and associated bytes gives it back.
func (j Journal) Seal(purpose string, associated, plaintext []byte) ([]byte, error) {
	record := make([]byte, 1+journalSalt, 1+journalSalt+subtle.AESGCMIVSize+len(plaintext)+subtle.AESGCMTagSize)
	record[0] = journalVersion
	if _, err := rand.Read(record[1:]); err != nil {
		return nil, fmt.Errorf("seal a record of %q: %w", purpose, err)
	}
	current, err := j.keys.currentRoots()
	if err != nil {
		return nil, fmt.Errorf("seal a record of %q: %w", purpose, err)
	}
	aead, err := current.record(record[1:])
	if err != nil {
		return nil, fmt.Errorf("seal a record of %q: %w", purpose, err)
	}
	ciphertext, err := aead.Encrypt(plaintext, journalData(purpose, associated))
	if err != nil {
		return nil, fmt.Errorf("seal a record of %q: %w", purpose, err)
	}
	return append(record, ciphertext...), nil
}

// Open decrypts what Seal gave for the same purpose and associated bytes, under this master key or one that it followed.
// Every failure of the record itself is ErrDamaged and names the purpose alone. Only a record that is not of this master key
// makes it load the ring; a ring that cannot be loaded is another error.
func (j Journal) Open(ctx context.Context, purpose string, associated, sealed []byte) ([]byte, error) {
	if len(sealed) < 1+journalSalt || sealed[0] != journalVersion {
		return nil, fmt.Errorf("%w: a record of %q is not in the form of one", ErrDamaged, purpose)
	}
	salt, ciphertext, data := sealed[1:1+journalSalt], sealed[1+journalSalt:], journalData(purpose, associated)
	for r, err := range j.keys.allRoots(ctx) {
		if err != nil {
			return nil, fmt.Errorf("open a record of %q: %w", purpose, err)
		}
		aead, err := r.record(salt)
		if err != nil {
			return nil, fmt.Errorf("open a record of %q: %w", purpose, err)
		}
		if plaintext, err := aead.Decrypt(ciphertext, data); err == nil {
			return plaintext, nil
		}
	}
	return nil, fmt.Errorf("%w: a record of %q", ErrDamaged, purpose)
}

// MAC is HMAC-SHA-256 of data under a key that belongs to purpose, as Sealer.MAC is under another: equal data can be
// recognised without being kept. It needs no ring. It is nil if there is no master key.
func (j Journal) MAC(purpose string, data []byte) []byte {
	return j.keys.mac(rootJournalMAC, purpose, data)
}

// VerifyMAC is to MAC what Sealer.VerifyMAC is to its own.
func (j Journal) VerifyMAC(ctx context.Context, purpose string, data, mac []byte) (bool, error) {
	return j.keys.verifyMAC(ctx, rootJournalMAC, purpose, data, mac)
}

// journalData encodes purpose and associated bytes so that no two pairs share an encoding: each is preceded by its length.
func journalData(purpose string, associated []byte) []byte {
	const format = "patchbay 1 journal"
	out := make([]byte, 0, len(format)+2*8+len(purpose)+len(associated))
	out = append(out, format...)
	out = binary.BigEndian.AppendUint64(out, uint64(len(purpose)))
	out = append(out, purpose...)
	out = binary.BigEndian.AppendUint64(out, uint64(len(associated)))
	return append(out, associated...)
}
