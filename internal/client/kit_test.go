package client

import (
	"encoding/pem"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

const (
	testTenant = "contoso.example"
	testApp    = "11111111-2222-4333-8444-555555555555"
	testSecret = "canary-client-secret"
)

// service is a TLS server with a token endpoint and whatever else a test puts on it.
type service struct {
	*httptest.Server
	mux *http.ServeMux

	mu     sync.Mutex
	tokens int      // how many were given out
	seen   []string // method and URI of each request but those for tokens
}

func newService(t *testing.T) *service {
	t.Helper()
	s := &service{mux: http.NewServeMux()}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/"+testTenant+"/oauth2/v2.0/token" {
			s.mu.Lock()
			s.seen = append(s.seen, r.Method+" "+r.URL.RequestURI())
			s.mu.Unlock()
		}
		s.mux.ServeHTTP(w, r)
	}))
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // clients that hang up are not news
	s.StartTLS()
	t.Cleanup(s.Close)
	s.mux.HandleFunc("POST /"+testTenant+"/oauth2/v2.0/token", s.token)
	return s
}

// token answers token requests that carry the right secret.
func (s *service) token(w http.ResponseWriter, r *http.Request) {
	if r.FormValue("grant_type") != "client_credentials" || r.FormValue("client_id") != testApp || r.FormValue("client_secret") != testSecret {
		answer(w, http.StatusUnauthorized, `{"error":"invalid_client","error_description":"Invalid client secret provided."}`)
		return
	}
	s.give(w)
}

// give gives out the next token.
func (s *service) give(w http.ResponseWriter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens++
	answer(w, http.StatusOK, fmt.Sprintf(`{"token_type":"Bearer","expires_in":3599,"access_token":"canary-token-%d"}`, s.tokens))
}

// requests are those that came so far.
func (s *service) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.seen...)
}

func (s *service) tokensGiven() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tokens
}

func answer(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}

// caFile is a file with the certificate of s.
func (s *service) caFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func (s *service) options(t *testing.T) Options {
	t.Helper()
	return Options{URL: s.URL, TenantID: testTenant, ClientID: testApp, ClientSecret: testSecret, CAFile: s.caFile(t)}
}

func (s *service) client(t *testing.T) *Client {
	t.Helper()
	return newClient(t, s.options(t))
}

func newClient(t *testing.T, o Options) *Client {
	t.Helper()
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.http.CloseIdleConnections)
	return c
}
