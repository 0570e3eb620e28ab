package outbound

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// TestCircuit: it opens after failures, refuses at once and says for how long; other settings or another target get a
// chance of their own.
func TestCircuit(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "servers")
	var down atomic.Bool
	down.Store(true)
	server, requests := recording(t, &tls.Config{Certificates: []tls.Certificate{*ca.issue(t, "server", nil)}}, false, func(w http.ResponseWriter, r *http.Request) {
		if down.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		answerOK(w, r)
	})
	c := newClient(t, ca, nil)
	sent := call(server.URL, basic())
	for range circuitFailures {
		if r := c.Do(t.Context(), sent); r.Status != http.StatusBadGateway {
			t.Fatalf("%+v", r)
		}
	}
	r := c.Do(t.Context(), sent)
	if r.Reason != apiconn.ReasonCircuitOpen || len(r.Attempts) != 0 || !strings.Contains(r.Detail, "tried again in 10s") {
		t.Errorf("%+v", r)
	}
	if n := len(requests()); n != circuitFailures {
		t.Errorf("%d requests", n)
	}
	down.Store(false)
	other := sent
	other.Connector = "tenant/other"
	changed := sent
	changed.Settings.Version = 2
	for name, call := range map[string]Call{"another connector": other, "other settings": changed} {
		if r := c.Do(t.Context(), call); r.Status != http.StatusOK {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// TestCircuitHalfOpen: after the pause one call is let through at a time; it decides. A trial that shows nothing does not
// leave the circuit without one for ever.
func TestCircuitHalfOpen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate("", 10)
		enter := func() apiconn.DecisionReason {
			if refused := g.enter("host"); refused != nil {
				return refused.reason
			}
			return ""
		}
		trip := func(want apiconn.DecisionReason) {
			t.Helper()
			if got := enter(); got != want {
				t.Fatalf("%q, want %q", got, want)
			}
		}
		for range circuitFailures {
			trip("")
			g.leave(failed, apiconn.ReasonConnectRefused)
		}
		trip(apiconn.ReasonCircuitOpen)
		pass(circuitPause - time.Millisecond)
		trip(apiconn.ReasonCircuitOpen)
		pass(time.Millisecond)
		trip("")
		trip(apiconn.ReasonCircuitOpen) // the trial is under way
		if refused := g.enter("host"); !strings.Contains(refused.detail, string(apiconn.ReasonConnectRefused)) || !strings.Contains(refused.detail, "under way") {
			t.Errorf("%q", refused.detail)
		}
		g.leave(neither, "")
		trip(apiconn.ReasonCircuitOpen)
		pass(circuitPause)
		trip("")
		g.leave(succeeded, "")
		for range 10 {
			trip("")
		}
		trip(apiconn.ReasonTooManyCalls)
	})
}

// pass lets time pass within a bubble.
func pass(d time.Duration) {
	timer := time.NewTimer(d)
	<-timer.C
}

// TestOutcomes: what counts against a target.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		r    Result
		want outcome
	}{
		{Result{Status: 200}, succeeded},
		{Result{Status: 400}, succeeded},
		{Result{Status: 429}, succeeded},
		{Result{Status: 500}, failed},
		{Result{Status: 503}, failed},
		{Result{Reason: apiconn.ReasonAnswerTimeout}, failed},
		{Result{Reason: apiconn.ReasonConnectRefused}, failed},
		{Result{Reason: apiconn.ReasonAnswerBodyTimeout}, failed},
		{Result{Reason: apiconn.ReasonAnswerCutShort}, failed},
		{Result{Reason: apiconn.ReasonAddressBlocked}, neither},
		{Result{Reason: apiconn.ReasonInterrupted}, neither},
		{Result{Reason: apiconn.ReasonTLSUntrusted}, neither},
		{Result{Reason: apiconn.ReasonDNSNotFound}, neither},
	} {
		if got := outcomeOf(row.r); got != row.want {
			t.Errorf("%d %s: %d, want %d", row.r.Status, row.r.Reason, got, row.want)
		}
	}
}

// TestBulkhead: more calls than the settings allow are refused at once, and those of another connector are not.
func TestBulkhead(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "servers")
	arrived, release := make(chan struct{}, 3), make(chan struct{})
	server, _ := recording(t, &tls.Config{Certificates: []tls.Certificate{*ca.issue(t, "server", nil)}}, true, func(w http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-release
		answerOK(w, r)
	})
	c := newClient(t, ca, nil)
	sent := call(server.URL, basic())
	sent.Settings.MaxConcurrent, sent.Settings.Budget = 2, 10*time.Second
	done := make(chan Result, 3)
	start := func(call Call) {
		go func() { done <- c.Do(t.Context(), call) }()
		<-arrived
	}
	start(sent)
	start(sent)
	began := time.Now()
	if r := c.Do(t.Context(), sent); r.Reason != apiconn.ReasonTooManyCalls || len(r.Attempts) != 0 || !strings.Contains(r.Detail, "2 calls") || time.Since(began) > time.Second {
		t.Errorf("%+v", r)
	}
	other := sent
	other.Connector = "tenant/other"
	start(other)
	close(release)
	for range 3 {
		if r := <-done; r.Status != 200 {
			t.Errorf("%+v", r)
		}
	}
	if r := c.Do(t.Context(), sent); r.Status != 200 {
		t.Errorf("afterwards: %+v", r)
	}
}

// TestCallerLeaves: during an attempt, and during a pause.
func TestCallerLeaves(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "servers")
	arrived := make(chan struct{}, 2)
	for name, h := range map[string]http.HandlerFunc{
		"attempt": func(_ http.ResponseWriter, r *http.Request) { arrived <- struct{}{}; <-r.Context().Done() },
		"pause": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "5")
			w.WriteHeader(http.StatusServiceUnavailable)
			w.(http.Flusher).Flush()
			arrived <- struct{}{}
		},
	} {
		server, _ := recording(t, &tls.Config{Certificates: []tls.Certificate{*ca.issue(t, "server", nil)}}, true, h)
		c := newClient(t, ca, nil)
		sent := call(server.URL, basic())
		sent.Settings.Budget = 20 * time.Second
		ctx, leave := context.WithCancelCause(t.Context())
		done := make(chan Result)
		go func() { done <- c.Do(ctx, sent) }()
		<-arrived
		leave(errors.New("gone"))
		if r := <-done; r.Reason != apiconn.ReasonInterrupted || r.Detail == "" || len(r.Attempts) != 1 || r.Attempts[0].Took > 4*time.Second {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// TestRefusedBeforeAnyConnection: what no attempt could mend.
func TestRefusedBeforeAnyConnection(t *testing.T) {
	t.Parallel()
	c := newClient(t, newAuthority(t, "servers"), nil)
	for _, row := range []struct {
		url, pin, roots string
		want            apiconn.DecisionReason
		says            string
	}{
		{url: "http://127.0.0.1/?code=canary", want: apiconn.ReasonTargetURLUnusable, says: "TLS only"},
		{url: "ftp://127.0.0.1/", want: apiconn.ReasonTargetURLUnusable, says: "https://"},
		{url: "https:///x?code=canary", want: apiconn.ReasonTargetURLUnusable, says: "no host"},
		{url: "https://a:b@127.0.0.1/", want: apiconn.ReasonTargetURLUnusable, says: "user name"},
		{url: "https://127.0.0.1:x/?code=canary", want: apiconn.ReasonTargetURLUnusable, says: "cannot be read"},
		{url: "https://10.0.0.1/?code=canary", want: apiconn.ReasonAddressBlocked, says: "10.0.0.0/8"},
		{url: "https://0x0a000001/?code=canary", want: apiconn.ReasonAddressBlocked, says: "10.0.0.1"},
		{url: "https://127.0.0.1/", pin: "c2hvcnQ=", want: apiconn.ReasonSettingsUnusable, says: "pinnedKeys: pin 1"},
		{url: "https://127.0.0.1/", roots: "x", want: apiconn.ReasonSettingsUnusable, says: "trustedRoots"},
		{url: "https://127.0.0.1/", roots: " ", want: apiconn.ReasonSettingsUnusable, says: "holds no certificate"},
	} {
		sent := call(row.url, basic())
		sent.Settings.TrustedRoots = row.roots
		if row.pin != "" {
			sent.Settings.PinnedKeys = []string{row.pin}
		}
		r := c.Do(t.Context(), sent)
		if r.Reason != row.want || !strings.Contains(r.Detail, row.says) || strings.Contains(r.Detail, "canary") || len(r.Attempts) != 0 {
			t.Errorf("%s: %+v", row.url, r)
		}
	}
}

// TestParseRetryAfter: seconds and dates.
func TestParseRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "soon": 0, "-1": 0, "1.5": 0, "0": time.Millisecond, "2": 2 * time.Second, " 2 ": 2 * time.Second,
		"Wed, 25 Nov 2026 12:00:03 GMT": 3 * time.Second, "Wed, 25 Nov 2026 11:00:00 GMT": time.Millisecond,
		"Wednesday, 25-Nov-26 12:00:03 GMT": 3 * time.Second, "99999999999999999999": maxRetryAfter, "9999999999": maxRetryAfter,
	} {
		if got := parseRetryAfter(value, now); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
}

// TestEveryReasonHasASentence: whatever may come of an attempt can be said.
func TestEveryReasonHasASentence(t *testing.T) {
	t.Parallel()
	for reason := range noAnswer {
		if sentences[reason] == "" {
			t.Errorf("%s has no sentence", reason)
		}
	}
	for _, fault := range exchangeFaults {
		if sentences[fault.reason] == "" {
			t.Errorf("%s has no sentence", fault.reason)
		}
	}
	for _, reason := range timeouts {
		if sentences[reason] == "" {
			t.Errorf("%s has no sentence", reason)
		}
	}
	for reason, sentence := range sentences {
		if got := describe(reason, "why", "host:443", apiconn.Attempt{Address: "10.1.1.1:443"}); strings.ContainsAny(got, "{}") || !strings.HasSuffix(sentence, ".") {
			t.Errorf("%s: %s", reason, got)
		}
	}
}
