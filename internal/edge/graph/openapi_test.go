package graph_test

import (
	"sync"
	"testing"

	"github.com/patchbay/patchbay/internal/conntest"
	"github.com/patchbay/patchbay/internal/edge"
	"github.com/patchbay/patchbay/internal/edge/graph"
)

// description is the contract of the surface, read once for all tests of a run.
var description = sync.OnceValues(func() (*conntest.Contract, error) {
	part, err := graph.OpenAPI(graph.Global)
	if err != nil {
		return nil, err
	}
	text, err := edge.Document("test", "1", "", part)
	if err != nil {
		return nil, err
	}
	return conntest.NewContract(text, "microsoft.graph.ODataErrors.ODataError")
})

// hold holds an answer to the published description, and a request that was accepted too, unless a script is about loose
// spellings.
func hold(t *testing.T, r *request, a *response, loose bool) {
	t.Helper()
	_, compressed := r.get("Content-Encoding")
	contract, err := description()
	if err != nil {
		t.Fatal(err)
	}
	x := conntest.Exchange{Method: r.method, Target: r.target, Request: r.body, Loose: loose || compressed, Status: a.status, Answer: a.body}
	for _, h := range a.header {
		if h[0] == "Content-Type" || h[0] == "content-type" {
			x.ContentType = h[1]
		}
	}
	if err := contract.Check(x); err != nil {
		t.Error(err)
	}
}
