package graph_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/patchbay/patchbay/internal/edge/graph"
)

// TestDocumentationIsCurrent: docs/graph.md is what the route table says, and the table of docs/openapi.md what the comparison
// with Microsoft's description finds; `make docs` writes them.
func TestDocumentationIsCurrent(t *testing.T) {
	t.Parallel()
	t.Run("graph.md", func(t *testing.T) {
		t.Parallel()
		current(t, "graph.md", func(string) string { return graph.Reference() })
	})
	t.Run("openapi.md", func(t *testing.T) {
		t.Parallel()
		d, err := graph.OpenAPI(graph.Global)
		if err != nil {
			t.Fatal(err)
		}
		current(t, "openapi.md", func(text string) string {
			const begin, end = "<!-- differences: made by `make docs` -->\n", "<!-- end of differences -->\n"
			before, rest, found := strings.Cut(text, begin)
			_, after, closed := strings.Cut(rest, end)
			if !found || !closed {
				t.Fatal("docs/openapi.md has no place for the differences")
			}
			return before + begin + differences(t, d) + end + after
		})
	})
}

// current compares a page with what is made of it, or writes it.
func current(t *testing.T, name string, made func(string) string) {
	t.Helper()
	page := filepath.Join("..", "..", "..", "docs", name)
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	want := made(string(got))
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("docs/%s is stale; run `make docs` (-want +got):\n%s", name, diff)
	}
}
