package app

import (
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/patchbay/patchbay/internal/transfer"
)

// original is a service that knows what Microsoft's does and nothing of ours, and keeps a list of what it is asked for.
type original struct {
	mu   sync.Mutex
	asks []string
	deny map[string]int // paths that are refused, with the status
}

func (o *original) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answers := map[string]string{
		"/t/oauth2/v2.0/token": `{"token_type":"Bearer","expires_in":3599,"access_token":"canary-token"}`,
		remoteConnectors:       `{"value":[{"id":"1","displayName":"a","targetUrl":"https://a.example/","authenticationConfiguration":{"@odata.type":"#microsoft.graph.basicAuthentication","username":"u","password":"******"}}],"@odata.nextLink":"https://` + r.Host + `/next"}`,
		"/next":                `{"value":[{"id":"2","displayName":"b","targetUrl":"https://b.example/","authenticationConfiguration":{"@odata.type":"#microsoft.graph.clientCertificateAuthentication","certificateList":[]}}]}`,
		remoteB2X:              `{"value":[{"id":"B2X_1_f","userFlowType":"signUpOrSignIn","userFlowTypeVersion":1,"apiConnectorConfiguration":{}}]}`,
		remoteB2XBeta + "/B2X_1_f/apiConnectorConfiguration": `{"postFederationSignup":{"id":"2","displayName":"b"},"postAttributeCollection":null}`,
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.asks = append(o.asks, r.Method+" "+r.URL.Path)
	status, body := http.StatusNoContent, ""
	if r.Method == http.MethodGet || strings.HasSuffix(r.URL.Path, "/token") {
		status, body = http.StatusOK, answers[r.URL.Path]
	}
	switch {
	case o.deny[r.URL.Path] != 0:
		status = o.deny[r.URL.Path]
	case status == http.StatusOK && body == "", strings.Contains(r.URL.RawQuery, "preTokenIssuance"):
		status = http.StatusBadRequest
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if status >= http.StatusBadRequest {
		body = `{"error":{"code":"BadRequest","message":"Refused."}}`
	}
	_, _ = w.Write([]byte(body))
}

// asked are the requests but for tokens, in order.
func (o *original) asked(method string) []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var all []string
	for _, ask := range o.asks {
		if strings.HasPrefix(ask, method+" ") && !strings.HasSuffix(ask, "/token") {
			all = append(all, ask)
		}
	}
	return all
}

func transferTo(t *testing.T, o *original) *Transfer {
	t.Helper()
	s := httptest.NewUnstartedServer(o)
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // clients that hang up are not news
	s.StartTLS()
	t.Cleanup(s.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	remote, err := Connect(RemoteOptions{URL: s.URL, TenantID: "t", ClientID: "c", ClientSecret: "s", CAFile: ca})
	if err != nil {
		t.Fatal(err)
	}
	return &Transfer{Remote: remote, LookupEnv: func(name string) (string, bool) { return "canary", name == "SET" }}
}

// TestExportOfTheOriginal checks that a service without our own surface, without B2C flows and without the step before a token
// is read as far as it goes.
func TestExportOfTheOriginal(t *testing.T) {
	t.Parallel()
	tr := transferTo(t, &original{})
	d, err := tr.Export(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Connectors) != 2 || d.Connectors[1].Authentication.Kind != transfer.WithCertificate || d.Connectors[0].Call != nil {
		t.Errorf("connectors: %+v", d.Connectors)
	}
	if len(d.Flows) != 1 || d.Flows[0].Links["postFederationSignup"].ID != "2" || len(d.Flows[0].Links) != 1 {
		t.Errorf("user flows: %+v", d.Flows)
	}
	if len(d.Notes) != 1 || !strings.Contains(d.Notes[0], "How connectors are called was not read") {
		t.Errorf("notes: %q", d.Notes)
	}
	if err := d.Check(); err != nil {
		t.Error(err)
	}
}

// TestExportFails checks that a service that has trouble is not taken for one that has nothing.
func TestExportFails(t *testing.T) {
	t.Parallel()
	for name, deny := range map[string]map[string]int{
		"connectors":    {remoteConnectors: http.StatusForbidden},
		"call settings": {callSettingsPath("1"): http.StatusInternalServerError, callSettingsPath("2"): http.StatusInternalServerError},
		"user flows":    {remoteB2X: http.StatusInternalServerError},
		"links":         {remoteB2XBeta + "/B2X_1_f/apiConnectorConfiguration": http.StatusInternalServerError},
	} {
		tr := transferTo(t, &original{deny: deny})
		if d, err := tr.Export(t.Context()); err == nil {
			t.Errorf("%s were refused, and the export is %+v", name, d)
		}
	}
}

// TestPlanNeedsWhatItSpeaksOf checks that a plan is refused where what it is about cannot be read.
func TestPlanNeedsWhatItSpeaksOf(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]Document{
		"call settings": {HasConnectors: true, Connectors: []transfer.Connector{{Name: "a", Call: &transfer.CallSettings{}}}},
		"B2C flows":     {HasFlows: true, Flows: []transfer.Flow{{ID: "B2C_1_f"}}},
	} {
		tr := transferTo(t, &original{})
		if plan, _, err := tr.Plan(t.Context(), want, PlanOptions{}); err == nil {
			t.Errorf("%s: the plan is %+v", name, plan)
		}
	}
}

// TestCarry checks the requests of a plan, in their order, and where it goes on after a failure.
func TestCarry(t *testing.T) {
	t.Parallel()
	o := &original{deny: map[string]int{remoteConnectors + "/2": http.StatusBadRequest}}
	tr := transferTo(t, o)
	var told []string
	tr.Progress = func(done, total int, what string) { told = append(told, fmt.Sprintf("%d/%d %s", done, total, what)) }
	want := Document{
		HasConnectors: true, HasFlows: true,
		Connectors: []transfer.Connector{{
			Name: "a", TargetURL: "https://a.example/v2",
			Authentication: transfer.Authentication{Kind: transfer.Basic, Username: "v", Password: &transfer.Reference{Env: "SET"}},
		}},
	}
	plan, unread, err := tr.Plan(t.Context(), want, PlanOptions{Prune: true})
	if err != nil || len(unread) != 0 {
		t.Fatal(err, unread)
	}
	if n := len(o.asked("PATCH")) + len(o.asked("POST")) + len(o.asked("DELETE")); n != 0 {
		t.Errorf("a plan made %d changes", n)
	}
	err = tr.Carry(t.Context(), plan)
	if refused := (*RemoteError)(nil); !errors.As(err, &refused) || !strings.Contains(err.Error(), `delete the connector "b" (2 of 3 done)`) {
		t.Errorf("Carry: %v", err)
	}
	if got, want := o.asked("PATCH"), []string{"PATCH " + remoteConnectors + "/1"}; !slices.Equal(got, want) {
		t.Errorf("changed %q, want %q", got, want)
	}
	if got, want := o.asked("DELETE"), []string{"DELETE " + remoteB2XBeta + "/B2X_1_f", "DELETE " + remoteConnectors + "/2"}; !slices.Equal(got, want) {
		t.Errorf("deleted %q, want %q", got, want)
	}
	if want := []string{"0/3 a", "1/3 B2X_1_f", "2/3 b"}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}

// TestPlanReadsSecrets checks that a secret that cannot be read is said before anything is done.
func TestPlanReadsSecrets(t *testing.T) {
	t.Parallel()
	open := filepath.Join(t.TempDir(), "open")
	if err := os.WriteFile(open, []byte("canary"), 0o644); err != nil {
		t.Fatal(err)
	}
	garbage := filepath.Join(t.TempDir(), "garbage.p12")
	if err := os.WriteFile(garbage, []byte("canary"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		kind             string
		password, pkcs12 *transfer.Reference
		want             string
	}{
		"no variable":          {transfer.Basic, &transfer.Reference{Env: "UNSET"}, nil, "the environment variable UNSET is not set"},
		"no file":              {transfer.Basic, &transfer.Reference{File: open + ".none"}, nil, "no such file"},
		"a file for all":       {transfer.Basic, &transfer.Reference{File: open}, nil, "may be read by others"},
		"no PKCS#12 file":      {transfer.WithCertificate, nil, &transfer.Reference{File: open + ".none"}, "no such file"},
		"no PKCS#12 variable":  {transfer.WithCertificate, nil, &transfer.Reference{Env: "UNSET"}, "UNSET is not set"},
		"no base64":            {transfer.WithCertificate, nil, &transfer.Reference{Env: "SET"}, "not base64"},
		"no password":          {transfer.WithCertificate, &transfer.Reference{Env: "UNSET"}, &transfer.Reference{File: garbage}, "UNSET is not set"},
		"garbage for a PKCS12": {transfer.WithCertificate, nil, &transfer.Reference{File: garbage}, `the PKCS#12 file of "new": `},
	} {
		want := Document{HasConnectors: true, Connectors: []transfer.Connector{{
			Name: "new", TargetURL: "https://n.example/", Authentication: transfer.Authentication{Kind: tt.kind, Username: "u", Password: tt.password, PKCS12: tt.pkcs12},
		}}}
		_, unread, err := transferTo(t, &original{}).Plan(t.Context(), want, PlanOptions{})
		if err = errors.Join(append(unread, err)...); err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v, want an error with %q", name, err, tt.want)
		}
	}
}
