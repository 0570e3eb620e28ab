package lint

import (
	"errors"
	"net"
	"testing"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/guard"
)

// TestOwnConnectionsAskTheGuard: the requests that are made here are as guarded as those of the outbound client.
func TestOwnConnectionsAskTheGuard(t *testing.T) {
	t.Parallel()
	canary, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer canary.Close()
	_, port, _ := net.SplitHostPort(canary.Addr().String())
	for name, connect := range map[string]func(*session) error{
		"ask":       func(s *session) error { _, err := s.ask(t.Context(), request{}); return err },
		"handshake": func(s *session) error { _, _, err := s.handshake(t.Context(), nil); return err },
		"trickle":   func(s *session) error { _, err := s.trickle(t.Context(), []byte("{}")); return err },
	} {
		for _, url := range []string{"https://localhost:" + port + "/", "http://127.0.0.1:" + port + "/"} {
			s := &session{Options: Options{URL: url, Budget: time.Second, SlowRequest: time.Millisecond, Now: time.Now}}
			if name == "handshake" && s.plainHTTP() {
				continue
			}
			var blocked *guard.Blocked
			if err := connect(s); !errors.As(err, &blocked) {
				t.Errorf("%s %s: %v", name, url, err)
			}
		}
	}
	untouched(t, canary)
}

// untouched fails the test if anybody has connected to the listener: the connection made here must be the first in its queue.
func untouched(t *testing.T, canary net.Listener) {
	t.Helper()
	ours, err := net.Dial("tcp", canary.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	first, err := canary.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if first.RemoteAddr().String() != ours.LocalAddr().String() {
		t.Error("a connection reached the canary")
	}
}

func TestLatency(t *testing.T) {
	t.Parallel()
	for slowest, want := range map[time.Duration]Verdict{time.Second: Accepted, 2 * time.Second: Accepted, 2*time.Second + 1: Warning} {
		s := &session{Options: Options{Budget: 4 * time.Second}, slowest: slowest}
		if c := s.latency(t.Context(), probe{}); c.Verdict != want || (want == Warning) != (c.Advice != "") {
			t.Errorf("%s: %+v", slowest, c)
		}
	}
}

// TestEveryVariantHasAnEncoding: no probe fails of itself.
func TestEveryVariantHasAnEncoding(t *testing.T) {
	t.Parallel()
	o, err := Options{URL: "https://example.org/", Client: nil}.resolved()
	if err == nil {
		t.Fatal("options without a client pass")
	}
	o.ExtensionsApp, o.Steps = madeUpApp, apiconn.Steps
	o.Kinds = []apiconn.UserFlowKind{apiconn.B2X, apiconn.B2C}
	s := &session{Options: o}
	for _, p := range s.places() {
		for _, v := range variants {
			r := s.request(p)
			v.change(&r)
			if _, err := s.encode(p, r); err != nil {
				t.Errorf("%s at %s: %v", v.name, p.step.Name, err)
			}
		}
	}
}
