package transfer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// terraformState is a state of version 4, as `terraform state pull` prints it, or what `terraform show -json` prints of one.
type terraformState struct {
	Version   int                 `json:"version"`
	Resources []terraformResource `json:"resources"`
	Values    *struct {
		Root terraformModule `json:"root_module"`
	} `json:"values"`
}

type terraformResource struct {
	Mode      string `json:"mode"`
	Type      string `json:"type"`
	Name      string `json:"name"`
	Instances []struct {
		Attributes json.RawMessage `json:"attributes"`
	} `json:"instances"`
	Values json.RawMessage `json:"values"` // of show -json
}

type terraformModule struct {
	Resources []terraformResource `json:"resources"`
	Children  []terraformModule   `json:"child_modules"`
}

// terraformAttributes are those of the provider microsoft/msgraph that matter here.
type terraformAttributes struct {
	ID          string           `json:"id"`
	URL         string           `json:"url"`
	ResourceURL string           `json:"resource_url"`
	Action      string           `json:"action"`
	Method      string           `json:"method"`
	Body        terraformDynamic `json:"body"`
}

// terraformDynamic is a value whose type stands beside it, as a state keeps those that no schema knows; show -json leaves the
// type out.
type terraformDynamic struct{ value json.RawMessage }

// UnmarshalJSON takes the value out.
func (d *terraformDynamic) UnmarshalJSON(raw []byte) error {
	var typed struct {
		Value json.RawMessage `json:"value"`
		Type  json.RawMessage `json:"type"`
	}
	d.value = bytes.Clone(raw)
	if json.Unmarshal(raw, &typed) == nil && typed.Value != nil && typed.Type != nil {
		d.value = typed.Value
	}
	return nil
}

// The collections in URLs of the provider, in lower case.
const (
	urlConnectors = "identity/apiconnectors"
	urlB2X        = "identity/b2xuserflows"
	urlB2C        = "identity/b2cuserflows"
	urlLinks      = "/apiconnectorconfiguration/"
)

// readTerraform reads the connectors and user flows of a state. What other providers and data sources keep is passed over.
func readTerraform(content []byte) (Document, error) {
	var d Document
	var state terraformState
	decoder := json.NewDecoder(bytes.NewReader(content))
	if err := decoder.Decode(&state); err != nil {
		if errors.Is(err, io.EOF) {
			return d, errors.New("the file is empty")
		}
		if syntax := (*json.SyntaxError)(nil); errors.As(err, &syntax) || errors.Is(err, io.ErrUnexpectedEOF) {
			return d, jsonError(content, decoder.InputOffset(), err)
		}
		return d, errors.New("this is no state of Terraform: a member is of another type than there")
	}
	resources := state.Resources
	switch {
	case state.Values != nil:
		resources = state.Values.Root.all(0)
	case state.Version != 4:
		return d, fmt.Errorf("this is no state of version 4 (it says %d): give what `terraform state pull` prints", state.Version)
	}
	t := &terraformReader{d: &d, links: map[string]map[string]Link{}}
	for _, r := range resources {
		if r.Mode != "managed" || !strings.HasPrefix(r.Type, "msgraph_") {
			continue
		}
		for _, raw := range r.instances() {
			var attributes terraformAttributes
			err := errors.New("its attributes are not those of the provider microsoft/msgraph")
			if json.Unmarshal(raw, &attributes) == nil {
				err = t.take(attributes)
			}
			if err != nil {
				return d, fmt.Errorf("the resource %q: %w", r.Type+"."+r.Name, err)
			}
		}
	}
	t.finish()
	return d, nil
}

// instances are the attributes of each instance of a resource.
func (r terraformResource) instances() []json.RawMessage {
	var all []json.RawMessage
	if len(r.Values) > 0 {
		all = append(all, r.Values)
	}
	for _, one := range r.Instances {
		if len(one.Attributes) > 0 {
			all = append(all, one.Attributes)
		}
	}
	return all
}

// all are the resources of a module and of those below it.
func (m terraformModule) all(depth int) []terraformResource {
	resources := m.Resources
	if depth < maxNesting {
		for _, child := range m.Children {
			resources = append(resources, child.all(depth+1)...)
		}
	}
	return resources
}

// terraformReader puts a document together: changes and links may stand before what they belong to.
type terraformReader struct {
	d       *Document
	changes []Connector                // of msgraph_update_resource, by id
	links   map[string]map[string]Link // of steps, by user flow
}

// take reads one instance.
func (t *terraformReader) take(a terraformAttributes) error {
	if len(a.Body.value) == 0 || string(a.Body.value) == "null" { // imported, and not applied yet
		a.Body.value = json.RawMessage("{}")
	}
	at := a.URL
	if at == "" {
		at = a.ResourceURL
		if a.Action != "" {
			at += "/" + a.Action
		}
	}
	at = strings.Trim(at, "/")
	lower := strings.ToLower(at)
	flows := strings.HasPrefix(lower, urlB2X) || strings.HasPrefix(lower, urlB2C)
	switch {
	case lower == urlConnectors:
		return t.connector(a)
	case strings.HasPrefix(lower, urlConnectors+"/") && !strings.Contains(lower[len(urlConnectors)+1:], "/"):
		return t.change(at[len(urlConnectors)+1:], a)
	case flows && strings.Contains(lower, urlLinks):
		return t.link(at, a)
	case lower == urlB2X || lower == urlB2C:
		return t.flow(a)
	}
	return nil
}

func (t *terraformReader) connector(a terraformAttributes) error {
	before := len(t.d.Connectors)
	if err := t.d.takeConnector(a.Body.value); err != nil {
		return err
	}
	one := &t.d.Connectors[before]
	one.ID = a.ID
	if one.Name == "" {
		return errors.New("its body is not in the state, because it was imported and not applied since: run terraform apply, or read the connector from Graph")
	}
	return nil
}

// change remembers what a msgraph_update_resource makes of a connector.
func (t *terraformReader) change(id string, a terraformAttributes) error {
	var changed Document
	if err := changed.takeConnector(a.Body.value); err != nil {
		return err
	}
	one := changed.Connectors[0]
	one.ID = id
	t.changes = append(t.changes, one)
	for _, note := range changed.Notes {
		t.d.note("%s", note)
	}
	return nil
}

func (t *terraformReader) flow(a terraformAttributes) error {
	var f graphFlow
	if json.Unmarshal(a.Body.value, &f) != nil {
		return errors.New("its body is no user flow")
	}
	id := flowID(a.ID)
	if id == "" {
		id = flowID(f.ID)
	}
	flow := t.d.flow(id)
	flow.Type, flow.Version = f.Type, f.Version
	return t.d.takeLinks(flow, f.Configuration)
}

// link reads what links a step: a $ref.
func (t *terraformReader) link(at string, a terraformAttributes) error {
	parts := strings.Split(at, "/") // identity/b2xUserFlows/{id}/apiConnectorConfiguration/{step}/$ref
	if len(parts) != 6 || parts[5] != "$ref" {
		return nil
	}
	step, known := stepNamed(parts[4])
	if !known || strings.EqualFold(a.Method, "DELETE") {
		return nil
	}
	var body struct {
		Reference string `json:"@odata.id"`
	}
	if json.Unmarshal(a.Body.value, &body) != nil {
		return errors.New("its body is no reference")
	}
	id := flowID(parts[2])
	if t.links[id] == nil {
		t.links[id] = map[string]Link{}
	}
	if key := lastKey(body.Reference); key != "" {
		t.links[id][step] = Link{ID: key}
	}
	return nil
}

// finish puts changes and links where they belong.
func (t *terraformReader) finish() {
	for _, change := range t.changes {
		i := t.d.linked(Link{ID: change.ID})
		if i < 0 {
			if change.Name == "" || change.TargetURL == "" {
				t.d.note("The state changes a part of the connector %q, which it does not hold whole; the part was left behind.", change.ID)
				continue
			}
			t.d.Connectors = append(t.d.Connectors, change)
			continue
		}
		one := &t.d.Connectors[i]
		if change.Name != "" {
			one.Name = change.Name
		}
		if change.TargetURL != "" {
			one.TargetURL = change.TargetURL
		}
		if change.Authentication.Kind != "" {
			one.Authentication = change.Authentication
		}
	}
	for id, links := range t.links {
		flow := t.d.flow(id)
		if flow.Links == nil {
			flow.Links = map[string]Link{}
		}
		for step, link := range links {
			flow.Links[step] = link
		}
	}
}
