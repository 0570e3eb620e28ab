package conformance

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-azure-sdk/microsoft-graph/identity/stable/apiconnector"
	"github.com/hashicorp/go-azure-sdk/sdk/auth"
	"golang.org/x/oauth2"

	"github.com/patchbay/patchbay/conformance/harness/pfx"
)

func (s *suite) tokens(t *testing.T) {
	t.Run("ClientSecretAuthorizer", func(t *testing.T) {
		s.wantWelcome(t, secretAuthorizer(t, s.server, s.server.Developer()))
	})
	registered := pfx.New(t, "application", "open sesame")
	if err := s.server.AddCertificate(t.Context(), registered.CertificateFile(t)); err != nil {
		t.Fatal(err)
	}
	t.Run("ClientCertificateAuthorizer", func(t *testing.T) {
		s.wantWelcome(t, s.certificateAuthorizer(t, registered))
	})
	t.Run("a wrong secret is refused", func(t *testing.T) {
		app := s.server.Developer()
		app.Secret = "not the secret"
		wantRefused(t, secretAuthorizer(t, s.server, app))
	})
	t.Run("a certificate that was not registered is refused", func(t *testing.T) {
		wantRefused(t, s.certificateAuthorizer(t, pfx.New(t, "stranger", "")))
	})
}

func (s *suite) certificateAuthorizer(t *testing.T, identity pfx.File) auth.Authorizer {
	t.Helper()
	environment := environmentOf(s.server)
	authorizer, err := auth.NewClientCertificateAuthorizer(t.Context(), auth.ClientCertificateAuthorizerOptions{
		Environment: environment, Api: environment.MicrosoftGraph, TenantId: s.server.Env["AZURE_TENANT_ID"], ClientId: s.server.Env["AZURE_CLIENT_ID"],
		Pkcs12Data: identity.Bytes, Pkcs12Pass: identity.Password,
	})
	if err != nil {
		t.Fatal(err)
	}
	return authorizer
}

// wantWelcome checks that a client with the authorizer may read and write.
func (s *suite) wantWelcome(t *testing.T, authorizer auth.Authorizer) {
	t.Helper()
	client := connect(t, s.server.Env["PATCHBAY_URL"], authorizer)
	if _, err := client.ListApiConnectors(soon(t), apiconnector.DefaultListApiConnectorsOperationOptions()); err != nil {
		t.Fatalf("list: %v", err)
	}
	body := basicConnector("welcome", "https://api.contoso.example/welcome")
	created, err := client.CreateApiConnector(soon(t), body, apiconnector.DefaultCreateApiConnectorOperationOptions())
	if err != nil {
		t.Fatalf("create: %v", err)
	}
	if _, err := client.DeleteApiConnector(soon(t), connectorID(*created.Model.Id), apiconnector.DefaultDeleteApiConnectorOperationOptions()); err != nil {
		t.Errorf("delete: %v", err)
	}
}

// wantRefused checks that the token endpoint answers 401, and that the SDK says why. It has no error type for that.
func wantRefused(t *testing.T, authorizer auth.Authorizer) {
	t.Helper()
	_, err := authorizer.Token(soon(t), &http.Request{})
	if err == nil {
		t.Fatal("a token was given")
	}
	for _, text := range []string{"401", "invalid_client", "AADSTS70"} {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("the error is %q, want %q in it", err, text)
		}
	}
}

// fixedToken is an authorizer that has one token, whatever it is worth.
type fixedToken string

// Token returns it.
func (f fixedToken) Token(context.Context, *http.Request) (*oauth2.Token, error) {
	return &oauth2.Token{AccessToken: string(f), TokenType: "Bearer", Expiry: time.Now().Add(time.Hour)}, nil
}

// AuxiliaryTokens has none.
func (f fixedToken) AuxiliaryTokens(context.Context, *http.Request) ([]*oauth2.Token, error) {
	return nil, nil
}
