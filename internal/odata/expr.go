package odata

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// Op is an operator or function of an Expr, in its canonical lower-case spelling.
type Op string

// The operators and functions. And, Or and Not take Args; all others compare Property with Values.
const (
	And        Op = "and"
	Or         Op = "or"
	Not        Op = "not"
	Eq         Op = "eq"
	Ne         Op = "ne"
	Gt         Op = "gt"
	Ge         Op = "ge"
	Lt         Op = "lt"
	Le         Op = "le"
	In         Op = "in"
	StartsWith Op = "startswith"
	EndsWith   Op = "endswith"
	Contains   Op = "contains"
)

// Expr is a node of a parsed $filter.
//
// And and Or have two or more Args, none of them of the same Op (nested ones are flattened); Not has one. Every other Op
// has a Property, which is always on the left (the parser turns "5 lt x" into "x gt 5"), and one Value; In has one or more.
type Expr struct {
	Op       Op
	Args     []*Expr
	Property string // the path as it was written: compare its names case-insensitively
	Values   []Literal
}

// LiteralKind is the EDM type of a Literal.
type LiteralKind uint8

// The kinds of literal.
const (
	NullLiteral           LiteralKind = iota
	BooleanLiteral                    // Edm.Boolean
	Int64Literal                      // Edm.Int64
	StringLiteral                     // Edm.String
	GUIDLiteral                       // Edm.Guid
	DateTimeOffsetLiteral             // Edm.DateTimeOffset; an Edm.Date is read as its midnight in UTC
)

// Literal is a constant of a $filter.
type Literal struct {
	Kind LiteralKind
	// Text is the value in canonical form: a string without its quotes and with "''" undone, an integer in decimal, a
	// GUID in lower case, a time in UTC as RFC 3339, "true", "false" or "null".
	Text string
}

// Int64 returns the value of an Int64Literal; ok is false for any other kind.
func (l Literal) Int64() (value int64, ok bool) {
	if l.Kind != Int64Literal {
		return 0, false
	}
	v, err := strconv.ParseInt(l.Text, 10, 64)
	return v, err == nil
}

// Bool returns the value of a BooleanLiteral; ok is false for any other kind.
func (l Literal) Bool() (value, ok bool) {
	return l.Text == "true", l.Kind == BooleanLiteral
}

// Time returns the value of a DateTimeOffsetLiteral in UTC; ok is false for any other kind.
func (l Literal) Time() (value time.Time, ok bool) {
	if l.Kind != DateTimeOffsetLiteral {
		return time.Time{}, false
	}
	v, err := time.Parse(time.RFC3339Nano, l.Text)
	return v.UTC(), err == nil
}

// String returns l as it is written in a $filter.
func (l Literal) String() string {
	if l.Kind == StringLiteral {
		return "'" + strings.ReplaceAll(l.Text, "'", "''") + "'"
	}
	return l.Text
}

// Equal tells whether two expressions are the same tree.
func (e *Expr) Equal(other *Expr) bool {
	if e == nil || other == nil {
		return e == other
	}
	return e.Op == other.Op && e.Property == other.Property && slices.Equal(e.Values, other.Values) &&
		slices.EqualFunc(e.Args, other.Args, (*Expr).Equal)
}

// String returns e as canonical $filter text, which ParseFilter reads back as an equal Expr.
func (e *Expr) String() string {
	if e == nil {
		return ""
	}
	var b strings.Builder
	e.print(&b)
	return b.String()
}

func (e *Expr) print(b *strings.Builder) {
	switch e.Op {
	case And, Or:
		for i, arg := range e.Args {
			if i > 0 {
				b.WriteString(" " + string(e.Op) + " ")
			}
			arg.printOperand(b, arg.Op == e.Op || arg.Op == Or)
		}
	case Not:
		b.WriteString("not ")
		for _, arg := range e.Args {
			arg.printOperand(b, !arg.isFunction())
		}
	case StartsWith, EndsWith, Contains:
		b.WriteString(string(e.Op) + "(" + e.Property + ",")
		e.printValues(b)
		b.WriteString(")")
	case In:
		b.WriteString(e.Property + " in (")
		e.printValues(b)
		b.WriteString(")")
	default:
		b.WriteString(e.Property + " " + string(e.Op) + " ")
		e.printValues(b)
	}
}

func (e *Expr) printOperand(b *strings.Builder, parentheses bool) {
	if !parentheses {
		e.print(b)
		return
	}
	b.WriteString("(")
	e.print(b)
	b.WriteString(")")
}

func (e *Expr) printValues(b *strings.Builder) {
	for i, v := range e.Values {
		if i > 0 {
			b.WriteString(",")
		}
		b.WriteString(v.String())
	}
}

func (e *Expr) isFunction() bool { return e.Op == StartsWith || e.Op == EndsWith || e.Op == Contains }
