package config

import (
	"fmt"
	"io"
	"log/slog"
)

// masked is what every printed form of a Secret looks like.
const masked = "******"

// Secret is a setting that must not be printed. It masks itself in fmt, slog, JSON and text; Reveal gives the value.
type Secret struct{ text string }

// Reveal returns the secret itself.
func (s Secret) Reveal() string { return s.text }

// IsZero tells whether the secret is not set.
func (s Secret) IsZero() bool { return s.text == "" }

// String returns the mask, or nothing when the secret is not set.
func (s Secret) String() string {
	if s.text == "" {
		return ""
	}
	return masked
}

// Format writes the mask whatever the verb: %d and %x would otherwise print the field itself.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue returns the mask.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText returns the mask; encoding/json uses it too.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
