package transfer

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The kinds of token of PowerShell that matter here.
type dscKind int

const (
	dscEnd      dscKind = iota
	dscLine             // end of a line, or a semicolon
	dscWord             // a name, a number, a parameter
	dscText             // a string without anything to expand in it
	dscExpanded         // a string that is expanded when it runs
	dscVariable         // $name
	dscMark             // { } ( ) = , @( @{ and whatever else
)

type dscToken struct {
	kind dscKind
	text string
	line int
}

func (t dscToken) is(mark string) bool { return t.kind == dscMark && t.text == mark }

// The characters that PowerShell takes for quotation marks.
const (
	singleQuotes = "'\u2018\u2019\u201a\u201b"
	doubleQuotes = "\"\u201c\u201d\u201e"
)

// dscLexer cuts PowerShell into tokens. It knows comments and strings well enough never to look into them.
type dscLexer struct {
	text   string
	line   int
	tokens []dscToken
}

func dscTokens(text string) ([]dscToken, error) {
	l := &dscLexer{text: text, line: 1}
	for l.text != "" {
		if err := l.next(); err != nil {
			return nil, err
		}
	}
	l.add(dscLine, "")
	l.add(dscEnd, "")
	return l.tokens, nil
}

func (l *dscLexer) add(kind dscKind, text string) {
	l.tokens = append(l.tokens, dscToken{kind, text, l.line})
}

// take consumes n octets and counts their lines.
func (l *dscLexer) take(n int) string {
	taken := l.text[:n]
	l.text = l.text[n:]
	l.line += strings.Count(taken, "\n")
	return taken
}

func (l *dscLexer) next() error {
	r, size := utf8.DecodeRuneInString(l.text)
	switch {
	case strings.HasPrefix(l.text, "<#"):
		return l.until("#>", "the comment")
	case r == '#':
		end := strings.IndexByte(l.text, '\n')
		if end < 0 {
			end = len(l.text)
		}
		l.take(end)
	case r == '`': // before the end of a line it goes on; before all else it means nothing here
		l.take(1)
		if rest := strings.TrimPrefix(l.text, "\r"); strings.HasPrefix(rest, "\n") {
			l.take(len(l.text) - len(rest) + 1)
		}
	case r == '\n' || r == ';':
		l.add(dscLine, "")
		l.take(size)
	case unicode.IsSpace(r):
		l.take(size)
	case r == '@' && len(l.text) > 1 && strings.ContainsAny(hereQuote(l.text[1:]), singleQuotes+doubleQuotes):
		return l.here()
	case strings.ContainsRune(singleQuotes, r):
		return l.quoted(singleQuotes, size)
	case strings.ContainsRune(doubleQuotes, r):
		return l.quoted(doubleQuotes, size)
	case strings.HasPrefix(l.text, "@(") || strings.HasPrefix(l.text, "@{"):
		l.add(dscMark, l.take(2))
	case r == '$':
		l.variable()
	case wordRune(r):
		n := strings.IndexFunc(l.text, func(r rune) bool { return !wordRune(r) })
		if n < 0 {
			n = len(l.text)
		}
		l.add(dscWord, l.take(n))
	default:
		l.add(dscMark, l.take(size))
	}
	return nil
}

// wordRune tells whether a rune may be in a name, a number or a parameter.
func wordRune(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("_-.:\\/*", r)
}

// until skips all up to an end.
func (l *dscLexer) until(end, what string) error {
	i := strings.Index(l.text, end)
	if i < 0 {
		return fmt.Errorf("line %d: %s has no end", l.line, what)
	}
	l.take(i + len(end))
	return nil
}

func (l *dscLexer) variable() {
	rest := l.text[1:]
	if strings.HasPrefix(rest, "{") {
		if end := strings.IndexByte(rest, '}'); end > 0 {
			l.add(dscVariable, rest[1:end])
			l.take(end + 2)
			return
		}
	}
	n := strings.IndexFunc(rest, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("_.:", r)
	})
	if n < 0 {
		n = len(rest)
	}
	if n == 0 { // $( and the like
		l.add(dscMark, l.take(1))
		return
	}
	l.add(dscVariable, rest[:n])
	l.take(n + 1)
}

// quoted reads a string up to its quotation mark; a doubled one stands for itself.
func (l *dscLexer) quoted(marks string, size int) error {
	begin := dscToken{dscText, "", l.line}
	double := marks == doubleQuotes
	var out strings.Builder
	for i := size; i < len(l.text); {
		r, n := utf8.DecodeRuneInString(l.text[i:])
		switch {
		case strings.ContainsRune(marks, r):
			if next, m := utf8.DecodeRuneInString(l.text[i+n:]); m > 0 && strings.ContainsRune(marks, next) {
				out.WriteRune(r)
				i += n + m
				continue
			}
			begin.text = out.String()
			l.take(i + n)
			l.tokens = append(l.tokens, begin)
			return nil
		case double && r == '`' && i+n < len(l.text):
			escaped, m := utf8.DecodeRuneInString(l.text[i+n:])
			out.WriteString(unescape(escaped))
			i += n + m
			continue
		case double && r == '$' && expands(l.text[i+n:]):
			begin.kind = dscExpanded
		}
		out.WriteString(l.text[i : i+n])
		i += n
	}
	return fmt.Errorf("line %d: the string has no end", begin.line)
}

// expands tells whether what follows a $ makes it more than a dollar.
func expands(rest string) bool {
	r, _ := utf8.DecodeRuneInString(rest)
	return unicode.IsLetter(r) || strings.ContainsRune("_({?^$:", r) && rest != ""
}

// unescape is what a backtick makes of a rune.
func unescape(r rune) string {
	switch r {
	case 'n':
		return "\n"
	case 'r':
		return "\r"
	case 't':
		return "\t"
	case '0':
		return "\x00"
	}
	return string(r)
}

// hereQuote is the quotation mark at the beginning of a here-string, behind the @, if its line ends there.
func hereQuote(rest string) string {
	r, n := utf8.DecodeRuneInString(rest)
	line, _, found := strings.Cut(rest[n:], "\n")
	if !found || strings.TrimSpace(line) != "" {
		return ""
	}
	return string(r)
}

// here reads a here-string: from the next line to the quotation mark and @ that begin one.
func (l *dscLexer) here() error {
	begin := dscToken{dscText, "", l.line}
	mark, n := utf8.DecodeRuneInString(l.text[1:])
	marks := singleQuotes
	if strings.ContainsRune(doubleQuotes, mark) {
		marks, begin.kind = doubleQuotes, dscExpanded // not looked into
	}
	l.take(1 + n + strings.IndexByte(l.text[1+n:], '\n') + 1)
	for i := 0; i < len(l.text); {
		r, n := utf8.DecodeRuneInString(l.text[i:])
		if strings.ContainsRune(marks, r) && strings.HasPrefix(l.text[i+n:], "@") {
			begin.text = strings.TrimSuffix(strings.TrimSuffix(l.text[:i], "\n"), "\r")
			if begin.kind == dscExpanded && !strings.ContainsAny(begin.text, "$`") {
				begin.kind = dscText
			}
			l.take(i + n + 1)
			l.tokens = append(l.tokens, begin)
			return nil
		}
		end := strings.IndexByte(l.text[i:], '\n')
		if end < 0 {
			break
		}
		i += end + 1
	}
	return fmt.Errorf("line %d: the string has no end", begin.line)
}
