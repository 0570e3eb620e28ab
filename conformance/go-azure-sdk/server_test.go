package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// How long things may take. A server lives no longer than serverLife, so that a test that hangs leaves nothing behind.
const (
	readyWithin = 20 * time.Second
	serverLife  = 4 * time.Minute
	stopWithin  = 10 * time.Second
)

// server is a running `patchbay dev` with a data directory of its own.
type server struct {
	binary  string
	dataDir string
	env     map[string]string // what it wrote into dev.env
	command *exec.Cmd
	log     bytes.Buffer // its stderr; complete once exited is closed
	exited  chan struct{}
	exit    error
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

// startServer runs `patchbay dev` in an empty dataDir with any free port, and returns when it says that it listens. By
// then it has written dev.env.
func startServer(ctx context.Context, binary, dataDir string, flags ...string) (*server, error) {
	s := &server{binary: binary, dataDir: dataDir, exited: make(chan struct{})}
	args := append([]string{"dev", "--data-dir", dataDir, "--listen", "127.0.0.1:0", "--health-listen", ""}, flags...)
	s.command = exec.CommandContext(ctx, binary, args...)
	s.command.Env = environment()
	s.command.Stderr = &s.log
	s.command.Cancel = func() error { return s.command.Process.Signal(syscall.SIGTERM) }
	s.command.WaitDelay = stopWithin
	printed := &bell{rung: make(chan struct{})}
	s.command.Stdout = printed
	if err := s.command.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", binary, err)
	}
	go func() {
		s.exit = s.command.Wait()
		close(s.exited)
	}()
	select {
	case <-printed.rung:
	case <-s.exited:
		return nil, fmt.Errorf("patchbay dev ended at once: %w\n%s", s.exit, &s.log)
	case <-time.After(readyWithin):
		return nil, errors.Join(fmt.Errorf("patchbay dev was not ready within %s", readyWithin), s.stop())
	}
	text, err := os.ReadFile(filepath.Join(dataDir, "dev.env"))
	if err != nil {
		return nil, errors.Join(err, s.stop())
	}
	s.env = parseEnvironment(string(text))
	return s, nil
}

// stop ends the server in good order and reports anything else.
func (s *server) stop() error {
	if err := s.command.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-s.exited:
	case <-time.After(stopWithin):
		_ = s.command.Process.Kill()
		<-s.exited
	}
	if s.exit != nil {
		return fmt.Errorf("patchbay dev did not end in good order: %w\n%s", s.exit, &s.log)
	}
	return nil
}

// local runs a local command of patchbay on the server's data directory, in the given tenant unless that is empty, and
// decodes what it prints.
func (s *server) local(ctx context.Context, tenant string, into any, args ...string) error {
	what := "patchbay " + strings.Join(args, " ")
	args = append(args, "--data-dir", s.dataDir, "--output", "json")
	if tenant != "" {
		args = append(args, "--tenant", tenant)
	}
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

// addApplication registers an application with these permissions in a tenant of the server.
func (s *server) addApplication(ctx context.Context, tenantID, name string, roles ...string) (application, error) {
	var created struct {
		ClientID string `json:"client_id"`
	}
	create := []string{"app", "create", name}
	for _, role := range roles {
		create = append(create, "--role", role)
	}
	if err := s.local(ctx, tenantID, &created, create...); err != nil {
		return application{}, err
	}
	var added struct {
		Secret string `json:"secret"`
	}
	err := s.local(ctx, tenantID, &added, "app", "secret", "add", created.ClientID)
	return application{tenantID: tenantID, clientID: created.ClientID, secret: added.Secret}, err
}

// addTenant makes another tenant and returns its id.
func (s *server) addTenant(ctx context.Context, name string) (string, error) {
	var created struct {
		ID string `json:"id"`
	}
	err := s.local(ctx, "", &created, "tenant", "create", name)
	return created.ID, err
}

// addCertificate lets the application that dev made prove itself by the certificate in a PEM file.
func (s *server) addCertificate(ctx context.Context, file string) error {
	var added struct {
		KeyID string `json:"key_id"`
	}
	return s.local(ctx, s.env["AZURE_TENANT_ID"], &added, "app", "certificate", "add", s.env["AZURE_CLIENT_ID"], file)
}

// developer is the application that dev made.
func (s *server) developer() application {
	return application{tenantID: s.env["AZURE_TENANT_ID"], clientID: s.env["AZURE_CLIENT_ID"], secret: s.env["AZURE_CLIENT_SECRET"]}
}

// environment is this process's own without what would become a setting of Patchbay.
func environment() []string {
	return slices.DeleteFunc(os.Environ(), func(variable string) bool { return strings.HasPrefix(variable, "PATCHBAY_") })
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

// build makes a program of the repository: package and directory are relative to its root.
func build(ctx context.Context, binary, dir, packagePath string) error {
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		return err
	}
	command := exec.CommandContext(ctx, "go", "build", "-o", binary, packagePath)
	command.Dir = filepath.Join(root, dir)
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", binary, err, output)
	}
	return nil
}
