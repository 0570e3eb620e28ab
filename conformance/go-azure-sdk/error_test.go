package conformance

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/hashicorp/go-azure-sdk/microsoft-graph/common-types/stable"
	"github.com/hashicorp/go-azure-sdk/microsoft-graph/identity/stable/apiconnector"
	"github.com/hashicorp/go-azure-sdk/sdk/nullable"
	"github.com/hashicorp/go-azure-sdk/sdk/odata"

	"github.com/patchbay/patchbay/conformance/harness/pfx"
)

const noSuchID = "00000000-0000-4000-8000-000000000000"

// errors checks that every failure arrives as the SDK's odata.Error with Graph's status and code.
func (s *suite) errors(t *testing.T) {
	s.badBodies(t)
	s.badCertificates(t)
	s.badQueries(t)
	s.strangers(t)
	t.Run("404 for an unknown id, in every operation", func(t *testing.T) {
		nobody := connectorID(noSuchID)
		read, err := s.client.GetApiConnector(soon(t), nobody, apiconnector.DefaultGetApiConnectorOperationOptions())
		wantError(t, err, read.HttpResponse, read.OData, http.StatusNotFound, "ResourceNotFound", noSuchID)
		changed, err := s.client.UpdateApiConnector(soon(t), nobody, basicConnector("nobody", lifeURL), apiconnector.DefaultUpdateApiConnectorOperationOptions())
		wantError(t, err, changed.HttpResponse, changed.OData, http.StatusNotFound, "ResourceNotFound", noSuchID)
		s.wantUploadError(t, nobody, upload(pfx.New(t, "nobody", "secret")), http.StatusNotFound, "ResourceNotFound", noSuchID)
		removed, err := s.client.DeleteApiConnector(soon(t), nobody, apiconnector.DefaultDeleteApiConnectorOperationOptions())
		wantError(t, err, removed.HttpResponse, removed.OData, http.StatusNotFound, "ResourceNotFound", noSuchID)
	})
}

func (s *suite) badBodies(t *testing.T) {
	t.Helper()
	bodies := []struct {
		name   string
		change func(*stable.IdentityApiConnector)
		status int
		code   string
		text   string
	}{
		{"400 for a required property that is absent", func(c *stable.IdentityApiConnector) { c.TargetUrl = nil }, http.StatusBadRequest, "AADB2C", "targetUrl"},
		{"400 for an empty displayName", func(c *stable.IdentityApiConnector) { c.DisplayName = nullable.Value("") }, http.StatusBadRequest, "AADB2C", "displayName"},
		{"400 for a targetUrl that is none", func(c *stable.IdentityApiConnector) {
			c.TargetUrl = nullable.Value("ftp://api.contoso.example")
		}, http.StatusBadRequest, "BadRequest", "targetUrl"},
		{"400 for no authentication configuration", func(c *stable.IdentityApiConnector) { c.AuthenticationConfiguration = nil }, http.StatusBadRequest, "AADB2C", "authenticationConfiguration"},
		{"400 for an authentication configuration of the abstract type", func(c *stable.IdentityApiConnector) {
			c.AuthenticationConfiguration = stable.BaseApiAuthenticationConfigurationBaseImpl{}
		}, http.StatusBadRequest, "AADB2C", "@odata.type"},
		{"400 for Basic without a password", func(c *stable.IdentityApiConnector) {
			c.AuthenticationConfiguration = stable.BasicAuthentication{Username: nullable.Value("somebody")}
		}, http.StatusBadRequest, "AADB2C", "password"},
		{"400 for a certificate list, which is read-only", func(c *stable.IdentityApiConnector) {
			c.AuthenticationConfiguration = stable.ClientCertificateAuthentication{}
		}, http.StatusBadRequest, "BadRequest", "pkcs12Certificate"},
		{"413 for a body that is too large", func(c *stable.IdentityApiConnector) {
			c.DisplayName = nullable.Value(strings.Repeat("long ", 1<<18))
		}, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "larger"},
	}
	for _, check := range bodies {
		t.Run(check.name, func(t *testing.T) {
			body := basicConnector("wrong", "https://api.contoso.example/wrong")
			check.change(&body)
			answer, err := s.client.CreateApiConnector(soon(t), body, apiconnector.DefaultCreateApiConnectorOperationOptions())
			wantError(t, err, answer.HttpResponse, answer.OData, check.status, check.code, check.text)
		})
	}
}

func (s *suite) badCertificates(t *testing.T) {
	t.Helper()
	good := pfx.New(t, "good", "secret")
	t.Run("400 AADB2C90213 for a wrong PKCS#12 password", func(t *testing.T) {
		wrong := good
		wrong.Password = "not it"
		answer, err := s.client.UpdateApiConnector(soon(t), s.demo(), certificateConnector(wrong), apiconnector.DefaultUpdateApiConnectorOperationOptions())
		wantError(t, err, answer.HttpResponse, answer.OData, http.StatusBadRequest, "AADB2C90213", "password")
	})
	t.Run("400 for what is no PKCS#12 file", func(t *testing.T) {
		wrong := good
		wrong.Value = base64.StdEncoding.EncodeToString([]byte("The documentation's own sample is none either."))
		answer, err := s.client.UpdateApiConnector(soon(t), s.demo(), certificateConnector(wrong), apiconnector.DefaultUpdateApiConnectorOperationOptions())
		wantError(t, err, answer.HttpResponse, answer.OData, http.StatusBadRequest, "BadRequest", "PKCS#12")
	})
	t.Run("400 for an upload onto Basic", func(t *testing.T) {
		id := s.create(t, "basic")
		s.wantUploadError(t, id, upload(good), http.StatusBadRequest, "BadRequest", "#microsoft.graph.pkcs12Certificate")
		wantBasic(t, s.get(t, id), "basic", "user of basic")
	})
	t.Run("400 for an upload without a file", func(t *testing.T) {
		s.wantUploadError(t, s.demo(), apiconnector.CreateApiConnectorUploadClientCertificateRequest{}, http.StatusBadRequest, "AADB2C", "pkcs12Value")
	})
}

func (s *suite) wantUploadError(t *testing.T, id stable.IdentityApiConnectorId, file apiconnector.CreateApiConnectorUploadClientCertificateRequest, status int, code, text string) {
	t.Helper()
	answer, err := s.client.CreateApiConnectorUploadClientCertificate(soon(t), id, file, apiconnector.DefaultCreateApiConnectorUploadClientCertificateOperationOptions())
	wantError(t, err, answer.HttpResponse, answer.OData, status, code, text)
}

func (s *suite) badQueries(t *testing.T) {
	t.Helper()
	queries := []struct {
		name       string
		options    listOptions
		code, text string
	}{
		{"400 for a $filter on an unknown property", listOptions{Filter: new("colour eq 'red'")}, "BadRequest", "colour"},
		{"400 for a $filter that cannot be read", listOptions{Filter: new("displayName eq 'open")}, "BadRequest", "filter"},
		{"400 for a $select of an unknown property", listOptions{Select: &[]string{"colour"}}, "BadRequest", "colour"},
		{"400 for $expand", listOptions{Expand: &odata.Expand{Relationship: "owners"}}, "ExpandNotSupported", "xpand"},
		{"400 for $search", listOptions{Search: new(`"life"`)}, "Request_UnsupportedQuery", "$search"},
		{"400 for a $top that is too large", listOptions{Top: new(int64(1000))}, "Request_BadRequest", "999"},
	}
	for _, check := range queries {
		t.Run(check.name, func(t *testing.T) {
			answer, err := s.client.ListApiConnectors(soon(t), check.options)
			wantError(t, err, answer.HttpResponse, answer.OData, http.StatusBadRequest, check.code, check.text)
		})
	}
}

// strangers are those who may not, or not here.
func (s *suite) strangers(t *testing.T) {
	t.Helper()
	list := apiconnector.DefaultListApiConnectorsOperationOptions()
	base := s.server.Env["PATCHBAY_URL"]
	registered := func(t *testing.T, tenantID, name string, roles ...string) *apiconnector.ApiConnectorClient {
		t.Helper()
		app, err := s.server.AddApplication(t.Context(), tenantID, name, roles...)
		if err != nil {
			t.Fatal(err)
		}
		return connect(t, base, secretAuthorizer(t, s.server, app))
	}
	t.Run("401 for a token that is none", func(t *testing.T) {
		answer, err := connect(t, base, fixedToken("not.a.token")).ListApiConnectors(soon(t), list)
		wantError(t, err, answer.HttpResponse, answer.OData, http.StatusUnauthorized, "InvalidAuthenticationToken")
		challenge := answer.HttpResponse.Header.Get("WWW-Authenticate")
		if !strings.HasPrefix(challenge, `Bearer realm="", authorization_uri="https://`) || strings.Contains(challenge, "claims=") {
			t.Errorf("WWW-Authenticate is %s", challenge)
		}
	})
	t.Run("403 for a write with Read.All, which may read", func(t *testing.T) {
		reader := registered(t, s.server.Env["AZURE_TENANT_ID"], "reader", "APIConnectors.Read.All")
		if _, err := reader.ListApiConnectors(soon(t), list); err != nil {
			t.Errorf("list: %v", err)
		}
		answer, err := reader.CreateApiConnector(soon(t), basicConnector("forbidden", lifeURL), apiconnector.DefaultCreateApiConnectorOperationOptions())
		wantError(t, err, answer.HttpResponse, answer.OData, http.StatusForbidden, "AADB2C", "APIConnectors.ReadWrite.All")
	})
	t.Run("403 for an application without a permission", func(t *testing.T) {
		answer, err := registered(t, s.server.Env["AZURE_TENANT_ID"], "nobody").ListApiConnectors(soon(t), list)
		wantError(t, err, answer.HttpResponse, answer.OData, http.StatusForbidden, "AADB2C", "APIConnectors.Read.All", "APIConnectors.ReadWrite.All")
	})
	t.Run("404 for another tenant's connector", func(t *testing.T) {
		tenantID, err := s.server.AddTenant(t.Context(), "fabrikam.example")
		if err != nil {
			t.Fatal(err)
		}
		neighbour := registered(t, tenantID, "neighbour", "APIConnectors.ReadWrite.All")
		ours := s.demo().IdentityApiConnectorId
		read, err := neighbour.GetApiConnector(soon(t), s.demo(), apiconnector.DefaultGetApiConnectorOperationOptions())
		wantError(t, err, read.HttpResponse, read.OData, http.StatusNotFound, "ResourceNotFound", ours)
		removed, err := neighbour.DeleteApiConnector(soon(t), s.demo(), apiconnector.DefaultDeleteApiConnectorOperationOptions())
		wantError(t, err, removed.HttpResponse, removed.OData, http.StatusNotFound, "ResourceNotFound", ours)
		page, err := neighbour.ListApiConnectors(soon(t), list)
		if err != nil || page.Model == nil || len(*page.Model) != 0 {
			t.Errorf("the neighbour's list is %v, %v; want an empty one", page.Model, err)
		}
	})
}
