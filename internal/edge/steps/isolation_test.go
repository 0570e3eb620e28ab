package steps_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// TestAnotherTenantIsNotThere: whatever a stranger asks about a flow, a receipt or a connector of another tenant gets the
// answer for one that never was, word for word, and no list has it.
func TestAnotherTenantIsNotThere(t *testing.T) {
	t.Parallel()
	site := build(t, settings{})
	const absent = "0a1b2c3d-aaaa-4bbb-8ccc-0123456789ab"
	made := site.do(t, "idp", "POST", "/runtime/v1/userFlows/B2X_1_flow/steps/postFederationSignup", `{"claims":{}}`, "Idempotency-Key", "k")
	var decision struct{ InvocationID string }
	if err := json.Unmarshal([]byte(made.body), &decision); err != nil || decision.InvocationID == "" {
		t.Fatalf("%d %s", made.status, made.body)
	}
	site.target.takes()
	for _, op := range []struct{ method, target, body string }{
		{"POST", "/userFlows/{flow}/steps/postFederationSignup", `{"claims":{}}`},
		{"POST", "/userFlows/{flow}/steps/postFederationSignup?receipt=true", `{"claims":{}}`},
		{"GET", "/invocations/{invocation}", ""},
		{"HEAD", "/invocations/{invocation}", ""},
		{"POST", "/invocations/{invocation}/replay", `{"claims":{}}`},
		{"POST", "/invocations/{invocation}/replay", `{"targetUrl":"https://x.example/"}`},
		{"GET", "/connectors/{connector}/callSettings", ""},
		{"PATCH", "/connectors/{connector}/callSettings", `{"attempts":1}`},
		{"POST", "/adapters/kratos/{flow}/postFederationSignup", `{"flow_id":"f","traits":{}}`},
		{"GET", "/invocations", ""},
		{"GET", "/invocations?connectorId={connector}", ""},
		{"GET", "/invocations?userFlowId={flow}", ""},
		{"GET", "/certificates?expiresWithinDays=36500", ""},
	} {
		ask := func(flow, invocation, connector string) reply {
			path := strings.NewReplacer("{flow}", flow, "{invocation}", invocation, "{connector}", connector).Replace(op.target)
			r := site.do(t, "stranger", op.method, "/runtime/v1"+path, op.body, "Idempotency-Key", "k")
			r.body = strings.NewReplacer(flow, "FLOW").Replace(guids.ReplaceAllString(r.body, "GUID"))
			return r
		}
		got := ask("B2X_1_flow", decision.InvocationID, site.connector)
		want := ask("B2X_1_none", absent, absent)
		if got.status != want.status || got.body != want.body {
			t.Errorf("%s %s: %d %s\nand where there is none: %d %s", op.method, op.target, got.status, got.body, want.status, want.body)
		}
		if named := strings.Contains(op.target, "{") && !strings.Contains(op.target, "?") || op.method == "POST"; named && got.status != http.StatusNotFound {
			t.Errorf("%s %s: %d, want 404", op.method, op.target, got.status)
		}
		if !strings.Contains(op.target, "{") && got.body != `{"value":[]}` {
			t.Errorf("%s %s lists %s", op.method, op.target, got.body)
		}
	}
	if calls := append(site.target.takes(), site.elsewhere.takes()...); calls != nil {
		t.Errorf("a stranger had connectors called: %q", calls)
	}
	if got := site.do(t, "admin", "GET", "/runtime/v1/invocations/"+decision.InvocationID, ""); got.status != http.StatusOK {
		t.Errorf("to its own tenant: %d %s", got.status, got.body)
	}
}
