package odata

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// The bounds of a JSON body. Its length is for whoever reads it off the wire to cap.
const (
	MaxObjectDepth  = 32     // objects and arrays within each other, the outermost included
	MaxObjectValues = 20_000 // values of any kind, so that a body of brackets cannot take a hundred times its size
)

// Graph's own sentences (contract 3.1).
const (
	emptyPayload   = "Empty Payload. JSON content expected."
	invalidPayload = "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format."
)

// ParseObject reads a request body that must be one JSON object: RFC 8259 without leniency but for a leading byte order
// mark, which its section 8.1 allows to ignore. Text that is not UTF-8 and escapes of lone surrogates are refused
// rather than replaced: a password changed on its way in could never be given again. A name that comes twice is refused.
//
// Every error is an *Error: Empty, Syntax, WrongType (JSON, but no object), Duplicate or Limit. Messages carry
// positions, counted in bytes from 0, and names, never values. The result shares data, which must not be changed.
func ParseObject(data []byte) (Object, error) {
	s := scanner{data: data}
	if bytes.HasPrefix(data, []byte("\uFEFF")) {
		s.pos = len("\uFEFF")
	}
	s.space()
	if s.pos == len(data) {
		return Object{}, &Error{Problem: Empty, Message: emptyPayload}
	}
	v, err := s.value(0)
	if err != nil {
		return Object{}, err
	}
	s.space()
	if s.pos < len(data) {
		return Object{}, s.fail("there is more after the end of the JSON value")
	}
	if v.kind != ObjectKind {
		return Object{}, errorf(WrongType, "", "%s A JSON object is expected, not a JSON %s.", invalidPayload, v.kind)
	}
	return *v.members, nil
}

// scanner reads JSON from data.
type scanner struct {
	data   []byte
	pos    int
	values int
}

func (s *scanner) fail(what string) error {
	return errorf(Syntax, "", "%s At byte %d %s.", invalidPayload, s.pos, what)
}

func (s *scanner) space() {
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case ' ', '\t', '\r', '\n':
			s.pos++
		default:
			return
		}
	}
}

// peek returns the byte at the present position; 0, which no JSON token begins with, at the end.
func (s *scanner) peek() byte {
	if s.pos < len(s.data) {
		return s.data[s.pos]
	}
	return 0
}

// value reads one value that lies in depth objects and arrays.
func (s *scanner) value(depth int) (Value, error) {
	if s.values++; s.values > MaxObjectValues {
		return Value{}, errorf(Limit, "", "The JSON request payload has more than %d values.", MaxObjectValues)
	}
	start := s.pos
	v, err := s.token(depth)
	v.raw = s.data[start:s.pos:s.pos]
	return v, err
}

func (s *scanner) token(depth int) (v Value, err error) {
	switch c := s.peek(); {
	case c == '{' || c == '[':
		if depth == MaxObjectDepth {
			return Value{}, errorf(Limit, "", "The JSON request payload is nested more than %d levels deep.", MaxObjectDepth)
		}
		if c == '{' {
			return s.object(depth + 1)
		}
		return s.array(depth + 1)
	case c == '"':
		text, err := s.str()
		return Value{kind: StringKind, text: text}, err
	case c == '-' || isDigit(c):
		text, err := s.number()
		return Value{kind: NumberKind, text: text}, err
	default:
		return s.keyword()
	}
}

var keywords = [...]struct {
	text  []byte
	value Value
}{
	{[]byte("null"), Value{}},
	{[]byte("true"), Value{kind: BoolKind, truth: true}},
	{[]byte("false"), Value{kind: BoolKind}},
}

func (s *scanner) keyword() (Value, error) {
	for _, k := range keywords {
		if bytes.HasPrefix(s.data[s.pos:], k.text) {
			s.pos += len(k.text)
			return k.value, nil
		}
	}
	return Value{}, s.fail("a JSON value is expected")
}

func (s *scanner) object(depth int) (Value, error) {
	o := new(Object)
	v := Value{kind: ObjectKind, members: o}
	s.pos++
	if s.space(); s.peek() == '}' {
		s.pos++
		return v, nil
	}
	for {
		if s.space(); s.peek() != '"' {
			return v, s.fail("a member name in double quotes is expected")
		}
		name, err := s.str()
		if err != nil {
			return v, err
		}
		if s.space(); s.peek() != ':' {
			return v, s.fail("':' is expected after a member name")
		}
		s.pos++
		s.space()
		element, err := s.value(depth)
		if err != nil {
			return v, err
		}
		if !o.add(name, element) {
			return v, errorf(Duplicate, clip(name), "The member '%s' is in the JSON request payload more than once.", clip(name))
		}
		if more, err := s.more('}'); !more {
			return v, err
		}
	}
}

func (s *scanner) array(depth int) (Value, error) {
	v := Value{kind: ArrayKind, array: []Value{}}
	s.pos++
	if s.space(); s.peek() == ']' {
		s.pos++
		return v, nil
	}
	for {
		s.space()
		element, err := s.value(depth)
		if err != nil {
			return v, err
		}
		v.array = append(v.array, element)
		if more, err := s.more(']'); !more {
			return v, err
		}
	}
}

// more reads what follows an element: a comma, then there is more, or the closing bracket.
func (s *scanner) more(closing byte) (bool, error) {
	s.space()
	switch s.peek() {
	case ',':
		s.pos++
		return true, nil
	case closing:
		s.pos++
		return false, nil
	default:
		return false, s.fail("',' or '" + string(closing) + "' is expected")
	}
}

// number reads a number as RFC 8259 section 6 has it and returns it as written.
func (s *scanner) number() (string, error) {
	start := s.pos
	if s.peek() == '-' {
		s.pos++
	}
	if s.peek() == '0' {
		s.pos++
	} else if !s.digits() {
		return "", s.fail("a digit is expected")
	}
	if s.peek() == '.' {
		s.pos++
		if !s.digits() {
			return "", s.fail("a digit is expected")
		}
	}
	if c := s.peek(); c == 'e' || c == 'E' {
		s.pos++
		if c := s.peek(); c == '+' || c == '-' {
			s.pos++
		}
		if !s.digits() {
			return "", s.fail("a digit is expected")
		}
	}
	return string(s.data[start:s.pos]), nil
}

func (s *scanner) digits() bool {
	start := s.pos
	for isDigit(s.peek()) {
		s.pos++
	}
	return s.pos > start
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// str reads a string and returns its characters.
func (s *scanner) str() (string, error) {
	s.pos++
	start := s.pos
	var decoded []byte // nil while nothing was escaped
	for s.pos < len(s.data) {
		c := s.data[s.pos]
		switch {
		case c == '"':
			chunk := s.data[start:s.pos]
			s.pos++
			if decoded == nil {
				return string(chunk), nil
			}
			return string(append(decoded, chunk...)), nil
		case c == '\\':
			decoded = append(decoded, s.data[start:s.pos]...)
			var err error
			if decoded, err = s.escape(decoded); err != nil {
				return "", err
			}
			start = s.pos
		case c < ' ':
			return "", s.fail("a string has a control character that is not escaped")
		case c < utf8.RuneSelf:
			s.pos++
		default:
			r, size := utf8.DecodeRune(s.data[s.pos:])
			if r == utf8.RuneError && size == 1 {
				return "", s.fail("a string is not valid UTF-8")
			}
			s.pos += size
		}
	}
	return "", s.fail("a string is not closed")
}

// escape reads one escape sequence and appends what it stands for.
func (s *scanner) escape(dst []byte) ([]byte, error) {
	if s.pos+1 >= len(s.data) {
		return dst, s.fail("a string is not closed")
	}
	c := s.data[s.pos+1]
	if c == 'u' {
		return s.unicodeEscape(dst)
	}
	i := bytes.IndexByte([]byte(`"\/bfnrt`), c)
	if i < 0 {
		return dst, s.fail("a string has an unknown escape sequence")
	}
	s.pos += 2
	return append(dst, "\"\\/\b\f\n\r\t"[i]), nil
}

func (s *scanner) unicodeEscape(dst []byte) ([]byte, error) {
	r, ok := s.hex4(s.pos)
	size := 6
	if ok && utf16.IsSurrogate(r) {
		low, _ := s.hex4(s.pos + 6)
		r, size = utf16.DecodeRune(r, low), 12
		ok = r != utf8.RuneError
	}
	if !ok {
		return dst, s.fail(`a string has a \u escape sequence that stands for no character`)
	}
	s.pos += size
	return utf8.AppendRune(dst, r), nil
}

// hex4 returns the code unit of the escape "\uXXXX" at byte offset at, if there is one.
func (s *scanner) hex4(at int) (rune, bool) {
	if at+6 > len(s.data) || s.data[at] != '\\' || s.data[at+1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range s.data[at+2 : at+6] {
		digit := bytes.IndexByte([]byte("0123456789abcdef"), c|0x20)
		if digit < 0 || c < '0' {
			return 0, false
		}
		r = r<<4 | rune(digit)
	}
	return r, true
}
