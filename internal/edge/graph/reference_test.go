package graph

import (
	"net/url"
	"strings"
	"testing"
)

// FuzzReference: no text makes the reader of references panic, and whatever it finds is found again in each of the
// spellings that it must accept (contract 2.8).
func FuzzReference(f *testing.F) {
	for _, seed := range []string{
		"", "/", "x", "identity/apiConnectors/x", "https://graph.microsoft.com/v1/identity/apiConnectors/4f7a", "/beta/identity/APIconnectors('4f7a')/",
		"https://[::1]:8443/v1.0/identity/apiConnectors('O''Brien')?x=y#z", "apiConnectors/apiConnectors/apiConnectors", "apiConnectors('x')/apiConnectors",
		"urn:apiConnectors/x", "identity/apiConnectors", "identity/apiConnectors/%2F", "identity/apiConnectors/%zz", "identity//apiConnectors/x", "apiConnectors/%27", "apiConnectors/(x)",
		"identity/apiConnectors/$ref", "//apiConnectors/x", "mailto:a@b", "apiConnectors/" + strings.Repeat("x", maxReference+1), "apiConnectors/" + strings.Repeat("x", maxReference), "https://host/identity/apiConnectors/x%00",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		id, ok := referencedConnector(text)
		if !ok {
			if id != "" {
				t.Fatalf("%q is refused and names %q", text, id)
			}
			return
		}
		if id == "" || len(id) > maxReference {
			t.Fatalf("%q names %q", text, id)
		}
		key := url.PathEscape("('" + strings.ReplaceAll(id, "'", "''") + "')")
		for _, spelling := range []string{"identity/apiConnectors" + key, "https://graph.example/v1.0/identity/apiconnectors" + key + "/"} {
			if again, ok := referencedConnector(spelling); !ok || again != id {
				t.Fatalf("%q names %q, and written as %q it names %q, %v", text, id, spelling, again, ok)
			}
		}
	})
}
