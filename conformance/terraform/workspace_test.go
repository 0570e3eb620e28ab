package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/patchbay/patchbay/conformance/harness"
)

// runLimit is how long one run of tofu may take. The provider itself tries for half an hour.
const runLimit = 100 * time.Second

// workspace is a configuration of testdata in a directory of its own, and the environment that tofu runs in there.
type workspace struct {
	tofu string // the program
	dir  string
	env  map[string]string
}

// workspace makes one for an application of the server that the relay leads to. Nothing of this process's own environment but
// the PATH is taken over.
func (s *suite) workspace(t *testing.T, configuration string, by *harness.Relay, at *harness.Server, app harness.Application) *workspace {
	t.Helper()
	w := &workspace{tofu: filepath.Join(s.tofuDir, "tofu"), dir: t.TempDir()}
	rc := filepath.Join(w.dir, "tofu.rc")
	overrides := fmt.Sprintf("provider_installation {\n  dev_overrides {\n    \"microsoft/msgraph\" = %q\n  }\n}\n", s.tofuDir)
	if err := os.WriteFile(rc, []byte(overrides), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"provider.tf", filepath.Join(configuration, "main.tf")} {
		text, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			t.Fatal(err)
		}
		w.write(t, filepath.Base(file), string(text))
	}
	// The directory of temporary files is not the test's own: the provider listens on a socket there, whose path must be short.
	w.env = map[string]string{
		"PATH": os.Getenv("PATH"), "HOME": w.dir, "TMPDIR": os.TempDir(), "TF_CLI_CONFIG_FILE": rc, "TF_CLI_ARGS": "-no-color", "TF_IN_AUTOMATION": "1", "TF_INPUT": "0",
		"HTTPS_PROXY": by.Proxy, "SSL_CERT_FILE": by.CA, "AZURE_AUTHORITY_HOST": at.Env["AZURE_AUTHORITY_HOST"],
		"ARM_TENANT_ID": app.TenantID, "ARM_CLIENT_ID": app.ClientID, "ARM_CLIENT_SECRET": app.Secret,
	}
	return w
}

// usual is a workspace of the application that dev made.
func (s *suite) usual(t *testing.T, configuration string, variables map[string]any) *workspace {
	t.Helper()
	w := s.workspace(t, configuration, s.relay, s.server, s.server.Developer())
	w.set(t, variables)
	return w
}

func (w *workspace) write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, file), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// ignoring is a file that lets tofu take no notice of changes of a resource's body.
func ignoring(resource string) string {
	return fmt.Sprintf("resource \"msgraph_resource\" %q {\n  lifecycle {\n    ignore_changes = [body]\n  }\n}\n", resource)
}

// set sets variables of the configuration.
func (w *workspace) set(t *testing.T, variables map[string]any) {
	t.Helper()
	for name, value := range variables {
		text, ok := value.(string)
		if !ok {
			encoded, err := json.Marshal(value)
			if err != nil {
				t.Fatal(err)
			}
			text = string(encoded)
		}
		w.env["TF_VAR_"+name] = text
	}
}

// run runs tofu and returns what it printed, and its exit code.
func (w *workspace) run(ctx context.Context, args ...string) (stdout, printed string, code int) {
	ctx, cancel := context.WithTimeout(ctx, runLimit)
	defer cancel()
	command := exec.CommandContext(ctx, w.tofu, args...)
	command.Dir = w.dir
	for _, name := range slices.Sorted(maps.Keys(w.env)) {
		command.Env = append(command.Env, name+"="+w.env[name])
	}
	var said transcript
	command.Stdout, command.Stderr = stream{&said, true}, stream{&said, false}
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = harness.StopWithin
	err := command.Run()
	code = command.ProcessState.ExitCode()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		code = -1
		fmt.Fprintln(&said.both, err)
	}
	return said.out.String(), plain(said.both.String()), code
}

// plain is what tofu printed without the bars, the line breaks and the indentation that it puts into messages.
func plain(printed string) string {
	return strings.Join(strings.Fields(strings.NewReplacer("│", " ", "╷", " ", "╵", " ").Replace(printed)), " ")
}

// must runs tofu and wants success.
func (w *workspace) must(t *testing.T, args ...string) string {
	t.Helper()
	stdout, printed, code := w.run(t.Context(), args...)
	if code != 0 {
		t.Fatalf("tofu %s ended with %d: %s", strings.Join(args, " "), code, printed)
	}
	return stdout
}

// fail runs tofu and wants it to fail and to print every one of the texts.
func (w *workspace) fail(t *testing.T, args []string, texts ...string) {
	t.Helper()
	_, printed, code := w.run(t.Context(), args...)
	if code != 1 {
		t.Errorf("tofu %s ended with %d, want 1: %s", strings.Join(args, " "), code, printed)
	}
	for _, text := range texts {
		if !strings.Contains(printed, text) {
			t.Errorf("tofu %s printed %q, want %q in it", strings.Join(args, " "), printed, text)
		}
	}
}

// planned is what a plan says is to be done, and what it found changed behind its back: "create msgraph_resource.x".
type planned struct {
	Changes []string
	Drift   []string
}

// plan makes a plan and returns it; an empty one is no changes and no drift.
func (w *workspace) plan(t *testing.T) planned {
	t.Helper()
	_, printed, code := w.run(t.Context(), "plan", "-detailed-exitcode", "-out=plan")
	if code == 0 {
		return planned{}
	}
	if code != 2 {
		t.Fatalf("tofu plan ended with %d: %s", code, printed)
	}
	type resource struct {
		Address string `json:"address"`
		Change  struct {
			Actions []string `json:"actions"`
		} `json:"change"`
	}
	var shown struct {
		Changes []resource `json:"resource_changes"`
		Drift   []resource `json:"resource_drift"`
	}
	if err := json.Unmarshal([]byte(w.must(t, "show", "-json", "plan")), &shown); err != nil {
		t.Fatal(err)
	}
	summary := func(resources []resource) (lines []string) {
		for _, r := range resources {
			if action := strings.Join(r.Change.Actions, " and "); action != "no-op" {
				lines = append(lines, action+" "+r.Address)
			}
		}
		return lines
	}
	return planned{Changes: summary(shown.Changes), Drift: summary(shown.Drift)}
}

// wantPlan checks what a plan would do; nothing means that it is empty.
func (w *workspace) wantPlan(t *testing.T, changes ...string) {
	t.Helper()
	if got := w.plan(t); !slices.Equal(got.Changes, changes) {
		t.Errorf("the plan is %q, want %q", got.Changes, changes)
	}
}

// apply does what a plan would.
func (w *workspace) apply(t *testing.T) {
	t.Helper()
	w.must(t, "apply", "-auto-approve")
}

// output reads an output of the configuration.
func (w *workspace) output(t *testing.T, name string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(w.must(t, "output", "-json", name)), into); err != nil {
		t.Fatal(err)
	}
}

func (w *workspace) id(t *testing.T) (id string) {
	t.Helper()
	w.output(t, "id", &id)
	return id
}

// transcript is what a program printed, on both of its streams in the order of printing, and on its standard output alone.
type transcript struct {
	mutex     sync.Mutex
	both, out bytes.Buffer
}

// stream writes to a transcript.
type stream struct {
	*transcript
	isOut bool
}

func (s stream) Write(p []byte) (int, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.isOut {
		s.out.Write(p)
	}
	return s.both.Write(p)
}
