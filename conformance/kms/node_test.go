package conformance

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/patchbay/patchbay/conformance/harness"
)

// The connector's credential, and the step that calls it.
const (
	connectorUser     = "user of the connector"
	connectorPassword = "password-of-the-connector-4711"
	stepPath          = "/runtime/v1/userFlows/B2X_1_signup/steps/postAttributeCollection"
)

// opensWithin is what docs/operating.md promises: the longest pause, an attempt, and something for a busy machine.
const opensWithin = 45 * time.Second

// node is `patchbay serve` on a data directory, which is started and stopped.
type node struct {
	*harness.Process
	ctx            context.Context
	binary, dir    string
	environment    []string
	public, health int
	client         *http.Client
	tenant, app    string
	secret, token  string
	connector      string
	logs           []string // of those that were stopped
}

func newNode(t *testing.T, ctx context.Context, variables ...string) *node {
	t.Helper()
	root := t.TempDir()
	n := &node{ctx: ctx, binary: harness.PatchbayBinary(t), dir: filepath.Join(root, "data"), public: freePort(t), health: freePort(t)}
	pair := makePair(t, root, "patchbay")
	n.client = &http.Client{
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pair.pool(t)}, DisableKeepAlives: true}, Timeout: harness.ReadyWithin,
	}
	n.environment = harness.BareEnvironment(append(variables,
		fmt.Sprintf("PATCHBAY_LISTEN=127.0.0.1:%d", n.public), fmt.Sprintf("PATCHBAY_HEALTH_LISTEN=127.0.0.1:%d", n.health),
		"PATCHBAY_TLS_CERT_FILE="+pair.certificate, "PATCHBAY_TLS_KEY_FILE="+pair.key,
		"PATCHBAY_GUARD_EXCEPTIONS=127.0.0.0/8", "PATCHBAY_LOG_LEVEL=debug")...)
	t.Cleanup(func() { n.stop(t) })
	return n
}

// set gives a setting another value from the next start on; "" takes it away.
func (n *node) set(name, value string) {
	kept := n.environment[:0:0]
	for _, variable := range n.environment {
		if !strings.HasPrefix(variable, name+"=") {
			kept = append(kept, variable)
		}
	}
	if value != "" {
		kept = append(kept, name+"="+value)
	}
	n.environment = kept
}

// run runs a local command and returns what it prints.
func (n *node) run(args ...string) (stdout string, err error) {
	command := exec.CommandContext(n.ctx, n.binary, append(args, "--data-dir", n.dir)...)
	command.Env = n.environment
	var out, complaint bytes.Buffer
	command.Stdout, command.Stderr = &out, &complaint
	if err := command.Run(); err != nil {
		return out.String(), fmt.Errorf("patchbay %s: %w: %s", args[0]+" "+args[1], err, &complaint)
	}
	return out.String(), nil
}

func (n *node) must(t *testing.T, args ...string) string {
	t.Helper()
	out, err := n.run(args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// refused runs a local command that must fail with one line that says something.
func (n *node) refused(t *testing.T, says string, args ...string) {
	t.Helper()
	out, err := n.run(args...)
	if err == nil {
		t.Fatalf("patchbay %v was carried out", args)
	}
	if out != "" || strings.Count(err.Error(), "\n") != 1 || !strings.Contains(err.Error(), says) {
		t.Errorf("it printed %q and failed with %v, want one line with %q", out, err, says)
	}
}

// start starts the service and waits until its process answers, be it sealed or not.
func (n *node) start(t *testing.T) {
	t.Helper()
	n.Process = harness.Prepare(n.ctx, n.environment, n.binary, "serve", "--data-dir", n.dir)
	if err := n.Start(); err != nil {
		t.Fatal(err)
	}
	err := eventually(n.ctx, harness.ReadyWithin, func() error {
		select {
		case <-n.Exited:
			return errors.New("it ended")
		default:
		}
		if status, text := n.probe("/healthz"); status != http.StatusOK {
			return fmt.Errorf("/healthz: %d %s", status, text)
		}
		return nil
	})
	if err != nil {
		t.Fatalf("patchbay serve: %v\n%s", err, &n.Log)
	}
}

func (n *node) stop(t *testing.T) {
	t.Helper()
	if n.Process == nil {
		return
	}
	if err := n.Terminate(0); err != nil {
		t.Error(err)
	}
	n.logs = append(n.logs, n.Log.String())
	n.Process = nil
}

func (n *node) restart(t *testing.T) {
	t.Helper()
	n.stop(t)
	n.start(t)
}

// probe asks the health listener.
func (n *node) probe(path string) (status int, text string) {
	response, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d%s", n.health, path))
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	return response.StatusCode, strings.TrimSpace(string(body))
}

// ready waits until the node is open, and returns how long it took.
func (n *node) ready(t *testing.T) time.Duration {
	t.Helper()
	begun := time.Now()
	err := eventually(n.ctx, opensWithin, func() error {
		if status, text := n.probe("/readyz"); status != http.StatusOK {
			return fmt.Errorf("/readyz: %d %s", status, text)
		}
		return nil
	})
	if err != nil {
		t.Fatalf("not ready within %s: %v\n%s", opensWithin, err, &n.Log)
	}
	return time.Since(begun)
}

// furnish makes an application, a connector with a secret, and a user flow whose step calls it.
func (n *node) furnish(t *testing.T, to *target) {
	t.Helper()
	var tenant struct{ ID string }
	decode(t, n.must(t, "tenant", "create", "contoso.example", "-o", "json"), &tenant)
	var app struct {
		ClientID string `json:"client_id"`
	}
	decode(t, n.must(t, "app", "create", "administrator", "--tenant", tenant.ID, "-o", "json",
		"--role", "APIConnectors.ReadWrite.All", "--role", "IdentityUserFlow.ReadWrite.All", "--role", "UserFlows.Invoke.All"), &app)
	var secret struct{ Secret string }
	decode(t, n.must(t, "app", "secret", "add", app.ClientID, "--tenant", tenant.ID, "-o", "json"), &secret)
	n.tenant, n.app, n.secret = tenant.ID, app.ClientID, secret.Secret
	n.start(t)
	n.ready(t)
	n.login(t)
	var made struct{ ID string }
	n.do(t, http.MethodPost, "/v1.0/identity/apiConnectors", map[string]any{
		"displayName": "Approvals", "targetUrl": to.server.URL + "/approve",
		"authenticationConfiguration": map[string]any{
			"@odata.type": "#microsoft.graph.basicAuthentication", "username": connectorUser, "password": connectorPassword,
		},
	}, http.StatusCreated, &made)
	n.connector = made.ID
	n.do(t, http.MethodPatch, "/runtime/v1/connectors/"+made.ID+"/callSettings", map[string]any{"trustedRoots": to.roots}, http.StatusOK, nil)
	n.do(t, http.MethodPost, "/v1.0/identity/b2xUserFlows", map[string]any{
		"id": "signup", "userFlowType": "signUpOrSignIn", "userFlowTypeVersion": 1,
		"apiConnectorConfiguration": map[string]any{"postAttributeCollection": map[string]string{"id": made.ID}},
	}, http.StatusCreated, nil)
}

func decode(t *testing.T, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatal(err)
	}
}

// login gets a token of the administrator.
func (n *node) login(t *testing.T) {
	t.Helper()
	var answer struct {
		Token string `json:"access_token"`
	}
	if err := harness.Exchange(n.client, n.tokenRequest(t), http.StatusOK, &answer); err != nil {
		t.Fatal(err)
	}
	n.token = answer.Token
}

func (n *node) tokenRequest(t *testing.T) *http.Request {
	t.Helper()
	form := url.Values{
		"grant_type": {"client_credentials"}, "scope": {"https://graph.microsoft.com/.default"}, "client_id": {n.app}, "client_secret": {n.secret},
	}
	request, err := http.NewRequestWithContext(n.ctx, http.MethodPost, n.url("/"+n.tenant+"/oauth2/v2.0/token"), strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return request
}

func (n *node) url(path string) string { return fmt.Sprintf("https://localhost:%d%s", n.public, path) }

func (n *node) do(t *testing.T, method, path string, body any, status int, into any) {
	t.Helper()
	if err := n.try(method, path, body, status, into); err != nil {
		t.Fatal(err)
	}
}

func (n *node) try(method, path string, body any, status int, into any) error {
	request, err := n.request(method, path, body)
	if err != nil {
		return err
	}
	return harness.Exchange(n.client, request, status, into)
}

func (n *node) request(method, path string, body any) (*http.Request, error) {
	request, err := harness.JSONRequest(n.ctx, method, n.url(path), body)
	if err == nil {
		request.Header.Set("Authorization", "Bearer "+n.token)
	}
	return request, err
}

// works changes the connector's secret, which is sealed, and takes the step, for which it is opened.
func (n *node) works(t *testing.T) {
	t.Helper()
	n.do(t, http.MethodPatch, "/v1.0/identity/apiConnectors/"+n.connector, map[string]any{
		"authenticationConfiguration": map[string]any{"@odata.type": "#microsoft.graph.basicAuthentication", "username": connectorUser, "password": connectorPassword},
	}, http.StatusNoContent, nil)
	var decision struct{ Action, Reason string }
	n.do(t, http.MethodPost, stepPath, map[string]any{"claims": map[string]string{"email": "a@example.com"}}, http.StatusOK, &decision)
	if decision.Action != "Continue" {
		t.Errorf("the step is decided %+v", decision)
	}
}

// everything is all that the node has told: every log, and its metrics.
func (n *node) everything(t *testing.T) string {
	t.Helper()
	_, metrics := n.probe("/metrics")
	return strings.Join(append(n.logs, n.Log.String(), metrics), "\n")
}

// files are the contents of all files below a folder, by name.
func files(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	contents := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		contents[path], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return contents
}
