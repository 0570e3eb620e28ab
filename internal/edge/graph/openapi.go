package graph

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/patchbay/patchbay/internal/edge"
)

// OpenAPI describes what this surface serves under a cloud: paths and methods by the table of routes, schemas by the CSDL of
// $metadata, and what an operation takes and answers by the form of its path. The operationIds are Microsoft's own
// (docs/openapi.md); those of beta begin with "beta.".
func OpenAPI(cloud Cloud) (edge.Description, error) {
	d := &edge.Description{Tag: edge.Tag{Name: "graph", Description: "What is wire-compatible with Microsoft Graph."}}
	bearer, failure := d.BearerToken(), d.GraphError()
	all := routes()
	for _, version := range versions {
		prefix, idPrefix := "microsoft.graph.", ""
		if version == beta {
			prefix, idPrefix = "microsoft.graph.beta.", "beta."
		}
		s, err := newSchemas(d, cloud, version, prefix)
		if err != nil {
			return edge.Description{}, err
		}
		for _, r := range all {
			if !r.in(cloud, version) {
				continue
			}
			w := &writer{schemas: s, route: r, all: all}
			for _, method := range slices.Sorted(maps.Keys(r.methods)) {
				o, err := w.operation(method)
				if err != nil {
					return edge.Description{}, err
				}
				o.ID, o.Summary, o.Responses["default"] = idPrefix+o.ID, r.methods[method].does, failure
				if !r.public {
					o.Security = []map[string][]string{bearer}
				}
				d.Add("/"+version+w.path(), strings.ToLower(method), o)
			}
		}
	}
	return *d, nil
}

// writer describes the operations of one route.
type writer struct {
	*schemas
	route route
	all   []route
}

// resource is what the route is about, and where the path of that begins its keys.
func (w *writer) resource() (about, keyed resource) {
	switch {
	case w.route.step.Name != "":
		return connectors, w.route.flows.resource
	case w.route.flows != nil:
		return w.route.flows.resource, w.route.flows.resource
	case strings.HasPrefix(w.route.path, audits.path):
		return audits, audits
	}
	return connectors, connectors
}

// keyName is the name of the key in the path, such as identityApiConnector-id.
func (w *writer) keyName() string {
	_, keyed := w.resource()
	return plainName(keyed.typeName) + "-id"
}

func (w *writer) path() string { return strings.ReplaceAll(w.route.path, "{id}", "{"+w.keyName()+"}") }

// operation describes one method.
func (w *writer) operation(method string) (o edge.Operation, err error) {
	segments := strings.Split(w.route.path, "/")
	last := segments[len(segments)-1]
	about, _ := w.resource()
	name := plainName(about.typeName)
	switch {
	case w.route.path == "/" || w.route.path == "/identity" || last == "$metadata" || last == "$batch":
		o = w.single(last)
	case last == "$count":
		o = edge.Operation{Parameters: w.options("$filter"), Responses: w.answers(http.StatusOK, edge.Body("How many there are.", "text/plain", edge.Object{"type": "string", "pattern": "^[0-9]+$"}))}
	case last == "$ref":
		o = w.reference(method)
	case w.route.action:
		o = w.writing(http.StatusOK, name, w.uploadParameters(), true)
	case last == "apiConnectorConfiguration":
		o = edge.Operation{Parameters: w.options("$expand"), Responses: w.answers(http.StatusOK, w.entity(plainName(configurationType)))}
	case w.route.path == about.path && method == http.MethodGet:
		o = w.listing(name)
	case method == http.MethodGet:
		o = edge.Operation{Parameters: w.options("$select"), Responses: w.answers(http.StatusOK, w.entity(name))}
	case method == http.MethodPost:
		given := w.named(name)
		o = w.writing(http.StatusCreated, name, edge.Object{"$ref": given["$ref"], "required": required[about.typeName]}, true)
	case method == http.MethodPatch:
		o = w.writing(http.StatusOK, name, w.named(name), false)
	case method == http.MethodDelete && w.route.step.Name != "": // an If-Match is refused: the ETag is the connector's
		o = edge.Operation{Responses: w.removal().Responses}
	case method == http.MethodDelete:
		o = w.removal()
	default:
		return o, fmt.Errorf("what does %s %s take and answer?", method, w.route.path)
	}
	if strings.Contains(w.route.path, "{id}") {
		o.Parameters = append([]edge.Object{edge.Parameter("path", w.keyName(), "The id.", edge.Text[string]())}, o.Parameters...)
	}
	o.ID = operationID(method, w.route)
	if w.route.clouds != nil {
		clouds := make([]string, len(w.route.clouds))
		for i, cloud := range w.route.clouds {
			clouds[i] = string(cloud)
		}
		o.Description = "In these clouds: " + strings.Join(clouds, ", ") + "."
	}
	return o, nil
}

// required are the properties without which nothing is created.
var required = map[string][]string{
	connectors.typeName:   {"displayName", "targetUrl", "authenticationConfiguration"},
	b2xUserFlows.typeName: {"id", "userFlowType", "userFlowTypeVersion"},
	b2cUserFlows.typeName: {"id", "userFlowType", "userFlowTypeVersion"},
}

// single describes the paths of which there is one each.
func (w *writer) single(last string) edge.Operation {
	text := edge.Text[string]()
	switch last {
	case "identity": // always a 404, which is the default
		return edge.Operation{Responses: map[string]edge.Object{}}
	case "$metadata":
		return edge.Operation{Responses: w.answers(http.StatusOK, edge.Body("The CSDL.", "application/xml", text))}
	case "$batch":
		headers := edge.Object{"type": "object", "additionalProperties": text}
		request := edge.Object{"type": "object", "required": []string{"id", "method", "url"}, "properties": edge.Object{
			"id": text, "method": text, "url": edge.Object{"type": "string", "description": "Relative to the version's root."},
			"headers": edge.Nullable(headers), "body": edge.Object{"description": "JSON, or anything else in base64."},
			"dependsOn": edge.Nullable(edge.Object{"type": "array", "items": text}),
		}}
		response := edge.Object{"type": "object", "required": []string{"id", "status", "headers"}, "properties": edge.Object{
			"id": text, "status": edge.Object{"type": "integer"}, "headers": headers, "body": edge.Object{"description": "JSON, or anything else in base64."},
		}}
		list := func(name string, items edge.Object) edge.Object {
			array := edge.Object{"type": "array", "minItems": 1, "maxItems": maxBatch, "items": items}
			return edge.Object{"type": "object", "required": []string{name}, "properties": edge.Object{name: array}}
		}
		return edge.Operation{
			RequestBody: given(list("requests", request)),
			Responses:   w.answers(http.StatusOK, edge.Body("An answer for each request.", "application/json", list("responses", response))),
		}
	default: // the service document
		element := edge.Object{"type": "object", "required": []string{"name", "kind", "url"}, "properties": edge.Object{"name": text, "kind": text, "url": text}}
		return edge.Operation{Responses: w.answers(http.StatusOK, edge.Body("What there is.", "application/json", edge.Object{
			"type": "object", "required": []string{"value"},
			"properties": edge.Object{"@odata.context": text, "value": edge.Object{"type": "array", "items": element}},
		}))}
	}
}

// listing describes a page of a resource. What can be counted has a $count of its own in the table of routes.
func (w *writer) listing(name string) edge.Operation {
	options := []string{"$select", "$filter", "$orderby", "$top", "$skip", "$skiptoken"}
	if slices.ContainsFunc(w.all, func(r route) bool { return r.path == w.route.path+"/$count" }) {
		options = append(options, "$count")
	}
	return edge.Operation{Parameters: w.options(options...), Responses: w.answers(http.StatusOK, edge.Body("A page.", "application/json", w.collection(name)))}
}

// entity is the response with one entity, which has an ETag if it can be changed.
func (w *writer) entity(name string) edge.Object {
	a := edge.Body("The entity.", "application/json", w.named(name))
	if name != plainName(configurationType) && name != plainName(audits.typeName) {
		a["headers"] = edge.Object{"ETag": w.etag()}
	}
	return a
}

func (w *writer) etag() edge.Object {
	return w.of.Component("headers", "ETag", edge.Object{"description": "The version, for If-Match.", "schema": edge.Text[string]()})
}

// writing describes an operation that answers with an entity or, as the client prefers, with 204.
func (w *writer) writing(status int, name string, body edge.Object, post bool) edge.Operation {
	parameters := append(w.options("$select"), w.parameter("header", "Prefer", "return=minimal for 204, return=representation for the entity.", edge.Text[string]()))
	if status != http.StatusCreated {
		parameters = append(parameters, w.ifMatch())
	}
	if post {
		parameters = append(parameters, w.parameter("header", "Idempotency-Key", "The same for a repetition of one request: it is carried out once.", edge.Object{"type": "string", "maxLength": 255}))
	}
	entity, nothing := w.entity(name), edge.Object{"description": "Done.", "headers": edge.Object{"ETag": w.etag()}}
	if status == http.StatusCreated {
		for _, a := range []edge.Object{entity, nothing} {
			a["headers"].(edge.Object)["Location"] = edge.Object{"description": "The URL of what was made.", "schema": edge.Text[string]()}
		}
	}
	responses := w.answers(status, entity)
	responses[strconv.Itoa(http.StatusNoContent)] = nothing
	return edge.Operation{Parameters: parameters, RequestBody: given(body), Responses: responses}
}

func (w *writer) removal() edge.Operation {
	return edge.Operation{Parameters: []edge.Object{w.ifMatch()}, Responses: w.answers(http.StatusNoContent, edge.Object{"description": "Done."})}
}

// reference describes the reference to the connector of a step.
func (w *writer) reference(method string) edge.Operation {
	schema := edge.Object{"type": "object", "properties": edge.Object{"@odata.context": edge.Text[string](), "@odata.id": edge.Text[string]()}}
	o := w.removal()
	switch method {
	case http.MethodGet:
		o = edge.Operation{Responses: w.answers(http.StatusOK, edge.Body("The reference.", "application/json", schema))}
	case http.MethodPut:
		o.RequestBody = given(schema)
	}
	return o
}

// given is a body that is required.
func given(schema edge.Object) edge.Object {
	return edge.Object{"required": true, "content": edge.Object{"application/json": edge.Object{"schema": schema}}}
}

func (w *writer) answers(status int, a edge.Object) map[string]edge.Object {
	return map[string]edge.Object{strconv.Itoa(status): a}
}

func (w *writer) ifMatch() edge.Object {
	return w.parameter("header", "If-Match", "The ETag of the version that is meant: 412 if there is another.", edge.Text[string]())
}

// optionSchemas are the query options and what they are.
var optionSchemas = map[string]struct {
	schema      edge.Object
	description string
}{
	"$select":    {edge.Object{"type": "array", "items": edge.Object{"type": "string"}}, "Properties to show."},
	"$expand":    {edge.Object{"type": "array", "items": edge.Object{"type": "string"}}, "Steps whose connectors to show, or *."},
	"$filter":    {edge.Object{"type": "string"}, "A condition on properties, as OData has it."},
	"$orderby":   {edge.Object{"type": "array", "items": edge.Object{"type": "string"}}, "Properties to sort by, each with asc or desc."},
	"$top":       {edge.Object{"type": "integer", "minimum": 0}, "The size of a page."},
	"$skip":      {edge.Object{"type": "integer", "minimum": 0}, "How many to pass over."},
	"$count":     {edge.Object{"type": "boolean"}, "Whether to tell how many there are."},
	"$skiptoken": {edge.Object{"type": "string"}, "Where a page begins; comes in @odata.nextLink."},
}

// options are references to query options.
func (w *writer) options(names ...string) []edge.Object {
	var all []edge.Object
	for _, name := range names {
		o := optionSchemas[name]
		p := edge.Parameter("query", name, o.description, o.schema)
		if o.schema["type"] == "array" {
			p["style"], p["explode"] = "form", false
		}
		all = append(all, w.of.Component("parameters", strings.TrimPrefix(name, "$"), p))
	}
	return all
}

// parameter is a reference to a parameter that several operations have.
func (w *writer) parameter(in, name, description string, schema edge.Object) edge.Object {
	return w.of.Component("parameters", name, edge.Parameter(in, name, description, schema))
}
