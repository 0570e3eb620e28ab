package graph_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/patchbay/patchbay/internal/edge/graph"
)

// TestDocumentationIsCurrent: docs/graph.md is what the route table says; `make docs` writes it.
func TestDocumentationIsCurrent(t *testing.T) {
	t.Parallel()
	page := filepath.Join("..", "..", "..", "docs", "graph.md")
	if *update {
		if err := os.WriteFile(page, []byte(graph.Reference()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(graph.Reference(), string(got)); diff != "" {
		t.Errorf("docs/graph.md is stale; run `make docs` (-want +got):\n%s", diff)
	}
}
