package credential

import (
	"bytes"
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

// Mask is what a reader sees in place of every secret: six asterisks, whatever the length (contract section 2.3).
const Mask = "******"

// Secret is a value that must not be seen: a password, a private key. Every way of printing it writes Mask; Reveal alone
// gives the value. The zero Secret is empty.
//
// The value lies in a closure, not in a field: fmt cannot call methods on unexported fields and prints those by
// reflection, and reflection cannot look into a closure.
type Secret struct {
	reveal func() []byte
}

// NewSecret returns a Secret that holds a copy of value.
func NewSecret[T ~string | ~[]byte](value T) Secret {
	kept := []byte(string(value))
	return Secret{reveal: func() []byte { return bytes.Clone(kept) }}
}

// Reveal returns a copy of the value.
func (s Secret) Reveal() []byte {
	if s.reveal == nil {
		return nil
	}
	return s.reveal()
}

// Empty tells whether there is nothing to hide.
func (s Secret) Empty() bool { return len(s.Reveal()) == 0 }

// Equal compares two secrets in constant time for a given length.
func (s Secret) Equal(other Secret) bool {
	return subtle.ConstantTimeCompare(s.Reveal(), other.Reveal()) == 1
}

// Format writes Mask for every verb and flag: a Stringer alone leaves %d and %x open.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, Mask) }

// String returns Mask.
func (Secret) String() string { return Mask }

// GoString returns Mask.
func (Secret) GoString() string { return Mask }

// LogValue returns Mask, for slog.
func (Secret) LogValue() slog.Value { return slog.StringValue(Mask) }

// MarshalText returns Mask: for JSON map keys, XML, YAML and whatever else asks for text.
func (Secret) MarshalText() ([]byte, error) { return []byte(Mask), nil }

// MarshalJSON returns Mask as a JSON string.
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + Mask + `"`), nil }
