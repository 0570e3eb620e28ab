package graph

import (
	"strings"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/edge"
	"github.com/patchbay/patchbay/internal/odata"
)

// object reads the body of a write: JSON by its Content-Type, an object by its form.
func (c *call) object() (odata.Object, []byte, error) {
	if err := edge.CheckJSON(c.header); err != nil {
		return odata.Object{}, nil, err
	}
	body, err := c.body()
	if err != nil {
		return odata.Object{}, nil, err
	}
	object, err := odata.ParseObject(body)
	return object, body, err
}

// clip keeps a name that a client made up from filling an answer.
func clip(name string) string {
	if runes := []rune(name); len(runes) > 64 {
		return string(runes[:64]) + "…"
	}
	return name
}

// checkRootType accepts a root @odata.type that names the type in any case, as DSC and go-azure-sdk send it
// (contract 2.4), and tells whether there was one.
func checkRootType(object odata.Object, typeName string) (bool, error) {
	value, present := object.Get("@odata.type")
	if !present {
		return false, nil
	}
	name, _ := value.Text()
	name = strings.TrimPrefix(name, "#")
	if !strings.EqualFold(unqualified(name), unqualified(typeName)) {
		return false, &apiconn.Error{
			Kind: apiconn.Invalid, Reason: apiconn.ReasonWrongType, Field: "@odata.type",
			Message: "The @odata.type of the body must be '#" + typeName + "'. Correct it or leave it out.",
		}
	}
	return true, nil
}

// checkID lets a client that read, modified and writes back send the id along; it cannot be chosen or changed.
func checkID(value odata.Value, id string) error {
	given, ok := value.Text()
	if value.IsNull() || (ok && id != "" && given == id) {
		return nil
	}
	if id == "" {
		return apiconn.Invalidf("id", "The property 'id' is made by the server and cannot be given. Leave it out.")
	}
	return apiconn.Invalidf("id", "The property 'id' cannot be changed. Leave it out, or send the id of the URL.")
}

func requiredText(name string, value odata.Value) (*string, error) {
	if value.IsNull() {
		return nil, apiconn.RequiredValue(name)
	}
	text, ok := value.Text()
	if !ok {
		return nil, wrongType(name, "a string", value)
	}
	return &text, nil
}

func unknownProperty(name, typeName string) error {
	return &apiconn.Error{
		Kind: apiconn.Invalid, Reason: apiconn.ReasonUnknownProperty, Field: name,
		Message: "The property '" + clip(name) + "' does not exist on type '" + typeName + "'. Make sure to only use property names that are defined by the type.",
	}
}

// wrongType says what a property must be: "a string".
func wrongType(name, wanted string, value odata.Value) error {
	return &apiconn.Error{
		Kind: apiconn.Invalid, Reason: apiconn.ReasonWrongType, Field: name,
		Message: "The property '" + name + "' must be " + wanted + ", but a JSON " + value.Kind().String() + " was given.",
	}
}
