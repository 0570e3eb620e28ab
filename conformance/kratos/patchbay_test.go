package conformance

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/patchbay/patchbay/conformance/harness"
)

// patchbay is a started Patchbay with an application that administers it.
type patchbay struct {
	*harness.Server
	client *http.Client
	token  string // of that application
}

// startPatchbay starts a Patchbay that finds nothing in the environment.
func startPatchbay(ctx context.Context, binary, dataDir string) (*patchbay, error) {
	server, err := harness.StartServer(ctx, harness.BareEnvironment(), binary, dataDir)
	if err != nil {
		return nil, err
	}
	s := &patchbay{Server: server}
	if err := s.meet(ctx); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// meet learns from dev.env whom to trust, and gets a token of an application that may do what the checks do.
func (s *patchbay) meet(ctx context.Context) error {
	roots := x509.NewCertPool()
	bundle, err := os.ReadFile(s.Env["SSL_CERT_FILE"])
	if err != nil {
		return err
	}
	roots.AppendCertsFromPEM(bundle)
	s.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}, Timeout: harness.ReadyWithin}
	administrator, err := s.addApplication(ctx, "administrator", "APIConnectors.ReadWrite.All", "IdentityUserFlow.ReadWrite.All", "UserFlowInvocation.Read.All")
	if err != nil {
		return err
	}
	s.token, err = s.tokenOf(ctx, administrator)
	return err
}

// user is what the application calls itself in HTTP Basic.
func user(app harness.Application) string { return app.TenantID + "/" + app.ClientID }

// addApplication registers an application with these permissions in the tenant that dev made.
func (s *patchbay) addApplication(ctx context.Context, name string, roles ...string) (harness.Application, error) {
	return s.AddApplication(ctx, s.Env["AZURE_TENANT_ID"], name, roles...)
}

// tenantName is the name of the one tenant that dev makes.
func (s *patchbay) tenantName(ctx context.Context) (string, error) {
	var tenants []struct {
		Name string `json:"name"`
	}
	if err := s.Local(ctx, "", &tenants, "tenant", "list"); err != nil {
		return "", err
	}
	if len(tenants) != 1 {
		return "", fmt.Errorf("patchbay dev has %d tenants, want 1", len(tenants))
	}
	return tenants[0].Name, nil
}

func (s *patchbay) tokenOf(ctx context.Context, app harness.Application) (string, error) {
	form := url.Values{
		"grant_type": {"client_credentials"}, "scope": {"https://graph.microsoft.com/.default"},
		"client_id": {app.ClientID}, "client_secret": {app.Secret},
	}
	address := s.Env["AZURE_AUTHORITY_HOST"] + "/" + app.TenantID + "/oauth2/v2.0/token"
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	var token struct {
		AccessToken string `json:"access_token"`
	}
	if err := harness.Exchange(s.client, request, http.StatusOK, &token); err != nil {
		return "", err
	}
	return token.AccessToken, nil
}

// do sends a request to Patchbay as its administrator and decodes the answer, which must have the status.
func (s *patchbay) do(ctx context.Context, method, path string, body any, status int, into any) error {
	request, err := harness.JSONRequest(ctx, method, s.Env["PATCHBAY_URL"]+path, body)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+s.token)
	return harness.Exchange(s.client, request, status, into)
}
