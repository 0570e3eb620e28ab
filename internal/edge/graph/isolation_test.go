package graph_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// reply is an answer read whole.
type reply struct {
	status int
	header http.Header
	body   string
}

// do sends one request as a caller and reads the answer.
func (s *site) do(t testing.TB, client *http.Client, authorization, method, target, body string, header ...string) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "https://graph.example"+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", authorization)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	return reply{resp.StatusCode, resp.Header, string(text)}
}

// id is the id member of a reply.
func (r reply) id(t testing.TB) string {
	t.Helper()
	var entity struct{ ID string }
	if err := json.Unmarshal([]byte(r.body), &entity); err != nil || entity.ID == "" {
		t.Fatalf("no id in %d %s", r.status, r.body)
	}
	return entity.ID
}

const connectorsPath = "/v1.0/identity/apiConnectors"

func basicBody(name, target, user, password string) string {
	return fmt.Sprintf(`{"displayName":%q,"targetUrl":%q,"authenticationConfiguration":`+
		`{"@odata.type":"#microsoft.graph.basicAuthentication","username":%q,"password":%q}}`, name, target, user, password)
}

func certificateBody(name, target, value, password string) string {
	return fmt.Sprintf(`{"displayName":%q,"targetUrl":%q,"authenticationConfiguration":`+
		`{"@odata.type":"#microsoft.graph.pkcs12Certificate","pkcs12Value":%q,"password":%q}}`, name, target, value, password)
}

func uploadBody(value, password string) string {
	return fmt.Sprintf(`{"pkcs12Value":%q,"password":%q}`, value, password)
}

// TestAnotherTenantIsNotThere: whatever is asked about a connector of another tenant gets the answer for a connector that
// never was, word for word, and lists and counts do not have it; by itself and within a batch. A key in another case is
// another key.
func TestAnotherTenantIsNotThere(t *testing.T) {
	t.Parallel()
	site := build(t, settings{})
	client := site.client()
	owner, stranger := site.authorization(t, "admin"), site.authorization(t, "other-tenant")
	file := pfxFiles(t)["leaf"].value
	made := site.do(t, client, owner, "POST", connectorsPath, certificateBody("Hidden", "https://api.contoso.example/", file, pfxPassword))
	hidden := made.id(t)
	const absent = "0a1b2c3d-aaaa-4bbb-8ccc-0123456789ab"
	audit := site.do(t, client, owner, "GET", "/v1.0/auditLogs/directoryAudits?$select=id", "")
	var entries struct{ Value []struct{ ID string } }
	if err := json.Unmarshal([]byte(audit.body), &entries); err != nil || len(entries.Value) != 1 {
		t.Fatalf("audit: %v, %s", err, audit.body)
	}
	entry := entries.Value[0].ID
	flow := fmt.Sprintf(`{"id":%q,"userFlowType":"signUpOrSignIn","userFlowTypeVersion":1,"apiConnectorConfiguration":{"postFederationSignup":{"id":%[1]q}}}`, hidden)
	if made := site.do(t, client, owner, "POST", "/v1.0/identity/b2xUserFlows", flow); made.status != http.StatusCreated {
		t.Fatalf("create a user flow: %d %s", made.status, made.body)
	}

	operations := []struct{ method, target, body string }{
		{"GET", "/identity/apiConnectors/{id}", ""},
		{"GET", "/identity/apiConnectors('{id}')?$select=id", ""},
		{"HEAD", "/identity/apiConnectors/{id}", ""},
		{"PATCH", "/identity/apiConnectors/{id}", `{}`},
		{"PATCH", "/identity/apiConnectors/{id}", `{"displayName":"mine now"}`},
		{"PATCH", "/identity/apiConnectors/{id}", `{"authenticationConfiguration":{"@odata.type":"#microsoft.graph.basicAuthentication","username":"u","password":"p"}}`},
		{"DELETE", "/identity/apiConnectors/{id}", ""},
		{"POST", "/identity/apiConnectors/{id}/uploadClientCertificate", uploadBody(file, pfxPassword)},
		{"GET", "/identity/b2xUserFlows/B2X_1_{id}", ""},
		{"DELETE", "/identity/b2xUserFlows/B2X_1_{id}", ""},
		{"GET", "/identity/b2xUserFlows/B2X_1_{id}/apiConnectorConfiguration?$expand=postFederationSignup", ""},
		{"GET", "/identity/b2xUserFlows/B2X_1_{id}/apiConnectorConfiguration/postFederationSignup/$ref", ""},
		{"PUT", "/identity/b2xUserFlows/B2X_1_{id}/apiConnectorConfiguration/postFederationSignup/$ref", `{}`},
		{"DELETE", "/identity/b2xUserFlows/B2X_1_{id}/apiConnectorConfiguration/postFederationSignup/$ref", ""},
		{"GET", "/identity/b2xUserFlows/B2X_1_{id}/apiConnectorConfiguration/postFederationSignup", ""},
		{"PATCH", "/identity/b2xUserFlows/B2X_1_{id}/apiConnectorConfiguration/postFederationSignup", `{"displayName":"mine now"}`},
		{"DELETE", "/identity/b2xUserFlows/B2X_1_{id}/apiConnectorConfiguration/postFederationSignup", ""},
		{"POST", "/identity/b2xUserFlows/B2X_1_{id}/apiConnectorConfiguration/postFederationSignup/uploadClientCertificate", uploadBody(file, pfxPassword)},
		{"GET", "/identity/b2xUserFlows?$count=true", ""},
		{"GET", "/identity/b2xUserFlows/$count?$filter=id%20eq%20'B2X_1_{id}'", ""},
		{"GET", "/identity/apiConnectors", ""},
		{"GET", "/identity/apiConnectors?$count=true", ""},
		{"GET", "/identity/apiConnectors/$count", ""},
		{"GET", "/identity/apiConnectors/$count?$filter=id%20eq%20'{id}'", ""},
		{"GET", "/identity/apiConnectors?$filter=id%20eq%20'{id}'", ""},
		{"GET", "/identity/apiConnectors?$filter=displayName%20eq%20'Hidden'%20or%20id%20ne%20'x'", ""},
		{"GET", "/identity/apiConnectors?$filter=not%20(id%20eq%20'x')&$orderby=displayName&$top=1", ""},
		{"GET", "/auditLogs/directoryAudits", ""},
		{"GET", "/auditLogs/directoryAudits/{entry}", ""},
		{"GET", "/auditLogs/directoryAudits?$filter=id%20eq%20'{entry}'", ""},
	}
	fill := func(text, id, entry string) string {
		return strings.NewReplacer("{id}", id, "{entry}", entry).Replace(text)
	}
	alike := func(text string) string { return guids.ReplaceAllString(text, "GUID") } // an answer without what differs by nature
	for _, op := range operations {
		got := site.do(t, client, stranger, op.method, "/v1.0"+fill(op.target, hidden, entry), op.body)
		want := site.do(t, client, stranger, op.method, "/v1.0"+fill(op.target, absent, absent), op.body)
		if got.status != want.status || alike(got.body) != alike(want.body) {
			t.Errorf("%s %s: %d %s\nand where there is none: %d %s", op.method, op.target, got.status, got.body, want.status, want.body)
		}
		if strings.Contains(op.target, "{id}") && !strings.Contains(op.target, "?$filter") && got.status != http.StatusNotFound {
			t.Errorf("%s %s: %d, want 404", op.method, op.target, got.status)
		}
		if strings.Contains(got.body, "Hidden") {
			t.Errorf("%s %s shows it: %s", op.method, op.target, got.body)
		}
		item := fmt.Sprintf(`{"id":"1","method":%q,"url":%q`, op.method, fill(op.target, hidden, entry))
		if op.body != "" {
			item += `,"headers":{"Content-Type":"application/json"},"body":` + op.body
		}
		got = site.do(t, client, stranger, "POST", "/v1.0/$batch", `{"requests":[`+item+`}]}`)
		if strings.Contains(got.body, "Hidden") || strings.Contains(op.target, "{id}") && !strings.Contains(op.target, "?$filter") && !strings.Contains(got.body, `"status":404`) {
			t.Errorf("%s %s in a batch: %s", op.method, op.target, got.body)
		}
	}
	if got := site.do(t, client, owner, "GET", connectorsPath+"/"+hidden, ""); got.status != http.StatusOK || got.header.Get("ETag") != `W/"1"` || !strings.Contains(got.body, "Hidden") {
		t.Errorf("to its own tenant: %d %s", got.status, got.body)
	}
	if got := site.do(t, client, owner, "GET", connectorsPath+"/"+strings.ToUpper(hidden), ""); got.status != http.StatusNotFound {
		t.Errorf("the id in capitals: %d %s", got.status, got.body)
	}
	if got := site.do(t, client, owner, "GET", "/v1.0/identity/b2xUserFlows/B2X_1_"+hidden+"/apiConnectorConfiguration/postFederationSignup", ""); got.id(t) != hidden {
		t.Errorf("the link is no more: %d %s", got.status, got.body)
	}
}
