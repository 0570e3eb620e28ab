package edge

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
)

// Object is a part of an OpenAPI document that has no type of its own here.
type Object = map[string]any

// Description is what a surface says of itself: a part of an OpenAPI 3.1 document (https://spec.openapis.org/oas/v3.1.1).
// Document puts the parts together.
type Description struct {
	Tag        Tag
	Paths      map[string]map[string]Operation // by path and by method in lower case
	Components map[string]Object               // by section ("schemas") and name
}

// Tag is what the operations of a surface are filed under.
type Tag struct {
	Name        string `json:"name"`
	Description string `json:"description"`
}

// Operation is one method of one path.
type Operation struct {
	ID          string                `json:"operationId"`
	Tags        []string              `json:"tags"`
	Summary     string                `json:"summary"`
	Description string                `json:"description,omitempty"`
	Parameters  []Object              `json:"parameters,omitempty"`
	RequestBody Object                `json:"requestBody,omitempty"`
	Responses   map[string]Object     `json:"responses"`
	Security    []map[string][]string `json:"security"` // any one of them will do; none: public
}

// Add puts an operation in its place. A method is in lower case.
func (d *Description) Add(path, method string, o Operation) {
	if d.Paths == nil {
		d.Paths = map[string]map[string]Operation{}
	}
	if d.Paths[path] == nil {
		d.Paths[path] = map[string]Operation{}
	}
	o.Tags = []string{d.Tag.Name}
	if o.Security == nil {
		o.Security = []map[string][]string{}
	}
	d.Paths[path][method] = o
}

// Component puts a component in its place and returns a reference to it.
func (d *Description) Component(section, name string, value Object) Object {
	if d.Components == nil {
		d.Components = map[string]Object{}
	}
	if d.Components[section] == nil {
		d.Components[section] = Object{}
	}
	d.Components[section][name] = value
	return Reference(section, name)
}

// Reference points to a component.
func Reference(section, name string) Object {
	return Object{"$ref": "#/components/" + section + "/" + name}
}

// Body is a request body or a response with content of one media type.
func Body(description, mediaType string, schema Object) Object {
	return Object{"description": description, "content": Object{mediaType: Object{"schema": schema}}}
}

// Parameter is a parameter of an operation; one in the path is required.
func Parameter(in, name, description string, schema Object) Object {
	p := Object{"in": in, "name": name, "description": description, "schema": schema}
	if in == "path" {
		p["required"] = true
	}
	return p
}

// Text is the schema of a string; with values, of one of them.
func Text[T ~string](values ...T) Object {
	schema := Object{"type": "string"}
	if len(values) > 0 {
		schema["enum"] = values
	}
	return schema
}

// GraphScope asks for all application permissions that a client has. It stands in the descriptions of the surfaces that take
// a bearer token.
const GraphScope = "https://graph.microsoft.com/.default"

// The names of the security schemes.
const (
	OAuth2Scheme = "oauth2"
	BasicScheme  = "basic"
)

// BearerToken adds the security scheme of the surfaces that take a token, and returns the requirement of it.
func (d *Description) BearerToken() map[string][]string {
	d.Component("securitySchemes", OAuth2Scheme, Object{
		"type": "oauth2",
		"description": "An access token for Microsoft Graph's scope, of the local authority or of another issuer that the server is set up to accept. " +
			"TENANT stands for the id or the name of the tenant.",
		"flows": Object{"clientCredentials": Object{
			"tokenUrl": "/TENANT/oauth2/v2.0/token",
			"scopes":   Object{GraphScope: "All application permissions that the client has."},
		}},
	})
	return map[string][]string{OAuth2Scheme: {GraphScope}}
}

// GraphError adds the error object of Microsoft Graph, which FailureOf and InnerError word, and returns the response that
// has it.
func (d *Description) GraphError() Object {
	const name = "microsoft.graph.ODataErrors.ODataError"
	text := Text[string]()
	schema := d.Component("schemas", name, Object{
		"type": "object", "required": []string{"error"},
		"properties": Object{"error": Object{
			"type": "object", "required": []string{"code", "message", "innerError"},
			"properties": Object{
				"code": text, "message": text,
				"innerError": Object{
					"type": "object", "required": []string{"date", "request-id", "client-request-id"},
					"properties": Object{"date": text, "request-id": text, "client-request-id": text, "correlationId": text},
				},
			},
		}},
	})
	return d.Component("responses", "error", Body("What is wrong, in the words of Microsoft Graph.", "application/json", schema))
}

// Document puts parts together into an OpenAPI 3.1 document in JSON. It fails if two parts say different things of one name.
func Document(title, version, description string, parts ...Description) ([]byte, error) {
	document := struct {
		OpenAPI    string                          `json:"openapi"`
		Info       Object                          `json:"info"`
		Servers    []Object                        `json:"servers"`
		Tags       []Tag                           `json:"tags"`
		Paths      map[string]map[string]Operation `json:"paths"`
		Components map[string]Object               `json:"components"`
	}{
		OpenAPI: "3.1.1",
		Info:    Object{"title": title, "version": version, "description": description},
		Servers: []Object{{"url": "/"}},
		Paths:   map[string]map[string]Operation{}, Components: map[string]Object{},
	}
	ids := map[string]string{}
	for _, part := range parts {
		document.Tags = append(document.Tags, part.Tag)
		for path, methods := range part.Paths {
			if _, twice := document.Paths[path]; twice {
				return nil, fmt.Errorf("the path %s is described twice", path)
			}
			document.Paths[path] = methods
			for method, o := range methods {
				if other, twice := ids[o.ID]; twice {
					return nil, fmt.Errorf("%s %s has the operationId %s, as has %s", method, path, o.ID, other)
				}
				ids[o.ID] = method + " " + path
			}
		}
		for section, components := range part.Components {
			if document.Components[section] == nil {
				document.Components[section] = Object{}
			}
			for name, value := range components {
				if other, there := document.Components[section][name]; there && !reflect.DeepEqual(other, value) {
					return nil, fmt.Errorf("the component %s/%s is two things", section, name)
				}
			}
			maps.Copy(document.Components[section], components)
		}
	}
	text, err := json.Marshal(document)
	if err != nil {
		return nil, fmt.Errorf("encode the description: %w", err)
	}
	return text, nil
}
