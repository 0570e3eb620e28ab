package app

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/patchbay/patchbay/internal/conntest"
	"github.com/patchbay/patchbay/internal/edge/graph"
)

var update = flag.Bool("update", false, "write docs/openapi.json again")

// refusal is the schema of the error object that answers what is not described.
const refusal = "microsoft.graph.ODataErrors.ODataError"

// TestDocumentationIsCurrent: docs/openapi.json is what a server with every surface says of itself; `make docs` writes it.
func TestDocumentationIsCurrent(t *testing.T) {
	t.Parallel()
	text, err := description(graph.Global, true)
	if err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	if err := json.Indent(&want, text, "", "  "); err != nil {
		t.Fatal(err)
	}
	want.WriteByte('\n')
	page := filepath.Join("..", "..", "docs", "openapi.json")
	if *update {
		if err := os.WriteFile(page, want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.String(), string(got)); diff != "" {
		t.Errorf("docs/openapi.json is stale; run `make docs` (-want +got):\n%s", diff)
	}
}

// TestDescriptionIsValid: whatever is served under a cloud, with the local authority or without, is described by a valid OpenAPI
// 3.1 document.
func TestDescriptionIsValid(t *testing.T) {
	t.Parallel()
	for _, cloud := range graph.Clouds {
		for _, local := range []bool{true, false} {
			text, err := description(cloud, local)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := conntest.NewContract(text, refusal); err != nil {
				t.Errorf("cloud %s, authority %t: %v", cloud, local, err)
			}
		}
	}
}

// TestDescriptionIsServed: the development server says of itself what docs/openapi.json has, to whoever asks.
func TestDescriptionIsServed(t *testing.T) {
	t.Parallel()
	want, err := description(graph.Global, true)
	if err != nil {
		t.Fatal(err)
	}
	status, got := startDev(t, t.TempDir()).do(t, http.MethodGet, "/runtime/v1/openapi.json", "", "", "")
	if status != http.StatusOK || got != string(want) {
		t.Errorf("status %d with %d octets, want %d", status, len(got), len(want))
	}
}

// BenchmarkDescription is what the description costs whoever first asks for it.
func BenchmarkDescription(b *testing.B) {
	for b.Loop() {
		if _, err := description(graph.Global, true); err != nil {
			b.Fatal(err)
		}
	}
}
