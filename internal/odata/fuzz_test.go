package odata

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzFilter: whatever comes, there is an *Error or a bounded tree whose text reads back as the same tree.
func FuzzFilter(f *testing.F) {
	for _, seed := range []string{
		"DisplayName eq 'My check'", "a eq 1 or b eq 2 and not (c eq 3)", "id in ('a','b''c') and startswith(displayName,'x') eq false",
		"t ge 2026-01-02T03:04:05.120+02:00", "id eq 1dfe531a-24a6-4f1b-80f4-7a0dc5a0a171", "not not null ne a/b", "5 lt a", "((a", "a eq 'x", "in in (1)",
		"a eq 1.5e9", "a eq -9223372036854775808", "größe ~ 1", "a eq '\xff'",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > MaxQueryBytes {
			return // ParseOptions lets nothing longer through
		}
		e, err := ParseFilter(text)
		if err != nil {
			checkError(t, err)
			return
		}
		if depth(e) > MaxFilterDepth {
			t.Errorf("%q is %d levels deep", text, depth(e))
		}
		again, err := ParseFilter(e.String())
		if err != nil {
			t.Fatalf("%q was read as %q, which is refused: %v", text, e, err)
		}
		if !again.Equal(e) {
			t.Errorf("%q was read as %q and that as %q", text, e, again)
		}
	})
}

func depth(e *Expr) int {
	deepest := 0
	for _, arg := range e.Args {
		deepest = max(deepest, depth(arg))
	}
	return deepest + 1
}

// FuzzOptions: whatever comes, there is an *Error or options within their bounds, and the next page's query is read too.
func FuzzOptions(f *testing.F) {
	for _, seed := range []string{
		"$filter=displayName%20eq%20'a'&$top=5", "%24select=id,displayName&orderby=displayName+desc,id", "$skip=0&$count=TRUE&unknown=1",
		"$expand=a($select=b,c;$filter=d eq ')'),e", "$top=1000", "$top=-1", "&&=&x", "%zz=1", "$skiptoken=a%20b&$format=json&$search=%22x%22", "$apply=1", "$filter=%FF",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		o, err := ParseOptions(query)
		if err != nil {
			checkError(t, err)
			return
		}
		if (o.Top != nil && (*o.Top < 1 || *o.Top > MaxTop)) || (o.Skip != nil && *o.Skip < 0) ||
			len(o.Select) > MaxSelect || len(o.OrderBy) > MaxOrderByTerms || len(o.Expand) > MaxExpand {
			t.Errorf("%q: out of bounds: %+v", query, o)
		}
		next := NextQuery(query, "TOKEN&1")
		if len(next) > MaxQueryBytes {
			return
		}
		again, err := ParseOptions(next)
		if err != nil {
			t.Fatalf("%q: the next page's query %q is refused: %v", query, next, err)
		}
		if again.SkipToken != "TOKEN&1" || again.Skip != nil || !again.Filter.Equal(o.Filter) {
			t.Errorf("%q: the next page's query %q was read as %+v", query, next, again)
		}
	})
}

// FuzzObject compares with encoding/json: what we accept it accepts and reads alike; what we refuse as syntax it refuses
// too, but for the two things that it repairs silently.
func FuzzObject(f *testing.F) {
	for _, seed := range []string{
		`{"displayName":"x","authenticationConfiguration":{"@odata.type":"#microsoft.graph.basicAuthentication","username":"u","password":"p"}}`,
		"\uFEFF{}", ` { "a" : [ 1 , -0.5e+3 , true , false , null , "\u0041\ud83d\ude00\n\/" ] } `, `{"a":1,"a":2}`, `{"a":"\ud800"}`, `[]`, `{"a":01}`,
		`{"a":"` + "\xff" + `"}`, `{"a":1} x`, strings.Repeat(`{"a":`, 33), `{"a":1,}`, "", "{\"a\":\"\x01\"}", `{"a":"b`, `{"\u0061":1,"a":2}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		o, err := ParseObject(data)
		plain := bytes.TrimPrefix(data, []byte("\uFEFF"))
		if err != nil {
			checkError(t, err)
			e, _ := errors.AsType[*Error](err)
			repaired := bytes.Contains(plain, []byte(`\u`)) || !utf8.Valid(plain)
			if (e.Problem == Syntax || e.Problem == Empty) && !repaired && json.Valid(plain) {
				t.Errorf("%q is refused: %v", data, err)
			}
			return
		}
		var want map[string]any
		d := json.NewDecoder(bytes.NewReader(plain))
		d.UseNumber()
		if err := d.Decode(&want); err != nil {
			t.Fatalf("%q is accepted, but: %v", data, err)
		}
		if _, err := d.Token(); err != io.EOF {
			t.Errorf("%q is accepted with more behind it", data)
		}
		if got := o.Any(); !reflect.DeepEqual(got, want) {
			t.Errorf("%q was read as %#v, want %#v", data, got, want)
		}
		for name, v := range o.All() {
			if !json.Valid(v.Raw()) {
				t.Errorf("member %q of %q: Raw is not JSON: %q", name, data, v.Raw())
			}
		}
	})
}

// FuzzSkipToken: whatever comes, there is an *Error or parts that make the very same token.
func FuzzSkipToken(f *testing.F) {
	f.Add("")
	f.Add(EncodeSkipToken(nil))
	f.Add(EncodeSkipToken([]string{"My check", "", "8f1c"}))
	f.Add(EncodeSkipToken([]string{"a"}) + "\n")
	f.Fuzz(func(t *testing.T, token string) {
		parts, err := DecodeSkipToken(token)
		if err != nil {
			checkError(t, err)
			return
		}
		if again := EncodeSkipToken(parts); again != token {
			t.Errorf("%q was read as %q, which is %q", token, parts, again)
		}
	})
}

// FuzzFormat: whatever comes, there is an *Error or a format, and its own content type asks for it again.
func FuzzFormat(f *testing.F) {
	f.Add("application/json;odata.metadata=full;IEEE754Compatible=true", "")
	f.Add(`text/html, application/json;q=0.5;x="a,b", */*;q=0.1`, "")
	f.Add("application/json;odata=nometadata", "json")
	f.Add("", "application/json;odata.metadata=none")
	f.Fuzz(func(t *testing.T, accept, option string) {
		format, err := ParseFormat(accept, option)
		if err != nil {
			checkError(t, err)
			return
		}
		if again, err := ParseFormat(format.ContentType(), ""); err != nil || again != format {
			t.Errorf("%q asks for %+v, %v", format.ContentType(), again, err)
		}
	})
}

// checkError: every error is an *Error with a short public message on one line that is valid UTF-8.
func checkError(t *testing.T, err error) {
	t.Helper()
	e, ok := errors.AsType[*Error](err)
	if !ok {
		t.Fatalf("%T is not an *Error: %v", err, err)
	}
	if e.Message == "" || len(e.Message) > 600 || !utf8.ValidString(e.Message) || !strings.HasSuffix(e.Message, ".") {
		t.Errorf("message of %v: %q", e.Problem, e.Message)
	}
}
