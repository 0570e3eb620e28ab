package transfer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"strings"
)

// mask is what stands in answers in place of a password.
const mask = "******"

// graphConnector is an identityApiConnector, whole or as part of something else.
type graphConnector struct {
	ID             string               `json:"id"`
	DisplayName    string               `json:"displayName"`
	TargetURL      string               `json:"targetUrl"`
	Authentication *graphAuthentication `json:"authenticationConfiguration"`
}

// graphAuthentication is each of the types of authenticationConfiguration.
type graphAuthentication struct {
	Type         string             `json:"@odata.type"`
	Username     string             `json:"username"`
	Password     string             `json:"password"`
	PKCS12       string             `json:"pkcs12Value"`
	Certificates []graphCertificate `json:"certificateList"`
}

type graphCertificate struct {
	Thumbprint string     `json:"thumbprint"`
	NotBefore  graphInt64 `json:"notBefore"`
	NotAfter   graphInt64 `json:"notAfter"`
	IsActive   bool       `json:"isActive"`
}

// graphInt64 is an Edm.Int64: a number, or a string where a client asked for that.
type graphInt64 int64

// UnmarshalJSON takes both spellings.
func (n *graphInt64) UnmarshalJSON(raw []byte) error {
	return json.Unmarshal(bytes.Trim(raw, `"`), (*int64)(n))
}

// graphFlow is a user flow.
type graphFlow struct {
	ID            string                     `json:"id"`
	Type          string                     `json:"userFlowType"`
	Version       float64                    `json:"userFlowTypeVersion"`
	Configuration map[string]json.RawMessage `json:"apiConnectorConfiguration"`
}

// graphPage is what tells the answers of Graph apart.
type graphPage struct {
	Context       string            `json:"@odata.context"`
	Next          string            `json:"@odata.nextLink"`
	Value         []json.RawMessage `json:"value"`
	TargetURL     *string           `json:"targetUrl"`
	FlowType      *string           `json:"userFlowType"`
	Configuration json.RawMessage   `json:"apiConnectorConfiguration"`
}

// ofFlow finds the user flow in the context of its apiConnectorConfiguration.
var ofFlow = regexp.MustCompile(`(?i)UserFlows\('([^']*)'\)/apiConnectorConfiguration`)

// readGraph reads answers of Graph, one after the other or in an array: listings with all their pages, single connectors and
// user flows, and apiConnectorConfigurations.
func readGraph(content []byte) (Document, error) {
	var d Document
	decoder := json.NewDecoder(bytes.NewReader(content))
	for n := 0; ; n++ {
		var raw json.RawMessage
		err := decoder.Decode(&raw)
		if errors.Is(err, io.EOF) {
			if n == 0 {
				return d, errors.New("the file is empty")
			}
			return d, nil
		}
		if err != nil {
			return d, jsonError(content, decoder.InputOffset(), err)
		}
		if err := d.takeGraph(raw, 0); err != nil {
			return d, err
		}
	}
}

// jsonError says where JSON is wrong, and nothing of what stands there.
func jsonError(content []byte, offset int64, err error) error {
	if syntax := (*json.SyntaxError)(nil); errors.As(err, &syntax) {
		offset += max(0, syntax.Offset-1-offset)
	}
	line := 1 + bytes.Count(content[:min(int64(len(content)), max(0, offset))], []byte("\n"))
	return fmt.Errorf("line %d: this is not JSON", line)
}

// maxNesting is how deep arrays of answers may lie in one another.
const maxNesting = 8

func (d *Document) takeGraph(raw json.RawMessage, depth int) error {
	if depth > maxNesting {
		return errors.New("the arrays lie too deep in one another")
	}
	if raw[0] == '[' {
		var all []json.RawMessage
		if json.Unmarshal(raw, &all) != nil {
			return errors.New("an array cannot be read")
		}
		for _, one := range all {
			if err := d.takeGraph(one, depth+1); err != nil {
				return err
			}
		}
		return nil
	}
	var p graphPage
	if json.Unmarshal(raw, &p) != nil {
		return errors.New("there is something that is no answer of Graph: give listings, connectors and user flows as Graph answers them")
	}
	switch {
	case p.Value != nil:
		return d.takeListing(p, depth)
	case p.TargetURL != nil:
		return d.takeConnector(raw)
	case p.FlowType != nil || p.Configuration != nil:
		return d.takeFlow(raw)
	}
	found := ofFlow.FindStringSubmatch(p.Context)
	if found == nil {
		return errors.New("there is an object that is neither a connector (with targetUrl) nor a user flow (with userFlowType) nor a listing (with value)")
	}
	id, err := url.PathUnescape(found[1])
	if err != nil {
		id = found[1]
	}
	var configuration map[string]json.RawMessage
	if json.Unmarshal(raw, &configuration) != nil {
		return fmt.Errorf("the apiConnectorConfiguration of %q cannot be read", id)
	}
	return d.takeLinks(d.flow(flowID(id)), configuration)
}

func (d *Document) takeListing(p graphPage, depth int) error {
	before := len(d.Connectors)
	for _, one := range p.Value {
		if err := d.takeGraph(one, depth+1); err != nil {
			return err
		}
	}
	context := strings.ToLower(p.Context)
	collection := "user flows"
	switch {
	case len(d.Connectors) > before || strings.Contains(context, "apiconnectors"):
		collection, d.HasConnectors = "connectors", true
	case strings.Contains(context, "userflows"):
		d.HasFlows = true
	}
	d.page(collection, p.Next != "")
	return nil
}

func (d *Document) takeConnector(raw json.RawMessage) error {
	var c graphConnector
	if json.Unmarshal(raw, &c) != nil {
		return errors.New("a connector cannot be read: a member is of another type than Graph's")
	}
	one := Connector{ID: c.ID, Name: c.DisplayName, TargetURL: c.TargetURL}
	if c.Authentication != nil {
		one.Authentication = c.Authentication.plain()
		if c.Authentication.inTheClear() {
			d.noteClear(one.Name)
		}
	}
	d.HasConnectors = true
	d.Connectors = append(d.Connectors, one)
	return nil
}

// noteClear says that a source holds a secret.
func (d *Document) noteClear(connector string) {
	d.note("The source holds a secret of %q in the clear. It was not taken over; give it anew, and keep or delete the source with care.", connector)
}

// inTheClear tells whether there is a secret that is not masked.
func (a graphAuthentication) inTheClear() bool {
	return a.Password != "" && a.Password != mask || a.PKCS12 != ""
}

func (a graphAuthentication) plain() Authentication {
	plain := Authentication{Username: a.Username}
	name := strings.ToLower(a.Type[strings.LastIndexByte(a.Type, '.')+1:])
	switch {
	case name == "basicauthentication":
		plain.Kind = Basic
	case name == "clientcertificateauthentication" || name == "pkcs12certificate":
		plain.Kind = WithCertificate
	case a.Certificates != nil || a.PKCS12 != "":
		plain.Kind = WithCertificate
	case a.Username != "":
		plain.Kind = Basic
	}
	for _, c := range a.Certificates {
		plain.Certificates = append(plain.Certificates, Certificate{
			Thumbprint: strings.ToUpper(c.Thumbprint), NotBefore: int64(c.NotBefore), NotAfter: int64(c.NotAfter), Active: c.IsActive,
		})
	}
	return plain
}

func (d *Document) takeFlow(raw json.RawMessage) error {
	var f graphFlow
	if json.Unmarshal(raw, &f) != nil {
		return errors.New("a user flow cannot be read: a member is of another type than Graph's")
	}
	flow := d.flow(flowID(f.ID))
	flow.Type, flow.Version = f.Type, f.Version
	return d.takeLinks(flow, f.Configuration)
}

// takeLinks reads an apiConnectorConfiguration. One without any step was not expanded, and says nothing.
func (d *Document) takeLinks(flow *Flow, configuration map[string]json.RawMessage) error {
	for name, raw := range configuration {
		step, known := stepNamed(name)
		if !known {
			continue
		}
		if flow.Links == nil {
			flow.Links = map[string]Link{}
		}
		var c struct {
			ID        string `json:"id"`
			Name      string `json:"displayName"`
			Reference string `json:"@odata.id"`
		}
		if json.Unmarshal(raw, &c) != nil {
			return fmt.Errorf("the step %s of the user flow %q cannot be read", step, flow.ID)
		}
		if c.ID == "" {
			c.ID = lastKey(c.Reference)
		}
		if c.ID != "" || c.Name != "" { // null is nothing linked
			flow.Links[step] = Link{ID: c.ID, Name: c.Name}
		}
	}
	return nil
}

// lastKey is the key at the end of a URL: behind the last slash, or within the last ('…').
func lastKey(reference string) string {
	reference = strings.TrimSuffix(reference, "')")
	return reference[strings.LastIndexAny(reference, "/'")+1:]
}
