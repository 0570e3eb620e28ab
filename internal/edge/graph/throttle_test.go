package graph_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/patchbay/patchbay/internal/edge/graph"
)

// TestThrottleOfGraphIsExact: 200 requests a minute for an application in a tenant and 300 for the tenant, none more, and
// the headers that say so (contract 3.6).
func TestThrottleOfGraphIsExact(t *testing.T) {
	t.Parallel()
	site := build(t, settings{graph: graph.Options{Throttle: graph.ThrottleGraph}})
	client := site.client()
	first, second, elsewhere := site.authorization(t, "admin"), site.authorization(t, "other-app"), site.authorization(t, "other-tenant")
	count := func(authorization string) reply {
		return site.do(t, client, authorization, "GET", connectorsPath+"/$count", "")
	}
	for n := 1; n <= 200; n++ {
		got := count(first)
		if got.status != http.StatusOK {
			t.Fatalf("request %d of the first application: %d %s", n, got.status, got.body)
		}
		share, scope := got.header.Get("x-ms-throttle-limit-percentage"), got.header.Get("x-ms-throttle-scope")
		wantShare, wantScope := "", ""
		if n >= 160 { // four fifths
			wantShare, wantScope = fmt.Sprintf("%.2f", float64(n)/200), "Tenant_Application/Read/"+appID+"/"+contoso
		}
		if share != wantShare || scope != wantScope {
			t.Errorf("request %d: share %q, scope %q, want %q, %q", n, share, scope, wantShare, wantScope)
		}
	}
	refused := count(first)
	if refused.status != http.StatusTooManyRequests || !strings.Contains(refused.body, `"code":"TooManyRequests"`) {
		t.Fatalf("request 201: %d %s", refused.status, refused.body)
	}
	want := map[string]string{
		"Retry-After": "61", "x-ms-throttle-information": "ResourceUnitLimitExceeded",
		"x-ms-throttle-scope": "Tenant_Application/Read/" + appID + "/" + contoso,
	}
	for name, value := range want {
		if got := refused.header.Get(name); got != value {
			t.Errorf("%s: %q, want %q", name, got, value)
		}
	}
	write := site.do(t, client, first, "DELETE", connectorsPath+"/x", "")
	if got := write.header.Get("x-ms-throttle-scope"); write.status != http.StatusTooManyRequests || got != "Tenant_Application/Write/"+appID+"/"+contoso {
		t.Errorf("a write: %d, scope %q", write.status, got)
	}
	for n := 201; n <= 300; n++ {
		if got := count(second); got.status != http.StatusOK {
			t.Fatalf("request %d of the tenant: %d %s", n, got.status, got.body)
		}
	}
	if got := count(second); got.status != http.StatusTooManyRequests || !strings.HasPrefix(got.header.Get("x-ms-throttle-scope"), "Tenant/Read/") {
		t.Errorf("request 301 of the tenant: %d, scope %q", got.status, got.header.Get("x-ms-throttle-scope"))
	}
	if got := count(elsewhere); got.status != http.StatusOK {
		t.Errorf("another tenant: %d %s", got.status, got.body)
	}
	for _, target := range []string{"/v1.0/$metadata", "/v1.0/"} {
		if got := site.do(t, client, "", "GET", target, ""); got.status != http.StatusOK {
			t.Errorf("%s needs no caller and is not counted: %d", target, got.status)
		}
	}
	site.clock.Advance(61 * time.Second)
	if got := count(first); got.status != http.StatusOK {
		t.Errorf("after the time that Retry-After told: %d %s", got.status, got.body)
	}
}

// TestThrottleSlides: the window is not reset on the minute; what was sent within it counts until it has left it.
func TestThrottleSlides(t *testing.T) {
	t.Parallel()
	site := build(t, settings{graph: graph.Options{Throttle: graph.ThrottleGraph}})
	client := site.client()
	caller := site.authorization(t, "admin")
	send := func(n int) (admitted int) {
		for range n {
			if site.do(t, client, caller, "GET", connectorsPath+"/$count", "").status == http.StatusOK {
				admitted++
			}
		}
		return admitted
	}
	for _, step := range []struct {
		after     time.Duration
		sent, got int
	}{
		{0, 100, 100},
		{40 * time.Second, 110, 100}, // the first hundred are still within the minute
		{19 * time.Second, 1, 0},     // at 59 s, too
		{2 * time.Second, 101, 100},  // at 61 s they have left
		{38 * time.Second, 1, 0},     // at 99 s the second hundred is still there
		{2 * time.Second, 100, 100},  // at 101 s no more
	} {
		site.clock.Advance(step.after)
		if got := send(step.sent); got != step.got {
			t.Errorf("%s later, of %d requests %d were admitted, want %d", step.after, step.sent, got, step.got)
		}
	}
}

// TestThrottleOfBatch: the requests of a batch count one by one, and the batch itself does not; a refused one has a 429 and
// a Retry-After of its own (contract 3.4).
func TestThrottleOfBatch(t *testing.T) {
	t.Parallel()
	site := build(t, settings{graph: graph.Options{Throttle: graph.ThrottleGraph}})
	client := site.client()
	caller := site.authorization(t, "admin")
	var items []string
	for n := range 20 {
		items = append(items, fmt.Sprintf(`{"id":"%d","method":"GET","url":"/identity/apiConnectors/$count"}`, n))
	}
	batch := `{"requests":[` + strings.Join(items, ",") + `]}`
	for n := range 10 {
		got := site.do(t, client, caller, "POST", "/v1.0/$batch", batch)
		if ok := strings.Count(got.body, `"status":200`); got.status != http.StatusOK || ok != 20 {
			t.Fatalf("batch %d: %d, %d requests of 20 admitted", n, got.status, ok)
		}
	}
	got := site.do(t, client, caller, "POST", "/v1.0/$batch", batch)
	refused := strings.Count(got.body, `"status":429,"headers":{"Content-Type":"application/json","Retry-After":"61",`)
	if got.status != http.StatusOK || refused != 20 || got.header.Get("Retry-After") != "" {
		t.Errorf("after 200 requests: %d, %d refused: %s", got.status, refused, got.body)
	}
}

// TestThrottleDefaults: the default lets through what no honest client reaches, and off is off.
func TestThrottleDefaults(t *testing.T) {
	t.Parallel()
	for _, kind := range []graph.Throttle{graph.ThrottleGenerous, graph.ThrottleOff} {
		site := build(t, settings{graph: graph.Options{Throttle: kind}})
		client := site.client()
		caller := site.authorization(t, "admin")
		for n := range 310 {
			got := site.do(t, client, caller, "GET", connectorsPath+"/$count", "")
			if got.status != http.StatusOK || got.header.Get("x-ms-throttle-limit-percentage") != "" {
				t.Fatalf("%s, request %d: %d %v", kind, n, got.status, got.header)
			}
		}
	}
}
