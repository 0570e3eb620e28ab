package conformance

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/patchbay/patchbay/conformance/harness"
)

// The user flow and its step, as docs/kratos.md calls them, and what the connector proves itself with.
const (
	flow              = "B2X_1_signup"
	step              = "postAttributeCollection"
	connectorUser     = "user of the connector"
	connectorPassword = "password of the connector"
)

// suite is what the checks share: a Patchbay, a target, and three Kratos that differ in their hook only.
type suite struct {
	patchbay  *patchbay
	target    *target
	tunnel    *tunnel // between usual and Patchbay
	connector string
	usual     *kratos // with the hook that docs/kratos.md shows
	atCity    *kratos // whose hook says which field a ValidationError is about, and calls the tenant by its name
	stranger  *kratos // whose hook has a wrong secret
}

func TestConformance(t *testing.T) {
	s := newSuite(t)
	t.Run("allowed", s.allowed)
	t.Run("blocked", s.blocked)
	t.Run("corrected", s.corrected)
	t.Run("failed", s.failed)
	t.Run("once", s.once)
	t.Run("hook", s.hook)
}

func newSuite(t *testing.T) *suite {
	t.Helper()
	s := &suite{target: startTarget(t)}
	ctx := harness.Life(t)
	var err error
	if s.patchbay, err = startPatchbay(ctx, harness.PatchbayBinary(t), t.TempDir()); err != nil {
		t.Fatal(err)
	}
	harness.StopAtEnd(t, s.patchbay)
	s.furnish(t)
	s.startAllKratos(t, ctx)
	return s
}

// furnish makes the connector, has Patchbay trust its target, and makes the user flow whose step calls it.
func (s *suite) furnish(t *testing.T) {
	t.Helper()
	var created struct {
		ID string `json:"id"`
	}
	s.do(t, http.MethodPost, "/v1.0/identity/apiConnectors", map[string]any{
		"displayName": "Approvals", "targetUrl": s.target.server.URL + "/approve",
		"authenticationConfiguration": map[string]any{
			"@odata.type": "#microsoft.graph.basicAuthentication", "username": connectorUser, "password": connectorPassword,
		},
	}, http.StatusCreated, &created)
	s.connector = created.ID
	s.do(t, http.MethodPatch, "/runtime/v1/connectors/"+s.connector+"/callSettings", map[string]any{"trustedRoots": s.target.roots}, http.StatusOK, nil)
	s.do(t, http.MethodPost, "/v1.0/identity/b2xUserFlows", map[string]any{
		"id": "signup", "userFlowType": "signUpOrSignIn", "userFlowTypeVersion": 1,
	}, http.StatusCreated, nil)
	s.link(t)
}

func (s *suite) do(t *testing.T, method, path string, body any, status int, into any) {
	t.Helper()
	if err := s.patchbay.do(t.Context(), method, path, body, status, into); err != nil {
		t.Fatal(err)
	}
}

// link has the step call the connector, unlink has it call none.
func (s *suite) link(t *testing.T) {
	t.Helper()
	s.do(t, http.MethodPut, s.reference(), map[string]string{
		"@odata.id": "https://graph.microsoft.com/v1.0/identity/apiConnectors/" + s.connector,
	}, http.StatusNoContent, nil)
}

func (s *suite) unlink(t *testing.T) {
	t.Helper()
	s.do(t, http.MethodDelete, s.reference(), nil, http.StatusNoContent, nil)
}

func (s *suite) reference() string {
	return "/v1.0/identity/b2xUserFlows/" + flow + "/apiConnectorConfiguration/" + step + "/$ref"
}

// aim lets the connector call another URL until t ends.
func (s *suite) aim(t *testing.T, target string) {
	t.Helper()
	aim := func(ctx context.Context, target string) error {
		return s.patchbay.do(ctx, http.MethodPatch, "/v1.0/identity/apiConnectors/"+s.connector, map[string]string{"targetUrl": target}, http.StatusNoContent, nil)
	}
	if err := aim(t.Context(), target); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := aim(context.WithoutCancel(t.Context()), s.target.server.URL+"/approve"); err != nil {
			t.Error(err)
		}
	})
}

// startAllKratos starts the three at the same time.
func (s *suite) startAllKratos(t *testing.T, ctx context.Context) {
	t.Helper()
	binary := harness.Prepared(t, "KRATOS_BIN")
	app, err := s.patchbay.addApplication(t.Context(), "kratos", "UserFlows.Invoke.All")
	if err != nil {
		t.Fatal(err)
	}
	tenant, err := s.patchbay.tenantName(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	base, err := url.Parse(s.patchbay.Env["PATCHBAY_URL"])
	if err != nil {
		t.Fatal(err)
	}
	s.tunnel = startTunnel(t, base.Host)
	direct := base.JoinPath("/runtime/v1/adapters/kratos", flow, step).String()
	tunnelled := strings.Replace(direct, base.Host, base.Hostname()+":"+s.tunnel.port(), 1)
	starts := []struct {
		into **kratos
		hook hook
	}{
		{&s.usual, hook{url: tunnelled, user: user(app), password: app.Secret}},
		{&s.atCity, hook{url: direct + "?field=traits.city", user: tenant + "/" + app.ClientID, password: app.Secret}},
		{&s.stranger, hook{url: direct, user: user(app), password: "not-the-secret"}},
	}
	errs := make([]error, len(starts))
	var wg sync.WaitGroup
	for i, start := range starts {
		dir := t.TempDir()
		wg.Go(func() {
			*start.into, errs[i] = startKratos(ctx, binary, dir, s.patchbay.Env["SSL_CERT_FILE"], start.hook)
		})
	}
	wg.Wait()
	for _, start := range starts {
		if *start.into != nil {
			harness.StopAtEnd(t, *start.into)
		}
	}
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}
