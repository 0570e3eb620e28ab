package credential

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// Given is an authenticationConfiguration, or the body of an upload, as a client sent it. The edge builds it, so there
// is no JSON here. It holds secrets in the clear: printing it gives the names of its members only.
type Given struct {
	Type    string         // the value of @odata.type as spelled; "" if there is none. Unused by ReadUpload
	Members map[string]any // nil, bool, json.Number, string, []any or map[string]any; a key that exists was present. No annotations
}

// Format writes the type and the names of the members, never a value.
func (g Given) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, g.String()) }

// String returns the type and the names of the members, never a value.
func (g Given) String() string {
	return fmt.Sprintf("given %q with %q", g.Type, slices.Sorted(maps.Keys(g.Members)))
}

// LogValue returns the type and the names of the members, never a value.
func (g Given) LogValue() slog.Value { return slog.StringValue(g.String()) }

// MarshalText returns the type and the names of the members, never a value.
func (g Given) MarshalText() ([]byte, error) { return []byte(g.String()), nil }

// body is what a kind reads: the members of a Given, and where they stood, for the Field of errors.
type body struct {
	members map[string]any
	path    string // "authenticationConfiguration/" or ""
}

// only refuses any member that is not named.
func (b body) only(typeName string, names ...string) error {
	for _, name := range slices.Sorted(maps.Keys(b.members)) { // sorted: the same body gives the same error
		if slices.Contains(names, name) {
			continue
		}
		return &apiconn.Error{
			Kind: apiconn.Invalid, Reason: apiconn.ReasonUnknownProperty, Field: b.path + clip(name),
			Message: fmt.Sprintf("The property '%s' does not exist on type 'microsoft.graph.%s'. Its properties are: %s.",
				clip(name), typeName, strings.Join(names, ", ")),
		}
	}
	return nil
}

// text returns the string member of that name. present tells a null or a string from an absent member; null gives "".
func (b body) text(name string) (value string, present bool, err error) {
	raw, present := b.members[name]
	switch v := raw.(type) {
	case nil:
		return "", present, nil
	case string:
		return v, true, nil
	default:
		return "", true, &apiconn.Error{
			Kind: apiconn.Invalid, Reason: apiconn.ReasonWrongType, Field: b.path + name,
			Message: fmt.Sprintf("The property '%s' must be a string, but %s was given.", b.path+name, jsonType(raw)),
		}
	}
}

// required is the error about a member that is absent, null or empty and must not be.
func (b body) required(name string) error {
	return &apiconn.Error{
		Kind: apiconn.Invalid, Reason: apiconn.ReasonRequired, Field: b.path + name,
		Message: fmt.Sprintf("The value of '%s' must not be null or empty. Give a value for it.", b.path+name),
	}
}

// jsonType says in words which JSON type v is of.
func jsonType(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case json.Number:
		return "a number"
	case string:
		return "a string"
	case []any:
		return "an array"
	default:
		return "an object"
	}
}

// clip shortens a name that a client made up, so that an error does not echo a whole body.
func clip(name string) string {
	const most = 64
	if utf8.RuneCountInString(name) <= most {
		return name
	}
	return string([]rune(name)[:most]) + "…"
}
