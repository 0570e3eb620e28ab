package transfer

import (
	"fmt"
	"log/slog"
)

// Reference says where a secret is. A value stands in it only if it came from a file of secrets, never from a document.
type Reference struct {
	File string // path, from where the document is
	Env  string // name of an environment variable

	value string
}

// Value is the secret itself, if the reference holds it.
func (r Reference) Value() (string, bool) { return r.value, r.value != "" }

// Format writes where the secret is, and never the secret, whatever the verb.
func (r Reference) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, r.place()) }

// LogValue is Format for slog.
func (r Reference) LogValue() slog.Value { return slog.StringValue(r.place()) }

// MarshalText is Format for encoders.
func (r Reference) MarshalText() ([]byte, error) { return []byte(r.place()), nil }

func (r Reference) place() string {
	switch {
	case r.File != "":
		return "file " + r.File
	case r.Env != "":
		return "environment variable " + r.Env
	}
	return "file of secrets"
}
