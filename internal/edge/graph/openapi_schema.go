package graph

import (
	"encoding/xml"
	"fmt"
	"slices"
	"strings"

	"github.com/patchbay/patchbay/internal/edge"
)

// csdl is the parts of $metadata of which schemas are made.
type csdl struct {
	Schema struct {
		EntityTypes  []csdlType `xml:"EntityType"`
		ComplexTypes []csdlType `xml:"ComplexType"`
		EnumTypes    []struct {
			Name    string `xml:",attr"`
			Members []struct {
				Name string `xml:",attr"`
			} `xml:"Member"`
		} `xml:"EnumType"`
	} `xml:"DataServices>Schema"`
}

// csdlType is a structured type.
type csdlType struct {
	Name        string         `xml:",attr"`
	BaseType    string         `xml:",attr"`
	Abstract    bool           `xml:",attr"`
	Properties  []csdlProperty `xml:"Property"`
	Navigations []csdlProperty `xml:"NavigationProperty"`
}

// csdlProperty is a property or a navigation property.
type csdlProperty struct {
	Name     string `xml:",attr"`
	Type     string `xml:",attr"`
	Nullable string `xml:",attr"` // "false": never null
}

// schemas makes JSON Schemas of the CSDL of one version, so that both say the same.
type schemas struct {
	csdl
	of     *edge.Description
	prefix string // of the components: "microsoft.graph."
}

func newSchemas(of *edge.Description, cloud Cloud, version, prefix string) (*schemas, error) {
	text, err := schemaFor(cloud, version)
	if err != nil {
		return nil, err
	}
	s := &schemas{of: of, prefix: prefix}
	if err := xml.Unmarshal(text, &s.csdl); err != nil {
		return nil, fmt.Errorf("read the CSDL: %w", err)
	}
	return s, nil
}

// named returns a reference to the schema of a type, which is made where it is not there yet.
func (s *schemas) named(name string) edge.Object {
	component := s.prefix + name
	if _, there := s.of.Components["schemas"][component]; there {
		return edge.Reference("schemas", component)
	}
	s.of.Component("schemas", component, edge.Object{}) // taken: a type may lead back to itself
	for _, e := range s.Schema.EnumTypes {
		if e.Name == name {
			members := make([]string, len(e.Members))
			for i, m := range e.Members {
				members[i] = m.Name
			}
			return s.of.Component("schemas", component, edge.Text(members...))
		}
	}
	t := s.find(name)
	if t.Abstract {
		return s.of.Component("schemas", component, s.oneOfThem(name))
	}
	properties := s.properties(t)
	if base := s.find(plainName(t.BaseType)); base.Abstract && base.Name != "entity" {
		properties[discriminator] = edge.Text("#microsoft.graph."+name, "microsoft.graph."+name)
	}
	return s.of.Component("schemas", component, edge.Object{
		"type": "object", "properties": properties,
		"patternProperties": edge.Object{`@`: edge.Object{"description": "Control information and annotations, by odata.metadata."}},
	})
}

// discriminator is the member that names an object's type.
const discriminator = "@odata.type"

// oneOfThem is the schema of an abstract type: any of those derived from it, told apart by @odata.type.
func (s *schemas) oneOfThem(name string) edge.Object {
	var derived []edge.Object
	mapping := edge.Object{}
	for _, t := range s.Schema.ComplexTypes {
		if plainName(t.BaseType) == name {
			reference := s.named(t.Name)
			derived = append(derived, reference)
			mapping["#microsoft.graph."+t.Name], mapping["microsoft.graph."+t.Name] = reference["$ref"], reference["$ref"]
		}
	}
	return edge.Object{"anyOf": derived, "discriminator": edge.Object{"propertyName": discriminator, "mapping": mapping}}
}

// properties are a type's own and those that it inherits.
func (s *schemas) properties(t csdlType) edge.Object {
	properties := edge.Object{}
	if t.BaseType != "" {
		properties = s.properties(s.find(plainName(t.BaseType)))
	}
	for _, p := range t.Properties {
		schema := s.typed(p.Type)
		if p.Name == "password" {
			schema = edge.Object{"type": "string", "format": "password"}
		}
		if p.Nullable != "false" && !strings.HasPrefix(p.Type, "Collection(") {
			schema = edge.Nullable(schema)
		}
		properties[p.Name] = schema
	}
	for _, p := range t.Navigations { // of what is expanded; null where nothing is linked
		properties[p.Name] = edge.Nullable(s.typed(p.Type))
	}
	return properties
}

// primitives are the schemas of Edm's types.
var primitives = map[string]edge.Object{
	"Edm.String":         {"type": "string"},
	"Edm.Boolean":        {"type": "boolean"},
	"Edm.Single":         {"type": "number", "format": "float"},
	"Edm.Int64":          {"anyOf": []edge.Object{{"type": "integer", "format": "int64"}, {"type": "string", "pattern": "^-?[0-9]+$", "description": "With IEEE754Compatible=true."}}},
	"Edm.DateTimeOffset": {"type": "string", "format": "date-time"},
}

func (s *schemas) typed(name string) edge.Object {
	if item, isList := strings.CutPrefix(name, "Collection("); isList {
		return edge.Object{"type": "array", "items": s.typed(strings.TrimSuffix(item, ")"))}
	}
	if primitive, ok := primitives[name]; ok {
		return primitive
	}
	return s.named(plainName(name))
}

func (s *schemas) find(name string) csdlType {
	all := slices.Concat(s.Schema.EntityTypes, s.Schema.ComplexTypes)
	if i := slices.IndexFunc(all, func(t csdlType) bool { return t.Name == name }); i >= 0 {
		return all[i]
	}
	return csdlType{}
}

// plainName is a type's name without its namespace.
func plainName(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }

// collection is the schema of a page of a type.
func (s *schemas) collection(name string) edge.Object {
	text := edge.Text[string]()
	return s.of.Component("schemas", s.prefix+name+"CollectionResponse", edge.Object{
		"type": "object", "required": []string{"value"},
		"properties": edge.Object{
			"@odata.context": text, "@odata.count": primitives["Edm.Int64"],
			"@odata.nextLink": edge.Object{"type": "string", "description": "Leads to the next page; follow it as it is."},
			"value":           edge.Object{"type": "array", "items": s.named(name)},
		},
	})
}

// uploadParameters is the schema of the action's body.
func (s *schemas) uploadParameters() edge.Object {
	return edge.Object{
		"type": "object", "required": []string{"pkcs12Value", "password"},
		"properties": edge.Object{
			"pkcs12Value": edge.Object{"type": "string", "contentEncoding": "base64", "description": "A PKCS#12 file with a key and its certificate."},
			"password":    edge.Object{"type": "string", "writeOnly": true},
		},
	}
}
