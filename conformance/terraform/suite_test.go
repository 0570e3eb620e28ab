package conformance

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// foreign is a host that no token is for; the relay's proxy leads there.
const foreign = "nowhere.invalid"

// suite is what the checks share: two servers, of which one counts as strictly as Microsoft Graph, and the proxies that lead
// the provider there. One of the first server's proxies injects faults.
type suite struct {
	tofuDir              string // tofu and terraform-provider-msgraph are there
	server, throttled    *server
	relay, faulty, tight *relay
	graph                *graph
}

func TestConformance(t *testing.T) {
	s := newSuite(t)
	for _, group := range []struct {
		name   string
		checks func(*testing.T)
	}{
		{"tokens", s.tokens},
		{"founding examples", s.foundingExamples},
		{"life of a connector", s.life},
		{"certificates", s.certificates},
		{"reading", s.reading},
		{"user flows", s.userFlows},
		{"errors", s.errors},
		{"faults", s.faults},
		{"throttling", s.throttling},
	} {
		t.Run(group.name, func(t *testing.T) {
			t.Parallel()
			group.checks(t)
		})
	}
}

func newSuite(t *testing.T) *suite {
	t.Helper()
	s := &suite{tofuDir: tofuDir(t)}
	// Not the test's own context: that one ends before the cleanups run, and the programs are to end in good order.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), serverLife)
	t.Cleanup(cancel)
	binary := program(t, "PATCHBAY_BIN", ".", "./cmd/patchbay")
	dirs := [2]string{t.TempDir(), t.TempDir()}
	var errs [2]error
	var wg sync.WaitGroup
	wg.Go(func() { s.server, errs[0] = startServer(ctx, binary, dirs[0]) })
	wg.Go(func() { s.throttled, errs[1] = startServer(ctx, binary, dirs[1], "--throttle", "graph") })
	wg.Wait()
	for _, started := range []*server{s.server, s.throttled} {
		if started != nil {
			stopAtEnd(t, started)
		}
	}
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatal(err)
	}
	relayBinary := program(t, "RELAY_BIN", filepath.Join("conformance", "relay"), ".")
	for _, r := range []struct {
		into **relay
		to   *server
	}{{&s.relay, s.server}, {&s.faulty, s.server}, {&s.tight, s.throttled}} {
		started, err := startRelay(ctx, relayBinary, r.to, "graph.microsoft.com:443", "login.microsoftonline.com:443", foreign+":443")
		if err != nil {
			t.Fatal(err)
		}
		stopAtEnd(t, started)
		*r.into = started
	}
	var err error
	if s.graph, err = newGraph(t.Context(), s.server); err != nil {
		t.Fatal(err)
	}
	return s
}

func stopAtEnd(t *testing.T, started interface{ stop() error }) {
	t.Helper()
	t.Cleanup(func() {
		if err := started.stop(); err != nil {
			t.Error(err)
		}
	})
}

// program is the binary that a variable names, or else one built from this repository.
func program(t *testing.T, variable, dir, packagePath string) string {
	t.Helper()
	if binary := os.Getenv(variable); binary != "" {
		return binary
	}
	binary := filepath.Join(t.TempDir(), strings.ToLower(variable))
	if err := build(t.Context(), binary, dir, packagePath); err != nil {
		t.Fatal(err)
	}
	return binary
}

// tofuDir is the directory that TOFU_DIR names, or else the one that build.sh makes.
func tofuDir(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("TOFU_DIR"); dir != "" {
		return dir
	}
	script, err := filepath.Abs("build.sh")
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), script)
	command.Stderr = os.Stderr
	printed, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(printed))
}
