package steps_test

import (
	"compress/gzip"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/patchbay/patchbay/internal/conntest"
	"github.com/patchbay/patchbay/internal/edge"
	"github.com/patchbay/patchbay/internal/edge/steps"
)

// description is the contract of the surface, read once for all tests of a run.
var description = sync.OnceValues(func() (*conntest.Contract, error) {
	part, err := steps.OpenAPI(true)
	if err != nil {
		return nil, err
	}
	text, err := edge.Document("test", "1", "", part)
	if err != nil {
		return nil, err
	}
	return conntest.NewContract(text, "microsoft.graph.ODataErrors.ODataError")
})

// hold holds an answer, and a request that was accepted, to the published description.
func hold(t *testing.T, method, path, body string, got reply) {
	t.Helper()
	contract, err := description()
	if err != nil {
		t.Fatal(err)
	}
	answer := got.body
	if got.header.Get("Content-Encoding") == "gzip" {
		zr, err := gzip.NewReader(strings.NewReader(answer))
		if err != nil {
			t.Fatal(err)
		}
		plain, err := io.ReadAll(zr)
		if err != nil {
			t.Fatal(err)
		}
		answer = string(plain)
	}
	if err := contract.Check(conntest.Exchange{
		Method: method, Target: path, Request: []byte(body), Loose: strings.HasPrefix(body, "\x1f\x8b"), // gzip
		Status: got.status, ContentType: got.header.Get("Content-Type"), Answer: []byte(answer),
	}); err != nil {
		t.Error(err)
	}
}
