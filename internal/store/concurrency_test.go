package store

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// TestConcurrentUpdatesLoseNothing has 800 read-modify-write changes by 16 writers, half of them in another "process".
func TestConcurrentUpdatesLoseNothing(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		h.createBasic(t, tenantA, "a", "secret")
		other := openHouse(t, h.path, h.master)
		const writers, each = 16, 50
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				s := h
				if w%2 == 1 {
					s = other
				}
				for range each {
					if _, _, err := s.UpdateConnector(t.Context(), tenantA, "a", nil, func(c *apiconn.Connector) (*apiconn.AuditEntry, error) {
						c.DisplayName += "i"
						c.TargetURL += "i"
						audit := entry("increment")
						return &audit, nil
					}); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
		c, err := h.Connector(t.Context(), tenantA, "a")
		if err != nil {
			t.Fatal(err)
		}
		const want = writers * each
		if n := strings.Count(strings.TrimPrefix(c.DisplayName, "name of a"), "i"); n != want || c.Version != want+1 {
			t.Errorf("%d increments and version %d, want %d and %d", n, c.Version, want, want+1)
		}
		if n := strings.Count(strings.TrimPrefix(c.TargetURL, "https://example.com/a"), "i"); n != want {
			t.Errorf("%d increments of the other property, want %d", n, want)
		}
		n, err := h.CountAuditEntries(t.Context(), tenantA, &apiconn.Condition{Op: apiconn.Eq, Property: "correlationId", Values: []string{"increment"}})
		if err != nil || n != want {
			t.Errorf("%d audit entries, want %d; error %v", n, want, err)
		}
	})
}

// TestApplyErrorsComeBackAsTheyAre also shows that a failed change leaves nothing behind.
func TestApplyErrorsComeBackAsTheyAre(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		h.createBasic(t, tenantA, "a", "secret")
		stale := &apiconn.Error{Kind: apiconn.Stale, Message: "changed"}
		_, _, err := h.UpdateConnector(t.Context(), tenantA, "a", &Once{AppID: "x", Key: "k", ExpiresAt: time.Now().Add(time.Hour)},
			func(c *apiconn.Connector) (*apiconn.AuditEntry, error) {
				c.DisplayName = "half done"
				return nil, stale
			})
		if got, ok := errors.AsType[*apiconn.Error](err); !ok || got != stale {
			t.Errorf("got %v, want apply's own error", err)
		}
		c, err := h.Connector(t.Context(), tenantA, "a")
		if err != nil || c.Version != 1 || c.DisplayName != "name of a" {
			t.Errorf("the connector is %q at version %d, error %v", c.DisplayName, c.Version, err)
		}
		if n, err := h.PruneOnce(t.Context(), time.Now().Add(2*time.Hour)); n != 0 || err != nil {
			t.Errorf("%d idempotency records, error %v", n, err)
		}
	})
}

// TestAnotherProcessGetsItsTurn: a command must get through while a service writes without a pause.
func TestAnotherProcessGetsItsTurn(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		const busy = 32
		for i := range busy {
			h.createBasic(t, tenantA, number(i), "secret")
		}
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for i := range busy {
			wg.Go(func() {
				for ctx.Err() == nil {
					if _, _, err := h.UpdateConnector(t.Context(), tenantA, number(i), nil, rename("busy")); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		other := openHouse(t, h.path, h.master)
		var longest time.Duration
		for i := range 20 {
			begin := time.Now()
			if err := other.SetMeta(t.Context(), number(i), ""); err != nil {
				t.Error(err)
			}
			longest = max(longest, time.Since(begin))
		}
		stop()
		wg.Wait()
		t.Logf("the longest of 20 writes took %v", longest)
	})
}
