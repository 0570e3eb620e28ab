package steps_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/auth"
)

const stepPath = "/runtime/v1/userFlows/B2X_1_flow/steps/postFederationSignup"

// TestReasonsArePublic: the table of reasons needs no token and has every one.
func TestReasonsArePublic(t *testing.T) {
	t.Parallel()
	site := build(t, settings{})
	got := site.do(t, "nobody", "GET", "/runtime/v1/reasons", "")
	var list struct {
		Value []struct{ Reason, Effect, Explanation, GraphCode string }
	}
	if err := json.Unmarshal([]byte(got.body), &list); err != nil || got.status != http.StatusOK {
		t.Fatalf("%d %v", got.status, err)
	}
	if len(list.Value) != len(apiconn.Reasons()) {
		t.Errorf("%d reasons, want %d", len(list.Value), len(apiconn.Reasons()))
	}
	for i, f := range apiconn.Reasons() {
		if row := list.Value[i]; row.Reason != string(f.Reason) || row.Effect != string(f.Effect) || row.Explanation != f.Sentence {
			t.Errorf("row %d: %+v", i, row)
		}
	}
}

// TestDescriptionIsPublic: the OpenAPI document needs no token; a surface without one has nothing there, and one that
// cannot be made is a fault of ours that is not told about.
func TestDescriptionIsPublic(t *testing.T) {
	t.Parallel()
	const path = "/runtime/v1/openapi.json"
	site := build(t, settings{description: func() ([]byte, error) { return []byte(`{"openapi":"3.1.1"}`), nil }})
	if got := site.do(t, "nobody", "GET", path, ""); got.status != http.StatusOK || got.body != `{"openapi":"3.1.1"}` ||
		got.header.Get("Content-Type") != "application/json" {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := site.do(t, "nobody", "HEAD", path, ""); got.status != http.StatusOK || got.body != "" {
		t.Errorf("HEAD: %d %s", got.status, got.body)
	}
	if got := site.do(t, "nobody", "GET", path+"?format=yaml", ""); got.status != http.StatusBadRequest {
		t.Errorf("a parameter: %d %s", got.status, got.body)
	}
	if got := build(t, settings{}).do(t, "nobody", "GET", path, ""); got.status != http.StatusNotFound {
		t.Errorf("without: %d %s", got.status, got.body)
	}
	broken := build(t, settings{description: func() ([]byte, error) { return nil, errors.New("canary-0c1d") }})
	if got := broken.do(t, "nobody", "GET", path, ""); got.status != http.StatusInternalServerError || strings.Contains(got.body, "canary") {
		t.Errorf("broken: %d %s", got.status, got.body)
	}
}

// TestFlightsAreLimited: while a tenant has as many requests at work as it may, the next is told to come again; Kratos, which
// would wait without a bound, is told that it failed.
func TestFlightsAreLimited(t *testing.T) {
	t.Parallel()
	site := build(t, settings{maxFlights: 1})
	body, typing := io.Pipe()
	first := make(chan error, 1)
	go func() {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, site.URL+stepPath, body)
		if err == nil {
			r.Header.Set("Authorization", site.callers["idp"])
			r.Header.Set("Content-Type", "application/json")
			var resp *http.Response
			if resp, err = site.Client().Do(r); err == nil {
				err = resp.Body.Close()
			}
		}
		first <- err
	}()
	if _, err := io.WriteString(typing, `{"claims":{`+strings.Repeat(" ", 64<<10)); err != nil { // more than the client keeps back
		t.Fatal(err)
	}
	second := site.do(t, "idp", "POST", stepPath, `{"claims":{}}`)
	for end := time.Now().Add(10 * time.Second); second.status != http.StatusTooManyRequests && time.Now().Before(end); {
		second = site.do(t, "idp", "POST", stepPath, `{"claims":{}}`)
	}
	if second.status != http.StatusTooManyRequests || second.header.Get("Retry-After") != "1" {
		t.Errorf("the second: %d %s", second.status, second.body)
	}
	if kratos := site.do(t, "idp", "POST", "/runtime/v1/adapters/kratos/B2X_1_flow/postFederationSignup", `{"flow_id":"f","traits":{}}`); kratos.status != http.StatusFailedDependency {
		t.Errorf("Kratos: %d %s", kratos.status, kratos.body)
	}
	if _, err := io.WriteString(typing, `}}`); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(typing.Close(), <-first); err != nil {
		t.Fatal(err)
	}
	if third := site.do(t, "idp", "POST", stepPath, `{"claims":{}}`); third.status != http.StatusOK {
		t.Errorf("when the first is done: %d %s", third.status, third.body)
	}
}

// TestMetrics: each decision is counted and timed by the names of our tables, whatever the request's spelling; what is
// refused is not.
func TestMetrics(t *testing.T) {
	t.Parallel()
	site := build(t, settings{})
	site.do(t, "idp", "POST", stepPath, `{"claims":{}}`)
	site.do(t, "idp", "POST", strings.ToLower(stepPath[:len("/runtime/v1/")])+"userFlows/B2X_1_flow/steps/POSTFEDERATIONSIGNUP", `{"claims":{}}`)
	site.do(t, "idp", "POST", "/runtime/v1/userFlows/B2X_1_flow/steps/evil", `{"claims":{}}`)
	site.do(t, "idp", "POST", stepPath, `{}`)
	site.target.says("200", "application/json", `{"version":"1.0.0","action":"Nonsense"}`)
	site.do(t, "idp", "POST", "/runtime/v1/adapters/kratos/B2X_1_flow/postAttributeCollection", `{"flow_id":"f","traits":{}}`)
	text := site.exposition()
	for _, line := range []string{
		`patchbay_step_decisions_total{action="Continue",reason="continued",step="postFederationSignup"} 2`,
		`patchbay_step_decisions_total{action="Failed",reason="action_unknown",step="postAttributeCollection"} 1`,
		`patchbay_step_duration_seconds_count{action="Continue",step="postFederationSignup"} 2`,
		`patchbay_step_duration_seconds_count{action="Failed",step="postAttributeCollection"} 1`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("there is no %s", line)
		}
	}
	if n := strings.Count(text, "\npatchbay_step_decisions_total{") + strings.Count(text, "\npatchbay_step_duration_seconds_count{"); n != 4 {
		t.Errorf("%d lines, want 4:\n%s", n, text)
	}
}

// TestLogHasTheRouteAndTheCaller: the line of a request names the pattern of its route, its tenant and its application.
func TestLogHasTheRouteAndTheCaller(t *testing.T) {
	t.Parallel()
	site := build(t, settings{})
	site.do(t, "basic-idp", "POST", stepPath, `{"claims":{"email":"a@b.example"}}`)
	site.do(t, "idp", "POST", stepPath, `{`)
	var lines []map[string]any
	for line := range strings.Lines(site.log.String()) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatal(err)
		}
		if fields["msg"] == "request" {
			lines = append(lines, fields)
		}
	}
	if len(lines) != 2 {
		t.Fatalf("%d lines", len(lines))
	}
	for _, fields := range lines {
		if fields["route"] != "/runtime/v1/userFlows/{id}/steps/{step}" || fields["tenant_id"] != site.in.Tenant.ID || fields["app_id"] == "" || fields["level"] != "INFO" {
			t.Errorf("%v", fields)
		}
	}
	if lines[0]["error"] != nil || lines[1]["error"] == nil {
		t.Errorf("errors: %v, %v", lines[0]["error"], lines[1]["error"])
	}
}

// TestBasicIsRemembered: a name and a secret are changed into a token once; a secret that was removed is good for another
// minute and no longer, one that was wrong is not remembered, and a token that has ended makes way for a new one.
func TestBasicIsRemembered(t *testing.T) {
	t.Parallel()
	site := build(t, settings{})
	who := auth.Local().WithTenant(site.in.Tenant.ID)
	app, err := site.in.Manage.CreateApplication(t.Context(), who, "late", string(auth.UserFlowInvocationReadAll))
	if err != nil {
		t.Fatal(err)
	}
	added, err := site.in.Manage.AddSecret(t.Context(), who, app.ClientID, "s", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	by := func(caller, tenant string) int {
		site.callers[caller] = basicHeader(tenant+"/"+app.ClientID, added.Secret)
		return site.do(t, caller, "GET", "/runtime/v1/invocations", "").status
	}
	if first, second := by("x", site.in.Tenant.ID), by("x", site.in.Tenant.ID); first != http.StatusOK || second != http.StatusOK {
		t.Fatalf("%d, %d", first, second)
	}
	if err := site.in.Manage.RemoveCredential(t.Context(), who, app.ClientID, added.KeyID); err != nil {
		t.Fatal(err)
	}
	if status := by("x", site.in.Tenant.ID); status != http.StatusOK {
		t.Errorf("the remembered one: %d", status)
	}
	if status := by("y", site.in.Tenant.Name); status != http.StatusUnauthorized {
		t.Errorf("one that was not remembered: %d", status)
	}
	if added, err = site.in.Manage.AddSecret(t.Context(), who, app.ClientID, "lasting", 10*time.Hour); err != nil {
		t.Fatal(err)
	}
	if status := by("z", site.in.Tenant.ID); status != http.StatusOK {
		t.Errorf("the new one: %d", status)
	}
	site.in.Clock.Advance(2 * time.Hour) // remembered tokens have expired
	if status := site.do(t, "z", "GET", "/runtime/v1/invocations", "").status; status != http.StatusOK {
		t.Errorf("the new one after its first token's end: %d", status)
	}
	if status := site.do(t, "x", "GET", "/runtime/v1/invocations", "").status; status != http.StatusUnauthorized {
		t.Errorf("the removed one after its token's end: %d", status)
	}
}

// TestCertificates: a client certificate that ends soon is listed with the days that it has left, one that ended with
// less than none; its receipts name it.
func TestCertificates(t *testing.T) {
	t.Parallel()
	site := build(t, settings{})
	now := site.in.Clock.Now()
	thumbprint := site.upload(t, "leaf", "pfx-password", now.AddDate(0, 0, -1), now.Add(36*time.Hour))
	var list struct {
		Value []struct {
			ConnectorID, DisplayName, Thumbprint, Subject string
			NotBefore, NotAfter                           time.Time
			DaysLeft                                      int
		}
	}
	read := func(query string) string {
		got := site.do(t, "reader", "GET", "/runtime/v1/certificates"+query, "")
		list.Value = nil
		if err := json.Unmarshal([]byte(got.body), &list); err != nil || got.status != http.StatusOK {
			t.Fatalf("%d %s", got.status, got.body)
		}
		return got.body
	}
	for query, days := range map[string]int{"": 1, "?expiresWithinDays=2": 1} {
		body := read(query)
		if len(list.Value) != 1 {
			t.Fatalf("%q: %s", query, body)
		}
		c := list.Value[0]
		if c.ConnectorID != site.connector || c.DisplayName != "Check" || c.Thumbprint != thumbprint || c.Subject != "CN=leaf" || c.DaysLeft != days ||
			!c.NotAfter.Equal(now.Add(36*time.Hour)) {
			t.Errorf("%q: %+v", query, c)
		}
	}
	if read("?expiresWithinDays=1"); len(list.Value) != 0 {
		t.Errorf("within a day: %v", list.Value)
	}
	decision := site.do(t, "admin", "POST", stepPath+"?receipt=true", `{"claims":{}}`)
	for _, part := range []string{`"type":"clientCertificateAuthentication"`, fmt.Sprintf(`"thumbprint":%q`, thumbprint), `"clientCertificateRequested":true`, `"reason":"continued"`} {
		if !strings.Contains(decision.body, part) {
			t.Errorf("no %s in %s", part, decision.body)
		}
	}
}
