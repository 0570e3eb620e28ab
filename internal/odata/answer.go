package odata

import (
	"math"
	"strconv"
	"time"
)

// Property is one property of an entity or a complex value. A nil Value is null.
type Property struct {
	Name  string
	Value PropertyValue
}

// PropertyValue is a value that can be written. The set is closed: String, Bool, Int32, Int64, Single, DateTimeOffset,
// Strings, Complex, ComplexCollection, Entity, Raw, and nil for null.
type PropertyValue interface {
	// annotate appends what stands before the property of that name: control information such as its type.
	annotate(dst []byte, name string, f Format) []byte
	// appendJSON appends the value.
	appendJSON(dst []byte, f Format) []byte
}

// String is an Edm.String, Edm.Guid or enumeration value.
type String string

// Bool is an Edm.Boolean.
type Bool bool

// Int32 is an Edm.Int32: always a JSON number.
type Int32 int32

// Int64 is an Edm.Int64: a JSON number, or a string where IEEE754Compatible asks for it.
type Int64 int64

// Single is an Edm.Single: a JSON number with as many digits as tell it from its neighbours, or one of the strings "NaN",
// "INF" and "-INF" (OData JSON 4.01 section 7.1).
type Single float32

// DateTimeOffset is an Edm.DateTimeOffset, written in UTC with as many digits as its microseconds need.
type DateTimeOffset time.Time

// Strings is a Collection(Edm.String); nil is written as an empty one.
type Strings []string

// Raw is JSON text that is written as it is: the body of an answer within a $batch answer. Whoever makes one vouches
// for it being JSON. Empty is written as null.
type Raw []byte

// Complex is a value of a complex type.
type Complex struct {
	Type       string // such as "microsoft.graph.basicAuthentication"
	Declared   string // the type the property is declared with; where it differs a reader needs to be told Type
	Properties []Property
}

// ComplexCollection is a collection of complex values.
type ComplexCollection struct {
	Declared string // the declared type of the items; their own Declared is ignored
	Items    []Complex
}

// Entity is an entity, at the root of an answer, in a collection, or as the value of an expanded navigation property.
// With an empty ID it serves for a complex value at the root, which has neither id nor edit link.
type Entity struct {
	ContextURL string // written at the root and before an expanded property, never within a collection
	ID         string // the canonical URL
	Type       string // such as "microsoft.graph.identityApiConnector"
	Properties []Property
}

// AppendEntity appends e as the whole body of an answer.
func AppendEntity(dst []byte, e Entity, f Format) []byte {
	o := objectWriter{dst: append(dst, '{'), format: f}
	if f.Metadata != None && e.ContextURL != "" {
		o.text("@odata.context", e.ContextURL)
	}
	o.entity(e)
	return append(o.dst, '}')
}

// AppendCollection appends entities as the whole body of an answer. count and nextLink are left out when nil and "".
func AppendCollection(dst []byte, contextURL string, count *int64, nextLink string, entities []Entity, f Format) []byte {
	o := objectWriter{dst: append(dst, '{'), format: f}
	if f.Metadata != None {
		o.text("@odata.context", contextURL)
	}
	if count != nil {
		o.name("@odata.count")
		o.dst = Int64(*count).appendJSON(o.dst, f)
	}
	if nextLink != "" {
		o.text("@odata.nextLink", nextLink)
	}
	o.name("value")
	o.dst = append(o.dst, '[')
	for i, e := range entities {
		if i > 0 {
			o.dst = append(o.dst, ',')
		}
		o.dst = e.appendJSON(o.dst, f)
	}
	return append(o.dst, "]}"...)
}

// objectWriter appends the members of one JSON object.
type objectWriter struct {
	dst    []byte
	format Format
	begun  bool
}

func (o *objectWriter) comma() {
	if o.begun {
		o.dst = append(o.dst, ',')
	}
	o.begun = true
}

func (o *objectWriter) name(name string) {
	o.comma()
	o.dst = append(appendString(o.dst, name), ':')
}

func (o *objectWriter) text(name, value string) {
	o.name(name)
	o.dst = appendString(o.dst, value)
}

func (o *objectWriter) entity(e Entity) {
	if o.format.Metadata == Full {
		if e.Type != "" {
			o.text("@odata.type", "#"+e.Type)
		}
		if e.ID != "" {
			o.text("@odata.id", e.ID)
			o.text("@odata.editLink", e.ID)
		}
	}
	o.properties(e.Properties)
}

func (o *objectWriter) properties(properties []Property) {
	for _, p := range properties {
		o.comma()
		if p.Value == nil {
			o.dst = append(appendString(o.dst, p.Name), ":null"...)
			continue
		}
		o.dst = p.Value.annotate(o.dst, p.Name, o.format)
		o.dst = append(appendString(o.dst, p.Name), ':')
		o.dst = p.Value.appendJSON(o.dst, o.format)
	}
}

// annotateText appends the member "name@term":"value" and a comma.
func annotateText(dst []byte, name, term, value string) []byte {
	dst = append(appendString(dst, name+term), ':')
	return append(appendString(dst, value), ',')
}

func annotateType(dst []byte, name, edmType string, f Format) []byte {
	if f.Metadata != Full {
		return dst
	}
	return annotateText(dst, name, "@odata.type", "#"+edmType)
}

// A reader knows strings, booleans, small integers and nulls from their JSON (OData JSON 4.01 section 4.5.3), and raw
// text speaks for itself.
func (String) annotate(dst []byte, _ string, _ Format) []byte { return dst }
func (Bool) annotate(dst []byte, _ string, _ Format) []byte   { return dst }
func (Int32) annotate(dst []byte, _ string, _ Format) []byte  { return dst }
func (Raw) annotate(dst []byte, _ string, _ Format) []byte    { return dst }

// A single complex value carries its type within itself.
func (Complex) annotate(dst []byte, _ string, _ Format) []byte { return dst }

func (Int64) annotate(dst []byte, name string, f Format) []byte {
	return annotateType(dst, name, "Int64", f)
}

func (Single) annotate(dst []byte, name string, f Format) []byte {
	return annotateType(dst, name, "Single", f)
}

func (DateTimeOffset) annotate(dst []byte, name string, f Format) []byte {
	return annotateType(dst, name, "DateTimeOffset", f)
}

func (Strings) annotate(dst []byte, name string, f Format) []byte {
	return annotateType(dst, name, "Collection(String)", f)
}

func (c ComplexCollection) annotate(dst []byte, name string, f Format) []byte {
	return annotateType(dst, name, "Collection("+c.Declared+")", f)
}

func (e Entity) annotate(dst []byte, name string, f Format) []byte {
	if f.Metadata == None || e.ContextURL == "" {
		return dst
	}
	return annotateText(dst, name, "@odata.context", e.ContextURL)
}

func (v String) appendJSON(dst []byte, _ Format) []byte { return appendString(dst, string(v)) }

func (v Bool) appendJSON(dst []byte, _ Format) []byte { return strconv.AppendBool(dst, bool(v)) }

func (v Int32) appendJSON(dst []byte, _ Format) []byte { return strconv.AppendInt(dst, int64(v), 10) }

func (v Raw) appendJSON(dst []byte, _ Format) []byte {
	if len(v) == 0 {
		return append(dst, "null"...)
	}
	return append(dst, v...)
}

func (v Int64) appendJSON(dst []byte, f Format) []byte {
	if !f.IEEE754 {
		return strconv.AppendInt(dst, int64(v), 10)
	}
	return append(strconv.AppendInt(append(dst, '"'), int64(v), 10), '"')
}

func (v Single) appendJSON(dst []byte, _ Format) []byte {
	switch f := float64(v); {
	case math.IsNaN(f):
		return append(dst, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(dst, `"INF"`...)
	case math.IsInf(f, -1):
		return append(dst, `"-INF"`...)
	default:
		return strconv.AppendFloat(dst, f, 'g', -1, 32)
	}
}

func (v DateTimeOffset) appendJSON(dst []byte, _ Format) []byte {
	t := time.Time(v).UTC().Truncate(time.Microsecond)
	return append(t.AppendFormat(append(dst, '"'), time.RFC3339Nano), '"')
}

func (v Strings) appendJSON(dst []byte, _ Format) []byte {
	dst = append(dst, '[')
	for i, s := range v {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, s)
	}
	return append(dst, ']')
}

func (c Complex) appendJSON(dst []byte, f Format) []byte {
	o := objectWriter{dst: append(dst, '{'), format: f}
	if c.Type != "" && (f.Metadata == Full || (f.Metadata == Minimal && c.Type != c.Declared)) {
		o.text("@odata.type", "#"+c.Type)
	}
	o.properties(c.Properties)
	return append(o.dst, '}')
}

func (c ComplexCollection) appendJSON(dst []byte, f Format) []byte {
	dst = append(dst, '[')
	for i, item := range c.Items {
		if i > 0 {
			dst = append(dst, ',')
		}
		item.Declared = c.Declared
		dst = item.appendJSON(dst, f)
	}
	return append(dst, ']')
}

func (e Entity) appendJSON(dst []byte, f Format) []byte {
	o := objectWriter{dst: append(dst, '{'), format: f}
	o.entity(e)
	return append(o.dst, '}')
}
