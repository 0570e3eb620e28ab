package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/uuid"
)

// connectors is the collection of API connectors.
const connectors = "/v1.0/identity/apiConnectors"

// Connector is an API connector as it is answered.
type Connector struct {
	ID             string         `json:"id"`
	DisplayName    string         `json:"displayName"`
	TargetURL      string         `json:"targetUrl"`
	Authentication Authentication `json:"authenticationConfiguration"`

	Raw json.RawMessage `json:"-"` // the whole object, as it came
}

// Authentication is how a connector proves itself; its secrets are masked in answers.
type Authentication struct {
	Type         string        `json:"@odata.type"`
	Username     string        `json:"username"`
	Certificates []Certificate `json:"certificateList"`
}

// Certificate is a client certificate of a connector, with times in Unix seconds.
type Certificate struct {
	Thumbprint string `json:"thumbprint"` // SHA-1, hex
	NotBefore  int64  `json:"notBefore"`
	NotAfter   int64  `json:"notAfter"`
	IsActive   bool   `json:"isActive"`
}

// The types of authentication, as they are sent.
const (
	typeBasic       = "#microsoft.graph.basicAuthentication"
	typeCertificate = "#microsoft.graph.clientCertificateAuthentication"
	typePKCS12      = "#microsoft.graph.pkcs12Certificate"
)

// Kind is the type in one word for people: basic, certificate, or what stands behind the last dot.
func (a Authentication) Kind() string {
	switch a.Type {
	case typeBasic:
		return "basic"
	case typeCertificate, typePKCS12:
		return "certificate"
	}
	return a.Type[strings.LastIndexByte(a.Type, '.')+1:]
}

// Connectors yields all connectors, or those that an OData filter takes; "" takes all.
func (c *Client) Connectors(ctx context.Context, filter string) iter.Seq2[Connector, error] {
	path := connectors
	if filter != "" {
		path += "?" + Query(url.Values{"$filter": {filter}})
	}
	return func(yield func(Connector, error) bool) {
		for raw, err := range c.All(ctx, path) {
			var one Connector
			if err == nil {
				one, err = readConnector(raw)
			}
			if !yield(one, err) || err != nil {
				return
			}
		}
	}
}

// Connector finds the one connector with an id or, failing that, a display name.
func (c *Client) Connector(ctx context.Context, nameOrID string) (Connector, error) {
	if nameOrID == "" {
		return Connector{}, errors.New("the name or id of the connector is empty")
	}
	if uuid.Validate(nameOrID) == nil {
		res, err := c.Do(ctx, http.MethodGet, connectorPath(nameOrID), nil, nil)
		if err == nil {
			return readConnector(res.Body)
		}
		if refused := (*Error)(nil); !errors.As(err, &refused) || refused.Status != http.StatusNotFound {
			return Connector{}, err
		}
	}
	var found []Connector
	for one, err := range c.Connectors(ctx, "displayName eq '"+strings.ReplaceAll(nameOrID, "'", "''")+"'") {
		if err != nil {
			return Connector{}, err
		}
		found = append(found, one)
	}
	switch len(found) {
	case 0:
		return Connector{}, fmt.Errorf("there is no connector with the id or name %q", nameOrID)
	case 1:
		return found[0], nil
	}
	ids := make([]string, len(found))
	for i, one := range found {
		ids[i] = one.ID
	}
	return Connector{}, fmt.Errorf("%d connectors are called %q; name one by its id: %s", len(found), nameOrID, strings.Join(ids, ", "))
}

// CreateConnector makes a connector.
func (c *Client) CreateConnector(ctx context.Context, change Change) (Connector, error) {
	res, err := c.Do(ctx, http.MethodPost, connectors, change.body(), nil)
	if err != nil {
		return Connector{}, err
	}
	return readConnector(res.Body)
}

// UpdateConnector changes a connector.
func (c *Client) UpdateConnector(ctx context.Context, id string, change Change) error {
	_, err := c.Do(ctx, http.MethodPatch, connectorPath(id), change.body(), nil)
	return err
}

// UploadCertificate adds a client certificate, a PKCS#12 file with its password, to those of a connector.
func (c *Client) UploadCertificate(ctx context.Context, id string, file []byte, password string) (Connector, error) {
	body := struct {
		PKCS12   []byte `json:"pkcs12Value"`
		Password string `json:"password"`
	}{file, password}
	res, err := c.Do(ctx, http.MethodPost, connectorPath(id)+"/uploadClientCertificate", body, nil)
	if err != nil {
		return Connector{}, err
	}
	return readConnector(res.Body)
}

// DeleteConnector deletes a connector.
func (c *Client) DeleteConnector(ctx context.Context, id string) error {
	_, err := c.Do(ctx, http.MethodDelete, connectorPath(id), nil, nil)
	return err
}

// Link makes a step of a user flow call a connector.
func (c *Client) Link(ctx context.Context, flow, step, connector string) error {
	body := struct {
		Reference string `json:"@odata.id"`
	}{c.base.String() + connectorPath(connector)}
	_, err := c.Do(ctx, http.MethodPut, referencePath(flow, step), body, nil)
	return err
}

// Unlink makes a step of a user flow call no connector.
func (c *Client) Unlink(ctx context.Context, flow, step string) error {
	_, err := c.Do(ctx, http.MethodDelete, referencePath(flow, step), nil, nil)
	return err
}

func connectorPath(id string) string { return connectors + "/" + url.PathEscape(id) }

// referencePath is where the connector of a step is linked. B2C user flows, which their ids give away, exist in beta only.
func referencePath(flow, step string) string {
	collection := "/v1.0/identity/b2xUserFlows/"
	if len(flow) > 4 && strings.EqualFold(flow[:4], "B2C_") {
		collection = "/beta/identity/b2cUserFlows/"
	}
	return collection + url.PathEscape(flow) + "/apiConnectorConfiguration/" + url.PathEscape(step) + "/$ref"
}

func readConnector(raw json.RawMessage) (Connector, error) {
	one := Connector{Raw: raw}
	if err := json.Unmarshal(raw, &one); err != nil {
		return Connector{}, fmt.Errorf("the answer is no connector: %w", err)
	}
	return one, nil
}
