package conntest_test

import (
	"testing"

	"github.com/patchbay/patchbay/internal/conntest"
)

// small is a description with one of everything that Contract looks at.
const small = `{
  "openapi": "3.1.1", "info": {"title": "t", "version": "1"},
  "paths": {
    "/v1/things": {
      "get": {"operationId": "list", "responses": {
        "200": {"description": "d", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/thing"}}}},
        "default": {"$ref": "#/components/responses/error"}}},
      "post": {"operationId": "create", "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/thing"}}}},
        "responses": {"204": {"description": "d"}, "default": {"$ref": "#/components/responses/error"}}}},
    "/v1/things/{id}": {"get": {"operationId": "get", "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "string"}}],
      "responses": {"200": {"description": "d", "content": {"text/plain": {"schema": {"type": "string", "pattern": "^[0-9]+$"}}}}}}},
    "/v1/$batch": {"post": {"operationId": "batch", "responses": {
      "200": {"description": "d", "content": {"application/json": {"schema": {"type": "object"}}}}}}}
  },
  "components": {
    "responses": {"error": {"description": "d", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/error"}}}}},
    "schemas": {
      "thing": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}},
      "error": {"type": "object", "required": ["code"], "properties": {"code": {"type": "string"}}}}
  }
}`

func TestContract(t *testing.T) {
	t.Parallel()
	c, err := conntest.NewContract([]byte(small), "error")
	if err != nil {
		t.Fatal(err)
	}
	const jsonType, list = "application/json", "/v1/things"
	batch := func(status, contentType, body string) conntest.Exchange {
		return conntest.Exchange{
			Method: "POST", Target: "/v1/$batch", Status: 200, ContentType: jsonType,
			Request: []byte(`{"requests":[{"id":"a","method":"get","url":"/things"}]}`),
			Answer:  []byte(`{"responses":[{"id":"a","status":` + status + `,"headers":{"Content-Type":"` + contentType + `"},"body":` + body + `}]}`),
		}
	}
	tests := []struct {
		name string
		x    conntest.Exchange
		good bool
	}{
		{"as described", conntest.Exchange{Method: "GET", Target: list + "?x=1", Status: 200, ContentType: jsonType + ";charset=utf-8", Answer: []byte(`{"name":"a"}`)}, true},
		{"another member", conntest.Exchange{Method: "GET", Target: list, Status: 200, ContentType: jsonType, Answer: []byte(`{"name":"a","x":1}`)}, false},
		{"a member missing", conntest.Exchange{Method: "GET", Target: list, Status: 200, ContentType: jsonType, Answer: []byte(`{}`)}, false},
		{"another type", conntest.Exchange{Method: "GET", Target: list, Status: 200, ContentType: jsonType, Answer: []byte(`{"name":null}`)}, false},
		{"not JSON", conntest.Exchange{Method: "GET", Target: list, Status: 200, ContentType: jsonType, Answer: []byte(`{`)}, false},
		{"another media type", conntest.Exchange{Method: "GET", Target: list, Status: 200, ContentType: "text/html", Answer: []byte(`{"name":"a"}`)}, false},
		{"another status", conntest.Exchange{Method: "GET", Target: list, Status: 202, ContentType: jsonType, Answer: []byte(`{"code":"a"}`)}, false},
		{"a failure", conntest.Exchange{Method: "GET", Target: list, Status: 500, ContentType: jsonType, Answer: []byte(`{"code":"a"}`)}, true},
		{"a failure of another form", conntest.Exchange{Method: "GET", Target: list, Status: 500, ContentType: jsonType, Answer: []byte(`{"error":"a"}`)}, false},
		{"HEAD", conntest.Exchange{Method: "HEAD", Target: list, Status: 200, ContentType: jsonType}, true},
		{"another method, refused", conntest.Exchange{Method: "PUT", Target: list, Status: 405, ContentType: jsonType, Answer: []byte(`{"code":"a"}`)}, true},
		{"another method, taken", conntest.Exchange{Method: "PUT", Target: list, Status: 204}, false},
		{"another path, refused", conntest.Exchange{Method: "GET", Target: "/v2", Status: 404, ContentType: jsonType, Answer: []byte(`{"code":"a"}`)}, true},
		{"another path, refused in another form", conntest.Exchange{Method: "GET", Target: "/v2", Status: 404, ContentType: jsonType, Answer: []byte(`{}`)}, false},
		{"another path, served", conntest.Exchange{Method: "GET", Target: "/v2", Status: 200}, false},
		{"OPTIONS", conntest.Exchange{Method: "OPTIONS", Target: list, Status: 204}, true},
		{"OPTIONS with a body", conntest.Exchange{Method: "OPTIONS", Target: list, Status: 204, Answer: []byte("x")}, false},
		{"nothing", conntest.Exchange{Method: "POST", Target: list, Request: []byte(`{"name":"a"}`), Status: 204}, true},
		{"a body where none is", conntest.Exchange{Method: "POST", Target: list, Request: []byte(`{"name":"a"}`), Status: 204, Answer: []byte("x")}, false},
		{"a request that is not described", conntest.Exchange{Method: "POST", Target: list, Request: []byte(`{"Name":"a"}`), Status: 204}, false},
		{"one that is known not to be", conntest.Exchange{Method: "POST", Target: list, Request: []byte(`{"Name":"a"}`), Status: 204, Loose: true}, true},
		{"one that was refused", conntest.Exchange{Method: "POST", Target: list, Request: []byte(`{}`), Status: 400, ContentType: jsonType, Answer: []byte(`{"code":"a"}`)}, true},
		{"a key in parentheses", conntest.Exchange{Method: "GET", Target: "/V1/Things('a')/", Status: 200, ContentType: "text/plain", Answer: []byte("12")}, true},
		{"text of another form", conntest.Exchange{Method: "GET", Target: list + "/a", Status: 200, ContentType: "text/plain", Answer: []byte("x")}, false},
		{"a batch", batch("200", jsonType, `{"name":"a"}`), true},
		{"a batch whose answer is not as described", batch("200", jsonType, `{"nom":"a"}`), false},
		{"a batch whose answer has another status", batch("201", jsonType, `{"name":"a"}`), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if err := c.Check(tt.x); (err == nil) != tt.good {
				t.Error(err)
			}
		})
	}
}

// TestContractOfNothing: a text that is no valid OpenAPI 3.1 document is refused.
func TestContractOfNothing(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"not JSON":          `{`,
		"OpenAPI 3.0":       `{"openapi":"3.0.3","info":{"title":"t","version":"1"},"paths":{},"components":{"schemas":{"error":{"type":"object"}}}}`,
		"without a title":   `{"openapi":"3.1.1","info":{"version":"1"},"paths":{},"components":{"schemas":{"error":{"type":"object"}}}}`,
		"an unknown schema": `{"openapi":"3.1.1","info":{"title":"t","version":"1"},"paths":{},"components":{"schemas":{"other":{"type":"object"}}}}`,
		"a key undeclared":  `{"openapi":"3.1.1","info":{"title":"t","version":"1"},"paths":{"/{id}":{"get":{"responses":{"200":{"description":"d"}}}}},"components":{"schemas":{"error":{"type":"object"}}}}`,
	} {
		if _, err := conntest.NewContract([]byte(text), "error"); err == nil {
			t.Errorf("%s: there is no error", name)
		}
	}
}
