package seal

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/tink-crypto/tink-go/v2/aead/subtle"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// Purpose says what a master key may protect.
type Purpose uint8

// The purposes of a master key.
const (
	Production  Purpose = iota // a service in use
	Development                // `patchbay dev`; `patchbay serve` refuses it
)

// masterKeyBytes is the length of a master key.
const masterKeyBytes = 32

// filePrefixes begin a master key's one-line text, by Purpose.
var filePrefixes = map[Purpose]string{
	Production:  "patchbay-master-key:",
	Development: "patchbay-development-master-key:",
}

// masked is all that any formatting of a key shows.
const masked = "******"

// ErrMasterKeyText means that a text is not a master key's file form. It never quotes the text.
var ErrMasterKeyText = errors.New("this is not a master key: expected one line, \"patchbay-master-key:\" and the base64 of 32 bytes")

// MasterKey wraps the key ring. The zero MasterKey is no key: nothing wraps or opens under it.
//
// It masks itself in every fmt verb, in slog and in JSON; only Text shows it. All of it lies behind a function, because
// fmt calls no methods on an unexported field of an enclosing struct, and follows a pointer there for a verb that does
// not suit it ("%s"); a function it prints as an address, whatever the verb.
type MasterKey struct{ parts func() masterKey }

// masterKey is what a MasterKey hides.
type masterKey struct {
	raw     [masterKeyBytes]byte
	purpose Purpose
	wrap    tink.AEAD // under a key derived for wrapping the ring
	carry   tink.AEAD // under a key derived for the roots of earlier master keys
	roots   *roots
}

// GenerateMasterKey makes a new random master key.
func GenerateMasterKey(p Purpose) (MasterKey, error) {
	var raw [masterKeyBytes]byte
	if _, err := rand.Read(raw[:]); err != nil {
		return MasterKey{}, fmt.Errorf("draw a master key: %w", err)
	}
	return newMasterKey(raw, p)
}

// ParseMasterKey reads the form that Text writes; white space around it is ignored. Its errors are ErrMasterKeyText.
func ParseMasterKey(text string) (MasterKey, error) {
	text = strings.TrimSpace(text)
	for _, p := range []Purpose{Production, Development} {
		encoded, ok := strings.CutPrefix(text, filePrefixes[p])
		if !ok {
			continue
		}
		raw, err := base64.StdEncoding.Strict().DecodeString(encoded)
		if err != nil || len(raw) != masterKeyBytes {
			return MasterKey{}, ErrMasterKeyText // the cause would quote the key
		}
		return newMasterKey([masterKeyBytes]byte(raw), p)
	}
	return MasterKey{}, ErrMasterKeyText
}

// newMasterKey derives one key per use (RFC 5869), so that no two algorithms share key material.
func newMasterKey(raw [masterKeyBytes]byte, p Purpose) (MasterKey, error) {
	wrap, err := wrappingKey(raw[:], "patchbay 1 wrap key ring")
	if err != nil {
		return MasterKey{}, err
	}
	carry, err := wrappingKey(raw[:], "patchbay 1 wrap earlier roots")
	if err != nil {
		return MasterKey{}, err
	}
	roots, err := newRoots(raw[:])
	if err != nil {
		return MasterKey{}, err
	}
	parts := masterKey{raw: raw, purpose: p, wrap: wrap, carry: carry, roots: roots}
	return MasterKey{func() masterKey { return parts }}, nil
}

func wrappingKey(raw []byte, info string) (tink.AEAD, error) {
	key, err := hkdf.Key(sha256.New, raw, nil, info, 32)
	if err != nil {
		return nil, fmt.Errorf("derive a wrapping key: %w", err)
	}
	aead, err := subtle.NewAESGCM(key)
	if err != nil {
		return nil, fmt.Errorf("prepare a wrapping key: %w", err)
	}
	return aead, nil
}

// Text is the key's file form: one line without a line end. It is the only way to the key's value; the zero MasterKey
// has none.
func (k MasterKey) Text() string {
	if k.IsZero() {
		return ""
	}
	parts := k.parts()
	return filePrefixes[parts.purpose] + base64.StdEncoding.EncodeToString(parts.raw[:])
}

// Development tells whether the key was made for development.
func (k MasterKey) Development() bool { return !k.IsZero() && k.parts().purpose == Development }

// IsZero tells whether k is no key.
func (k MasterKey) IsZero() bool { return k.parts == nil }

// Format masks the key in every fmt verb.
func (k MasterKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, masked) }

// LogValue masks the key in slog.
func (k MasterKey) LogValue() slog.Value { return slog.StringValue(masked) }

// MarshalText masks the key in JSON and everything else that asks for text.
func (k MasterKey) MarshalText() ([]byte, error) { return []byte(masked), nil }
