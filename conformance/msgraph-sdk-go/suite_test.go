package conformance

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	msgraphsdk "github.com/microsoftgraph/msgraph-sdk-go"
	"github.com/microsoftgraph/msgraph-sdk-go/identity"
	"github.com/microsoftgraph/msgraph-sdk-go/models"
	"github.com/microsoftgraph/msgraph-sdk-go/models/odataerrors"
)

// graphScope is what every Graph client asks a token for.
const graphScope = "https://graph.microsoft.com/.default"

// suite is what the checks share: two servers, of which one counts as strictly as Microsoft Graph, and a client of the
// first one.
type suite struct {
	server, throttled *server
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
	binary := os.Getenv("PATCHBAY_BIN")
	if binary == "" {
		var err error
		if binary, err = build(t.Context(), t.TempDir()); err != nil {
			t.Fatal(err)
		}
	}
	s := &suite{}
	start := func(into **server, flags ...string) error {
		// Not the test's own context: that one ends before the cleanups run, and the servers are to end in good order.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), serverLife)
		t.Cleanup(cancel)
		var err error
		*into, err = startServer(ctx, binary, t.TempDir(), flags...)
		return err
	}
	var errs [2]error
	var wg sync.WaitGroup
	wg.Go(func() { errs[0] = start(&s.server) })
	wg.Go(func() { errs[1] = start(&s.throttled, "--throttle", "graph") })
	wg.Wait()
	t.Cleanup(func() {
		for _, started := range []*server{s.server, s.throttled} {
			if started == nil {
				continue
			}
			if err := started.stop(); err != nil {
				t.Error(err)
			}
		}
	})
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatal(err)
	}
	for name, value := range s.server.env {
		t.Setenv(name, value)
	}
	t.Setenv("SSL_CERT_FILE", trustBoth(t, s.server, s.throttled))
	s.client = s.connect(t, secretCredential(t, s.server, s.server.developer()))
	return s
}

// trustBoth joins the certificate authorities of the servers: Go reads SSL_CERT_FILE once, and each server has its own.
func trustBoth(t *testing.T, servers ...*server) string {
	t.Helper()
	var bundle []byte
	for _, s := range servers {
		pem, err := os.ReadFile(s.env["SSL_CERT_FILE"])
		if err != nil {
			t.Fatal(err)
		}
		bundle = append(append(bundle, pem...), '\n')
	}
	path := filepath.Join(t.TempDir(), "bundle.pem")
	if err := os.WriteFile(path, bundle, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// connect makes a Graph client of the suite's server, pointed as any program would.
func (s *suite) connect(t *testing.T, credential azcore.TokenCredential) *msgraphsdk.GraphServiceClient {
	t.Helper()
	return connect(t, s.server, credential)
}

func connect(t *testing.T, to *server, credential azcore.TokenCredential) *msgraphsdk.GraphServiceClient {
	t.Helper()
	client, err := msgraphsdk.NewGraphServiceClientWithCredentialsAndHosts(credential, []string{graphScope}, []string{"localhost"})
	if err != nil {
		t.Fatal(err)
	}
	adapter := client.GetAdapter()
	adapter.SetBaseUrl(to.env["PATCHBAY_URL"] + "/v1.0")
	// Once more, on the adapter that knows its base URL now: the steps of a $batch take theirs from the client.
	return msgraphsdk.NewGraphServiceClient(adapter)
}

func secretCredential(t *testing.T, at *server, app application) azcore.TokenCredential {
	t.Helper()
	options := &azidentity.ClientSecretCredentialOptions{DisableInstanceDiscovery: true}
	options.Cloud.ActiveDirectoryAuthorityHost = at.env["AZURE_AUTHORITY_HOST"]
	credential, err := azidentity.NewClientSecretCredential(app.tenantID, app.clientID, app.secret, options)
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
	return s.item(s.server.env["PATCHBAY_CONNECTOR_ID"])
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
func certificateConnector(file pfx) models.IdentityApiConnectorable {
	authentication := models.NewPkcs12Certificate()
	authentication.SetPkcs12Value(&file.value)
	authentication.SetPassword(&file.password)
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
