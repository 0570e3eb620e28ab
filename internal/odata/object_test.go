package odata

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseObjectKeepsOrderAndPresence(t *testing.T) {
	t.Parallel()
	body := "\uFEFF{ \"b\" : null ,\r\n\t\"a\":\"x\", \"@odata.type\":\"#t\", \"A\":{}, \"n\":-1.50e+2, \"l\":[1,[],false], \"\":true }"
	o, err := ParseObject([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for name, v := range o.All() {
		names = append(names, name+":"+v.Kind().String()+":"+string(v.Raw()))
	}
	want := []string{`b:null:null`, `a:string:"x"`, `@odata.type:string:"#t"`, `A:object:{}`, `n:number:-1.50e+2`, `l:array:[1,[],false]`, `:boolean:true`}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("members (-want +got):\n%s", diff)
	}
	if v, ok := o.Get("b"); !ok || !v.IsNull() {
		t.Error("a null member is not there")
	}
	if v, ok := o.Get("B"); ok || !v.IsNull() {
		t.Error("an absent member is there: names must match exactly")
	}
	plain := map[string]any{
		"b": nil, "a": "x", "@odata.type": "#t", "A": map[string]any{}, "n": json.Number("-1.50e+2"),
		"l": []any{json.Number("1"), []any{}, false}, "": true,
	}
	if diff := cmp.Diff(plain, o.Any()); diff != "" {
		t.Errorf("Any (-want +got):\n%s", diff)
	}
	if o.Len() != len(want) {
		t.Errorf("Len = %d", o.Len())
	}
}

func TestValueOfAnotherKind(t *testing.T) {
	t.Parallel()
	o, err := ParseObject([]byte(`{"s":"1","n":1,"t":true,"a":[1],"o":{"x":1},"z":null}`))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"s": "text", "n": "number", "t": "bool", "a": "array", "o": "object", "z": ""}
	for name, v := range o.All() {
		var is []string
		if s, ok := v.Text(); ok && s == "1" {
			is = append(is, "text")
		}
		if n, ok := v.Number(); ok && n == "1" {
			is = append(is, "number")
		}
		if b, ok := v.Bool(); ok && b {
			is = append(is, "bool")
		}
		if a, ok := v.Array(); ok && len(a) == 1 {
			is = append(is, "array")
		}
		if o, ok := v.Object(); ok && o.Len() == 1 {
			is = append(is, "object")
		}
		if got := strings.Join(is, ","); got != want[name] {
			t.Errorf("%s is %q, want %q", name, got, want[name])
		}
	}
	if raw := string(Value{}.Raw()); raw != "null" {
		t.Errorf("Raw of the zero value = %q", raw)
	}
}

func TestParseObjectStrings(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, want string }{
		{"as Go writes it", `\u003cNEW\u003e`, "<NEW>"},
		{"as .NET writes it", `\u003C\u002B`, "<+"},
		{"short escapes", `\"\\\/\b\f\n\r\t`, "\"\\/\b\f\n\r\t"},
		{"surrogate pair", `a\uD83D\ude00b`, "a😀b"},
		{"not escaped", "é😀\u2028\x7f", "é😀\u2028\x7f"},
		{"NUL escaped", `\u0000`, "\x00"},
		{"replacement character", "\uFFFD", "\uFFFD"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o, err := ParseObject([]byte(`{"p":"` + tt.text + `"}`))
			if err != nil {
				t.Fatal(err)
			}
			v, _ := o.Get("p")
			if got, ok := v.Text(); !ok || got != tt.want {
				t.Errorf("Text = %q, %t, want %q", got, ok, tt.want)
			}
		})
	}
}

func TestParseObjectErrors(t *testing.T) {
	t.Parallel()
	const unreadable = "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format. "
	tests := []struct {
		name, body string
		problem    Problem
		message    string
	}{
		{"nothing", "", Empty, "Empty Payload. JSON content expected."},
		{"white space", " \r\n\t", Empty, "Empty Payload. JSON content expected."},
		{"byte order mark alone", "\uFEFF", Empty, "Empty Payload. JSON content expected."},
		{"form", "a=b", Syntax, unreadable + "At byte 0 a JSON value is expected."},
		{"array", "[]", WrongType, unreadable + "A JSON object is expected, not a JSON array."},
		{"string", `"s3cret"`, WrongType, unreadable + "A JSON object is expected, not a JSON string."},
		{"null", "null", WrongType, unreadable + "A JSON object is expected, not a JSON null."},
		{"same name twice", `{"a":1,"b":2,"a":3}`, Duplicate, "The member 'a' is in the JSON request payload more than once."},
		{"same name in two spellings", `{"a":1,"\u0061":3}`, Duplicate, "The member 'a' is in the JSON request payload more than once."},
		{"same name twice further in", `{"a":{"b":1,"b":2}}`, Duplicate, "The member 'b' is in the JSON request payload more than once."},
		{"more behind it", "{} {}", Syntax, unreadable + "At byte 3 there is more after the end of the JSON value."},
		{"NUL behind it", "{}\x00", Syntax, unreadable + "At byte 2 there is more after the end of the JSON value."},
		{"comma at the end", `{"a":1,}`, Syntax, unreadable + "At byte 7 a member name in double quotes is expected."},
		{"name without quotes", `{a:1}`, Syntax, unreadable + "At byte 1 a member name in double quotes is expected."},
		{"single quotes", `{'a':1}`, Syntax, unreadable + "At byte 1 a member name in double quotes is expected."},
		{"colon missing", `{"a" 1}`, Syntax, unreadable + "At byte 5 ':' is expected after a member name."},
		{"comma missing", `{"a":1 "b":2}`, Syntax, unreadable + "At byte 7 ',' or '}' is expected."},
		{"wrong bracket", `{"a":[1}`, Syntax, unreadable + "At byte 7 ',' or ']' is expected."},
		{"cut", `{"a":`, Syntax, unreadable + "At byte 5 a JSON value is expected."},
		{"string cut", `{"a":"s3cret`, Syntax, unreadable + "At byte 12 a string is not closed."},
		{"string cut in an escape", `{"a":"s3cret\`, Syntax, unreadable + "At byte 12 a string is not closed."},
		{"leading zero", `{"a":01}`, Syntax, unreadable + "At byte 6 ',' or '}' is expected."},
		{"plus sign", `{"a":+1}`, Syntax, unreadable + "At byte 5 a JSON value is expected."},
		{"minus alone", `{"a":-}`, Syntax, unreadable + "At byte 6 a digit is expected."},
		{"fraction without digits", `{"a":1.}`, Syntax, unreadable + "At byte 7 a digit is expected."},
		{"exponent without digits", `{"a":1e+}`, Syntax, unreadable + "At byte 8 a digit is expected."},
		{"NaN", `{"a":NaN}`, Syntax, unreadable + "At byte 5 a JSON value is expected."},
		{"comment", `{/**/}`, Syntax, unreadable + "At byte 1 a member name in double quotes is expected."},
		{"keyword in capitals", `{"a":True}`, Syntax, unreadable + "At byte 5 a JSON value is expected."},
		{"control character", "{\"a\":\"s3cret\n\"}", Syntax, unreadable + "At byte 12 a string has a control character that is not escaped."},
		{"last control character", "{\"a\":\"s3cret\x1f\"}", Syntax, unreadable + "At byte 12 a string has a control character that is not escaped."},
		{"escape with a control character for a digit", "{\"a\":\"s3cret\\u00\x100\"}", Syntax, unreadable + `At byte 12 a string has a \u escape sequence that stands for no character.`},
		{"unknown escape", `{"a":"s3cret\x41"}`, Syntax, unreadable + "At byte 12 a string has an unknown escape sequence."},
		{"not UTF-8", "{\"a\":\"s3cret\xff\"}", Syntax, unreadable + "At byte 12 a string is not valid UTF-8."},
		{"overlong UTF-8", "{\"a\":\"s3cret\xc0\xaf\"}", Syntax, unreadable + "At byte 12 a string is not valid UTF-8."},
		{"lone high surrogate", `{"a":"s3cret\ud800x"}`, Syntax, unreadable + `At byte 12 a string has a \u escape sequence that stands for no character.`},
		{"two high surrogates", `{"a":"s3cret\ud800\ud800"}`, Syntax, unreadable + `At byte 12 a string has a \u escape sequence that stands for no character.`},
		{"lone low surrogate", `{"a":"s3cret\udc00"}`, Syntax, unreadable + `At byte 12 a string has a \u escape sequence that stands for no character.`},
		{"escape with wrong digits", `{"a":"s3cret\u00g0"}`, Syntax, unreadable + `At byte 12 a string has a \u escape sequence that stands for no character.`},
		{"UTF-16", "\xff\xfe{\x00}\x00", Syntax, unreadable + "At byte 0 a JSON value is expected."},
		{"too deep", strings.Repeat(`{"a":`, MaxObjectDepth) + "[", Limit, "The JSON request payload is nested more than 32 levels deep."},
		{"too many values", `{"a":[1` + strings.Repeat(",1", MaxObjectValues-2) + "]}", Limit, "The JSON request payload has more than 20000 values."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := ParseObject([]byte(tt.body))
			got := mustError(t, err)
			if got.Problem != tt.problem || got.Message != tt.message {
				t.Errorf("got %v: %s\nwant %v: %s", got.Problem, got.Message, tt.problem, tt.message)
			}
		})
	}
}

func TestParseObjectAtItsLimits(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat(`{"a":`, MaxObjectDepth-1) + "[]" + strings.Repeat("}", MaxObjectDepth-1)
	if _, err := ParseObject([]byte(deep)); err != nil {
		t.Errorf("%d levels: %v", MaxObjectDepth, err)
	}
	many := `{"a":[1` + strings.Repeat(",1", MaxObjectValues-3) + "]}" // the object and the array count as well
	if _, err := ParseObject([]byte(many)); err != nil {
		t.Errorf("%d values: %v", MaxObjectValues, err)
	}
	var b strings.Builder
	for i := range 3 * indexFrom {
		fmt.Fprintf(&b, `"p%d":%d,`, i, i)
	}
	o, err := ParseObject([]byte("{" + b.String() + `"last":0}`))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 * indexFrom {
		name := fmt.Sprintf("p%d", i)
		if v, ok := o.Get(name); !ok || v.text != name[1:] {
			t.Errorf("member %s is not there", name)
		}
	}
	if _, ok := o.Get("p"); ok {
		t.Error("a member that is not there was found")
	}
	for _, name := range []string{"p0", "p20", "last"} {
		_, err := ParseObject([]byte("{" + b.String() + `"last":0,"` + name + `":1}`))
		if got := mustError(t, err); got.Problem != Duplicate || got.Option != name {
			t.Errorf("a second %s: %v", name, got)
		}
	}
}

// TestValuesDoNotPrint: passwords pass through here, and a %v in some log line must not show one.
func TestValuesDoNotPrint(t *testing.T) {
	t.Parallel()
	const secret = "s3cret-7712"
	o, err := ParseObject([]byte(`{"password":"` + secret + `","inner":{"list":["` + secret + `"]},"number":7712}`))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for name, v := range o.All() {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%T"} {
			fmt.Fprintf(&out, verb+" "+verb+" "+verb+"\n", v, &v, []any{v, o})
		}
		if asJSON, err := json.Marshal(map[string]any{name: v, "object": o}); err == nil {
			out.Write(asJSON)
		}
	}
	for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		v, _ := o.Get("password")
		slog.New(h).Info("test", "value", v, "object", o)
	}
	if text := out.String(); strings.Contains(text, "7712") || strings.Contains(text, "733363726574") {
		t.Error("a value was printed") // not the text: it holds what must not be shown
	}
}

func TestIsAnnotation(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{"@odata.type": true, "postFederationSignup@odata.bind": true, "displayName": false, "": false} {
		if got := IsAnnotation(name); got != want {
			t.Errorf("IsAnnotation(%q) = %t", name, got)
		}
	}
}
