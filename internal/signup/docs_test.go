package signup

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write docs/reasons.md and the verdicts of testdata/answers again")

// TestDocumentationIsCurrent: docs/reasons.md is what the table of reasons says; `make docs` writes it.
func TestDocumentationIsCurrent(t *testing.T) {
	t.Parallel()
	page := filepath.Join("..", "..", "docs", "reasons.md")
	if *update {
		if err := os.WriteFile(page, []byte(ReasonsPage()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(ReasonsPage(), string(got)); diff != "" {
		t.Errorf("docs/reasons.md is stale; run `make docs` (-want +got):\n%s", diff)
	}
}
