package edge_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/patchbay/patchbay/internal/edge"
)

// colour is a string of which there are only so many.
type colour string

// paintBody and tinGiven are as the bodies of surfaces are.
type (
	paintBody struct {
		Name   string         `json:"name"`
		Colour colour         `json:"colour"`
		Layers int            `json:"layers,omitempty"`
		Tins   []tinGiven     `json:"tins"`
		Under  *paintBody     `json:"under,omitempty"`
		Other  map[string]any `json:"other"`
	}
	tinGiven struct {
		Litres *int `json:"litres,omitempty"`
	}
)

// TestSchemas: a schema is what encoding/json makes of a type: required unless it may be left out; null where a request may say
// so.
func TestSchemas(t *testing.T) {
	t.Parallel()
	d := &edge.Description{}
	s := &edge.Schemas{Of: d, Prefix: "shop.", Known: map[reflect.Type]edge.Object{reflect.TypeFor[colour](): edge.Text[colour]("red", "blue")}}
	if diff := cmp.Diff(edge.Reference("schemas", "shop.paint"), s.For(paintBody{})); diff != "" {
		t.Error(diff)
	}
	s.Further(tinGiven{}, false)
	got, err := json.Marshal(d.Components["schemas"])
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"shop.paint":{"properties":{"colour":{"enum":["red","blue"],"type":"string"},"layers":{"type":"integer"},"name":{"type":"string"},` +
		`"other":{"additionalProperties":{},"type":"object"},"tins":{"items":{"$ref":"#/components/schemas/shop.tinGiven"},"type":"array"},` +
		`"under":{"$ref":"#/components/schemas/shop.paint"}},"required":["name","colour","tins","other"],"type":"object"},` +
		`"shop.tinGiven":{"additionalProperties":false,"properties":{"litres":{"type":["integer","null"]}},"type":"object"}}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNullable(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ schema, want edge.Object }{
		{edge.Object{"type": "string"}, edge.Object{"type": []string{"string", "null"}}},
		{edge.Text("a"), edge.Object{"type": []string{"string", "null"}, "enum": []any{"a", nil}}},
		{edge.Reference("schemas", "a"), edge.Object{"anyOf": []edge.Object{edge.Reference("schemas", "a"), {"type": "null"}}}},
	} {
		if diff := cmp.Diff(tt.want, edge.Nullable(tt.schema)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

// TestDocument: parts that say different things of one name do not go together.
func TestDocument(t *testing.T) {
	t.Parallel()
	part := func(path, id, scheme string) edge.Description {
		d := &edge.Description{Tag: edge.Tag{Name: "t"}}
		d.Add(path, "get", edge.Operation{ID: id})
		d.Component("schemas", "s", edge.Object{"type": scheme})
		return *d
	}
	for name, tt := range map[string]struct {
		second edge.Description
		want   string // in the error; "": none
	}{
		"two parts":      {part("/b", "b", "string"), ""},
		"a path":         {part("/a", "b", "string"), "the path /a is described twice"},
		"an operationId": {part("/b", "a", "string"), "operationId a"},
		"a component":    {part("/b", "b", "number"), "schemas/s is two things"},
	} {
		text, err := edge.Document("title", "1", "description", part("/a", "a", "string"), tt.second)
		switch {
		case tt.want == "" && (err != nil || !strings.HasPrefix(string(text), `{"openapi":"3.1.1","info":{`)):
			t.Errorf("%s: %v %s", name, err, text)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%s: %v, want %s", name, err, tt.want)
		}
	}
}
