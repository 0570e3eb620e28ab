package conformance

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-azure-sdk/microsoft-graph/common-types/stable"
	"github.com/hashicorp/go-azure-sdk/microsoft-graph/identity/stable/apiconnector"
	"github.com/hashicorp/go-azure-sdk/sdk/auth"
	"github.com/hashicorp/go-azure-sdk/sdk/environments"
	"github.com/hashicorp/go-azure-sdk/sdk/nullable"
	"github.com/hashicorp/go-azure-sdk/sdk/odata"
)

const (
	graph   = "https://graph.microsoft.com" // what tokens are for
	foreign = "nowhere.invalid"             // a host that no token is for; the relay's proxy leads there
)

// suite is what the checks share: two servers, of which one counts as strictly as Microsoft Graph, a relay of the first one,
// and a client of it.
type suite struct {
	server, throttled *server
	relay             *relay
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
	t.Setenv("SSL_CERT_FILE", trust(t, s.server.env["SSL_CERT_FILE"], s.throttled.env["NODE_EXTRA_CA_CERTS"], s.relay.CA))
	t.Setenv("HTTPS_PROXY", s.relay.Proxy) // never for localhost
	s.client = connect(t, s.server.env["PATCHBAY_URL"], secretAuthorizer(t, s.server, s.server.developer()))
	return s
}

// start starts the servers and the relay, and has them stopped in good order when t ends.
func (s *suite) start(t *testing.T) {
	t.Helper()
	// Not the test's own context: that one ends before the cleanups run.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), serverLife)
	t.Cleanup(cancel)
	binary := program(t, "PATCHBAY_BIN", ".", "./cmd/patchbay")
	dirs := [2]string{t.TempDir(), t.TempDir()}
	var errs [2]error
	var wg sync.WaitGroup
	wg.Go(func() { s.server, errs[0] = startServer(ctx, binary, dirs[0]) })
	wg.Go(func() { s.throttled, errs[1] = startServer(ctx, binary, dirs[1], "--throttle", "graph") })
	wg.Wait()
	for _, started := range []*server{s.server, s.throttled} {
		if started != nil {
			stopAtEnd(t, started)
		}
	}
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatal(err)
	}
	var err error
	if s.relay, err = startRelay(ctx, program(t, "RELAY_BIN", filepath.Join("conformance", "relay"), "."), s.server, foreign+":443"); err != nil {
		t.Fatal(err)
	}
	stopAtEnd(t, s.relay)
}

func stopAtEnd(t *testing.T, started interface{ stop() error }) {
	t.Helper()
	t.Cleanup(func() {
		if err := started.stop(); err != nil {
			t.Error(err)
		}
	})
}

// program is the binary that a variable names, or else one built from this repository.
func program(t *testing.T, variable, dir, packagePath string) string {
	t.Helper()
	if binary := os.Getenv(variable); binary != "" {
		return binary
	}
	binary := filepath.Join(t.TempDir(), strings.ToLower(variable))
	if err := build(t.Context(), binary, dir, packagePath); err != nil {
		t.Fatal(err)
	}
	return binary
}

// trust joins certificate authorities: Go reads SSL_CERT_FILE once, and each server has its own.
func trust(t *testing.T, files ...string) string {
	t.Helper()
	var bundle []byte
	for _, file := range files {
		pem, err := os.ReadFile(file)
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

// environmentOf points the SDK at a server, and at its authority.
func environmentOf(at *server) environments.Environment {
	environment := *environments.AzurePublic()
	authorization := *environment.Authorization
	authorization.LoginEndpoint = at.env["AZURE_AUTHORITY_HOST"]
	environment.Authorization = &authorization
	environment.MicrosoftGraph = graphAPI(at.env["PATCHBAY_URL"])
	return environment
}

func graphAPI(base string) environments.Api {
	return environments.MicrosoftGraphAPI(base).WithResourceIdentifier(graph)
}

func secretAuthorizer(t *testing.T, at *server, app application) auth.Authorizer {
	t.Helper()
	environment := environmentOf(at)
	authorizer, err := auth.NewClientSecretAuthorizer(t.Context(), auth.ClientSecretAuthorizerOptions{
		Environment: environment, Api: environment.MicrosoftGraph, TenantId: app.tenantID, ClientId: app.clientID, ClientSecret: app.secret,
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
	return connectorID(s.server.env["PATCHBAY_CONNECTOR_ID"])
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
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), stopWithin)
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
func certificateConnector(p pfx) stable.IdentityApiConnector {
	return stable.IdentityApiConnector{AuthenticationConfiguration: stable.Pkcs12Certificate{
		Pkcs12Value: nullable.Value(p.value()), Password: nullable.Value(p.password),
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
