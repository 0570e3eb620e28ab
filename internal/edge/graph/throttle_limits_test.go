package graph

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/auth"
)

// TestThrottleOfAnApplicationEverywhere: 2,000 requests a second over all tenants, and then Graph's words for it.
func TestThrottleOfAnApplicationEverywhere(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, time.July, 1, 12, 0, 0, 0, time.UTC)
	limiter := newThrottle(ThrottleGraph, func() time.Time { return now })
	ask := func(n int) (http.Header, error) {
		return limiter.admit(auth.Caller{TenantID: fmt.Sprint("tenant", n/100), AppID: "app"}, true)
	}
	for n := range 2000 {
		if _, err := ask(n); err != nil {
			t.Fatalf("request %d: %v", n+1, err)
		}
	}
	header, err := ask(2000)
	e := apiconn.AsError(err)
	if e == nil || e.Kind != apiconn.Throttled || e.RetryAfter <= 0 || e.RetryAfter > 2*time.Second {
		t.Fatalf("request 2001: %+v", e)
	}
	if got := map[string][]string(header)["x-ms-throttle-scope"]; len(got) != 1 || got[0] != "Application/Write/app/tenant20" {
		t.Errorf("scope %q", got)
	}
	now = now.Add(e.RetryAfter)
	if _, err := ask(2000); err != nil {
		t.Errorf("after %s: %v", e.RetryAfter, err)
	}
}

// TestThrottleForgets: whoever is silent is forgotten, of each limit, so that the memory is bounded by who asks now.
func TestThrottleForgets(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, time.July, 1, 12, 0, 0, 0, time.UTC)
	limiter := newThrottle(ThrottleGraph, func() time.Time { return now })
	for n := range 100 {
		if _, err := limiter.admit(auth.Caller{TenantID: fmt.Sprint("tenant", n), AppID: fmt.Sprint("app", n)}, false); err != nil {
			t.Fatal(err)
		}
	}
	if len(limiter.counts) != 300 {
		t.Fatalf("%d counters of 100 callers under 3 limits", len(limiter.counts))
	}
	now = now.Add(time.Minute)
	if _, err := limiter.admit(auth.Caller{TenantID: "tenant1", AppID: "app1"}, false); err != nil {
		t.Fatal(err)
	}
	if n := limiter.counts["Tenant/tenant1"]; n == nil || n.count(now) != 2 {
		t.Error("the first request has not left the minute yet, and is forgotten")
	}
	now = now.Add(2 * time.Minute)
	if _, err := limiter.admit(auth.Caller{TenantID: "another", AppID: "another"}, false); err != nil {
		t.Fatal(err)
	}
	if len(limiter.counts) != 3 {
		t.Errorf("%d counters are left of callers that were silent for two minutes", len(limiter.counts)-3)
	}
}
