package client

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/patchbay/patchbay/internal/auth"
	"github.com/patchbay/patchbay/internal/conntest"
)

// TestTokenIsRenewed checks that a token that is no longer taken is replaced, once a request.
func TestTokenIsRenewed(t *testing.T) {
	t.Parallel()
	s := newService(t)
	good := "Bearer canary-token-2"
	s.mux.HandleFunc("GET /v1.0/x", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != good {
			answer(w, http.StatusUnauthorized, `{"error":{"code":"InvalidAuthenticationToken","message":"No."}}`)
			return
		}
		answer(w, http.StatusOK, `{}`)
	})
	c := s.client(t)
	if _, err := c.Do(t.Context(), http.MethodGet, "/v1.0/x", nil, nil); err != nil {
		t.Fatal(err)
	}
	if n := s.tokensGiven(); n != 2 {
		t.Errorf("%d tokens were fetched, want 2", n)
	}
	good = "none"
	refused := (*Error)(nil)
	if _, err := c.Do(t.Context(), http.MethodGet, "/v1.0/x", nil, nil); !errors.As(err, &refused) || refused.Status != http.StatusUnauthorized || refused.Token {
		t.Errorf("no token is good: %v", err)
	}
	if n := s.tokensGiven(); n != 3 {
		t.Errorf("%d tokens were fetched, want 3", n)
	}
	c.tokens.until = time.Now() // it has a minute left
	if _, err := c.tokens.get(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := s.tokensGiven(); n != 4 {
		t.Errorf("%d tokens were fetched, want 4: the last one was about to end", n)
	}
}

// TestTokenGiven checks that a token that was got elsewhere is used as it is: no app is needed, and nothing is fetched.
func TestTokenGiven(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.mux.HandleFunc("GET /v1.0/x", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer canary-given" {
			t.Error("another token was sent")
		}
		answer(w, http.StatusUnauthorized, `{}`)
	})
	_, err := newClient(t, Options{URL: s.URL, Token: "canary-given", CAFile: s.caFile(t)}).Do(t.Context(), http.MethodGet, "/v1.0/x", nil, nil)
	refused := (*Error)(nil)
	if !errors.As(err, &refused) || refused.Status != http.StatusUnauthorized || s.tokensGiven() != 0 || len(s.requests()) != 1 {
		t.Errorf("%v after %v, with %d tokens", err, s.requests(), s.tokensGiven())
	}
}

func TestTokenRefused(t *testing.T) {
	t.Parallel()
	s := newService(t)
	o := s.options(t)
	o.ClientSecret = "canary-wrong-secret"
	_, err := newClient(t, o).Do(t.Context(), http.MethodGet, "/v1.0/x", nil, nil)
	refused := (*Error)(nil)
	if !errors.As(err, &refused) || !refused.Token || refused.Code != "invalid_client" || strings.Contains(err.Error(), "canary") {
		t.Errorf("a wrong secret: %v", err)
	}
	if got := s.requests(); len(got) != 0 {
		t.Errorf("without a token %v went out", got)
	}
}

// TestClientCertificate checks the assertion by the code that the local authority reads it with.
func TestClientCertificate(t *testing.T) {
	t.Parallel()
	s := newService(t)
	key := conntest.NewClientKey(t, time.Now().Add(-time.Minute), time.Hour)
	s.mux.HandleFunc("POST /other/oauth2/v2.0/token", func(w http.ResponseWriter, r *http.Request) {
		_, err := auth.VerifyAssertion(r.FormValue("client_assertion"), auth.AssertionCheck{
			ClientID: testApp, Audiences: []string{s.URL + "/other/oauth2/v2.0/token"}, Certificates: [][]byte{key.Certificate}, Now: time.Now(),
		})
		if err != nil || r.FormValue("client_assertion_type") != conntest.AssertionType || r.Form.Has("client_secret") {
			t.Errorf("the assertion is not good: %v", err)
		}
		s.give(w)
	})
	s.mux.HandleFunc("GET /v1.0/x", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, `{}`) })
	private, err := x509.MarshalPKCS8PrivateKey(key.Private)
	if err != nil {
		t.Fatal(err)
	}
	o := s.options(t)
	o.TenantID, o.ClientSecret, o.CertificateFile = "other", "", filepath.Join(t.TempDir(), "client.pem")
	text := append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), key.PEM()...)
	if err := os.WriteFile(o.CertificateFile, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := newClient(t, o).Do(t.Context(), http.MethodGet, "/v1.0/x", nil, nil); err != nil {
		t.Error(err)
	}
}
