package conformance

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/patchbay/patchbay/conformance/harness/pfx"
)

func (s *suite) tokens(t *testing.T) {
	t.Run("ClientSecretCredential", func(t *testing.T) {
		s.wantWelcome(t, secretCredential(t, s.server, s.server.Developer()))
	})
	registered := pfx.NewIdentity(t, "application")
	if err := s.server.AddCertificate(t.Context(), registered.CertificateFile(t)); err != nil {
		t.Fatal(err)
	}
	t.Run("ClientCertificateCredential", func(t *testing.T) {
		s.wantWelcome(t, s.certificateCredential(t, registered, false))
	})
	t.Run("ClientCertificateCredential that sends its chain", func(t *testing.T) {
		s.wantWelcome(t, s.certificateCredential(t, registered, true))
	})
	t.Run("EnvironmentCredential, from dev.env alone", func(t *testing.T) {
		credential, err := azidentity.NewEnvironmentCredential(&azidentity.EnvironmentCredentialOptions{DisableInstanceDiscovery: true})
		if err != nil {
			t.Fatal(err)
		}
		s.wantWelcome(t, credential)
	})
	t.Run("a wrong secret is refused", func(t *testing.T) {
		app := s.server.Developer()
		app.Secret = "not the secret"
		wantRefused(t, secretCredential(t, s.server, app))
	})
	t.Run("a certificate that was not registered is refused", func(t *testing.T) {
		wantRefused(t, s.certificateCredential(t, pfx.NewIdentity(t, "stranger"), false))
	})
}

func (s *suite) certificateCredential(t *testing.T, identity pfx.Identity, sendChain bool) azcore.TokenCredential {
	t.Helper()
	options := &azidentity.ClientCertificateCredentialOptions{DisableInstanceDiscovery: true, SendCertificateChain: sendChain}
	options.Cloud.ActiveDirectoryAuthorityHost = s.server.Env["AZURE_AUTHORITY_HOST"]
	credential, err := azidentity.NewClientCertificateCredential(s.server.Env["AZURE_TENANT_ID"], s.server.Env["AZURE_CLIENT_ID"],
		[]*x509.Certificate{identity.Certificate}, crypto.PrivateKey(identity.Key), options)
	if err != nil {
		t.Fatal(err)
	}
	return credential
}

// wantWelcome checks that a Graph client with the credential may read and write.
func (s *suite) wantWelcome(t *testing.T, credential azcore.TokenCredential) {
	t.Helper()
	client := s.connect(t, credential)
	if _, err := client.Identity().ApiConnectors().Get(t.Context(), nil); err != nil {
		t.Fatalf("list: %v", err)
	}
	created, err := client.Identity().ApiConnectors().Post(t.Context(), basicConnector("welcome", "https://api.contoso.example/welcome"), nil)
	if err != nil {
		t.Fatalf("create: %v", err)
	}
	if err := client.Identity().ApiConnectors().ByIdentityApiConnectorId(*created.GetId()).Delete(t.Context(), nil); err != nil {
		t.Errorf("delete: %v", err)
	}
}

// wantRefused checks that the token endpoint answers 401, and that azidentity understands it.
func wantRefused(t *testing.T, credential azcore.TokenCredential) {
	t.Helper()
	_, err := credential.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{graphScope}})
	failure, ok := errors.AsType[*azidentity.AuthenticationFailedError](err)
	if !ok {
		t.Fatalf("the error is %T (%v), want *azidentity.AuthenticationFailedError", err, err)
	}
	if failure.RawResponse == nil || failure.RawResponse.StatusCode != http.StatusUnauthorized {
		t.Errorf("refused otherwise than by 401: %v", err)
	}
}

// fixedToken is a credential that has one token, whatever it is worth.
type fixedToken string

// GetToken returns it.
func (f fixedToken) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: string(f), ExpiresOn: time.Now().Add(time.Hour)}, nil
}
