package odata

import (
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"strings"
)

// Kind is the JSON type of a Value.
type Kind uint8

// The kinds of JSON value.
const (
	NullKind Kind = iota
	BoolKind
	NumberKind
	StringKind
	ArrayKind
	ObjectKind
)

var kindNames = [...]string{"null", "boolean", "number", "string", "array", "object"}

// String names k as JSON does.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// Value is a JSON value as it was read. It may be a secret: every fmt verb prints its kind only, and JSON encoding and
// slog see nothing of it. The zero value is null.
type Value struct {
	kind    Kind
	truth   bool
	text    string // of a string: decoded; of a number: as written
	raw     []byte // the JSON text, part of the parsed input
	array   []Value
	members *Object
}

// Kind returns the JSON type of v.
func (v Value) Kind() Kind { return v.kind }

// IsNull tells whether v is null.
func (v Value) IsNull() bool { return v.kind == NullKind }

// Text returns the characters of a string; ok is false for any other kind.
func (v Value) Text() (text string, ok bool) {
	if v.kind != StringKind {
		return "", false
	}
	return v.text, true
}

// Bool returns the value of a boolean; ok is false for any other kind.
func (v Value) Bool() (value, ok bool) { return v.truth, v.kind == BoolKind }

// Number returns a number as it was written; ok is false for any other kind.
func (v Value) Number() (n json.Number, ok bool) {
	if v.kind != NumberKind {
		return "", false
	}
	return json.Number(v.text), true
}

// Array returns the elements of an array; ok is false for any other kind.
func (v Value) Array() (elements []Value, ok bool) { return v.array, v.kind == ArrayKind }

// Object returns the members of an object; ok is false for any other kind.
func (v Value) Object() (o Object, ok bool) {
	if v.kind != ObjectKind {
		return Object{}, false
	}
	return *v.members, true
}

// Raw returns the JSON text of v as it stood in the input, which it shares; "null" for the zero value.
func (v Value) Raw() []byte {
	if v.raw == nil {
		return []byte("null")
	}
	return v.raw
}

// Any returns v as plain Go values: nil, bool, json.Number, string, []any, map[string]any.
func (v Value) Any() any {
	switch v.kind {
	case BoolKind:
		return v.truth
	case NumberKind:
		return json.Number(v.text)
	case StringKind:
		return v.text
	case ArrayKind:
		list := make([]any, len(v.array))
		for i, e := range v.array {
			list[i] = e.Any()
		}
		return list
	case ObjectKind:
		return v.members.Any()
	default:
		return nil
	}
}

// Format prints the kind of v, whatever the verb, so that a secret cannot get into a log or an error by mistake.
func (v Value) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, v.kind.String()) }

// member is one name and value.
type member struct {
	name  string
	value Value
}

// Object is a JSON object as it was read: members in their order, no name twice. It tells an absent member from a null
// one. The zero value has no members.
type Object struct {
	members []member
	index   map[string]int // by name; nil while there are few
}

// indexFrom is the number of members from which an index costs less than looking at each.
const indexFrom = 12

// Get returns the member called exactly name; ok tells whether it is there, be it null.
func (o Object) Get(name string) (value Value, ok bool) {
	if i := o.find(name); i >= 0 {
		return o.members[i].value, true
	}
	return Value{}, false
}

// Len returns the number of members, annotations included.
func (o Object) Len() int { return len(o.members) }

// All iterates over the members in the order they came in.
func (o Object) All() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		for _, m := range o.members {
			if !yield(m.name, m.value) {
				return
			}
		}
	}
}

// Any returns o as a map of plain Go values; see Value.Any.
func (o Object) Any() map[string]any {
	plain := make(map[string]any, len(o.members))
	for _, m := range o.members {
		plain[m.name] = m.value.Any()
	}
	return plain
}

// Format prints the number of members, whatever the verb; see Value.Format.
func (o Object) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "object of %d members", len(o.members))
}

func (o Object) find(name string) int {
	if o.index != nil {
		if i, ok := o.index[name]; ok {
			return i
		}
		return -1
	}
	for i := range o.members {
		if o.members[i].name == name {
			return i
		}
	}
	return -1
}

// add appends a member and reports whether its name is new.
func (o *Object) add(name string, value Value) bool {
	if o.find(name) >= 0 {
		return false
	}
	o.members = append(o.members, member{name, value})
	if o.index != nil {
		o.index[name] = len(o.members) - 1
	} else if len(o.members) == indexFrom {
		o.index = make(map[string]int, 2*indexFrom)
		for i := range o.members {
			o.index[o.members[i].name] = i
		}
	}
	return true
}

// IsAnnotation tells whether a member of that name is control information or an annotation ("@odata.type",
// "postFederationSignup@odata.bind") and not a property (OData JSON 4.01 section 4.5).
func IsAnnotation(name string) bool { return strings.Contains(name, "@") }
