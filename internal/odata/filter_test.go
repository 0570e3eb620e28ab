package odata

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseFilterCanonicalText(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, want string }{
		{"as DSC sends it", "DisplayName eq 'My check'", "DisplayName eq 'My check'"},
		{"doubled quote", "displayName eq 'O''Neil'", "displayName eq 'O''Neil'"},
		{"empty string", "displayName ne ''", "displayName ne ''"},
		{"keywords within a string", "displayName eq ' and ) or '", "displayName eq ' and ) or '"},
		{"and binds tighter than or", "a eq 1 or b eq 2 and c eq 3", "a eq 1 or b eq 2 and c eq 3"},
		{"parentheses kept where they matter", "(a eq 1 or b eq 2) and c eq 3", "(a eq 1 or b eq 2) and c eq 3"},
		{"parentheses dropped where they do not", "((a eq 1) and (b eq 2 and c eq 3))", "a eq 1 and b eq 2 and c eq 3"},
		{"not over a function", "not startswith(displayName,'x')", "not startswith(displayName,'x')"},
		{"not over a comparison", "not a eq 1 and b eq 2", "not (a eq 1) and b eq 2"},
		{"not with parentheses", "NOT(a eq 1 or b eq 2)", "not (a eq 1 or b eq 2)"},
		{"not not", "not not a eq 1", "not (not (a eq 1))"},
		{"any case", "StartsWith(displayName, 'x') AND id In ('A' , 'b') OR c EQ TRUE", "startswith(displayName,'x') and id in ('A','b') or c eq true"},
		{"literal on the left", "'x' eq displayName", "displayName eq 'x'"},
		{"literal on the left, order reversed", "5 lt a and 5 le a and 5 gt a and 5 ge a and 5 ne a", "a gt 5 and a ge 5 and a lt 5 and a le 5 and a ne 5"},
		{"operands in parentheses", "('x') eq (displayName)", "displayName eq 'x'"},
		{"function compared with true", "contains(a,'x') eq true", "contains(a,'x')"},
		{"function compared with false", "false eq contains(a,'x')", "not contains(a,'x')"},
		{"function not equal to true", "endswith(a,'x') ne true and b eq 1", "not endswith(a,'x') and b eq 1"},
		{"comparison compared with false", "a eq 1 eq false", "not (a eq 1)"},
		{"null", "a eq NULL or null ne b", "a eq null or b ne null"},
		{"integers", "a eq -9223372036854775808 or a eq +7 or a eq 007", "a eq -9223372036854775808 or a eq 7 or a eq 7"},
		{"GUID", "id eq 1DFE531A-24a6-4f1b-80f4-7a0dc5a0a171", "id eq 1dfe531a-24a6-4f1b-80f4-7a0dc5a0a171"},
		{"time", "t ge 2026-01-02T03:04:05Z", "t ge 2026-01-02T03:04:05Z"},
		{"time with fraction and offset", "t ge 2026-01-02T03:04:05.120+02:00", "t ge 2026-01-02T01:04:05.12Z"},
		{"time in lower case without seconds", "t ge 2026-01-02t03:04z", "t ge 2026-01-02T03:04:00Z"},
		{"date", "t lt 2026-01-02", "t lt 2026-01-02T00:00:00Z"},
		{"path", "initiatedBy/app/appId eq 'x'", "initiatedBy/app/appId eq 'x'"},
		{"a property called like an operator", "in in ('x') and eq eq 1", "in in ('x') and eq eq 1"},
		{"no spaces", "(a eq 1)and(b eq 2)", "a eq 1 and b eq 2"},
		{"other letters", "größe eq 'é'", "größe eq 'é'"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e, err := ParseFilter(tt.text)
			if err != nil {
				t.Fatalf("ParseFilter(%q): %v", tt.text, err)
			}
			if got := e.String(); got != tt.want {
				t.Errorf("ParseFilter(%q) = %q, want %q", tt.text, got, tt.want)
			}
		})
	}
}

func TestParseFilterTree(t *testing.T) {
	t.Parallel()
	got, err := ParseFilter("a eq 1 and (b eq 'x' or not (C in ('p','q'))) and 5 gt d")
	if err != nil {
		t.Fatal(err)
	}
	want := &Expr{Op: And, Args: []*Expr{
		{Op: Eq, Property: "a", Values: []Literal{{Int64Literal, "1"}}},
		{Op: Or, Args: []*Expr{
			{Op: Eq, Property: "b", Values: []Literal{{StringLiteral, "x"}}},
			{Op: Not, Args: []*Expr{{Op: In, Property: "C", Values: []Literal{{StringLiteral, "p"}, {StringLiteral, "q"}}}}},
		}},
		{Op: Lt, Property: "d", Values: []Literal{{Int64Literal, "5"}}},
	}}
	if diff := cmp.Diff(want, got, cmp.Comparer((*Expr).Equal)); diff != "" {
		t.Errorf("tree (-want +got):\n%s", diff)
	}
	if want.Equal(want.Args[0]) || want.Args[0].Equal(nil) || !(*Expr)(nil).Equal(nil) {
		t.Error("Equal does not tell trees apart")
	}
}

func TestLiteralValues(t *testing.T) {
	t.Parallel()
	e, err := ParseFilter("a eq -5 and b eq true and c eq 2026-01-02T03:04:05.5-01:00 and d eq '7'")
	if err != nil {
		t.Fatal(err)
	}
	if v, ok := e.Args[0].Values[0].Int64(); !ok || v != -5 {
		t.Errorf("Int64 = %d, %t", v, ok)
	}
	if v, ok := e.Args[1].Values[0].Bool(); !ok || !v {
		t.Errorf("Bool = %t, %t", v, ok)
	}
	if v, ok := e.Args[2].Values[0].Time(); !ok || !v.Equal(time.Date(2026, 1, 2, 4, 4, 5, 5e8, time.UTC)) || v.Location() != time.UTC {
		t.Errorf("Time = %v, %t", v, ok)
	}
	text := e.Args[3].Values[0]
	if _, ok := text.Int64(); ok {
		t.Error("a string is an Int64")
	}
	if _, ok := text.Bool(); ok {
		t.Error("a string is a Bool")
	}
	if _, ok := text.Time(); ok {
		t.Error("a string is a Time")
	}
}

func TestParseFilterErrors(t *testing.T) {
	t.Parallel()
	const prefix = "Invalid filter clause: "
	tests := []struct {
		name, text string
		problem    Problem
		message    string // after prefix
	}{
		{"empty", "  ", Empty, "The filter is empty. Name a condition or leave the option out."},
		{"unfinished", "displayName eq", Syntax, "Expression expected at position 14 in 'displayName eq'."},
		{"operator missing", "displayName 'x'", Syntax, "Syntax error at position 12 in 'displayName 'x''."},
		{"unknown operator", "displayName like 'x'", Syntax, "Syntax error at position 12 in 'displayName like 'x''."},
		{"position counts characters", "größe ~ 1", Syntax, "Syntax error: character '~' is not valid at position 6 in 'größe ~ 1'."},
		{"string not closed", "a eq 'x", Syntax, "Unterminated string literal at position 5 in 'a eq 'x'."},
		{"quote at the end", "a eq 'x''", Syntax, "Unterminated string literal at position 5 in 'a eq 'x'''."},
		{"parenthesis not closed", "(a eq 1", Syntax, "')' or operator expected at position 7 in '(a eq 1'."},
		{"one parenthesis too many", "a eq 1)", Syntax, "Syntax error at position 6 in 'a eq 1)'."},
		{"percent sign left over", "a%20eq 1", Syntax, "Syntax error: character '%' is not valid at position 1 in 'a%20eq 1'."},
		{"empty list", "a in ()", Syntax, "Syntax error at position 6 in 'a in ()'."},
		{"list not closed", "a in ('x'", Syntax, "')' or ',' expected at position 9 in 'a in ('x''."},
		{"list without parentheses", "a in 'x'", Syntax, "'(' expected at position 5 in 'a in 'x''."},
		{"old GUID spelling", "a eq guid'x'", Unsupported, "Only a comparison of a property with a constant is supported, unlike the one at position 2 in 'a eq guid'x''."},
		{"month 13", "a eq 2026-13-02", Syntax, "Syntax error at position 5 in 'a eq 2026-13-02'."},
		{"year 0 once in UTC", "a eq 0001-01-01T00:00:00+01:00", Syntax, "Syntax error at position 5 in 'a eq 0001-01-01T00:00:00+01:00'."},
		{"path ends in a slash", "a/ eq 1", Syntax, "Syntax error at position 0 in 'a/ eq 1'."},
		{"path begins with a digit", "1a eq 1", Syntax, "Syntax error at position 0 in '1a eq 1'."},
		{"function with one argument", "contains(a)", Syntax, "',' expected at position 10 in 'contains(a)'."},
		{"function with three", "contains(a,'x','y')", Syntax, "')' expected at position 14 in 'contains(a,'x','y')'."},
		{"NUL", "a eq '\x00'", Syntax, ""},
		{"not UTF-8", "a eq '\xff'", Syntax, ""},
		{"unknown function", "tolower(a) eq 'x'", Unsupported, "The function 'tolower' is not supported at position 0 in 'tolower(a) eq 'x''."},
		{"lambda", "ids/any(i:i eq 'x')", Unsupported, "The function 'ids/any' is not supported at position 0 in 'ids/any(i:i eq 'x')'."},
		{"arithmetic", "a add 1 eq 2", Unsupported, "The operator 'add' is not supported at position 2 in 'a add 1 eq 2'."},
		{"two properties", "a eq b", Unsupported, "Only a comparison of a property with a constant is supported, unlike the one at position 2 in 'a eq b'."},
		{"two constants", "1 eq 1", Unsupported, "Only a comparison of a property with a constant is supported, unlike the one at position 2 in '1 eq 1'."},
		{"fraction", "a eq 1.5", Unsupported, "Only integers from -9223372036854775808 to 9223372036854775807 are supported as numbers, not the one at position 5 in 'a eq 1.5'."},
		{"integer too big", "a eq 9223372036854775808", Unsupported, "Only integers from -9223372036854775808 to 9223372036854775807 are supported as numbers, not the one at position 5 in 'a eq 9223372036854775808'."},
		{"property second in a function", "contains('x',a)", Unsupported, "The first argument of 'contains' must be a property: another is not supported at position 9 in 'contains('x',a)'."},
		{"number in a function", "contains(a,1)", WrongType, "The second argument of 'contains' must be a string in single quotes, unlike the one at position 11 in 'contains(a,1)'."},
		{"null with gt", "a gt null", WrongType, "null can be compared by 'eq' and 'ne' only, not by the operator at position 2 in 'a gt null'."},
		{"null in a list", "a in (null)", WrongType, "The values of 'in' must be constants other than null, unlike the one at position 6 in 'a in (null)'."},
		{"constant in a list", "1 in (1)", WrongType, "The left side of 'in' must be a property, unlike the one at position 0 in '1 in (1)'."},
		{"a property alone", "a", WrongType, "A condition is expected where there is only a property or a constant at position 0 in 'a'."},
		{"not over a property", "not a", WrongType, "A condition is expected where there is only a property or a constant at position 4 in 'not a'."},
		{"condition compared with text", "contains(a,'x') eq 'y'", WrongType, "A condition can be compared with true or false by 'eq' and 'ne' only, unlike the one at position 16 in 'contains(a,'x') eq 'y''."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := ParseFilter(tt.text)
			got := mustError(t, err)
			if got.Problem != tt.problem || got.Option != "$filter" {
				t.Errorf("ParseFilter(%q): %v of %q, want %v", tt.text, got.Problem, got.Option, tt.problem)
			}
			if want := prefix + tt.message; tt.message != "" && got.Message != want {
				t.Errorf("ParseFilter(%q)\n got %s\nwant %s", tt.text, got.Message, want)
			}
		})
	}
}

func TestParseFilterLimits(t *testing.T) {
	t.Parallel()
	conditions := func(n int, operator string) string {
		return strings.TrimSuffix(strings.Repeat("a eq 1 "+operator+" ", n), " "+operator+" ")
	}
	nots := func(n int) string { return strings.Repeat("not ", n) + "a eq 1" }
	parens := func(n int) string { return strings.Repeat("(", n) + "a eq 1" + strings.Repeat(")", n) }
	list := func(n int) string { return "a in (" + strings.TrimSuffix(strings.Repeat("1,", n), ",") + ")" }
	tests := []struct {
		name, text string
		ok         bool
	}{
		{"depth reached", nots(MaxFilterDepth - 1), true},
		{"depth passed", nots(MaxFilterDepth), false},
		{"nodes reached", conditions(MaxFilterNodes/2, "and"), true},
		{"nodes passed", conditions(MaxFilterNodes/2+1, "or"), false},
		{"values reached", list(MaxFilterValues), true},
		{"values passed", list(MaxFilterValues + 1), false},
		{"parentheses reached", parens(maxNesting - 1), true},
		{"parentheses passed", parens(maxNesting), false},
		{"parentheses without end", strings.Repeat("(", 10_000), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e, err := ParseFilter(tt.text)
			if !tt.ok {
				if got := mustError(t, err); got.Problem != Limit {
					t.Errorf("%v, want %v: %s", got.Problem, Limit, got.Message)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if again, err := ParseFilter(e.String()); err != nil || !again.Equal(e) {
				t.Errorf("its canonical text is not accepted: %v", err)
			}
		})
	}
}

func TestFilterErrorLeavesLongTextOut(t *testing.T) {
	t.Parallel()
	_, err := ParseFilter("a eq '" + strings.Repeat("x", 300) + "' ~")
	want := "Invalid filter clause: Syntax error: character '~' is not valid at position 308."
	if got := mustError(t, err).Message; got != want {
		t.Errorf("message = %q, want %q", got, want)
	}
}

func TestErrorNames(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, p := range Problems {
		seen[p.String()] = true
	}
	if len(seen) != len(Problems) || len(Problems) != len(problemNames) {
		t.Errorf("the names of %d problems: %v", len(Problems), seen)
	}
	err := fmt.Errorf("list: %w", UnknownPropertyError("$select", "x\n"+strings.Repeat("é", 100), "microsoft.graph.identityApiConnector"))
	got := mustError(t, err)
	want := "Could not find a property named 'x " + strings.Repeat("é", 31) + "…' on type 'microsoft.graph.identityApiConnector'."
	if got.Problem != UnknownProperty || got.Option != "$select" || got.Message != want {
		t.Errorf("UnknownPropertyError = %+v, want message %q", got, want)
	}
}

func TestClip(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, want string }{
		{"as long as is quoted", strings.Repeat("x", clipLength), strings.Repeat("x", clipLength)},
		{"longer", strings.Repeat("x", clipLength+1), strings.Repeat("x", clipLength) + "…"},
		{"cut between characters", "x" + strings.Repeat("é", clipLength), "x" + strings.Repeat("é", clipLength/2-1) + "…"},
		{"one line, valid UTF-8", "a\tb\x7fc\u2028d\xff", "a b c d\uFFFD"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := clip(tt.text); got != tt.want {
				t.Errorf("clip(%q) = %q, want %q", tt.text, got, tt.want)
			}
		})
	}
}

// mustError returns err as an *Error.
func mustError(t *testing.T, err error) *Error {
	t.Helper()
	e, ok := errors.AsType[*Error](err)
	if !ok {
		t.Fatalf("error = %v, want an *Error", err)
	}
	return e
}
