package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/patchbay/patchbay/conformance/harness"
)

// patchbay is a Patchbay as in production, which has no authority of its own and trusts the two realms.
type patchbay struct {
	*harness.Process
	binary, dataDir   string
	url               string
	client            *http.Client
	contoso, fabrikam string // tenants
}

// newPatchbay makes a data directory with a master key and two tenants.
func newPatchbay(t *testing.T, binary string, a *authority) *patchbay {
	t.Helper()
	p := &patchbay{binary: binary, dataDir: filepath.Join(t.TempDir(), "data"), client: a.client}
	p.local(t, "key", "generate")
	for name, id := range map[string]*string{"contoso.example": &p.contoso, "fabrikam.example": &p.fabrikam} {
		var created struct {
			ID string `json:"id"`
		}
		if err := json.Unmarshal(p.local(t, "tenant", "create", name, "--output", "json"), &created); err != nil {
			t.Fatal(err)
		}
		*id = created.ID
	}
	return p
}

// local runs a local command on the data directory and returns what it prints.
func (p *patchbay) local(t *testing.T, args ...string) []byte {
	t.Helper()
	command := exec.CommandContext(t.Context(), p.binary, append(args, "--data-dir", p.dataDir)...)
	command.Env = harness.BareEnvironment()
	var stderr bytes.Buffer
	command.Stderr = &stderr
	printed, err := command.Output()
	if err != nil {
		t.Fatalf("patchbay %s: %v: %s", strings.Join(args, " "), err, &stderr)
	}
	return printed
}

// settings are those that docs/keycloak.md shows, for both realms. In fabrikam nearly no difference of clocks is forgiven, so
// that a check need not wait for minutes until a token has expired.
func (p *patchbay) settings(t *testing.T, keycloak string) string {
	t.Helper()
	documented := documented(t, "yaml")
	head, entry, _ := strings.Cut(documented, "    - ")
	entry = "    - " + entry
	const example = "https://keycloak.example.com/realms/contoso"
	contoso := replace(t, entry, map[string]string{example: keycloak + "/realms/contoso", "<tenant id>": p.contoso})
	fabrikam := replace(t, entry, map[string]string{example: keycloak + "/realms/fabrikam", "<tenant id>": p.fabrikam})
	return head + contoso + fabrikam + "      clock_skew: 1s\n"
}

// serve starts it and returns when it listens. It may call the target.
func (p *patchbay) serve(t *testing.T, ctx context.Context, a *authority, port int, keycloak, target string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "patchbay.yaml")
	if err := os.WriteFile(file, []byte(p.settings(t, keycloak)), 0o600); err != nil {
		t.Fatal(err)
	}
	p.url = "https://localhost:" + strconv.Itoa(port)
	p.Process = harness.Prepare(ctx, harness.BareEnvironment("SSL_CERT_FILE="+a.caFile), p.binary, "serve", "--config", file, "--data-dir", p.dataDir,
		"--listen", "127.0.0.1:"+strconv.Itoa(port), "--health-listen", "", "--issuer-enabled=false", "--tls-cert-file", a.certFile, "--tls-key-file", a.keyFile,
		"--guard-exceptions", target, "--calls-trusted-roots-file", a.caFile)
	p.Command.WaitDelay = stopWithin
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	deadline := time.NewTimer(readyWithin)
	defer deadline.Stop()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for !strings.Contains(p.Log.String(), `"msg":"listening"`) {
		select {
		case <-again.C:
		case <-p.Exited:
			t.Fatalf("patchbay serve ended at once: %v\n%s", p.Exit, &p.Log)
		case <-deadline.C:
			t.Fatalf("patchbay serve was not ready within %s\n%s", readyWithin, &p.Log)
		}
	}
}

// answer is what Patchbay answered.
type answer struct {
	status int
	header http.Header
	body   object
}

// code and message are those of an error.
func (a answer) code() string    { return a.error("code") }
func (a answer) message() string { return a.error("message") }

func (a answer) error(member string) string {
	failure, _ := a.body["error"].(object)
	text, _ := failure[member].(string)
	return text
}

// call sends a request with a token, and with a JSON body unless that is nil.
func (p *patchbay) call(t *testing.T, token, method, path string, body any) answer {
	t.Helper()
	request, err := harness.JSONRequest(t.Context(), method, p.url+path, body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := p.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	got := answer{status: response.StatusCode, header: response.Header}
	if err := json.NewDecoder(response.Body).Decode(&got.body); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	return got
}

// want is call, and fails unless the answer has the status.
func (p *patchbay) want(t *testing.T, status int, token, method, path string, body any) answer {
	t.Helper()
	got := p.call(t, token, method, path, body)
	if got.status != status {
		t.Fatalf("%s %s answered %d, want %d: %v", method, path, got.status, status, got.body)
	}
	return got
}
