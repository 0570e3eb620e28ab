package odata

import (
	"errors"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// tokenKind is what a token of a $filter is.
type tokenKind uint8

const (
	endToken     tokenKind = iota
	nameToken              // a property path, operator, function or keyword
	literalToken           // a constant that is not a keyword
	openToken              // (
	closeToken             // )
	commaToken             // ,
)

// token is one lexical unit. start is its byte offset in the text.
type token struct {
	kind    tokenKind
	start   int
	text    string
	literal Literal
}

// lexer cuts the text of a $filter into tokens.
type lexer struct {
	text string
	pos  int
}

// next returns the token at the present position and moves behind it.
func (l *lexer) next() (token, error) {
	for l.pos < len(l.text) && strings.IndexByte(" \t\r\n", l.text[l.pos]) >= 0 {
		l.pos++
	}
	start := l.pos
	if start == len(l.text) {
		return token{kind: endToken, start: start}, nil
	}
	if kind, ok := punctuation(l.text[start]); ok {
		l.pos++
		return token{kind: kind, start: start, text: l.text[start:l.pos]}, nil
	}
	if l.text[start] == '\'' {
		return l.quoted()
	}
	return l.word()
}

func punctuation(c byte) (tokenKind, bool) {
	switch c {
	case '(':
		return openToken, true
	case ')':
		return closeToken, true
	case ',':
		return commaToken, true
	default:
		return endToken, false
	}
}

// quoted reads a string literal; two quotes within it stand for one.
func (l *lexer) quoted() (token, error) {
	start := l.pos
	for i := start + 1; i < len(l.text); i++ {
		if l.text[i] != '\'' {
			continue
		}
		if i+1 < len(l.text) && l.text[i+1] == '\'' {
			i++
			continue
		}
		l.pos = i + 1
		value := strings.ReplaceAll(l.text[start+1:i], "''", "'")
		return token{kind: literalToken, start: start, text: l.text[start:l.pos], literal: Literal{StringLiteral, value}}, nil
	}
	return token{}, l.fail(Syntax, "Unterminated string literal", start)
}

// word reads a run of characters that can make up a name, a number, a GUID or a time, and decides which it is.
func (l *lexer) word() (token, error) {
	start := l.pos
	for l.pos < len(l.text) {
		r, size := utf8.DecodeRuneInString(l.text[l.pos:])
		if !isWordRune(r) {
			break
		}
		l.pos += size
	}
	text := l.text[start:l.pos]
	if text == "" {
		r, _ := utf8.DecodeRuneInString(l.text[start:])
		return token{}, l.fail(Syntax, "Syntax error: character '"+clip(string(r))+"' is not valid", start)
	}
	if lit, ok := constant(text); ok {
		return token{kind: literalToken, start: start, text: text, literal: lit}, nil
	}
	if isPath(text) {
		return token{kind: nameToken, start: start, text: text}, nil
	}
	if isDecimal(text) {
		return token{}, l.fail(Unsupported, "Only integers from -9223372036854775808 to 9223372036854775807 are supported as numbers, not the one", start)
	}
	return token{}, l.fail(Syntax, "Syntax error", start)
}

// fail makes the error "Invalid filter clause: <what> at position N in '<text>'.", Graph's words. N counts characters
// from 0, as the service does. A text longer than maxQuoted is not repeated.
func (l *lexer) fail(p Problem, what string, at int) *Error {
	const maxQuoted = 200
	position := strconv.Itoa(utf8.RuneCountInString(l.text[:at]))
	message := "Invalid filter clause: " + what + " at position " + position
	if len(l.text) <= maxQuoted {
		message += " in '" + l.text + "'"
	}
	return &Error{Problem: p, Option: "$filter", Message: message + "."}
}

func isWordRune(r rune) bool {
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("_.:/+-", r))
}

// constant reads an integer, a GUID, a date or a date-time with offset.
func constant(text string) (Literal, bool) {
	if isGUID(text) {
		return Literal{GUIDLiteral, strings.ToLower(text)}, true
	}
	if v, err := strconv.ParseInt(text, 10, 64); err == nil {
		return Literal{Int64Literal, strconv.FormatInt(v, 10)}, true
	}
	// The seconds of an Edm.DateTimeOffset may be left out; its T and Z may be lower case (OData ABNF, RFC 3339).
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04Z07:00", time.DateOnly} {
		if t, err := time.Parse(layout, strings.ToUpper(text)); err == nil {
			utc := t.UTC()
			if utc.Year() < 1 || utc.Year() > 9999 {
				return Literal{}, false
			}
			return Literal{DateTimeOffsetLiteral, utc.Format(time.RFC3339Nano)}, true
		}
	}
	return Literal{}, false
}

// isGUID tells whether text is 8-4-4-4-12 hexadecimal digits.
func isGUID(text string) bool {
	if len(text) != 36 {
		return false
	}
	for i := range len(text) {
		switch i {
		case 8, 13, 18, 23:
			if text[i] != '-' {
				return false
			}
		default:
			if !strings.Contains("0123456789abcdefABCDEF", text[i:i+1]) {
				return false
			}
		}
	}
	return true
}

// isDecimal tells whether text is a number, of whatever size and with whatever fraction.
func isDecimal(text string) bool {
	_, err := strconv.ParseFloat(text, 64)
	return err == nil || errors.Is(err, strconv.ErrRange)
}

// isPath tells whether text is a property path: OData identifiers joined by '/', each possibly qualified by '.'.
func isPath(text string) bool {
	initial := true // at the first character of an identifier
	for _, r := range text {
		switch {
		case r == '/' || r == '.':
			if initial {
				return false
			}
			initial = true
		case r == '_' || unicode.IsLetter(r) || (!initial && unicode.IsDigit(r)):
			initial = false
		default:
			return false
		}
	}
	return !initial
}
