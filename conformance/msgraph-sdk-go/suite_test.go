package conformance

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	msgraphsdk "github.com/microsoftgraph/msgraph-sdk-go"
	"github.com/microsoftgraph/msgraph-sdk-go/identity"
	"github.com/microsoftgraph/msgraph-sdk-go/models"
	"github.com/microsoftgraph/msgraph-sdk-go/models/odataerrors"

	"github.com/patchbay/patchbay/conformance/harness"
	"github.com/patchbay/patchbay/conformance/harness/pfx"
)

// graphScope is what every Graph client asks a token for.
const graphScope = "https://graph.microsoft.com/.default"

// suite is what the checks share: two servers, of which one counts as strictly as Microsoft Graph, and a client of the
// first one.
type suite struct {
	server, throttled *harness.Server
	client            *msgraphsdk.GraphServiceClient
}

func TestConformance(t *testing.T) {
	s := newSuite(t)
	t.Run("tokens", s.tokens)
	t.Run("founding examples", s.foundingExamples)
	t.Run("life of a connector", s.life)
	t.Run("reading", s.reading)
	t.Run("writing", s.writing)
	t.Run("user flows", s.userFlows)
	t.Run("batch", s.batch)
	t.Run("errors", s.errors)
	t.Run("throttling", s.throttling)
}

func newSuite(t *testing.T) *suite {
	t.Helper()
	s := &suite{}
	s.server, s.throttled = harness.StartServers(t, harness.Life(t))
	for name, value := range s.server.Env {
		t.Setenv(name, value)
	}
	t.Setenv("SSL_CERT_FILE", harness.Trust(t, s.server.Env["SSL_CERT_FILE"], s.throttled.Env["SSL_CERT_FILE"]))
	s.client = s.connect(t, secretCredential(t, s.server, s.server.Developer()))
	return s
}

// connect makes a Graph client of the suite's server, pointed as any program would.
func (s *suite) connect(t *testing.T, credential azcore.TokenCredential) *msgraphsdk.GraphServiceClient {
	t.Helper()
	return connect(t, s.server, credential)
}

func connect(t *testing.T, to *harness.Server, credential azcore.TokenCredential) *msgraphsdk.GraphServiceClient {
	t.Helper()
	client, err := msgraphsdk.NewGraphServiceClientWithCredentialsAndHosts(credential, []string{graphScope}, []string{"localhost"})
	if err != nil {
		t.Fatal(err)
	}
	adapter := client.GetAdapter()
	adapter.SetBaseUrl(to.Env["PATCHBAY_URL"] + "/v1.0")
	// Once more, on the adapter that knows its base URL now: the steps of a $batch take theirs from the client.
	return msgraphsdk.NewGraphServiceClient(adapter)
}

func secretCredential(t *testing.T, at *harness.Server, app harness.Application) azcore.TokenCredential {
	t.Helper()
	options := &azidentity.ClientSecretCredentialOptions{DisableInstanceDiscovery: true}
	options.Cloud.ActiveDirectoryAuthorityHost = at.Env["AZURE_AUTHORITY_HOST"]
	credential, err := azidentity.NewClientSecretCredential(app.TenantID, app.ClientID, app.Secret, options)
	if err != nil {
		t.Fatal(err)
	}
	return credential
}

// connectors is the collection, item one connector of it.
func (s *suite) connectors() *identity.ApiConnectorsRequestBuilder {
	return s.client.Identity().ApiConnectors()
}

func (s *suite) item(id string) *identity.ApiConnectorsIdentityApiConnectorItemRequestBuilder {
	return s.connectors().ByIdentityApiConnectorId(id)
}

// demo is the connector that dev made.
func (s *suite) demo() *identity.ApiConnectorsIdentityApiConnectorItemRequestBuilder {
	return s.item(s.server.Env["PATCHBAY_CONNECTOR_ID"])
}

// create makes a connector with Basic authentication and removes it when t ends.
func (s *suite) create(t *testing.T, name string) models.IdentityApiConnectorable {
	t.Helper()
	created, err := s.connectors().Post(t.Context(), basicConnector(name, "https://api.contoso.example/"+strings.ReplaceAll(name, " ", "-")), nil)
	if err != nil {
		t.Fatalf("create a connector: %v", err)
	}
	t.Cleanup(func() {
		// Whether it is still there is for the check to say.
		_ = s.item(*created.GetId()).Delete(context.WithoutCancel(t.Context()), nil)
	})
	return created
}

func (s *suite) get(t *testing.T, id string) models.IdentityApiConnectorable {
	t.Helper()
	connector, err := s.item(id).Get(t.Context(), nil)
	if err != nil {
		t.Fatalf("get the connector: %v", err)
	}
	return connector
}

func (s *suite) patch(t *testing.T, id string, body models.IdentityApiConnectorable) {
	t.Helper()
	if _, err := s.item(id).Patch(t.Context(), body, nil); err != nil {
		t.Fatalf("change the connector: %v", err)
	}
}

func basicConnector(name, url string) models.IdentityApiConnectorable {
	authentication := models.NewBasicAuthentication()
	authentication.SetUsername(new("user of " + name))
	authentication.SetPassword(new("password of " + name))
	connector := models.NewIdentityApiConnector()
	connector.SetDisplayName(&name)
	connector.SetTargetUrl(&url)
	connector.SetAuthenticationConfiguration(authentication)
	return connector
}

// certificateConnector is a body whose authentication configuration is a PKCS#12 file.
func certificateConnector(file pfx.File) models.IdentityApiConnectorable {
	authentication := models.NewPkcs12Certificate()
	authentication.SetPkcs12Value(&file.Value)
	authentication.SetPassword(&file.Password)
	connector := models.NewIdentityApiConnector()
	connector.SetAuthenticationConfiguration(authentication)
	return connector
}

// graphError is an error as the SDK's own type, which every failure of the service must be.
func graphError(t *testing.T, err error) *odataerrors.ODataError {
	t.Helper()
	failure, ok := errors.AsType[*odataerrors.ODataError](err)
	if !ok {
		t.Fatalf("the error is %T (%v), want *odataerrors.ODataError", err, err)
	}
	return failure
}

// wantError checks that err is an ODataError with that status and code, whose message holds every one of the texts, and
// that it can be found in the log by its request-id.
func wantError(t *testing.T, err error, status int, code string, texts ...string) {
	t.Helper()
	failure := graphError(t, err)
	main := failure.GetErrorEscaped()
	if main == nil || main.GetCode() == nil || main.GetMessage() == nil {
		t.Fatalf("the error has no code or no message: %+v", main)
	}
	if failure.ResponseStatusCode != status || *main.GetCode() != code {
		t.Errorf("answered %d %s, want %d %s (%s)", failure.ResponseStatusCode, *main.GetCode(), status, code, *main.GetMessage())
	}
	for _, text := range texts {
		if !strings.Contains(failure.Error(), text) {
			t.Errorf("the message is %q, want %q in it", failure.Error(), text)
		}
	}
	inner := main.GetInnerError()
	if inner == nil || inner.GetRequestId() == nil || *inner.GetRequestId() == "" || inner.GetDate() == nil {
		t.Errorf("innerError lacks request-id or date")
	}
}
