package conformance

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	abstractions "github.com/microsoft/kiota-abstractions-go"
	nethttplibrary "github.com/microsoft/kiota-http-go"
	"github.com/microsoftgraph/msgraph-sdk-go/identity"
	"github.com/microsoftgraph/msgraph-sdk-go/models"

	"github.com/patchbay/patchbay/conformance/harness/pfx"
)

const noSuchID = "00000000-0000-4000-8000-000000000000"

// errors checks that every failure arrives as the SDK's *odataerrors.ODataError with Graph's status and code.
func (s *suite) errors(t *testing.T) {
	s.badBodies(t)
	s.badCertificates(t)
	s.badQueries(t)
	s.strangers(t)
	t.Run("404 for an unknown id, in every operation", func(t *testing.T) {
		nobody := s.item(noSuchID)
		_, err := nobody.Get(t.Context(), nil)
		wantError(t, err, http.StatusNotFound, "ResourceNotFound", noSuchID)
		_, err = nobody.Patch(t.Context(), basicConnector("nobody", "https://api.contoso.example/nobody"), nil)
		wantError(t, err, http.StatusNotFound, "ResourceNotFound", noSuchID)
		_, err = nobody.UploadClientCertificate().Post(t.Context(), upload(pfx.New(t, "nobody", "secret")), nil)
		wantError(t, err, http.StatusNotFound, "ResourceNotFound", noSuchID)
		wantError(t, nobody.Delete(t.Context(), nil), http.StatusNotFound, "ResourceNotFound", noSuchID)
	})
}

func (s *suite) badBodies(t *testing.T) {
	bodies := []struct {
		name   string
		change func(models.IdentityApiConnectorable)
		status int
		code   string
		text   string
	}{
		{"400 for a required property that is absent", func(c models.IdentityApiConnectorable) { c.SetTargetUrl(nil) }, http.StatusBadRequest, "AADB2C", "targetUrl"},
		{"400 for an empty displayName", func(c models.IdentityApiConnectorable) { c.SetDisplayName(new("")) }, http.StatusBadRequest, "AADB2C", "displayName"},
		{"400 for a targetUrl that is none", func(c models.IdentityApiConnectorable) { c.SetTargetUrl(new("ftp://api.contoso.example")) }, http.StatusBadRequest, "BadRequest", "targetUrl"},
		{"400 for an unknown property, by its name", func(c models.IdentityApiConnectorable) {
			c.SetAdditionalData(map[string]any{"colour": "red"})
		}, http.StatusBadRequest, "RequestBodyRead", "colour"},
		{"400 for no authentication configuration", func(c models.IdentityApiConnectorable) { c.SetAuthenticationConfiguration(nil) }, http.StatusBadRequest, "AADB2C", "authenticationConfiguration"},
		{"400 for an authentication configuration of the abstract type", func(c models.IdentityApiConnectorable) {
			c.SetAuthenticationConfiguration(models.NewApiAuthenticationConfigurationBase())
		}, http.StatusBadRequest, "AADB2C", "@odata.type"},
		{"400 for Basic without a password", func(c models.IdentityApiConnectorable) {
			basic := models.NewBasicAuthentication()
			basic.SetUsername(new("somebody"))
			c.SetAuthenticationConfiguration(basic)
		}, http.StatusBadRequest, "AADB2C", "password"},
		{"400 for a certificate list, which is read-only", func(c models.IdentityApiConnectorable) {
			c.SetAuthenticationConfiguration(models.NewClientCertificateAuthentication())
		}, http.StatusBadRequest, "BadRequest", "pkcs12Certificate"},
		{"413 for a body that is small only while it is compressed", func(c models.IdentityApiConnectorable) {
			c.SetDisplayName(new(strings.Repeat("long ", 1<<20)))
		}, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "larger"},
	}
	for _, check := range bodies {
		t.Run(check.name, func(t *testing.T) {
			body := basicConnector("wrong", "https://api.contoso.example/wrong")
			check.change(body)
			_, err := s.connectors().Post(t.Context(), body, nil)
			wantError(t, err, check.status, check.code, check.text)
		})
	}
}

func (s *suite) badCertificates(t *testing.T) {
	good := pfx.New(t, "good", "secret")
	t.Run("400 AADB2C90213 for a wrong PKCS#12 password", func(t *testing.T) {
		wrong := good
		wrong.Password = "not it"
		_, err := s.demo().Patch(t.Context(), certificateConnector(wrong), nil)
		wantError(t, err, http.StatusBadRequest, "AADB2C90213", "password")
	})
	t.Run("400 for what is no PKCS#12 file", func(t *testing.T) {
		wrong := good
		// The documentation's own sample, which is a JWE header.
		wrong.Value = "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ"
		_, err := s.demo().Patch(t.Context(), certificateConnector(wrong), nil)
		wantError(t, err, http.StatusBadRequest, "BadRequest", "PKCS#12")
	})
	t.Run("400 for an upload onto Basic", func(t *testing.T) {
		id := *s.create(t, "basic").GetId()
		_, err := s.item(id).UploadClientCertificate().Post(t.Context(), upload(good), nil)
		wantError(t, err, http.StatusBadRequest, "BadRequest", "#microsoft.graph.pkcs12Certificate")
		wantBasic(t, s.get(t, id), "basic")
	})
	t.Run("400 for an upload without a file", func(t *testing.T) {
		_, err := s.demo().UploadClientCertificate().Post(t.Context(), identity.NewApiConnectorsItemUploadClientCertificatePostRequestBody(), nil)
		wantError(t, err, http.StatusBadRequest, "AADB2C", "pkcs12Value")
	})
}

func (s *suite) badQueries(t *testing.T) {
	queries := []struct {
		name       string
		parameters listParameters
		code, text string
	}{
		{"400 for a $filter on an unknown property", listParameters{Filter: new("colour eq 'red'")}, "BadRequest", "colour"},
		{"400 for a $filter that cannot be read", listParameters{Filter: new("displayName eq 'open")}, "BadRequest", "filter"},
		{"400 for a $select of an unknown property", listParameters{Select: []string{"colour"}}, "BadRequest", "colour"},
		{"400 for $expand", listParameters{Expand: []string{"owners"}}, "ExpandNotSupported", "xpand"},
		{"400 for $search", listParameters{Search: new(`"life"`)}, "Request_UnsupportedQuery", "$search"},
		{"400 for a $top that is too large", listParameters{Top: new(int32(1000))}, "Request_BadRequest", "999"},
	}
	for _, check := range queries {
		t.Run(check.name, func(t *testing.T) {
			_, err := s.connectors().Get(t.Context(), &identity.ApiConnectorsRequestBuilderGetRequestConfiguration{QueryParameters: &check.parameters})
			wantError(t, err, http.StatusBadRequest, check.code, check.text)
		})
	}
}

// strangers are those who may not, or not here.
func (s *suite) strangers(t *testing.T) {
	t.Run("401 for a token that is none", func(t *testing.T) {
		_, err := s.connect(t, fixedToken("not.a.token")).Identity().ApiConnectors().Get(t.Context(), nil)
		wantError(t, err, http.StatusUnauthorized, "InvalidAuthenticationToken")
		challenge := strings.Join(graphError(t, err).ResponseHeaders.Get("Www-Authenticate"), "")
		if !strings.HasPrefix(challenge, `Bearer realm="", authorization_uri="https://`) || strings.Contains(challenge, "claims=") {
			t.Errorf("WWW-Authenticate is %s", challenge)
		}
	})
	t.Run("403 for a write with Read.All, which may read", func(t *testing.T) {
		app, err := s.server.AddApplication(t.Context(), s.server.Env["AZURE_TENANT_ID"], "reader", "APIConnectors.Read.All")
		if err != nil {
			t.Fatal(err)
		}
		reader := s.connect(t, secretCredential(t, s.server, app)).Identity().ApiConnectors()
		if _, err := reader.Get(t.Context(), nil); err != nil {
			t.Errorf("list: %v", err)
		}
		_, err = reader.Post(t.Context(), basicConnector("forbidden", "https://api.contoso.example/forbidden"), nil)
		wantError(t, err, http.StatusForbidden, "AADB2C", "APIConnectors.ReadWrite.All")
	})
	t.Run("403 for an application without a permission", func(t *testing.T) {
		app, err := s.server.AddApplication(t.Context(), s.server.Env["AZURE_TENANT_ID"], "nobody")
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.connect(t, secretCredential(t, s.server, app)).Identity().ApiConnectors().Get(t.Context(), nil)
		wantError(t, err, http.StatusForbidden, "AADB2C", "APIConnectors.Read.All", "APIConnectors.ReadWrite.All")
	})
	t.Run("404 for another tenant's connector", func(t *testing.T) {
		tenantID, err := s.server.AddTenant(t.Context(), "fabrikam.example")
		if err != nil {
			t.Fatal(err)
		}
		app, err := s.server.AddApplication(t.Context(), tenantID, "neighbour", "APIConnectors.ReadWrite.All")
		if err != nil {
			t.Fatal(err)
		}
		neighbour := s.connect(t, secretCredential(t, s.server, app)).Identity().ApiConnectors()
		ours := s.server.Env["PATCHBAY_CONNECTOR_ID"]
		_, err = neighbour.ByIdentityApiConnectorId(ours).Get(t.Context(), nil)
		wantError(t, err, http.StatusNotFound, "ResourceNotFound", ours)
		wantError(t, neighbour.ByIdentityApiConnectorId(ours).Delete(t.Context(), nil), http.StatusNotFound, "ResourceNotFound", ours)
		page, err := neighbour.Get(t.Context(), nil)
		if err != nil || len(page.GetValue()) != 0 {
			t.Errorf("the neighbour's list has %d connectors, %v; want none", len(page.GetValue()), err)
		}
	})
}

func upload(file pfx.File) identity.ApiConnectorsItemUploadClientCertificatePostRequestBodyable {
	body := identity.NewApiConnectorsItemUploadClientCertificatePostRequestBody()
	body.SetPkcs12Value(&file.Value)
	body.SetPassword(&file.Password)
	return body
}

// throttling checks the limit that Microsoft documents for this family: 200 requests a minute per application and tenant.
func (s *suite) throttling(t *testing.T) {
	const limit = 200
	t.Run("429 after "+strconv.Itoa(limit)+" requests in a minute, with Retry-After", func(t *testing.T) {
		client := connect(t, s.throttled, secretCredential(t, s.throttled, s.throttled.Developer()))
		once := &nethttplibrary.RetryHandlerOptions{ShouldRetry: neverAgain}
		one := &identity.ApiConnectorsRequestBuilderGetRequestConfiguration{
			QueryParameters: &listParameters{Top: new(int32(1)), Select: []string{"id"}},
			Options:         []abstractions.RequestOption{once},
		}
		for n := range limit {
			if _, err := client.Identity().ApiConnectors().Get(t.Context(), one); err != nil {
				t.Fatalf("request %d: %v", n+1, err)
			}
		}
		_, err := client.Identity().ApiConnectors().Get(t.Context(), one)
		wantError(t, err, http.StatusTooManyRequests, "TooManyRequests")
		answered := graphError(t, err).ResponseHeaders
		seconds, err := strconv.Atoi(strings.Join(answered.Get("Retry-After"), ""))
		// A minute, and the second in which the first request of it was made.
		if err != nil || seconds < 1 || seconds > 61 {
			t.Errorf("Retry-After is %q, want 1 to 61 seconds", answered.Get("Retry-After"))
		}
		if scope := strings.Join(answered.Get("x-ms-throttle-scope"), ""); !strings.HasPrefix(scope, "Tenant_Application/") {
			t.Errorf("x-ms-throttle-scope is %q", scope)
		}
	})
}

// neverAgain keeps the SDK from waiting as long as Retry-After says.
func neverAgain(_ time.Duration, _ int, _ *http.Request, _ *http.Response) bool { return false }
