package transfer

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// graphRoot is where the contexts of what is written point to.
const graphRoot = "https://graph.microsoft.com/"

type writtenConnector struct {
	ID             string `json:"id,omitempty"`
	DisplayName    string `json:"displayName"`
	TargetURL      string `json:"targetUrl"`
	Authentication any    `json:"authenticationConfiguration"`
}

type writtenBasic struct {
	Type     string `json:"@odata.type"`
	Username string `json:"username"`
	Password string `json:"password"`
}

type writtenCertificates struct {
	Type         string               `json:"@odata.type"`
	Certificates []writtenCertificate `json:"certificateList"`
}

type writtenCertificate struct {
	Thumbprint string `json:"thumbprint"`
	NotAfter   int64  `json:"notAfter"`
	NotBefore  int64  `json:"notBefore"`
	IsActive   bool   `json:"isActive"`
}

type writtenFlow struct {
	ID            string         `json:"id"`
	Type          string         `json:"userFlowType"`
	Version       float64        `json:"userFlowTypeVersion"`
	Configuration map[string]any `json:"apiConnectorConfiguration"`
}

type writtenPage struct {
	Context string `json:"@odata.context"`
	Value   any    `json:"value"`
}

// writeGraph writes the listings as Graph would answer them, in one array. Passwords are masked.
func writeGraph(d Document) ([]byte, error) {
	connectors := make([]writtenConnector, len(d.Connectors))
	for i, c := range d.Connectors {
		connectors[i] = c.graph()
	}
	pages := []writtenPage{{graphRoot + "v1.0/$metadata#identity/apiConnectors", connectors}}
	b2x, b2c := []writtenFlow{}, []writtenFlow{}
	for _, f := range d.Flows {
		if f.B2C() {
			b2c = append(b2c, d.graphFlow(f))
		} else {
			b2x = append(b2x, d.graphFlow(f))
		}
	}
	if d.HasFlows {
		pages = append(pages, writtenPage{graphRoot + "beta/$metadata#identity/b2xUserFlows", b2x})
	}
	if len(b2c) > 0 {
		pages = append(pages, writtenPage{graphRoot + "beta/$metadata#identity/b2cUserFlows", b2c})
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(pages); err != nil {
		return nil, fmt.Errorf("write JSON: %w", err)
	}
	return out.Bytes(), nil
}

func (c Connector) graph() writtenConnector {
	w := writtenConnector{ID: c.ID, DisplayName: c.Name, TargetURL: c.TargetURL}
	switch a := c.Authentication; a.Kind {
	case Basic:
		w.Authentication = writtenBasic{"#microsoft.graph.basicAuthentication", a.Username, mask}
	case WithCertificate:
		list := make([]writtenCertificate, len(a.Certificates))
		for i, one := range a.Certificates {
			list[i] = writtenCertificate{one.Thumbprint, one.NotAfter, one.NotBefore, one.Active}
		}
		w.Authentication = writtenCertificates{"#microsoft.graph.clientCertificateAuthentication", list}
	}
	return w
}

func (d Document) graphFlow(f Flow) writtenFlow {
	w := writtenFlow{ID: f.ID, Type: f.TypeOrDefault(), Version: f.VersionOrDefault(), Configuration: map[string]any{}}
	if f.Links == nil {
		return w
	}
	for _, step := range Steps() {
		link, linked := f.Links[step]
		if !linked {
			w.Configuration[step] = nil
			continue
		}
		if i := d.linked(link); i >= 0 {
			w.Configuration[step] = d.Connectors[i].graph()
			continue
		}
		w.Configuration[step] = map[string]string{"id": link.ID, "displayName": link.Name}
	}
	return w
}

// linked is the index of the connector that a link means, -1 if the document does not have it.
func (d Document) linked(l Link) int {
	byName := -1
	for i, c := range d.Connectors {
		if l.ID != "" && c.ID == l.ID {
			return i
		}
		if l.Name != "" && c.Name == l.Name && byName < 0 {
			byName = i
		}
	}
	return byName
}

// What a flow is made with where nothing is said (contract 2.8).
const (
	defaultFlowType    = "signUpOrSignIn"
	defaultFlowVersion = 1
)

// TypeOrDefault is the userFlowType that the flow is made with.
func (f Flow) TypeOrDefault() string {
	if f.Type == "" {
		return defaultFlowType
	}
	return f.Type
}

// VersionOrDefault is the userFlowTypeVersion that the flow is made with.
func (f Flow) VersionOrDefault() float64 {
	if f.Version == 0 {
		return defaultFlowVersion
	}
	return f.Version
}
