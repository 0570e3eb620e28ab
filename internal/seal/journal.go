package seal

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/aead/subtle"
)

// The form of a journal record: the version, a salt, and what subtle.AESGCM gives (nonce, ciphertext, tag).
const (
	journalVersion = 1
	journalSalt    = 16
)

// errNoMasterKey refuses to work without a master key.
var errNoMasterKey = errors.New("there is no master key")

// Journal encrypts the service's own records, such as the decision of a journey, under a key of its own that is derived
// from the master key. It holds no ring, so it can neither open a connector's secret nor make one. A record does not open
// under another master key, and key rotation does not touch it: it is for what expires soon. The zero Journal refuses to
// seal and to open. Safe for concurrent use.
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
	aead, err := j.aead(record[1:])
	if err != nil {
		return nil, fmt.Errorf("seal a record of %q: %w", purpose, err)
	}
	ciphertext, err := aead.Encrypt(plaintext, journalData(purpose, associated))
	if err != nil {
		return nil, fmt.Errorf("seal a record of %q: %w", purpose, err)
	}
	return append(record, ciphertext...), nil
}

// Open decrypts what Seal gave for the same purpose and associated bytes. Every failure of the record itself is
// ErrDamaged and names the purpose alone.
func (j Journal) Open(purpose string, associated, sealed []byte) ([]byte, error) {
	if len(sealed) < 1+journalSalt || sealed[0] != journalVersion {
		return nil, fmt.Errorf("%w: a record of %q is not in the form of one", ErrDamaged, purpose)
	}
	aead, err := j.aead(sealed[1 : 1+journalSalt])
	if err != nil {
		return nil, fmt.Errorf("open a record of %q: %w", purpose, err)
	}
	plaintext, err := aead.Decrypt(sealed[1+journalSalt:], journalData(purpose, associated))
	if err != nil {
		return nil, fmt.Errorf("%w: a record of %q", ErrDamaged, purpose)
	}
	return plaintext, nil
}

// MAC is HMAC-SHA-256 of data under a key that belongs to purpose, as Sealer.MAC is under another: equal data can be
// recognised without being kept. It is nil if there is no master key, so that nothing is ever hashed without a key.
func (j Journal) MAC(purpose string, data []byte) []byte {
	root, err := j.root()
	if err != nil {
		return nil
	}
	return hmacSHA256(hmacSHA256(root.mac, []byte(purpose)), data)
}

// journalKeys are the roots that a Journal works with.
type journalKeys struct{ record, mac []byte }

// newJournalKeys derives them from a master key.
func newJournalKeys(raw []byte) (keys journalKeys, err error) {
	if keys.record, err = hkdf.Key(sha256.New, raw, nil, "patchbay 1 journal", 32); err != nil {
		return journalKeys{}, fmt.Errorf("derive the journal's key: %w", err)
	}
	if keys.mac, err = hkdf.Key(sha256.New, raw, nil, "patchbay 1 journal mac", 32); err != nil {
		return journalKeys{}, fmt.Errorf("derive the journal's MAC key: %w", err)
	}
	return keys, nil
}

func (j Journal) root() (journalKeys, error) {
	if j.keys == nil {
		return journalKeys{}, errNoMasterKey
	}
	master := j.keys.master.Load()
	if master.IsZero() {
		return journalKeys{}, errNoMasterKey
	}
	return master.parts().journal, nil
}

// aead is AES-256-GCM under the key of one record.
func (j Journal) aead(salt []byte) (*subtle.AESGCM, error) {
	root, err := j.root()
	if err != nil {
		return nil, err
	}
	key, err := hkdf.Key(sha256.New, root.record, salt, "patchbay 1 journal record", 32)
	if err != nil {
		return nil, fmt.Errorf("derive a record's key: %w", err)
	}
	return subtle.NewAESGCM(key)
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
