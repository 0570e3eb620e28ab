package graph

import (
	"net/url"
	"strings"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/odata"
)

// maxReference is how long the id of a connector in a body may be, in octets; ours have 36. Errors repeat it.
const maxReference = 64

// readReference reads the URL of a connector and returns its id.
func readReference(name string, value odata.Value) (string, error) {
	text, err := requiredText(name, value)
	if err != nil {
		return "", err
	}
	id, ok := referencedConnector(*text)
	if !ok {
		return "", apiconn.Invalidf(name, "The value of '%s' is not the URL of an API connector. Give one such as https://graph.microsoft.com/v1.0/identity/apiConnectors/{id}.", name)
	}
	return id, nil
}

// referencedConnector finds the id in the URL of a connector: relative or absolute, of any host and version, the key in
// either spelling (contract 2.8). Whose connector it is, the tenant of the call says and never the URL.
func referencedConnector(text string) (id string, ok bool) {
	u, err := url.Parse(text)
	if err != nil || u.Opaque != "" {
		return "", false
	}
	segments, ok := splitPath(strings.TrimPrefix(u.EscapedPath(), "/"))
	n := len(segments)
	if !ok || n < 2 || segments[n-2].key || !strings.EqualFold(segments[n-2].text, "apiConnectors") || len(segments[n-1].text) > maxReference {
		return "", false
	}
	return segments[n-1].text, true
}

// readLinks reads an apiConnectorConfiguration: the ids of connectors by step, "" for none. Every spelling is accepted
// that the documentation has and that was seen to work: {"step":{"@odata.id":url}}, {"step@odata.bind":url} and
// {"step":{"id":id}} (contract 8, row 11). Null and {} stand for no change at all.
func (c *call) readLinks(value odata.Value) (map[string]string, error) {
	const name = "apiConnectorConfiguration"
	if value.IsNull() {
		return nil, nil
	}
	members, ok := value.Object()
	if !ok {
		return nil, wrongType(name, "an object", value)
	}
	links := map[string]string{}
	for name, value := range members.All() {
		property, term, annotated := strings.Cut(name, "@")
		bound := strings.EqualFold(term, "odata.bind") || strings.EqualFold(term, "bind")
		if property == "" || annotated && !bound {
			continue // says something about the object, and nothing of what it links
		}
		step, known := c.findStep(property)
		if !known {
			return nil, unknownProperty(property, configurationType)
		}
		if _, twice := links[step.Name]; twice {
			return nil, apiconn.Invalidf(step.Name, "The step '%s' is given twice. Give it once.", step.Name)
		}
		var err error
		switch {
		case value.IsNull():
			links[step.Name] = ""
		case bound:
			links[step.Name], err = readReference(name, value)
		default:
			links[step.Name], err = readLink(step.Name, value)
		}
		if err != nil {
			return nil, err
		}
	}
	return links, nil
}

// readLink reads the object that stands for a connector, of which only what identifies it may be given: a client that
// sends more expects a change that does not belong here. An empty one is none, as in $ref.
func readLink(step string, value odata.Value) (string, error) {
	members, ok := value.Object()
	if !ok {
		return "", wrongType(step, "an object", value)
	}
	link := ""
	for name, value := range members.All() {
		var id string
		var err error
		switch {
		case name == "@odata.id":
			id, err = readReference(name, value)
		case name == "id":
			var text *string
			if text, err = requiredText(name, value); err == nil {
				id = *text
			}
		case odata.IsAnnotation(name), value.IsNull(): // go-azure-sdk writes null for all that it does not set (clients 2.8)
			continue
		default:
			err = apiconn.Invalidf(name, "The step '%s' takes the '@odata.id' or the 'id' of an API connector and nothing else. Change the connector itself at /identity/apiConnectors.", step)
		}
		if err != nil {
			return "", err
		}
		if id == "" || len(id) > maxReference || link != "" && link != id {
			return "", apiconn.Invalidf(step, "The step '%s' does not name one API connector. Give its '@odata.id' or its 'id'.", step)
		}
		link = id
	}
	if link == "" && members.Len() > 0 {
		return "", apiconn.Invalidf(step, "The step '%s' does not name one API connector. Give its '@odata.id' or its 'id'.", step)
	}
	return link, nil
}
