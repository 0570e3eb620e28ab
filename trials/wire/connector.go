package wire

import (
	"context"
	"fmt"
	"net/http"
	"strings"
)

// Connectors is the path of the collection.
const Connectors = "/v1.0/identity/apiConnectors"

// Connector is an API connector on the wire. Members that are empty are not sent; a password never comes back.
type Connector struct {
	ID             string          `json:"id,omitempty"`
	DisplayName    string          `json:"displayName,omitempty"`
	TargetURL      string          `json:"targetUrl,omitempty"`
	Authentication *Authentication `json:"authenticationConfiguration,omitempty"`
}

// Authentication is Basic authentication on the wire.
type Authentication struct {
	Type     string `json:"@odata.type,omitempty"`
	Username string `json:"username"`
	Password string `json:"password,omitempty"`
}

// Basic is the Basic authentication of a connector that is written.
func Basic(username, password string) *Authentication {
	return &Authentication{Type: "#microsoft.graph.basicAuthentication", Username: username, Password: password}
}

// Username is the user name, or nothing where there is none.
func (c Connector) Username() string {
	if c.Authentication == nil {
		return ""
	}
	return c.Authentication.Username
}

// Create makes a connector. The same key again makes none, but answers the same one.
func (c *Client) Create(ctx context.Context, connector Connector, idempotencyKey string) Answer {
	return c.Do(ctx, http.MethodPost, Connectors, connector, http.Header{"Idempotency-Key": {idempotencyKey}})
}

// Patch changes a connector.
func (c *Client) Patch(ctx context.Context, id string, change Connector) Answer {
	return c.Do(ctx, http.MethodPatch, Connectors+"/"+id, change, nil)
}

// Read gets a connector.
func (c *Client) Read(ctx context.Context, id string) Answer {
	return c.Do(ctx, http.MethodGet, Connectors+"/"+id, nil, nil)
}

// Delete deletes a connector.
func (c *Client) Delete(ctx context.Context, id string) Answer {
	return c.Do(ctx, http.MethodDelete, Connectors+"/"+id, nil, nil)
}

// List reads all connectors of the tenant, page by page.
func (c *Client) List(ctx context.Context) ([]Connector, error) {
	return pages[Connector](ctx, c, Connectors+"?$top=200", nil)
}

// Trust makes a connector's calls trust the certificate authorities of a PEM text alone.
func (c *Client) Trust(ctx context.Context, id, roots string) error {
	answer := c.Do(ctx, http.MethodPatch, "/runtime/v1/connectors/"+id+"/callSettings", map[string]any{"trustedRoots": roots}, nil)
	return answer.Into(http.StatusOK, nil)
}

// CreateFlow makes a user flow whose step postAttributeCollection calls a connector, and returns its id.
func (c *Client) CreateFlow(ctx context.Context, name, connector string) (string, error) {
	answer := c.Do(ctx, http.MethodPost, "/v1.0/identity/b2xUserFlows", map[string]any{
		"id": name, "userFlowType": "signUpOrSignIn", "userFlowTypeVersion": 1,
		"apiConnectorConfiguration": map[string]any{"postAttributeCollection": map[string]any{"id": connector}},
	}, nil)
	var made struct{ ID string }
	if err := answer.Into(http.StatusCreated, &made); err != nil {
		return "", fmt.Errorf("make a user flow: %w", err)
	}
	return made.ID, nil
}

// Change is an entry of the audit log, as far as the trials look at it.
type Change struct {
	RequestID string `json:"correlationId"`
	Activity  string `json:"activityDisplayName"`
	Targets   []struct {
		ID string `json:"id"`
	} `json:"targetResources"`
}

// Changes reads the audit log from the newest entry on, until more says that it is enough, or to its end.
func (c *Client) Changes(ctx context.Context, more func([]Change) bool) error {
	_, err := pages(ctx, c, "/v1.0/auditLogs/directoryAudits?$top=500&$select=correlationId,activityDisplayName,targetResources", more)
	return err
}

// pages reads a listing from page to page: all of it, or with more, which gets each page and says whether another is wanted.
func pages[T any](ctx context.Context, c *Client, path string, more func([]T) bool) ([]T, error) {
	var all []T
	for path != "" {
		var page struct {
			Value []T    `json:"value"`
			Graph string `json:"@odata.nextLink"`
			Own   string `json:"nextLink"`
		}
		if err := c.Get(ctx, path, &page); err != nil {
			where, _, _ := strings.Cut(path, "?")
			return nil, fmt.Errorf("list %s: %w", where, err)
		}
		path = page.Graph + page.Own
		if more == nil {
			all = append(all, page.Value...)
		} else if !more(page.Value) {
			break
		}
	}
	return all, nil
}
