package signup

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"unicode/utf8"
)

// The bounds of a JSON text that somebody else wrote. Its length is for whoever reads it off the wire to cap.
const (
	maxJSONDepth  = 32     // objects and arrays within each other, the outermost included
	maxJSONValues = 20_000 // so that a text of brackets cannot take a hundred times its size
)

// jsonKind is the type of a JSON value.
type jsonKind uint8

const (
	jsonNull jsonKind = iota
	jsonBool
	jsonNumber
	jsonString
	jsonArray
	jsonObject
)

var jsonKindNames = [...]string{"null", "a boolean", "a number", "a string", "an array", "an object"}

// String names k with its article, as it stands in sentences.
func (k jsonKind) String() string { return jsonKindNames[k] }

// jsonValue is a JSON value as it was read.
type jsonValue struct {
	kind  jsonKind
	truth bool
	text  string // of a string: decoded; of a number: as written
	raw   []byte // of an array or object: its text, checked
}

// jsonMembers are the members of an object in their order, no name twice.
type jsonMembers []jsonMember

type jsonMember struct {
	name  string
	value jsonValue
}

// get returns the member called exactly name; ok tells whether it is there, be it null.
func (m jsonMembers) get(name string) (v jsonValue, ok bool) {
	for i := range m {
		if m[i].name == name {
			return m[i].value, true
		}
	}
	return jsonValue{}, false
}

// jsonProblem tells why a text was refused.
type jsonProblem uint8

const (
	jsonNotUTF8   jsonProblem = iota // octets, or escapes of half a surrogate pair
	jsonSyntax                       // no JSON
	jsonNotObject                    // JSON, and no object
	jsonTwice                        // a name comes twice in an object
	jsonDeep                         // more than maxJSONDepth
	jsonMany                         // more than maxJSONValues
)

// jsonFault is a refusal. It carries positions and names, never values.
type jsonFault struct {
	problem jsonProblem
	name    string   // of jsonTwice
	found   jsonKind // of jsonNotObject
	nested  bool     // of jsonNotObject: a string that itself begins as an object does
	at      int64    // of the others: about how many octets into the text
}

// readJSON reads a text that must be one JSON object: RFC 8259 without leniency. A name that comes twice, octets that are
// not UTF-8 and escapes of lone surrogates are refused, because a decoder that repairs them lets two readers of one text
// see two things.
func readJSON(data []byte) (jsonMembers, *jsonFault) {
	if !utf8.Valid(data) {
		return nil, &jsonFault{problem: jsonNotUTF8, at: firstInvalid(data)}
	}
	if at := loneSurrogate(data); at >= 0 {
		return nil, &jsonFault{problem: jsonNotUTF8, at: at}
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	r := jsonReader{data: data, decoder: d}
	members, v, fault := r.value(1)
	if fault != nil {
		return nil, fault
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, &jsonFault{problem: jsonSyntax, at: d.InputOffset()}
	}
	if v.kind != jsonObject {
		nested := v.kind == jsonString && bytes.HasPrefix(bytes.TrimSpace([]byte(v.text)), []byte("{"))
		return nil, &jsonFault{problem: jsonNotObject, found: v.kind, nested: nested}
	}
	return members, nil
}

// jsonReader reads values token by token.
type jsonReader struct {
	data    []byte
	decoder *json.Decoder
	values  int
}

// value reads the next value. Of an object it also returns the members; deeper ones are checked and not kept.
func (r *jsonReader) value(depth int) (jsonMembers, jsonValue, *jsonFault) {
	t, fault := r.token()
	if fault != nil {
		return nil, jsonValue{}, fault
	}
	return r.from(t, depth)
}

// from reads the value that begins with the token t.
func (r *jsonReader) from(t json.Token, depth int) (jsonMembers, jsonValue, *jsonFault) {
	if r.values++; r.values > maxJSONValues {
		return nil, jsonValue{}, &jsonFault{problem: jsonMany, at: r.decoder.InputOffset()}
	}
	switch t := t.(type) {
	case nil:
		return nil, jsonValue{}, nil
	case bool:
		return nil, jsonValue{kind: jsonBool, truth: t}, nil
	case json.Number:
		return nil, jsonValue{kind: jsonNumber, text: t.String()}, nil
	case string:
		return nil, jsonValue{kind: jsonString, text: t}, nil
	case json.Delim:
		start := r.decoder.InputOffset() - 1
		switch {
		case depth > maxJSONDepth:
			return nil, jsonValue{}, &jsonFault{problem: jsonDeep, at: start}
		case t == '[':
			fault := r.array(depth)
			return nil, jsonValue{kind: jsonArray, raw: r.data[start:r.decoder.InputOffset()]}, fault
		case t == '{':
			members, fault := r.object(depth)
			return members, jsonValue{kind: jsonObject, raw: r.data[start:r.decoder.InputOffset()]}, fault
		}
	}
	return nil, jsonValue{}, &jsonFault{problem: jsonSyntax, at: r.decoder.InputOffset()}
}

// array reads the rest of an array.
func (r *jsonReader) array(depth int) *jsonFault {
	for {
		t, fault := r.token()
		if fault != nil || t == json.Delim(']') {
			return fault
		}
		if _, _, fault = r.from(t, depth+1); fault != nil {
			return fault
		}
	}
}

// object reads the rest of an object.
func (r *jsonReader) object(depth int) (jsonMembers, *jsonFault) {
	var members jsonMembers
	seen := map[string]bool{}
	for {
		t, fault := r.token()
		if fault != nil || t == json.Delim('}') {
			return members, fault
		}
		name, isName := t.(string)
		switch {
		case !isName:
			return nil, &jsonFault{problem: jsonSyntax, at: r.decoder.InputOffset()}
		case seen[name]:
			return nil, &jsonFault{problem: jsonTwice, name: name, at: r.decoder.InputOffset()}
		}
		seen[name] = true
		_, v, fault := r.value(depth + 1)
		if fault != nil {
			return nil, fault
		}
		members = append(members, jsonMember{name, v})
	}
}

func (r *jsonReader) token() (json.Token, *jsonFault) {
	t, err := r.decoder.Token()
	if err == nil {
		return t, nil
	}
	at := r.decoder.InputOffset()
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		at = syntax.Offset
	}
	return nil, &jsonFault{problem: jsonSyntax, at: at}
}

// firstInvalid returns how many octets of data are valid UTF-8 before the first that is not.
func firstInvalid(data []byte) int64 {
	at := 0
	for at < len(data) {
		r, size := utf8.DecodeRune(data[at:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		at += size
	}
	return int64(at)
}

// loneSurrogate returns where a \u escape stands for half a surrogate pair without the other half, or -1. Backslashes
// stand in strings only, so looking for them alone is enough; what else is wrong the decoder finds.
func loneSurrogate(data []byte) int64 {
	for i := 0; i < len(data); i++ {
		if data[i] != '\\' {
			continue
		}
		unit, is := escapedUnit(data[i:])
		switch {
		case !is:
			i++ // the escaped character
		case unit&0xFC00 == 0xD800:
			if low, is := escapedUnit(data[i+6:]); !is || low&0xFC00 != 0xDC00 {
				return int64(i)
			}
			i += 11
		case unit&0xFC00 == 0xDC00:
			return int64(i)
		default:
			i += 5
		}
	}
	return -1
}

// escapedUnit reads a UTF-16 code unit written \uXXXX at the beginning of data.
func escapedUnit(data []byte) (uint64, bool) {
	if len(data) < 6 || data[0] != '\\' || data[1] != 'u' {
		return 0, false
	}
	unit, err := strconv.ParseUint(string(data[2:6]), 16, 16)
	return unit, err == nil
}

// wholeNumber returns the value of a JSON number without a fraction that an int64 holds. Numbers count by value, because
// writers differ: 1.0 and 1e0 are 1, as far as a double is exact.
func wholeNumber(text string) (int64, bool) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, true
	}
	const exact = 1 << 53
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f <= -exact || f >= exact || f != float64(int64(f)) {
		return 0, false
	}
	return int64(f), true
}

const jsonHexDigits = "0123456789abcdef"

// appendJSONText appends s as a JSON string. Only what RFC 8259 section 7 demands is escaped: '&', '<' and '>' and all
// that is not ASCII stay as they are. Octets that are not UTF-8 become U+FFFD.
func appendJSONText(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r == '\n':
			dst = append(dst, '\\', 'n')
		case r == '\r':
			dst = append(dst, '\\', 'r')
		case r == '\t':
			dst = append(dst, '\\', 't')
		case r < ' ':
			dst = append(dst, '\\', 'u', '0', '0', jsonHexDigits[r>>4], jsonHexDigits[r&0xF])
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return append(dst, '"')
}
