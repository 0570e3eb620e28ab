package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// Server is a running `patchbay dev` with a data directory of its own.
type Server struct {
	*Process
	Env map[string]string // what it wrote into dev.env

	binary  string
	dataDir string
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

// StartServers starts two servers at the same time, of which the second one counts as strictly as Microsoft Graph, and has
// them stopped in good order when t ends. They live as long as ctx.
func StartServers(t *testing.T, ctx context.Context) (usual, throttled *Server) {
	t.Helper()
	binary := PatchbayBinary(t)
	dirs := [2]string{t.TempDir(), t.TempDir()}
	var errs [2]error
	var wg sync.WaitGroup
	wg.Go(func() { usual, errs[0] = StartServer(ctx, Environment(), binary, dirs[0]) })
	wg.Go(func() { throttled, errs[1] = StartServer(ctx, Environment(), binary, dirs[1], "--throttle", "graph") })
	wg.Wait()
	for _, started := range []*Server{usual, throttled} {
		if started != nil {
			StopAtEnd(t, started)
		}
	}
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatal(err)
	}
	return usual, throttled
}

// StartServer runs `patchbay dev` in an empty dataDir with any free port, and returns when it says that it listens. By then
// it has written dev.env. Its local commands run in the same environment.
func StartServer(ctx context.Context, environment []string, binary, dataDir string, flags ...string) (*Server, error) {
	s := &Server{binary: binary, dataDir: dataDir}
	args := append([]string{"dev", "--data-dir", dataDir, "--listen", "127.0.0.1:0", "--health-listen", ""}, flags...)
	s.Process = Prepare(ctx, environment, binary, args...)
	s.name = "patchbay dev"
	printed := &bell{rung: make(chan struct{})}
	s.Command.Stdout = printed
	if err := s.Start(); err != nil {
		return nil, err
	}
	select {
	case <-printed.rung:
	case <-s.Exited:
		return nil, fmt.Errorf("patchbay dev ended at once: %w\n%s", s.Exit, &s.Log)
	case <-time.After(ReadyWithin):
		return nil, errors.Join(fmt.Errorf("patchbay dev was not ready within %s", ReadyWithin), s.Stop())
	}
	text, err := os.ReadFile(filepath.Join(dataDir, "dev.env"))
	if err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	s.Env = parseEnvironment(string(text))
	return s, nil
}

// Local runs a local command of patchbay on the server's data directory, in the given tenant unless that is empty, and
// decodes what it prints.
func (s *Server) Local(ctx context.Context, tenant string, into any, args ...string) error {
	what := "patchbay " + strings.Join(args, " ")
	args = append(args, "--data-dir", s.dataDir, "--output", "json")
	if tenant != "" {
		args = append(args, "--tenant", tenant)
	}
	command := exec.CommandContext(ctx, s.binary, args...)
	command.Env = s.Command.Env
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

// Application is an app registration with a secret.
type Application struct{ TenantID, ClientID, Secret string }

// AddApplication registers an application with these permissions in a tenant of the server.
func (s *Server) AddApplication(ctx context.Context, tenantID, name string, roles ...string) (Application, error) {
	var created struct {
		ClientID string `json:"client_id"`
	}
	create := []string{"app", "create", name}
	for _, role := range roles {
		create = append(create, "--role", role)
	}
	if err := s.Local(ctx, tenantID, &created, create...); err != nil {
		return Application{}, err
	}
	var added struct {
		Secret string `json:"secret"`
	}
	err := s.Local(ctx, tenantID, &added, "app", "secret", "add", created.ClientID)
	return Application{TenantID: tenantID, ClientID: created.ClientID, Secret: added.Secret}, err
}

// AddTenant makes another tenant and returns its id.
func (s *Server) AddTenant(ctx context.Context, name string) (string, error) {
	var created struct {
		ID string `json:"id"`
	}
	err := s.Local(ctx, "", &created, "tenant", "create", name)
	return created.ID, err
}

// AddCertificate lets the application that dev made prove itself by the certificate in a PEM file.
func (s *Server) AddCertificate(ctx context.Context, file string) error {
	var added struct {
		KeyID string `json:"key_id"`
	}
	return s.Local(ctx, s.Env["AZURE_TENANT_ID"], &added, "app", "certificate", "add", s.Env["AZURE_CLIENT_ID"], file)
}

// Developer is the application that dev made.
func (s *Server) Developer() Application {
	return Application{TenantID: s.Env["AZURE_TENANT_ID"], ClientID: s.Env["AZURE_CLIENT_ID"], Secret: s.Env["AZURE_CLIENT_SECRET"]}
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
