package transfer

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strings"
)

// Form is a form in which a document is written.
type Form string

// The forms.
const (
	Graph     Form = "graph"     // answers of Microsoft Graph, JSON
	DSC       Form = "dsc"       // a configuration of Microsoft365DSC, PowerShell
	Terraform Form = "terraform" // read: a state, JSON; written: resources of the provider microsoft/msgraph, HCL
	Patchbay  Form = "patchbay"  // patchbay.yaml
)

// Forms are the names of all forms, the one of our own first.
func Forms() []string {
	return []string{string(Patchbay), string(Graph), string(DSC), string(Terraform)}
}

// Document is what can be moved.
type Document struct {
	Connectors []Connector
	Flows      []Flow

	// Whether the document speaks of connectors and of user flows at all: an empty list is not the same as none.
	HasConnectors, HasFlows bool

	Notes []string // what was left behind, in sentences

	pages map[string]int // of listings: pages less links to a next one, by collection
}

// Connector is an API connector without its secrets.
type Connector struct {
	ID             string // where it comes from; "" if that is not known
	Name           string
	TargetURL      string
	Authentication Authentication
	Call           *CallSettings // what was set of how it is called; nil: not known
}

// The kinds of authentication.
const (
	Basic           = "basic"
	WithCertificate = "certificate"
)

// Authentication is how a connector proves itself.
type Authentication struct {
	Kind         string // Basic, WithCertificate; "" if that is not known
	Username     string
	Certificates []Certificate // the oldest upload first

	Password *Reference // nil: not given. Of the PKCS#12 file if there is one
	PKCS12   *Reference // file with a client certificate and its key

	Thumbprint string // of the certificate in PKCS12; "" as long as nobody looked
}

// Certificate is what everybody may know of a client certificate, with times in Unix seconds; 0 is unknown.
type Certificate struct {
	Thumbprint string // SHA-1, 40 upper-case hex digits
	NotBefore  int64
	NotAfter   int64
	Active     bool
}

// Flow is a user flow and the connectors that its steps call.
type Flow struct {
	ID      string // with its prefix
	Type    string // userFlowType; "" if that is not known
	Version float64
	Links   map[string]Link // by step; nil: not known
}

// Link names the connector of a step: by id, by name, or by both, in which case the id counts where it is known.
type Link struct{ ID, Name string }

// The steps of a user flow, in the order in which a sign-up comes to them.
const (
	stepFederation = "postFederationSignup"
	stepAttributes = "postAttributeCollection"
	stepToken      = "preTokenIssuance"
)

// Steps are the steps of a user flow.
func Steps() []string { return []string{stepFederation, stepAttributes, stepToken} }

// stepNamed finds a step by its name in any case.
func stepNamed(name string) (string, bool) {
	for _, step := range Steps() {
		if strings.EqualFold(step, name) {
			return step, true
		}
	}
	return "", false
}

// The beginnings of the ids of user flows.
const (
	prefixB2X = "B2X_1_"
	prefixB2C = "B2C_1_"
)

// B2C tells whether the flow is one of Azure AD B2C; else it is one of a workforce tenant.
func (f Flow) B2C() bool { return strings.HasPrefix(f.ID, prefixB2C) }

// flowID gives an id its one spelling: with the prefix, that of a workforce tenant if there is none.
func flowID(given string) string {
	for _, prefix := range []string{prefixB2X, prefixB2C} {
		if len(given) >= len(prefix) && strings.EqualFold(given[:len(prefix)], prefix) {
			return prefix + given[len(prefix):]
		}
	}
	if given == "" {
		return ""
	}
	return prefixB2X + given
}

func (d *Document) note(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(d.Notes, text) {
		d.Notes = append(d.Notes, text)
	}
}

// flow returns the flow of an id, made if it is missing. The pointer is good until the next call.
func (d *Document) flow(id string) *Flow {
	d.HasFlows = true
	i := slices.IndexFunc(d.Flows, func(f Flow) bool { return f.ID == id })
	if i < 0 {
		i = len(d.Flows)
		d.Flows = append(d.Flows, Flow{ID: id})
	}
	return &d.Flows[i]
}

// page counts a page of a listing.
func (d *Document) page(collection string, goesOn bool) {
	if d.pages == nil {
		d.pages = map[string]int{}
	}
	d.pages[collection]++
	if goesOn {
		d.pages[collection]--
	}
}

// Merge adds what another document holds.
func (d *Document) Merge(o Document) {
	d.Connectors = append(d.Connectors, o.Connectors...)
	for _, f := range o.Flows {
		known := d.flow(f.ID)
		if known.Type == "" {
			known.Type, known.Version = f.Type, f.Version
		}
		if known.Links == nil {
			known.Links = f.Links
		}
	}
	d.HasConnectors, d.HasFlows = d.HasConnectors || o.HasConnectors, d.HasFlows || o.HasFlows
	for _, note := range o.Notes {
		d.note("%s", note)
	}
	for collection, n := range o.pages {
		d.page(collection, true)
		d.pages[collection] += n
	}
}

// Check refuses a document that cannot be carried out as it stands.
func (d Document) Check() error {
	for collection, n := range d.pages {
		if n < 1 {
			return fmt.Errorf("the listing of %s goes on at its @odata.nextLink, and the next page is not there: fetch all pages, or what is missing would be lost", collection)
		}
	}
	names, ids, flows := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, c := range d.Connectors {
		switch {
		case c.Name == "":
			return fmt.Errorf("a connector (id %q) has no name", c.ID)
		case names[c.Name]:
			return fmt.Errorf("two connectors are called %q; give each a name of its own, by which user flows and secrets find it", c.Name)
		case c.ID != "" && ids[c.ID]:
			return fmt.Errorf("two connectors have the id %q", c.ID)
		}
		names[c.Name], ids[c.ID] = true, true
	}
	for _, f := range d.Flows {
		if f.ID == "" || f.ID == prefixB2X || f.ID == prefixB2C {
			return fmt.Errorf("a user flow has no id")
		}
		if flows[f.ID] {
			return fmt.Errorf("two user flows have the id %q", f.ID)
		}
		flows[f.ID] = true
	}
	return nil
}

// Guess tells the form of a file by its name and its beginning.
func Guess(name string, content []byte) (Form, error) {
	text := bytes.TrimSpace(bytes.TrimPrefix(content, []byte("\xef\xbb\xbf")))
	extension := strings.ToLower(path.Ext(strings.ReplaceAll(name, `\`, "/")))
	has := func(word string) bool { return bytes.Contains(text, []byte(word)) }
	switch {
	case len(text) > 0 && (text[0] == '{' || text[0] == '['):
		if has(`"terraform_version"`) || extension == ".tfstate" {
			return Terraform, nil
		}
		return Graph, nil
	case extension == ".ps1" || extension == ".psm1" || has(resourceConnector) || has(resourceFlow):
		return DSC, nil
	case extension == ".tf":
		return "", fmt.Errorf("%s is Terraform's configuration, which says what should be; give the state, which says what is: terraform state pull", name)
	case extension == ".yaml" || extension == ".yml" || has(keyVersion+":"):
		return Patchbay, nil
	}
	return "", fmt.Errorf("the form of %s cannot be told; say it by --from", name)
}

// Read reads a document of a form.
func Read(form Form, content []byte) (Document, error) {
	content = bytes.TrimPrefix(content, []byte("\xef\xbb\xbf"))
	switch form {
	case Graph:
		return readGraph(content)
	case DSC:
		return readDSC(string(content))
	case Terraform:
		return readTerraform(content)
	case Patchbay:
		return readPatchbay(content)
	}
	return Document{}, fmt.Errorf("there is no form %q", form)
}

// Write writes a document in a form.
func Write(form Form, d Document) ([]byte, error) {
	switch form {
	case Graph:
		return writeGraph(d)
	case DSC:
		return writeDSC(d), nil
	case Terraform:
		return writeTerraform(d), nil
	case Patchbay:
		return writePatchbay(d)
	}
	return nil, fmt.Errorf("there is no form %q", form)
}
