package conformance

import (
	"context"
	"io"
	"log"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-azure-sdk/microsoft-graph/common-types/stable"
	"github.com/hashicorp/go-azure-sdk/microsoft-graph/identity/stable/apiconnector"
	"github.com/hashicorp/go-azure-sdk/sdk/auth"
	"github.com/hashicorp/go-azure-sdk/sdk/environments"
	"github.com/hashicorp/go-azure-sdk/sdk/nullable"
	"github.com/hashicorp/go-azure-sdk/sdk/odata"

	"github.com/patchbay/patchbay/conformance/harness"
	"github.com/patchbay/patchbay/conformance/harness/pfx"
)

const (
	graph   = "https://graph.microsoft.com" // what tokens are for
	foreign = "nowhere.invalid"             // a host that no token is for; the relay's proxy leads there
)

// suite is what the checks share: two servers, of which one counts as strictly as Microsoft Graph, a relay of the first one,
// and a client of it.
type suite struct {
	server, throttled *harness.Server
	relay             *harness.Relay
	client            *apiconnector.ApiConnectorClient
}

func TestConformance(t *testing.T) {
	s := newSuite(t)
	t.Run("tokens", s.tokens)
	t.Run("founding examples", s.foundingExamples)
	t.Run("life of a connector", s.life)
	t.Run("reading", s.reading)
	t.Run("writing", s.writing)
	t.Run("user flows", s.userFlows)
	t.Run("errors", s.errors)
	t.Run("faults", s.faults)
	t.Run("throttling", s.throttling)
}

func newSuite(t *testing.T) *suite {
	t.Helper()
	log.SetOutput(io.Discard) // the SDK writes a line about every request
	s := &suite{}
	s.start(t)
	t.Setenv("SSL_CERT_FILE", harness.Trust(t, s.server.Env["SSL_CERT_FILE"], s.throttled.Env["NODE_EXTRA_CA_CERTS"], s.relay.CA))
	t.Setenv("HTTPS_PROXY", s.relay.Proxy) // never for localhost
	s.client = connect(t, s.server.Env["PATCHBAY_URL"], secretAuthorizer(t, s.server, s.server.Developer()))
	return s
}

// start starts the servers and the relay, and has them stopped in good order when t ends.
func (s *suite) start(t *testing.T) {
	t.Helper()
	ctx := harness.Life(t)
	s.server, s.throttled = harness.StartServers(t, ctx)
	var err error
	if s.relay, err = harness.StartRelay(ctx, harness.RelayBinary(t), s.server, foreign+":443"); err != nil {
		t.Fatal(err)
	}
	harness.StopAtEnd(t, s.relay)
}

// environmentOf points the SDK at a server, and at its authority.
func environmentOf(at *harness.Server) environments.Environment {
	environment := *environments.AzurePublic()
	authorization := *environment.Authorization
	authorization.LoginEndpoint = at.Env["AZURE_AUTHORITY_HOST"]
	environment.Authorization = &authorization
	environment.MicrosoftGraph = graphAPI(at.Env["PATCHBAY_URL"])
	return environment
}

func graphAPI(base string) environments.Api {
	return environments.MicrosoftGraphAPI(base).WithResourceIdentifier(graph)
}

func secretAuthorizer(t *testing.T, at *harness.Server, app harness.Application) auth.Authorizer {
	t.Helper()
	environment := environmentOf(at)
	authorizer, err := auth.NewClientSecretAuthorizer(t.Context(), auth.ClientSecretAuthorizerOptions{
		Environment: environment, Api: environment.MicrosoftGraph, TenantId: app.TenantID, ClientId: app.ClientID, ClientSecret: app.Secret,
	})
	if err != nil {
		t.Fatal(err)
	}
	return authorizer
}

// connect makes a client of the API connectors at base.
func connect(t *testing.T, base string, authorizer auth.Authorizer) *apiconnector.ApiConnectorClient {
	t.Helper()
	client, err := apiconnector.NewApiConnectorClientWithBaseURI(graphAPI(base))
	if err != nil {
		t.Fatal(err)
	}
	client.Client.SetAuthorizer(authorizer)
	return client
}

// soon is a context with a deadline, without which the SDK sends nothing; it also sets how often the SDK tries again.
func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func connectorID(id string) stable.IdentityApiConnectorId {
	return stable.NewIdentityApiConnectorID(id)
}

// demo is the connector that dev made.
func (s *suite) demo() stable.IdentityApiConnectorId {
	return connectorID(s.server.Env["PATCHBAY_CONNECTOR_ID"])
}

// create makes a connector with Basic authentication and removes it when t ends.
func (s *suite) create(t *testing.T, name string) stable.IdentityApiConnectorId {
	t.Helper()
	body := basicConnector(name, "https://api.contoso.example/"+strings.ReplaceAll(name, " ", "-"))
	created, err := s.client.CreateApiConnector(soon(t), body, apiconnector.DefaultCreateApiConnectorOperationOptions())
	if err != nil {
		t.Fatalf("create a connector: %v", err)
	}
	id := connectorID(*created.Model.Id)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), harness.StopWithin)
		defer cancel()
		// Whether it is still there is for the check to say.
		_, _ = s.client.DeleteApiConnector(ctx, id, apiconnector.DefaultDeleteApiConnectorOperationOptions())
	})
	return id
}

func (s *suite) get(t *testing.T, id stable.IdentityApiConnectorId) *stable.IdentityApiConnector {
	t.Helper()
	read, err := s.client.GetApiConnector(soon(t), id, apiconnector.DefaultGetApiConnectorOperationOptions())
	if err != nil {
		t.Fatalf("get the connector: %v", err)
	}
	return read.Model
}

// patch changes a connector and checks that the answer is 204.
func (s *suite) patch(t *testing.T, id stable.IdentityApiConnectorId, body stable.IdentityApiConnector) {
	t.Helper()
	answer, err := s.client.UpdateApiConnector(soon(t), id, body, apiconnector.DefaultUpdateApiConnectorOperationOptions())
	if err != nil {
		t.Fatalf("change the connector: %v", err)
	}
	if answer.HttpResponse.StatusCode != http.StatusNoContent {
		t.Errorf("answered %d, want 204", answer.HttpResponse.StatusCode)
	}
}

func basicConnector(name, url string) stable.IdentityApiConnector {
	return stable.IdentityApiConnector{
		DisplayName: nullable.Value(name), TargetUrl: nullable.Value(url),
		AuthenticationConfiguration: stable.BasicAuthentication{
			Username: nullable.Value("user of " + name), Password: nullable.Value("password of " + name),
		},
	}
}

// certificateConnector is a body whose authentication configuration is a PKCS#12 file.
func certificateConnector(p pfx.File) stable.IdentityApiConnector {
	return stable.IdentityApiConnector{AuthenticationConfiguration: stable.Pkcs12Certificate{
		Pkcs12Value: nullable.Value(p.Value), Password: nullable.Value(p.Password),
	}}
}

// wantError checks that an operation failed with that status and code, that the SDK understood the answer as its own
// odata.Error, whose message holds every one of the texts, and that it can be found in the log by its request-id.
func wantError(t *testing.T, err error, response *http.Response, answer *odata.OData, status int, code string, texts ...string) {
	t.Helper()
	if err == nil || response == nil {
		t.Fatalf("the error is %v, with the response %v; want %d %s", err, response, status, code)
	}
	if answer == nil || answer.Error == nil || answer.Error.Code == nil || answer.Error.Message == nil {
		t.Fatalf("the SDK found no error in the answer %d: %v", response.StatusCode, err)
	}
	failure := answer.Error
	if response.StatusCode != status || *failure.Code != code {
		t.Errorf("answered %d %s, want %d %s (%v)", response.StatusCode, *failure.Code, status, code, err)
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("the error is %q, want %q in it", err, text)
		}
	}
	if inner := failure.InnerError; inner == nil || inner.RequestId == nil || *inner.RequestId == "" || inner.Date == nil {
		t.Error("innerError lacks request-id or date")
	}
}
