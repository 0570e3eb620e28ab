package edge

import (
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Schemas turns Go types into the JSON Schemas of what encoding/json makes of them. The types of a surface's bodies are so
// described by themselves; a struct with a name becomes a component. In one whose name ends in "Given", a request's, a pointer
// that may be left out may also be null.
type Schemas struct {
	Of     *Description            // gets the components
	Prefix string                  // of their names: "runtime."
	Known  map[reflect.Type]Object // the types that write themselves, and the strings of which there are only so many
}

// For returns the schema of a value's type.
func (s *Schemas) For(value any) Object { return s.schema(reflect.TypeOf(value)) }

func (s *Schemas) schema(t reflect.Type) Object {
	if known, ok := s.Known[t]; ok {
		return known
	}
	switch t.Kind() {
	case reflect.Bool:
		return Object{"type": "boolean"}
	case reflect.Int, reflect.Int32, reflect.Int64:
		return Object{"type": "integer"}
	case reflect.String:
		return Object{"type": "string"}
	case reflect.Pointer:
		return Nullable(s.schema(t.Elem()))
	case reflect.Slice:
		return Object{"type": "array", "items": s.schema(t.Elem())}
	case reflect.Map:
		return Object{"type": "object", "additionalProperties": s.schema(t.Elem())}
	case reflect.Struct:
		return s.object(t)
	default: // any
		return Object{}
	}
}

// object is a struct. One whose name cannot be a component's, because it is of a generic type, stands where it is used.
func (s *Schemas) object(t reflect.Type) Object {
	name, schema := s.name(t), Object{"type": "object"}
	component := t.Name() != "" && !strings.Contains(t.Name(), "[")
	if component {
		if s.Of.Components["schemas"][name] != nil {
			return Reference("schemas", name)
		}
		s.Of.Component("schemas", name, schema) // before its members, which may be of its own type
	}
	properties, required := Object{}, []string{}
	for i := range t.NumField() {
		field := t.Field(i)
		member, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		of := field.Type
		if options == "" {
			required = append(required, member)
		} else if of.Kind() == reflect.Pointer && !strings.HasSuffix(t.Name(), "Given") {
			of = of.Elem() // absent, and never null
		}
		properties[member] = s.schema(of)
	}
	schema["properties"] = properties
	if len(required) > 0 {
		schema["required"] = required
	}
	if component {
		return Reference("schemas", name)
	}
	return schema
}

// Further says whether an object of a value's type may have members that are not described.
func (s *Schemas) Further(value any, allowed bool) {
	if schema, ok := s.Of.Components["schemas"][s.name(reflect.TypeOf(value))].(Object); ok {
		schema["additionalProperties"] = allowed
	}
}

// name is that of a type's component.
func (s *Schemas) name(t reflect.Type) string {
	return s.Prefix + strings.Replace(t.Name(), "Body", "", 1)
}

// Nullable is a schema that takes null too.
func Nullable(schema Object) Object {
	name, simple := schema["type"].(string)
	if !simple {
		return Object{"anyOf": []Object{schema, {"type": "null"}}}
	}
	schema = maps.Clone(schema)
	schema["type"] = []string{name, "null"}
	if values, ok := schema["enum"]; ok {
		list := reflect.ValueOf(values)
		all := make([]any, 0, list.Len()+1)
		for i := range list.Len() {
			all = append(all, list.Index(i).Interface())
		}
		schema["enum"] = slices.Concat(all, []any{nil})
	}
	return schema
}
