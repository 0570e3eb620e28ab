package odata

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Problem says what is wrong with an input. The set is closed; an edge maps every Problem to its own protocol.
type Problem uint8

// The problems.
const (
	Syntax          Problem = iota // the text cannot be read
	Empty                          // there must be something and there is nothing
	Duplicate                      // given twice, allowed once
	Limit                          // longer, deeper or more than is allowed
	Unsupported                    // well-formed OData that this service does not do
	WrongType                      // a value of another type than its place asks for
	UnknownProperty                // a property that the type does not have
)

// Problems lists every Problem, for tests that a bridge is complete.
var Problems = []Problem{Syntax, Empty, Duplicate, Limit, Unsupported, WrongType, UnknownProperty}

var problemNames = [...]string{"syntax", "empty", "duplicate", "limit", "unsupported", "wrong type", "unknown property"}

// String names p for logs and tests.
func (p Problem) String() string {
	if int(p) < len(problemNames) {
		return problemNames[p]
	}
	return "problem " + fmt.Sprint(uint8(p))
}

// Error is the one error type of this package.
type Error struct {
	Problem Problem
	Option  string // the query option at fault with its "$", the header's or the member's name; "" for a whole body
	Message string // public, whole sentences, in Graph's words where they are known; never a JSON value
}

// Error returns the public message.
func (e *Error) Error() string { return e.Message }

// UnknownPropertyError is the error for a property called name that typeName (such as
// "microsoft.graph.identityApiConnector") does not have. option is where it was named, such as "$select".
func UnknownPropertyError(option, name, typeName string) *Error {
	return errorf(UnknownProperty, option, "Could not find a property named '%s' on type '%s'.", clip(name), typeName)
}

func errorf(p Problem, option, format string, args ...any) *Error {
	return &Error{Problem: p, Option: option, Message: fmt.Sprintf(format, args...)}
}

// clipLength is the longest piece of a request, in bytes, that a message quotes.
const clipLength = 64

// clip makes a name or an option's value fit to be quoted: short, valid UTF-8, on one line.
func clip(s string) string {
	cut := s
	if len(cut) > clipLength {
		cut = cut[:clipLength]
		for len(cut) > 0 && !utf8.RuneStart(s[len(cut)]) {
			cut = cut[:len(cut)-1]
		}
		cut += "…"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(cut, "\uFFFD"))
}
