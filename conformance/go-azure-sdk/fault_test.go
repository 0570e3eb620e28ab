package conformance

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-azure-sdk/microsoft-graph/identity/stable/apiconnector"
)

// faults are what goes wrong between client and server; the relay makes them.
func (s *suite) faults(t *testing.T) {
	client := connect(t, s.relay.URL, s.client.Client.Authorizer)
	for _, status := range []int{http.StatusServiceUnavailable, http.StatusTooManyRequests} {
		t.Run(fmt.Sprintf("%d with Retry-After: the client waits, then succeeds", status), func(t *testing.T) {
			s.relay.Inject(t, map[string]any{"status": status, "retryAfter": 1, "times": 1})
			created, err := client.CreateApiConnector(soon(t), basicConnector("after a fault", lifeURL), apiconnector.DefaultCreateApiConnectorOperationOptions())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.client.DeleteApiConnector(soon(t), connectorID(*created.Model.Id), apiconnector.DefaultDeleteApiConnectorOperationOptions()); err != nil {
				t.Error(err)
			}
			seen := s.relay.Seen(t)
			if len(seen) != 2 || seen[0].Status != status || seen[1].Status != http.StatusCreated {
				t.Fatalf("what was sent: %+v", seen)
			}
			if waited := seen[1].At - seen[0].At; waited < 1000 {
				t.Errorf("it waited %d ms, want 1000", waited)
			}
		})
	}
	t.Run("503 for ever: the client gives up with its own error", func(t *testing.T) {
		s.relay.Inject(t, map[string]any{"status": http.StatusServiceUnavailable, "retryAfter": 0, "times": 2})
		// A context with so short a deadline allows for one more try.
		ctx, cancel := context.WithTimeout(t.Context(), 6*time.Second)
		defer cancel()
		answer, err := client.ListApiConnectors(ctx, apiconnector.DefaultListApiConnectorsOperationOptions())
		if err == nil || answer.OData == nil || answer.OData.Error == nil || *answer.OData.Error.Code != "ServiceUnavailable" {
			t.Errorf("answered %v, %v", answer.OData, err)
		}
		if seen := s.relay.Seen(t); len(seen) != 2 {
			t.Errorf("what was sent: %+v", seen)
		}
	})
	t.Run("a redirect to another host does not take the token along", func(t *testing.T) {
		s.relay.Inject(t, map[string]any{"redirect": "https://" + foreign + "/v1.0/identity/apiConnectors"})
		answer, err := client.ListApiConnectors(soon(t), apiconnector.DefaultListApiConnectorsOperationOptions())
		wantError(t, err, answer.HttpResponse, answer.OData, http.StatusUnauthorized, "InvalidAuthenticationToken")
		seen := s.relay.Seen(t)
		if len(seen) != 2 || seen[0].Headers.Get("Authorization") == "" || seen[1].Host != foreign || seen[1].Headers.Get("Authorization") != "" {
			t.Errorf("what was sent: %+v", seen)
		}
	})
	t.Run("a redirect to a host that does not exist fails as such", func(t *testing.T) {
		s.relay.Inject(t, map[string]any{"redirect": "https://localhost:1/v1.0/identity/apiConnectors"})
		_, err := client.ListApiConnectors(soon(t), apiconnector.DefaultListApiConnectorsOperationOptions())
		if _, ok := errors.AsType[*net.OpError](err); !ok {
			t.Errorf("the error is %T (%v), want *net.OpError in it", err, err)
		}
	})
}

// throttling checks the limit that Microsoft documents for this family: 200 requests a minute per application and tenant.
func (s *suite) throttling(t *testing.T) {
	const limit = 200
	t.Run("429 after "+strconv.Itoa(limit)+" requests in a minute, with Retry-After", func(t *testing.T) {
		client := connect(t, s.throttled.Env["PATCHBAY_URL"], secretAuthorizer(t, s.throttled, s.throttled.Developer()))
		list := func() (apiconnector.ListApiConnectorsOperationResponse, error) {
			// Within two seconds the SDK does not try again: it would wait as long as Retry-After says.
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			return client.ListApiConnectors(ctx, listOptions{Select: &[]string{"id"}})
		}
		for n := range limit {
			if _, err := list(); err != nil {
				t.Fatalf("request %d: %v", n+1, err)
			}
		}
		answer, err := list()
		wantError(t, err, answer.HttpResponse, answer.OData, http.StatusTooManyRequests, "TooManyRequests")
		answered := answer.HttpResponse.Header
		seconds, err := strconv.Atoi(answered.Get("Retry-After"))
		// A minute, and the second in which the first request of it was made.
		if err != nil || seconds < 1 || seconds > 61 {
			t.Errorf("Retry-After is %q, want 1 to 61 seconds", answered.Get("Retry-After"))
		}
		if scope := answered.Get("x-ms-throttle-scope"); !strings.HasPrefix(scope, "Tenant_Application/") {
			t.Errorf("x-ms-throttle-scope is %q", scope)
		}
	})
}
