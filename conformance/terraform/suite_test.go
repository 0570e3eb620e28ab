package conformance

import (
	"testing"

	"github.com/patchbay/patchbay/conformance/harness"
)

// foreign is a host that no token is for; the relay's proxy leads there.
const foreign = "nowhere.invalid"

// suite is what the checks share: two servers, of which one counts as strictly as Microsoft Graph, and the proxies that lead
// the provider there. One of the first server's proxies injects faults.
type suite struct {
	tofuDir              string // tofu and terraform-provider-msgraph are there
	server, throttled    *harness.Server
	relay, faulty, tight *harness.Relay
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
	s := &suite{tofuDir: harness.Prepared(t, "TOFU_DIR")}
	ctx := harness.Life(t)
	s.server, s.throttled = harness.StartServers(t, ctx)
	relayBinary := harness.RelayBinary(t)
	for _, r := range []struct {
		into **harness.Relay
		to   *harness.Server
	}{{&s.relay, s.server}, {&s.faulty, s.server}, {&s.tight, s.throttled}} {
		started, err := harness.StartRelay(ctx, relayBinary, r.to, "graph.microsoft.com:443", "login.microsoftonline.com:443", foreign+":443")
		if err != nil {
			t.Fatal(err)
		}
		harness.StopAtEnd(t, started)
		*r.into = started
	}
	var err error
	if s.graph, err = newGraph(t.Context(), s.server); err != nil {
		t.Fatal(err)
	}
	return s
}
