package app

import (
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
)

// step reports a step of the demonstration and returns the answer.
func (s *devServer) step(t *testing.T, token, email string) string {
	t.Helper()
	status, body := s.do(t, http.MethodPost, "/runtime/v1/userFlows/"+s.facts.DemoFlowID+"/steps/"+demoStep+"?receipt=true",
		token, "application/json", `{"claims":{"email":"`+email+`"}}`)
	if status != http.StatusOK {
		t.Fatalf("step: %d %s", status, body)
	}
	return body
}

func TestDemonstration(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := startDev(t, dir)
	token := first.token(t)
	for email, want := range map[string]string{
		"ada@example.com":     `"action":"Continue"`,
		"block@example.com":   `"action":"ShowBlockPage"`,
		"invalid@example.com": `"action":"ValidationError"`,
		"html@example.com":    `"reason":"target_returned_html"`,
	} {
		if body := first.step(t, token, email); !strings.Contains(body, want) || !strings.Contains(body, `"receipt":{`) || strings.Contains(body, email) && !strings.Contains(want, "Continue") {
			t.Errorf("%s: %s", email, body)
		}
	}
	first.rotate(t, token)
	address := first.demoAddress(t, token)
	first.stop(t)

	// The next start: its endpoint's port is taken, and dev.env with the password is lost.
	taken, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	if err := os.Remove(first.facts.EnvFile); err != nil {
		t.Fatal(err)
	}
	second := startDev(t, dir)
	if second.facts.DemoConnectorID != first.facts.DemoConnectorID || second.facts.DemoFlowID != first.facts.DemoFlowID {
		t.Error("the demonstration was made again")
	}
	token = second.token(t)
	if body := second.step(t, token, "ada@example.com"); !strings.Contains(body, `"action":"Continue"`) {
		t.Errorf("after a move: %s", body)
	}

	// A connector that was pointed elsewhere stays as it was left.
	elsewhere := `{"targetUrl":"https://localhost:1/elsewhere"}`
	if status, body := second.do(t, http.MethodPatch, "/v1.0/identity/apiConnectors/"+second.facts.DemoConnectorID, token, "application/json", elsewhere); status != http.StatusNoContent {
		t.Fatalf("PATCH: %d %s", status, body)
	}
	second.stop(t)
	third := startDev(t, dir)
	if body := third.step(t, third.token(t), "ada@example.com"); !strings.Contains(body, `"reason":"connect_refused"`) || !strings.Contains(body, "localhost:1/elsewhere") {
		t.Errorf("pointed elsewhere: %s", body)
	}
}

// rotate changes the demonstration's connector to a certificate, then to the next one, and back to the password: each step
// shows the certificate that is the newest then.
func (s *devServer) rotate(t *testing.T, token string) {
	t.Helper()
	connector := "/v1.0/identity/apiConnectors/" + s.facts.DemoConnectorID
	seen := map[string]bool{}
	for i, request := range []struct{ method, path, body string }{
		{http.MethodPatch, connector, `{"authenticationConfiguration":{"@odata.type":"#microsoft.graph.pkcs12Certificate","pkcs12Value":"` + pkcs12Value(t, "first") + `","password":""}}`},
		{http.MethodPost, connector + "/uploadClientCertificate", `{"pkcs12Value":"` + pkcs12Value(t, "second") + `","password":""}`},
	} {
		if status, body := s.do(t, request.method, request.path, token, "application/json", request.body); status >= http.StatusBadRequest {
			t.Fatalf("%s: %d %s", request.path, status, body)
		}
		body := s.step(t, token, "ada@example.com")
		_, rest, _ := strings.Cut(body, `"clientCertificate":"`)
		thumbprint, _, _ := strings.Cut(rest, `"`)
		if seen[thumbprint] = true; !strings.Contains(body, `"action":"Continue"`) || len(thumbprint) != 40 || len(seen) != i+1 {
			t.Errorf("after certificate %d: %s", i+1, body)
		}
	}
	back := `{"authenticationConfiguration":{"@odata.type":"#microsoft.graph.basicAuthentication","username":"` + demoUserName + `","password":"` + s.facts.DemoPassword + `"}}`
	if status, body := s.do(t, http.MethodPatch, connector, token, "application/json", back); status != http.StatusNoContent {
		t.Fatalf("back to the password: %d %s", status, body)
	}
}

// demoAddress is where the endpoint of the demonstration listens.
func (s *devServer) demoAddress(t *testing.T, token string) string {
	t.Helper()
	_, body := s.do(t, http.MethodGet, "/v1.0/identity/apiConnectors/"+s.facts.DemoConnectorID, token, "", "")
	_, rest, _ := strings.Cut(body, "https://localhost:"+portIn(s.facts.URL))
	_, rest, found := strings.Cut(rest, `"targetUrl":"https://localhost:`)
	port, _, _ := strings.Cut(rest, "/")
	if !found {
		t.Fatalf("the connector of the demonstration: %s", body)
	}
	return "127.0.0.1:" + port
}

func portIn(url string) string { return url[strings.LastIndexByte(url, ':')+1:] }
