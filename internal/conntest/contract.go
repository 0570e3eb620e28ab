package conntest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Contract holds answers to an OpenAPI description, more strictly than a client may: a member of an object that is not
// described is a fault, and a default response covers failures only.
type Contract struct {
	paths   []contractPath
	refusal contractResponse // of what is not described at all
}

// contractPath is a path and its operations by method.
type contractPath struct {
	segments []string
	methods  map[string]contractOperation
}

// contractOperation is the responses by status, and the schema of the body by media type.
type contractOperation struct {
	responses map[string]contractResponse
	takes     contractResponse
}

// contractResponse is the schema of a body by media type; none: there is no body.
type contractResponse map[string]*jsonschema.Schema

// NewContract reads a description, which must be a valid OpenAPI 3.1 document. refusal is the name of the schema that answers
// the requests that it does not describe.
func NewContract(text []byte, refusal string) (*Contract, error) {
	document, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		return nil, fmt.Errorf("read the description: %w", err)
	}
	if err := document.Validate(context.Background()); err != nil || !strings.HasPrefix(document.OpenAPI, "3.1.") {
		return nil, fmt.Errorf("the description of OpenAPI %s is not valid: %w", document.OpenAPI, err)
	}
	plain, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	r := &contractReader{document: plain.(map[string]any), compiler: jsonschema.NewCompiler()}
	closeObjects(plain)
	if err := r.compiler.AddResource(contractURL, plain); err != nil {
		return nil, err
	}
	c := &Contract{}
	for path, methods := range r.document["paths"].(map[string]any) {
		p := contractPath{segments: splitTarget(path), methods: map[string]contractOperation{}}
		for method, o := range methods.(map[string]any) {
			p.methods[strings.ToUpper(method)] = r.operation(pointer("paths", path, method), o.(map[string]any))
		}
		c.paths = append(c.paths, p)
	}
	c.refusal = contractResponse{"application/json": r.compile(pointer("components", "schemas", refusal))}
	return c, r.err
}

// contractURL is what the compiler knows the document by.
const contractURL = "https://description.example/openapi.json"

// closeObjects lets objects have the members that are described and no others.
func closeObjects(node any) {
	switch n := node.(type) {
	case []any:
		for _, element := range n {
			closeObjects(element)
		}
	case map[string]any:
		_, open := n["additionalProperties"]
		if _, isObject := n["properties"].(map[string]any); isObject && n["type"] == "object" && !open {
			n["unevaluatedProperties"] = false
		}
		for _, member := range n {
			closeObjects(member)
		}
	}
}

// contractReader compiles the schemas of a document.
type contractReader struct {
	document map[string]any
	compiler *jsonschema.Compiler
	err      error
}

func (r *contractReader) compile(at string) *jsonschema.Schema {
	schema, err := r.compiler.Compile(contractURL + "#" + at)
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("compile %s: %w", at, err)
	}
	return schema
}

func (r *contractReader) operation(at string, o map[string]any) contractOperation {
	described := contractOperation{responses: map[string]contractResponse{}}
	for status, response := range o["responses"].(map[string]any) {
		described.responses[status] = r.content(at+pointer("responses", status), response.(map[string]any))
	}
	if body, ok := o["requestBody"].(map[string]any); ok {
		described.takes = r.content(at+pointer("requestBody"), body)
	}
	return described
}

// content is the schemas of a response or a request body, which may be a reference to a component.
func (r *contractReader) content(at string, body map[string]any) contractResponse {
	if reference, ok := body["$ref"].(string); ok {
		at = strings.TrimPrefix(reference, "#")
		names := strings.Split(at, "/")
		section := r.document["components"].(map[string]any)[names[2]].(map[string]any)
		body = section[names[3]].(map[string]any)
	}
	described := contractResponse{}
	content, _ := body["content"].(map[string]any)
	for mediaType := range content {
		described[mediaType] = r.compile(at + pointer("content", mediaType, "schema"))
	}
	return described
}

// pointer is a JSON pointer to a member within members.
func pointer(names ...string) string {
	var b strings.Builder
	for _, name := range names {
		b.WriteString("/" + strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D", "$", "%24").Replace(name))
	}
	return b.String()
}

// Exchange is a request and its answer, bodies uncompressed.
type Exchange struct {
	Method, Target string // of the request line
	Request        []byte
	Loose          bool // the request is spelt in a way that is understood but not described
	Status         int
	ContentType    string
	Answer         []byte
}

// Check finds what is wrong with an answer; nil if it is as described. The answers in a batch are checked likewise.
func (c *Contract) Check(x Exchange) error {
	if x.Method == http.MethodOptions {
		if x.Status != http.StatusNoContent || len(x.Answer) > 0 {
			return fmt.Errorf("OPTIONS %s: %d", x.Target, x.Status)
		}
		return nil
	}
	path, _, _ := strings.Cut(x.Target, "?")
	segments := splitTarget(path)
	expected, err := c.expected(x, segments)
	if err == nil {
		err = expected.check(x.ContentType, x.Answer, x.Method == http.MethodHead)
	}
	if err == nil && x.Status < http.StatusBadRequest && !x.Loose {
		err = c.checkRequest(x, segments)
	}
	if err == nil && x.Status == http.StatusOK && len(segments) == 2 && segments[1] == "$batch" {
		err = c.checkBatch(x, segments[0])
	}
	if err != nil {
		return fmt.Errorf("%s %s, answered with %d: %w", x.Method, x.Target, x.Status, err)
	}
	return nil
}

// checkRequest holds a request that was accepted to its schema.
func (c *Contract) checkRequest(x Exchange, segments []string) error {
	takes := c.find(segments).methods[x.Method].takes
	if takes["application/json"] == nil {
		return nil
	}
	if err := takes.check("application/json", bytes.TrimPrefix(x.Request, []byte("\uFEFF")), false); err != nil {
		return fmt.Errorf("the request was accepted, and is not as described: %w", err)
	}
	return nil
}

// expected is the response that a status has by the description.
func (c *Contract) expected(x Exchange, segments []string) (contractResponse, error) {
	method := x.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	path := c.find(segments)
	operation, described := path.methods[method]
	response, exact := operation.responses[strconv.Itoa(x.Status)]
	switch {
	case !described && x.Status < http.StatusBadRequest:
		return nil, fmt.Errorf("this is not described")
	case !described:
		for _, other := range path.methods { // which fail alike
			return other.responses["default"], nil
		}
		return c.refusal, nil
	case exact:
		return response, nil
	case x.Status < http.StatusBadRequest:
		return nil, fmt.Errorf("this status is not described")
	}
	return operation.responses["default"], nil
}

// find returns the path that matches, one with names rather than one with keys.
func (c *Contract) find(segments []string) (best contractPath) {
	fewest := len(segments) + 1
	for _, p := range c.paths {
		if keys, ok := p.match(segments); ok && keys < fewest {
			best, fewest = p, keys
		}
	}
	return best
}

func (p contractPath) match(segments []string) (keys int, ok bool) {
	if len(p.segments) != len(segments) {
		return 0, false
	}
	for i, s := range p.segments {
		if strings.HasPrefix(s, "{") {
			keys++
		} else if !strings.EqualFold(s, segments[i]) {
			return 0, false
		}
	}
	return keys, true
}

// check holds a body to its schema.
func (r contractResponse) check(contentType string, body []byte, head bool) error {
	if len(r) == 0 {
		if len(body) > 0 || contentType != "" {
			return fmt.Errorf("there is a body, and none is described")
		}
		return nil
	}
	mediaType, _, err := mime.ParseMediaType(contentType)
	schema, described := r[mediaType]
	if err != nil || !described {
		return fmt.Errorf("the Content-Type %q is not described", contentType)
	}
	if head {
		return nil
	}
	var value any = string(body)
	if mediaType == "application/json" {
		if value, err = jsonschema.UnmarshalJSON(bytes.NewReader(body)); err != nil {
			return err
		}
	}
	return schema.Validate(value)
}

// checkBatch checks each answer of a batch as that of its own request.
func (c *Contract) checkBatch(x Exchange, version string) error {
	var asked struct {
		Requests []struct {
			ID, Method, URL string
			Body            json.RawMessage
		}
	}
	var answered struct {
		Responses []struct {
			ID      string
			Status  int
			Headers map[string]string
			Body    json.RawMessage
		}
	}
	if err := json.Unmarshal(x.Request, &asked); err != nil {
		return fmt.Errorf("the batch: %w", err)
	}
	if err := json.Unmarshal(x.Answer, &answered); err != nil {
		return err
	}
	if len(asked.Requests) != len(answered.Responses) {
		return fmt.Errorf("%d answers to %d requests", len(answered.Responses), len(asked.Requests))
	}
	for _, request := range asked.Requests {
		for _, response := range answered.Responses {
			if response.ID != request.ID {
				continue
			}
			item := Exchange{
				Method: strings.ToUpper(request.Method), Target: "/" + version + "/" + strings.TrimPrefix(request.URL, "/"), Request: request.Body,
				Status: response.Status, ContentType: response.Headers["Content-Type"], Answer: response.Body,
			}
			if text := ""; json.Unmarshal(response.Body, &text) == nil { // anything but JSON is in base64
				item.Answer, _ = base64.StdEncoding.DecodeString(text)
			}
			if err := c.Check(item); err != nil {
				return fmt.Errorf("request %s: %w", request.ID, err)
			}
		}
	}
	return nil
}
