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

// fillSlowly gives tenant rows over which slowFilter takes minutes; the first one of all matches it at once.
func fillSlowly(t *testing.T, h *house, tenant string) {
	t.Helper()
	h.exec(t, 1001, "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) "+
		"INSERT INTO connectors ("+connectorColumns+") SELECT $1, CAST(i + 10000 AS TEXT), CASE i WHEN 0 THEN 'first' ELSE 'later' END, "+
		"CASE i WHEN 0 THEN '' ELSE $2 END, '{}', 1, 0, 0 FROM n", tenant, strings.Repeat("a", 4000))
	h.exec(t, 1001, "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) "+
		"INSERT INTO audit_entries ("+auditColumns+") SELECT $1, CAST(i + 10000 AS TEXT), i, CASE i WHEN 0 THEN 'first' ELSE 'later' END, '', '', '', "+
		"CASE i WHEN 0 THEN '' ELSE $2 END, '', '', '', '', '', '', '', '[]', '[]' FROM n", tenant, strings.Repeat("a", 4000))
}

func slowFilter(first, long string) *apiconn.Condition {
	// Whether an engine compares from the front or from the end, it finds the difference late.
	needle := strings.Repeat("a", 1000) + "b" + strings.Repeat("a", 1000)
	or := &apiconn.Condition{Op: apiconn.Or, Args: []*apiconn.Condition{cond(first, apiconn.Eq, "first")}}
	for range 200 {
		or.Args = append(or.Args, cond(long, apiconn.Contains, needle))
	}
	return or
}

// TestSlowListingsEndInTime has listings whose first row comes at once and whose second one never comes.
func TestSlowListingsEndInTime(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		fillSlowly(t, h, tenantA)
		h.lists.within = 50 * time.Millisecond
		connector := slowFilter("displayName", "targetUrl")
		entries := slowFilter("activityDisplayName", "correlationId")
		oldest := []apiconn.Order{{Property: "activityDateTime"}}
		for name, ask := range map[string]func(context.Context) error{
			"count connectors": func(ctx context.Context) error { _, err := h.CountConnectors(ctx, tenantA, connector); return err },
			"connectors": func(ctx context.Context) error {
				_, err := h.Connectors(ctx, tenantA, apiconn.Query{Where: connector})
				return err
			},
			"count audit entries": func(ctx context.Context) error { _, err := h.CountAuditEntries(ctx, tenantA, entries); return err },
			"audit entries": func(ctx context.Context) error {
				_, err := h.AuditEntries(ctx, tenantA, apiconn.Query{Where: entries, Order: oldest})
				return err
			},
		} {
			begin := time.Now()
			err := ask(t.Context())
			if took := time.Since(begin); took > 3*time.Second {
				t.Errorf("%s took %v", name, took)
			}
			e, ok := errors.AsType[*apiconn.Error](err)
			if !ok || e.Kind != apiconn.Throttled || e.RetryAfter != time.Second || !strings.Contains(e.Message, "$filter") {
				t.Errorf("%s: %v", name, err)
			}
			ended, cancel := context.WithCancel(t.Context())
			cancel()
			if err := ask(ended); !errors.Is(err, context.Canceled) {
				t.Errorf("%s for a client that has gone: %v", name, err)
			}
		}
		if n := len(h.lists.share.of); n != 0 {
			t.Errorf("%d tenants are remembered after their last listing", n)
		}
	})
}

// TestSlowListingsOfOneTenantDelayNobodyElse starts more of them than there are connections.
func TestSlowListingsOfOneTenantDelayNobodyElse(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		fillSlowly(t, h, tenantA)
		h.createBasic(t, tenantB, "b", "secret")
		h.lists.within = time.Minute
		most, half := h.lists.pool.db.Stats().MaxOpenConnections, h.lists.share.each
		ctx, cancel := context.WithCancel(t.Context())
		var slow sync.WaitGroup
		defer slow.Wait()
		defer cancel()
		for range 2 * most {
			slow.Go(func() { _, _ = h.CountConnectors(ctx, tenantA, slowFilter("displayName", "targetUrl")) })
		}
		for tick := time.NewTicker(time.Millisecond); h.lists.pool.db.Stats().InUse < half; {
			select {
			case <-tick.C:
			case <-t.Context().Done():
				t.Fatal("the slow listings did not begin")
			}
		}
		soon, stop := context.WithTimeout(t.Context(), 5*time.Second)
		defer stop()
		if p, err := h.Connectors(soon, tenantB, apiconn.Query{}); err != nil || len(p.Items) != 1 {
			t.Errorf("a listing of another tenant: %d connectors, %v", len(p.Items), err)
		}
		if n := h.lists.pool.db.Stats().InUse; n != half {
			t.Errorf("the tenant holds %d of %d connections, want %d", n, most, half)
		}
	})
}

// TestPointReadsNeedNoListingConnection holds all of these.
func TestPointReadsNeedNoListingConnection(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		h.createBasic(t, tenantA, "a", "secret")
		for range h.lists.pool.db.Stats().MaxOpenConnections {
			held, err := h.lists.pool.db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := held.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		for name, read := range map[string]func(ctx context.Context) error{
			"Ping":             h.Ping,
			"SigningKeys":      func(ctx context.Context) error { _, err := h.SigningKeys(ctx); return err },
			"KeyRing":          func(ctx context.Context) error { _, _, err := h.KeyRing(ctx); return err },
			"Meta":             func(ctx context.Context) error { _, _, err := h.Meta(ctx, "purpose"); return err },
			"Connector":        func(ctx context.Context) error { _, err := h.Connector(ctx, tenantA, "a"); return err },
			"ConnectorSealed":  func(ctx context.Context) error { _, err := h.ConnectorSealed(ctx, tenantA, "a"); return err },
			"Application":      func(ctx context.Context) error { _, err := h.Application(ctx, tenantA, "app"); return absent(err) },
			"TenantByIDOrName": func(ctx context.Context) error { _, err := h.TenantByIDOrName(ctx, "x"); return absent(err) },
		} {
			soon, stop := context.WithTimeout(t.Context(), 2*time.Second)
			if err := read(soon); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			stop()
		}
	})
}
