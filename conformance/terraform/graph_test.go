package conformance

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/patchbay/patchbay/conformance/harness"
)

// graph is an administrator beside Terraform: who reads what it did, and changes things behind its back.
type graph struct {
	base   string
	token  string
	client *http.Client
}

// connector is an API connector as Graph answers it.
type connector struct {
	ID             string `json:"id"`
	DisplayName    string `json:"displayName"`
	TargetURL      string `json:"targetUrl"`
	Authentication struct {
		Type         string `json:"@odata.type"`
		Username     string `json:"username"`
		Password     string `json:"password"`
		Certificates []struct {
			Thumbprint string `json:"thumbprint"`
			IsActive   bool   `json:"isActive"`
		} `json:"certificateList"`
	} `json:"authenticationConfiguration"`
}

// newGraph gets a token as the application that dev made.
func newGraph(ctx context.Context, at *harness.Server) (*graph, error) {
	ca, err := os.ReadFile(at.Env["NODE_EXTRA_CA_CERTS"])
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	g := &graph{base: at.Env["PATCHBAY_URL"], client: &http.Client{Transport: transport, Timeout: harness.ReadyWithin}}
	app := at.Developer()
	form := url.Values{
		"grant_type": {"client_credentials"}, "scope": {"https://graph.microsoft.com/.default"}, "client_id": {app.ClientID}, "client_secret": {app.Secret},
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, at.Env["AZURE_AUTHORITY_HOST"]+"/"+app.TenantID+"/oauth2/v2.0/token", strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := g.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	var given struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(response.Body).Decode(&given); err != nil || given.Token == "" {
		return nil, errors.Join(fmt.Errorf("the token endpoint answered %d without a token", response.StatusCode), err)
	}
	g.token = given.Token
	return g, nil
}

// do sends a request and returns the answer's status and headers, with its body in into unless that is nil.
func (g *graph) do(t *testing.T, method, path string, body, into any) (int, http.Header) {
	t.Helper()
	var encoded io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		encoded = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(t.Context(), method, g.base+"/v1.0/identity/"+path, encoded)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+g.token)
	request.Header.Set("Content-Type", "application/json")
	response, err := g.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if into != nil {
		if err := json.NewDecoder(response.Body).Decode(into); err != nil {
			t.Fatalf("%s %s answered %d: %v", method, path, response.StatusCode, err)
		}
	}
	return response.StatusCode, response.Header
}

// must is do for what has to succeed.
func (g *graph) must(t *testing.T, method, path string, body, into any) http.Header {
	t.Helper()
	status, headers := g.do(t, method, path, body, into)
	if status >= http.StatusBadRequest {
		t.Fatalf("%s %s answered %d", method, path, status)
	}
	return headers
}

func (g *graph) get(t *testing.T, id string) (c connector) {
	t.Helper()
	g.must(t, http.MethodGet, "apiConnectors/"+id, nil, &c)
	return c
}

// create makes a connector with Basic authentication.
func (g *graph) create(t *testing.T, name string) (c connector) {
	t.Helper()
	g.must(t, http.MethodPost, "apiConnectors", map[string]any{
		"displayName": name, "targetUrl": "https://api.contoso.example/" + strings.ReplaceAll(name, " ", "-"),
		"authenticationConfiguration": map[string]string{
			"@odata.type": "#microsoft.graph.basicAuthentication", "username": "user of " + name, "password": "password of " + name,
		},
	}, &c)
	return c
}

// wantGone checks that a connector or a user flow is no more.
func (g *graph) wantGone(t *testing.T, path string) {
	t.Helper()
	if status, _ := g.do(t, http.MethodGet, path, nil, nil); status != http.StatusNotFound {
		t.Errorf("%s is answered with %d, want 404", path, status)
	}
}

// wantBasic checks that a connector authenticates with Basic, under these names, and shows no password.
func (g *graph) wantBasic(t *testing.T, id, name, username string) {
	t.Helper()
	c := g.get(t, id)
	if c.DisplayName != name || c.Authentication.Type != "#microsoft.graph.basicAuthentication" || c.Authentication.Username != username || c.Authentication.Password != "******" {
		t.Errorf("it is %q with %s of %q", c.DisplayName, c.Authentication.Type, c.Authentication.Username)
	}
}
