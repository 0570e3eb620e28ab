package steps_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/patchbay/patchbay/internal/edge/steps"
)

// TestDocumentationIsCurrent: the tables of docs/runtime.md are what the code says; `make docs` writes them.
func TestDocumentationIsCurrent(t *testing.T) {
	t.Parallel()
	page := filepath.Join("..", "..", "..", "docs", "runtime.md")
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	want := string(text)
	for name, table := range map[string]string{"routes": steps.RouteTable(), "codes": steps.CodeTable()} {
		begin, end := "<!-- "+name+": made by `make docs` -->\n", "<!-- end of "+name+" -->\n"
		before, rest, found := strings.Cut(want, begin)
		_, after, closed := strings.Cut(rest, end)
		if !found || !closed {
			t.Fatalf("docs/runtime.md has no place for the table of %s", name)
		}
		want = before + begin + table + end + after
	}
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Errorf("docs/runtime.md is stale; run `make docs` (-want +got):\n%s", diff)
	}
}
