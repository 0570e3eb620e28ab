package graph

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSplitPath(t *testing.T) {
	t.Parallel()
	plain := func(texts ...string) []segment {
		list := make([]segment, 0, len(texts))
		for _, text := range texts {
			name, isKey := strings.CutPrefix(text, "key:")
			list = append(list, segment{name, isKey})
		}
		return list
	}
	for escaped, want := range map[string][]segment{
		"":                             nil,
		"a/b":                          plain("a", "b"),
		"a/b/":                         plain("a", "b"),
		"a('k')":                       plain("a", "key:k"),
		"a(k)/b":                       plain("a", "key:k", "b"),
		"a('it''s')":                   plain("a", "key:it's"),
		"a('''')":                      plain("a", "key:'"),
		"a('(x)')":                     plain("a", "key:(x)"),
		"a%28%27k%27%29":               plain("a", "key:k"),
		"a%2Fb":                        plain("a/b"),
		"a%252Fb":                      plain("a%2Fb"),
		"a+b":                          plain("a+b"),
		"('k')":                        plain("('k')"),
		"a('k')b":                      plain("a('k')b"),
		strings.Repeat("a/", 31) + "b": plain(append(slices.Repeat([]string{"a"}, 31), "b")...),
	} {
		got, ok := splitPath(escaped)
		if !ok {
			t.Errorf("%q is refused", escaped)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(segment{})); diff != "" {
			t.Errorf("%q (-want +got):\n%s", escaped, diff)
		}
	}
	for _, escaped := range []string{"/", "/a", "//", "a//b", "a//", "//a", "%zz", "a%", "a('')", "a()", "a('x'y')", "a(''')", strings.Repeat("a/", 32) + "b"} {
		if got, ok := splitPath(escaped); ok {
			t.Errorf("%q is %v", escaped, got)
		}
	}
}

// FuzzPath: no path makes the resolver panic; a path that is written anew from its segments, in either spelling of a key,
// is the same path; and case or a trailing slash changes nothing but the keys.
func FuzzPath(f *testing.F) {
	for _, seed := range []string{
		"", "/", "identity/apiConnectors", "IDENTITY/apiconnectors/", "identity/apiConnectors/4f7a", "identity/apiConnectors('4f7a')",
		"identity/apiConnectors('O''Brien')/microsoft.graph.uploadClientCertificate", "identity/apiConnectors/x/graph.UPLOADclientcertificate/",
		"identity/apiConnectors/$count", "identity/apiConnectors('$count')", "identity/apiConnectors/%24count", "$metadata", "$batch",
		"identity//apiConnectors", "identity/./apiConnectors", "identity/../x", "a%2fb", "%00", "%FF", "%zz", "(", ")", "a('", "a(''')", "a(()", "auditLogs/directoryAudits/x",
		"identity/b2xUserFlows('B2X_1_x')/apiConnectorConfiguration/POSTfederationsignup/$ref", "identity/b2cUserFlows/x/apiConnectorConfiguration/preTokenIssuance",
	} {
		f.Add(seed)
	}
	root := tree(routes(), Global, beta)
	f.Fuzz(func(t *testing.T, escaped string) {
		segments, ok := splitPath(escaped)
		if !ok {
			return
		}
		route, keys, missing := root.find(segments)
		if (route == nil) != (missing != "") && len(segments) > 0 {
			t.Fatalf("%q: route %v and missing %q", escaped, route, missing)
		}
		again, ok := splitPath(written(segments))
		if !ok {
			t.Fatalf("%q became %q, which is refused", escaped, written(segments))
		}
		if diff := cmp.Diff(segments, again, cmp.AllowUnexported(segment{})); diff != "" {
			t.Fatalf("%q became %q (-before +after):\n%s", escaped, written(segments), diff)
		}
		if route == nil {
			return
		}
		for i, s := range segments {
			if !slices.Contains(keys, s.text) {
				segments[i].text = strings.ToUpper(s.text)
			}
		}
		if other, otherKeys, _ := root.find(segments); other != route || !slices.Equal(keys, otherKeys) {
			t.Fatalf("%q in capitals is another resource", escaped)
		}
	})
}

// written is a path of those segments, with their keys in parentheses.
func written(segments []segment) string {
	var b strings.Builder
	for _, s := range segments {
		if s.key {
			b.WriteString(url.PathEscape("('" + strings.ReplaceAll(s.text, "'", "''") + "')"))
		} else {
			b.WriteString("/" + url.PathEscape(s.text))
		}
	}
	return strings.TrimPrefix(b.String(), "/")
}
