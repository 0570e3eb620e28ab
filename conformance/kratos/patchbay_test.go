package conformance

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
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
	"sync"
	"time"
)

// patchbay is a running `patchbay dev` with a data directory of its own.
type patchbay struct {
	*process
	binary  string
	dataDir string
	env     map[string]string // what it wrote into dev.env
	client  *http.Client
	token   string // of the application that administers
}

// bell rings at the first write. What is written is forgotten: dev prints a secret among what to paste.
type bell struct {
	once sync.Once
	rung chan struct{}
}

func (b *bell) Write(p []byte) (int, error) {
	b.once.Do(func() { close(b.rung) })
	return len(p), nil
}

// startPatchbay runs `patchbay dev` in an empty dataDir with any free port, and returns when it says that it listens. By
// then it has written dev.env.
func startPatchbay(ctx context.Context, binary, dataDir string) (*patchbay, error) {
	s := &patchbay{binary: binary, dataDir: dataDir}
	s.process = prepareProcess(ctx, environment(), binary, "dev", "--data-dir", dataDir, "--listen", "127.0.0.1:0", "--health-listen", "")
	printed := &bell{rung: make(chan struct{})}
	s.command.Stdout = printed
	if err := s.start(); err != nil {
		return nil, err
	}
	select {
	case <-printed.rung:
	case <-s.exited:
		return nil, fmt.Errorf("patchbay dev ended at once: %w\n%s", s.exit, &s.log)
	case <-time.After(readyWithin):
		return nil, errors.Join(fmt.Errorf("patchbay dev was not ready within %s", readyWithin), s.stop())
	}
	if err := s.meet(ctx); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

// meet learns from dev.env where the server is and whom to trust, and gets a token of an application that may do what the
// checks do.
func (s *patchbay) meet(ctx context.Context) error {
	text, err := os.ReadFile(filepath.Join(s.dataDir, "dev.env"))
	if err != nil {
		return err
	}
	s.env = parseEnvironment(string(text))
	roots := x509.NewCertPool()
	bundle, err := os.ReadFile(s.env["SSL_CERT_FILE"])
	if err != nil {
		return err
	}
	roots.AppendCertsFromPEM(bundle)
	s.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}, Timeout: readyWithin}
	administrator, err := s.addApplication(ctx, "administrator", "APIConnectors.ReadWrite.All", "IdentityUserFlow.ReadWrite.All", "UserFlowInvocation.Read.All")
	if err != nil {
		return err
	}
	s.token, err = s.tokenOf(ctx, administrator)
	return err
}

// local runs a local command of patchbay on the server's data directory and decodes what it prints.
func (s *patchbay) local(ctx context.Context, into any, args ...string) error {
	what := "patchbay " + strings.Join(args, " ")
	args = append(args, "--data-dir", s.dataDir, "--output", "json")
	command := exec.CommandContext(ctx, s.binary, args...)
	command.Env = environment()
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		return fmt.Errorf("%s: %w: %s", what, err, &stderr)
	}
	if err := json.Unmarshal(stdout.Bytes(), into); err != nil {
		return fmt.Errorf("%s printed something that is not the expected JSON: %w", what, err)
	}
	return nil
}

// application is an app registration with a secret.
type application struct{ tenantID, clientID, secret string }

// user is what the application calls itself in HTTP Basic.
func (a application) user() string { return a.tenantID + "/" + a.clientID }

// addApplication registers an application with these permissions.
func (s *patchbay) addApplication(ctx context.Context, name string, roles ...string) (application, error) {
	var created struct {
		ClientID string `json:"client_id"`
	}
	tenant := s.env["AZURE_TENANT_ID"]
	create := []string{"app", "create", name, "--tenant", tenant}
	for _, role := range roles {
		create = append(create, "--role", role)
	}
	if err := s.local(ctx, &created, create...); err != nil {
		return application{}, err
	}
	var added struct {
		Secret string `json:"secret"`
	}
	err := s.local(ctx, &added, "app", "secret", "add", created.ClientID, "--tenant", tenant)
	return application{tenantID: tenant, clientID: created.ClientID, secret: added.Secret}, err
}

// tenantName is the name of the one tenant that dev makes.
func (s *patchbay) tenantName(ctx context.Context) (string, error) {
	var tenants []struct {
		Name string `json:"name"`
	}
	if err := s.local(ctx, &tenants, "tenant", "list"); err != nil {
		return "", err
	}
	if len(tenants) != 1 {
		return "", fmt.Errorf("patchbay dev has %d tenants, want 1", len(tenants))
	}
	return tenants[0].Name, nil
}

func (s *patchbay) tokenOf(ctx context.Context, app application) (string, error) {
	form := url.Values{
		"grant_type": {"client_credentials"}, "scope": {"https://graph.microsoft.com/.default"},
		"client_id": {app.clientID}, "client_secret": {app.secret},
	}
	address := s.env["AZURE_AUTHORITY_HOST"] + "/" + app.tenantID + "/oauth2/v2.0/token"
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	var token struct {
		AccessToken string `json:"access_token"`
	}
	if err := exchange(s.client, request, http.StatusOK, &token); err != nil {
		return "", err
	}
	return token.AccessToken, nil
}

// do sends a request to Patchbay as its administrator and decodes the answer, which must have the status.
func (s *patchbay) do(ctx context.Context, method, path string, body any, status int, into any) error {
	request, err := jsonRequest(ctx, method, s.env["PATCHBAY_URL"]+path, body)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+s.token)
	return exchange(s.client, request, status, into)
}

// jsonRequest is a request with a JSON body, or with none if that is nil.
func jsonRequest(ctx context.Context, method, address string, body any) (*http.Request, error) {
	var reader io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		reader = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, address, reader)
	if err == nil && body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	return request, err
}

// exchange sends a request and decodes the answer, which must have the status. An answer's text is told only if it is none.
func exchange(client *http.Client, request *http.Request, status int, into any) error {
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	what := request.Method + " " + request.URL.Path
	if response.StatusCode != status {
		return fmt.Errorf("%s answered %d, want %d: %s", what, response.StatusCode, status, text)
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s answered something that is not the expected JSON: %w", what, err)
	}
	return nil
}

// parseEnvironment reads KEY=VALUE lines whose values are single words of a POSIX shell, quoted with ' where needed.
func parseEnvironment(text string) map[string]string {
	variables := map[string]string{}
	for line := range strings.Lines(text) {
		name, word, _ := strings.Cut(strings.TrimSpace(line), "=")
		if quoted, ok := strings.CutPrefix(word, "'"); ok {
			word = strings.ReplaceAll(strings.TrimSuffix(quoted, "'"), `'\''`, "'")
		}
		variables[name] = word
	}
	return variables
}

// root is the top of this repository.
func root() (string, error) { return filepath.Abs(filepath.Join("..", "..")) }

// buildPatchbay makes the binary from this repository.
func buildPatchbay(ctx context.Context, into string) (string, error) {
	top, err := root()
	if err != nil {
		return "", err
	}
	binary := filepath.Join(into, "patchbay")
	command := exec.CommandContext(ctx, "go", "build", "-o", binary, "./cmd/patchbay")
	command.Dir = top
	if output, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build patchbay: %w\n%s", err, output)
	}
	return binary, nil
}
