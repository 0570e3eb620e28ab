package odata

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestFilterRoundTrip: any tree, written and read again, is the same tree.
func TestFilterRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := drawExpr(t, 4, "")
		got, err := ParseFilter(want.String())
		if err != nil {
			t.Fatalf("ParseFilter(%q): %v", want, err)
		}
		if !got.Equal(want) {
			t.Fatalf("%q was read as %q", want, got)
		}
	})
}

// drawExpr draws a canonical tree of at most that many levels, whose root is not of Op parent.
func drawExpr(t *rapid.T, levels int, parent Op) *Expr {
	ops := []Op{Eq, Ne, Gt, Ge, Lt, Le, In, StartsWith, EndsWith, Contains}
	if levels > 1 {
		ops = append(ops, And, Or, Not, And, Or, Not)
	}
	e := &Expr{Op: rapid.SampledFrom(ops).Filter(func(op Op) bool { return op != parent || op == Not }).Draw(t, "op")}
	switch e.Op {
	case And, Or:
		for range rapid.IntRange(2, 4).Draw(t, "args") {
			e.Args = append(e.Args, drawExpr(t, levels-1, e.Op))
		}
		return e
	case Not:
		e.Args = []*Expr{drawExpr(t, levels-1, Not)}
		return e
	case In:
		e.Values = rapid.SliceOfN(rapid.Custom(drawConstant), 1, 5).Draw(t, "values")
	case StartsWith, EndsWith, Contains:
		e.Values = []Literal{{StringLiteral, rapid.String().Filter(isStorable).Draw(t, "text")}}
	case Eq, Ne:
		e.Values = []Literal{rapid.OneOf(rapid.Custom(drawConstant), rapid.Just(Literal{NullLiteral, "null"})).Draw(t, "value")}
	default:
		e.Values = []Literal{drawConstant(t)}
	}
	keywords := "not true false null"
	e.Property = rapid.StringMatching(`[A-Za-z_é][A-Za-z0-9_é]{0,8}(/[A-Za-z_][A-Za-z0-9_]{0,3})?`).
		Filter(func(s string) bool { return !strings.Contains(keywords, strings.ToLower(s)) }).Draw(t, "property")
	return e
}

// drawConstant draws a literal other than null in canonical form.
func drawConstant(t *rapid.T) Literal {
	switch kind := LiteralKind(rapid.IntRange(int(BooleanLiteral), int(DateTimeOffsetLiteral)).Draw(t, "kind")); kind {
	case BooleanLiteral:
		return Literal{kind, strconv.FormatBool(rapid.Bool().Draw(t, "bool"))}
	case Int64Literal:
		return Literal{kind, strconv.FormatInt(rapid.Int64().Draw(t, "int"), 10)}
	case StringLiteral:
		return Literal{kind, rapid.String().Filter(isStorable).Draw(t, "string")}
	case GUIDLiteral:
		return Literal{kind, rapid.StringMatching(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`).Draw(t, "guid")}
	default:
		seconds := rapid.Int64Range(-62135596800, 253402300799).Draw(t, "seconds") // years 1 to 9999
		nanoseconds := rapid.Int64Range(0, 999_999_999).Draw(t, "nanoseconds")
		return Literal{kind, time.Unix(seconds, nanoseconds).UTC().Format(time.RFC3339Nano)}
	}
}

// TestSkipTokenRoundTrip: any position of storable parts comes back.
func TestSkipTokenRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(rapid.String().Filter(isStorable), 0, maxSkipTokenParts).Draw(t, "parts")
		got, err := DecodeSkipToken(EncodeSkipToken(want))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Join(got, "\x00") != strings.Join(want, "\x00") || len(got) != len(want) {
			t.Fatalf("%q came back as %q", want, got)
		}
	})
}
