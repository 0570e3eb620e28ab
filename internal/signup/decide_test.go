package signup

import (
	"fmt"
	"strings"
	"testing"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// TestVerdictsShowNoValues: neither claims nor the user message get into what receipts and logs keep.
func TestVerdictsShowNoValues(t *testing.T) {
	t.Parallel()
	const canary = "CANARY"
	var bodies []string
	for _, wrong := range []string{
		`"CANARY"`, `["CANARY"]`, `{"x":"CANARY"}`, `{"x":"CANARY","x":"CANARY"}`, `"CANARY\ud800"`, `"CANARY`, `"CANARY` + "\xff" + `"`, `"` + strings.Repeat(canary, MaxClaimText/6+1) + `"`,
	} {
		for _, name := range append([]string{"extension_N", "extension_" + extensionsAppOfTests + "_N", "userMessage", "code", "unknown", "Email"}, namesOfContract...) {
			if name == memberVersion || name == memberAction || name == memberStatus {
				continue
			}
			for _, action := range answerActions {
				bodies = append(bodies, fmt.Sprintf(`{"version":"1.0.0","status":400,"action":%q,%q:%s}`, action, name, wrong))
			}
		}
	}
	sent := apiconn.Claims{"email": canary, "extension_N": int64(1)}
	for _, body := range bodies {
		for _, status := range []int{200, 400, 401, 409, 500} {
			v := Judge(stepOfTests(t, ""), sent, extensionsAppOfTests, Answer{Status: status, ContentType: "application/json", Body: []byte(body)})
			if text := fmt.Sprint(v.Detail, v.Notes); strings.Contains(text, canary) {
				t.Fatalf("HTTP %d %.200s: %s", status, body, text)
			}
		}
	}
}

// TestJudgeWithoutAnExtensionsApp: an id that is none is like no id.
func TestJudgeWithoutAnExtensionsApp(t *testing.T) {
	t.Parallel()
	a := Answer{Status: 200, ContentType: "application/json", Body: []byte(`{"version":"1.0.0","action":"Continue","extension_N":2}`)}
	for _, app := range []string{"", "contoso", "5f0c3b8e-9a554a41-8a0e-4f1d-0f7a1c11"} {
		v := Judge(stepOfTests(t, ""), apiconn.Claims{"extension_N": int64(1)}, app, a)
		if v.Action != apiconn.Continue || v.Claims["extension_N"] != int64(2) {
			t.Errorf("%q: %+v", app, v)
		}
	}
}
