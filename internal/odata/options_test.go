package odata

import (
	"encoding/binary"
	"hash/crc32"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseOptions(t *testing.T) {
	t.Parallel()
	number := func(n int) *int { return &n }
	filter := &Expr{Op: Eq, Property: "DisplayName", Values: []Literal{{StringLiteral, "a & b"}}}
	tests := []struct {
		name, query string
		want        Options
	}{
		{"nothing", "", Options{}},
		{"empty pairs", "&&", Options{}},
		{"custom options", "api-version=1&x=%zz&=y", Options{}},
		{"a custom option called like an unsupported one", "apply=1", Options{}},
		{"encoded", "%24filter=DisplayName%20eq+%27a%20%26+b%27", Options{Filter: filter, Given: []string{"$filter"}}},
		{"without dollar, any case", "FILTER=DisplayName eq 'a %26 b'&Top=5", Options{Filter: filter, Top: number(5), Given: []string{"$filter", "$top"}}},
		{"numbers", "$top=999&$skip=0", Options{Top: number(999), Skip: number(0), Given: []string{"$top", "$skip"}}},
		{"count", "$count=True", Options{Count: true, Given: []string{"$count"}}},
		{"no count", "$count=false", Options{Given: []string{"$count"}}},
		{"select", "$select=id, displayName,ID,a/b,*", Options{Select: []string{"id", "displayName", "a/b", "*"}, Given: []string{"$select"}}},
		{
			"orderby", "$orderby=displayName DESC, id  asc,createdDateTime",
			Options{OrderBy: []OrderTerm{{"displayName", true}, {"id", false}, {"createdDateTime", false}}, Given: []string{"$orderby"}},
		},
		{"expand", "$expand=a($select=b,c;$filter=d eq '),('), e", Options{Expand: []string{"a($select=b,c;$filter=d eq '),(')", "e"}, Given: []string{"$expand"}}},
		{"as written", "$skiptoken=a%2Fb&$search=%22x y%22&$format=JSON", Options{
			SkipToken: "a/b", Search: `"x y"`, Format: "JSON", Given: []string{"$skiptoken", "$search", "$format"},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := ParseOptions(tt.query)
			if err != nil {
				t.Fatalf("ParseOptions(%q): %v", tt.query, err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("ParseOptions(%q) (-want +got):\n%s", tt.query, diff)
			}
			if !got.Has("$filter") != (got.Filter == nil) || got.Has("filter") {
				t.Errorf("Has does not agree with Filter")
			}
		})
	}
}

func TestParseOptionsErrors(t *testing.T) {
	t.Parallel()
	list := func(n int) string {
		names := make([]string, n)
		for i := range names {
			names[i] = "p" + strconv.Itoa(i)
		}
		return strings.Join(names, ",")
	}
	tests := []struct {
		name, query string
		problem     Problem
		option      string
		message     string
	}{
		{"unknown with dollar", "$foo=1", Unsupported, "$foo", "The query parameter '$foo' is not supported."},
		{"known to OData only", "$Apply=x", Unsupported, "$apply", "The query parameter '$apply' is not supported."},
		{"twice", "$top=1&TOP=2", Duplicate, "$top", "Query option '$top' was specified more than once, but it must be specified at most once."},
		{"empty", "$filter=", Empty, "$filter", "Query option '$filter' has no value. Give it one or leave it out."},
		{"no equals sign", "$search", Empty, "$search", "Query option '$search' has no value. Give it one or leave it out."},
		{"name badly encoded", "%2=1", Syntax, "%2", "The name of query option '%2' is not correctly percent-encoded."},
		{"value badly encoded", "$top=%zz", Syntax, "$top", "The value of query option '$top' is not correctly percent-encoded."},
		{"value not UTF-8", "$search=%ff", Syntax, "$search", "The value of query option '$search' is not valid UTF-8 or contains a NUL character."},
		{"value with NUL", "$filter=a eq '%00'", Syntax, "$filter", "The value of query option '$filter' is not valid UTF-8 or contains a NUL character."},
		{"too long", "x=" + strings.Repeat("y", MaxQueryBytes), Limit, "", "The query of the request URL is longer than 16384 bytes. Shorten it."},
		{"filter", "$filter=a", WrongType, "$filter", "Invalid filter clause: A condition is expected where there is only a property or a constant at position 0 in 'a'."},
		{"top 0", "$top=0", WrongType, "$top", "Invalid value '0' for $top query option found. The $top query option requires a positive integer value."},
		{"top -1", "$top=-1", WrongType, "$top", "Invalid value '-1' for $top query option found. The $top query option requires a positive integer value."},
		{"top 1000", "$top=1000", Limit, "$top", "The limit of '999' for Top query has been exceeded. The value from the incoming request is '1000'."},
		{"skip 1.5", "$skip=1.5", WrongType, "$skip", "Invalid value '1.5' for $skip query option found. The $skip query option requires a non-negative integer value."},
		{"skip past 2^31", "$skip=2147483648", WrongType, "$skip", "Invalid value '2147483648' for $skip query option found. The $skip query option requires a non-negative integer value."},
		{"count", "$count=1", WrongType, "$count", "Invalid value '1' for $count query option found. Valid values are 'true' and 'false'."},
		{"select nothing between commas", "$select=id,,x", Syntax, "$select", "Term '' is not valid in a $select expression."},
		{"select words", "$select=display name", Syntax, "$select", "Term 'display name' is not valid in a $select expression."},
		{"select too many", "$select=" + list(MaxSelect+1), Limit, "$select", "The query option '$select' names more than 100 properties."},
		{"orderby direction", "$orderby=id down", Syntax, "$orderby", "'down' is not a sort direction of $orderby. Use 'asc' or 'desc'."},
		{"orderby function", "$orderby=length(id)", Syntax, "$orderby", "Term 'length(id)' is not valid in a $orderby expression. Write a property, then 'asc' or 'desc' or nothing."},
		{"orderby twice", "$orderby=id,ID desc", Duplicate, "$orderby", "Duplicate property named 'ID' is not supported in '$orderby'."},
		{"orderby too many", "$orderby=" + list(MaxOrderByTerms+1), Limit, "$orderby", "The query option '$orderby' has more than 10 terms."},
		{"expand not closed", "$expand=a(b", Syntax, "$expand", "Term 'a(b' is not valid in a $expand expression."},
		{"expand closed twice", "$expand=a)b,c(d", Syntax, "$expand", "Term 'a)b,c(d' is not valid in a $expand expression."},
		{"expand quote not closed", "$expand=a('b", Syntax, "$expand", "Term 'a('b' is not valid in a $expand expression."},
		{"expand empty item", "$expand=a,", Syntax, "$expand", "Term '' is not valid in a $expand expression."},
		{"expand too many", "$expand=" + list(MaxExpand+1), Limit, "$expand", "The query option '$expand' has more than 20 items."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o, err := ParseOptions(tt.query)
			want := &Error{Problem: tt.problem, Option: tt.option, Message: tt.message}
			if diff := cmp.Diff(want, mustError(t, err)); diff != "" {
				t.Errorf("ParseOptions(%q) (-want +got):\n%s", clip(tt.query), diff)
			}
			if len(o.Given) != 0 {
				t.Errorf("options were returned with the error: %+v", o)
			}
		})
	}
}

func TestNextQuery(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, query, want string }{
		{"first page", "", "$skiptoken=T%2B1"},
		{"others stay as written", "$filter=a%20eq%20'b'&Top=5&x=%zz", "$filter=a%20eq%20'b'&Top=5&x=%zz&$skiptoken=T%2B1"},
		{"position is replaced", "%24skip=10&$top=5&SkipToken=old&", "$top=5&$skiptoken=T%2B1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := NextQuery(tt.query, "T+1"); got != tt.want {
				t.Errorf("NextQuery(%q) = %q, want %q", tt.query, got, tt.want)
			}
		})
	}
}

func TestDecodeSkipToken(t *testing.T) {
	t.Parallel()
	token := EncodeSkipToken([]string{"My check", "", "8f1c2a"})
	if strings.Contains(token, "My") || strings.Trim(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
		t.Errorf("the token %q is not opaque or needs escaping", token)
	}
	sealed := func(body ...byte) string { // with its right checksum
		return skipTokenText.EncodeToString(binary.BigEndian.AppendUint32(body, crc32.ChecksumIEEE(body)))
	}
	tooMany := EncodeSkipToken(make([]string, maxSkipTokenParts+1))
	bad := map[string]string{
		"empty": "", "cut": token[:len(token)-1], "longer": token + "A", "line break": token[:4] + "\n" + token[4:], "padding": token + "=",
		"other alphabet": "+" + token[1:], "another version": sealed(2), "without version": sealed(), "too many parts": tooMany,
		"length past the end": sealed(skipTokenVersion, 2, 'z'), "length without end": sealed(skipTokenVersion, 0x80),
		"not UTF-8": EncodeSkipToken([]string{"\xff"}), "NUL": EncodeSkipToken([]string{"\x00"}),
	}
	for i := range token { // one letter exchanged, everywhere
		other := "A"
		if token[i] == 'A' {
			other = "B"
		}
		bad["mangled at "+strconv.Itoa(i)] = token[:i] + other + token[i+1:]
	}
	for name, text := range bad {
		parts, err := DecodeSkipToken(text)
		if err == nil {
			t.Errorf("%s: accepted as %q", name, parts)
			continue
		}
		want := &Error{Syntax, "$skiptoken", "The $skiptoken is not valid. Follow @odata.nextLink as it was given, or start again without it."}
		if diff := cmp.Diff(want, mustError(t, err)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if _, err := DecodeSkipToken(strings.Repeat("A", MaxSkipTokenBytes+1)); mustError(t, err).Problem != Limit {
		t.Errorf("a long token: %v", err)
	}
}
