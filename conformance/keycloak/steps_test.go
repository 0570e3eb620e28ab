package conformance

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// target is the endpoint of a connector's owner. It answers Continue, with the city in capitals.
type target struct {
	server *httptest.Server
	asked  atomic.Int32
}

func startTarget(t *testing.T, a *authority) *target {
	t.Helper()
	s := &target{}
	s.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		var claims object
		if username, _, _ := r.BasicAuth(); username != "patchbay" || json.NewDecoder(r.Body).Decode(&claims) != nil {
			http.Error(w, "", http.StatusUnauthorized)
			return
		}
		city, _ := claims["city"].(string)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"version":"1.0.0","action":"Continue","city":"`+strings.ToUpper(city)+`"}`)
	}))
	s.server.TLS = &tls.Config{Certificates: []tls.Certificate{a.certificate}}
	s.server.StartTLS()
	t.Cleanup(s.server.Close)
	return s
}

// address is the one that the guard must allow.
func (s *target) address() string { return s.server.Listener.Addr().String() }

// steps are sign-up steps that an identity provider reports with a token of Keycloak's.
func (s *suite) steps(t *testing.T) {
	k, p := s.keycloak, s.patchbay
	administrator := k.signIn(t, "contoso", "ada").Access
	p.want(t, http.StatusCreated, administrator, http.MethodPost, flows, object{
		"id": "signup", "userFlowType": "signUpOrSignIn", "userFlowTypeVersion": 1,
		"apiConnectorConfiguration": object{"postAttributeCollection": object{"id": s.connector}},
	})
	const step = "/runtime/v1/userFlows/B2X_1_signup/steps/postAttributeCollection"
	body := object{"claims": object{"email": "rosa@example.com", "city": "zurich"}}
	t.Run("a client with UserFlows.Invoke.All runs a step, and the receipt names it", func(t *testing.T) {
		token := k.application(t, "contoso", "provider")
		decision := p.want(t, http.StatusOK, token, http.MethodPost, step, body)
		claims, _ := decision.body["claims"].(object)
		if decision.body["action"] != "Continue" || claims["city"] != "ZURICH" || s.target.asked.Load() != 1 {
			t.Fatalf("decided %v; the target was asked %d times", decision.body, s.target.asked.Load())
		}
		receipt := p.want(t, http.StatusOK, token, http.MethodGet, "/runtime/v1/invocations/"+decision.body["invocationId"].(string), nil)
		if receipt.body["appId"] != "provider" {
			t.Errorf("the receipt names %v", receipt.body["appId"])
		}
	})
	t.Run("a client without it is 403", func(t *testing.T) {
		wantForbidden(t, p.call(t, k.application(t, "contoso", "terraform"), http.MethodPost, step, body), "UserFlows.Invoke.All")
	})
	t.Run("a person is 403, whatever roles they have", func(t *testing.T) {
		wantForbidden(t, p.call(t, administrator, http.MethodPost, step, body), "UserFlows.Invoke.All")
	})
	t.Run("404 for another realm's user flow", func(t *testing.T) {
		p.want(t, http.StatusNotFound, k.application(t, "fabrikam", "provider"), http.MethodPost, step, body)
	})
}
