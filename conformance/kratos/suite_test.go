package conformance

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
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
	// Not the test's own context: that one ends before the cleanups run, and the programs are to end in good order.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), processLife)
	t.Cleanup(cancel)
	binary := os.Getenv("PATCHBAY_BIN")
	var err error
	if binary == "" {
		if binary, err = buildPatchbay(t.Context(), t.TempDir()); err != nil {
			t.Fatal(err)
		}
	}
	if s.patchbay, err = startPatchbay(ctx, binary, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	stopAtEnd(t, s.patchbay.process)
	s.furnish(t)
	s.startAllKratos(t, ctx)
	return s
}

func stopAtEnd(t *testing.T, p *process) {
	t.Cleanup(func() {
		if err := p.stop(); err != nil {
			t.Error(err)
		}
	})
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
	binary, err := kratosBinary(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	app, err := s.patchbay.addApplication(t.Context(), "kratos", "UserFlows.Invoke.All")
	if err != nil {
		t.Fatal(err)
	}
	tenant, err := s.patchbay.tenantName(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	base, err := url.Parse(s.patchbay.env["PATCHBAY_URL"])
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
		{&s.usual, hook{url: tunnelled, user: app.user(), password: app.secret}},
		{&s.atCity, hook{url: direct + "?field=traits.city", user: tenant + "/" + app.clientID, password: app.secret}},
		{&s.stranger, hook{url: direct, user: app.user(), password: "not-the-secret"}},
	}
	errs := make([]error, len(starts))
	var wg sync.WaitGroup
	for i, start := range starts {
		dir := t.TempDir()
		wg.Go(func() {
			*start.into, errs[i] = startKratos(ctx, binary, dir, s.patchbay.env["SSL_CERT_FILE"], start.hook)
		})
	}
	wg.Wait()
	for _, start := range starts {
		if *start.into != nil {
			stopAtEnd(t, (*start.into).process)
		}
	}
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// kratosBinary is the binary that KRATOS_BIN names, or else the one that build.sh makes.
func kratosBinary(ctx context.Context) (string, error) {
	if binary := os.Getenv("KRATOS_BIN"); binary != "" {
		return binary, nil
	}
	script, err := filepath.Abs("build.sh")
	if err != nil {
		return "", err
	}
	command := exec.CommandContext(ctx, script)
	command.Stderr = os.Stderr
	output, err := command.Output()
	return strings.TrimSpace(string(output)), err
}
