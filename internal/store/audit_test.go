package store

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// auditNumber makes an entry of the n-th minute with a connector.
func (h *house) auditNumber(t testing.TB, tenant string, n int, change func(*apiconn.AuditEntry)) apiconn.AuditEntry {
	t.Helper()
	a := entry("correlation " + number(n))
	a.TenantID, a.ID, a.At = tenant, "audit "+number(n), start.Add(time.Duration(n)*time.Minute)
	if change != nil {
		change(&a)
	}
	if _, err := h.CreateConnector(t.Context(), apiconn.Connector{TenantID: tenant, ID: "for " + a.ID}, a, nil); err != nil {
		t.Fatal(err)
	}
	return a
}

func TestAuditEntryComesBack(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		want := h.auditNumber(t, tenantA, 1, nil)
		bare := h.auditNumber(t, tenantA, 2, func(a *apiconn.AuditEntry) { a.Targets, a.Details = nil, nil })
		got, err := h.AuditEntry(t.Context(), tenantA, want.ID)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("one, error %v (-want +got):\n%s", err, diff)
		}
		page, err := h.AuditEntries(t.Context(), tenantA, apiconn.Query{})
		if diff := cmp.Diff([]apiconn.AuditEntry{bare, want}, page.Items); diff != "" || err != nil {
			t.Errorf("all, newest first, error %v (-want +got):\n%s", err, diff)
		}
		_, err = h.AuditEntry(t.Context(), tenantA, "none")
		wantKind(t, err, apiconn.NotFound)
	})
}

// TestAuditEntryGetsIDAndTime if it comes without.
func TestAuditEntryGetsIDAndTime(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		h.createBasic(t, tenantA, "a", "secret")
		page, err := h.AuditEntries(t.Context(), tenantA, apiconn.Query{})
		if err != nil || len(page.Items) != 1 {
			t.Fatalf("%d entries, error %v", len(page.Items), err)
		}
		if a := page.Items[0]; len(a.ID) != 36 || time.Since(a.At) > time.Minute || a.TenantID != tenantA {
			t.Errorf("id %q, time %v, tenant %q", a.ID, a.At, a.TenantID)
		}
	})
}

func TestAuditFilters(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		h.auditNumber(t, tenantA, 1, func(a *apiconn.AuditEntry) { a.Activity, a.Operation = apiconn.ActivityCreateConnector, "Add" })
		h.auditNumber(t, tenantA, 2, func(a *apiconn.AuditEntry) {
			a.Actor = apiconn.Actor{AppID: "x", UserID: "u", UserPrincipalName: "u@x"}
		})
		h.auditNumber(t, tenantA, 3, func(a *apiconn.AuditEntry) { a.Category, a.Service = "ApplicationManagement", "Core Directory" })
		micros := func(n int) string { return decimal(start.Add(time.Duration(n) * time.Minute).UnixMicro()) }
		null := func(property string, op apiconn.Op) *apiconn.Condition {
			return &apiconn.Condition{Op: op, Property: property, Null: true}
		}
		for label, c := range map[string]struct {
			where *apiconn.Condition
			want  string
		}{
			"activity":           {cond("activityDisplayName", apiconn.Eq, apiconn.ActivityCreateConnector), "1"},
			"activity begins":    {cond("activityDisplayName", apiconn.StartsWith, "Update"), "2 3"},
			"operation":          {cond("operationType", apiconn.Eq, "Add"), "1"},
			"category":           {cond("category", apiconn.Eq, "ResourceManagement"), "1 2"},
			"correlation":        {cond("correlationId", apiconn.EndsWith, "2"), "2"},
			"id":                 {cond("id", apiconn.In, "audit "+number(1), "audit "+number(3)), "1 3"},
			"result":             {cond("result", apiconn.Eq, "success"), "1 2 3"},
			"other result":       {cond("result", apiconn.Eq, "failure"), ""},
			"result begins":      {cond("result", apiconn.StartsWith, "succ"), "1 2 3"},
			"service":            {cond("loggedByService", apiconn.Eq, "B2C"), "1 2"},
			"other service":      {cond("loggedByService", apiconn.Eq, "Core Directory"), "3"},
			"since":              {cond("activityDateTime", apiconn.Ge, micros(2)), "2 3"},
			"before":             {cond("activityDateTime", apiconn.Lt, micros(2)), "1"},
			"at":                 {cond("activityDateTime", apiconn.In, micros(1), micros(9)), "1"},
			"application":        {cond("initiatedBy/app/appId", apiconn.Eq, "x"), "2"},
			"user":               {cond("initiatedBy/user/id", apiconn.Ne, "u"), "1 3"},
			"no user":            {null("initiatedBy/user/id", apiconn.Eq), "1 3"},
			"a user":             {null("initiatedBy/user/userPrincipalName", apiconn.Ne), "2"},
			"category is there":  {null("category", apiconn.Ne), "1 2 3"},
			"a range of an hour": {both(apiconn.And, cond("activityDateTime", apiconn.Gt, micros(1)), cond("activityDateTime", apiconn.Le, micros(2))), "2"},
		} {
			t.Run(label, func(t *testing.T) {
				t.Parallel()
				page, err := h.AuditEntries(t.Context(), tenantA, apiconn.Query{Where: c.where, Order: []apiconn.Order{{Property: "id"}}})
				var got []string
				for _, a := range page.Items {
					got = append(got, strings.TrimLeft(strings.TrimPrefix(a.ID, "audit "), "0"))
				}
				if found := strings.Join(got, " "); found != c.want || err != nil {
					t.Errorf("found %q, want %q; error %v", found, c.want, err)
				}
				if n, err := h.CountAuditEntries(t.Context(), tenantA, c.where); n != int64(len(got)) || err != nil {
					t.Errorf("counted %d, want %d; error %v", n, len(got), err)
				}
			})
		}
		_, err := h.AuditEntries(t.Context(), tenantA, apiconn.Query{Where: cond("activityDateTime", apiconn.Contains, "1")})
		if err == nil || apiconn.KindOf(err) != apiconn.Internal {
			t.Errorf("contains on a time: %v", err)
		}
		_, err = h.AuditEntries(t.Context(), tenantA, apiconn.Query{Order: []apiconn.Order{{Property: "initiatedBy/user/id"}}})
		wantKind(t, err, apiconn.Invalid)
	})
}

// TestAuditPaging walks pages in every order, with many entries of one time.
func TestAuditPaging(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		const n = 20
		for i := range n {
			h.auditNumber(t, tenantA, i, func(a *apiconn.AuditEntry) { a.At = start.Add(time.Duration(i/7) * time.Minute) })
		}
		for property := range auditPositions {
			for _, descending := range []bool{false, true} {
				ask := apiconn.Query{Limit: 6, Order: []apiconn.Order{{Property: property, Descending: descending}}}
				seen := make(map[string]int)
				for {
					page, err := h.AuditEntries(t.Context(), tenantA, ask)
					if err != nil {
						t.Fatal(err)
					}
					for _, a := range page.Items {
						seen[a.ID]++
					}
					if ask.After = page.Next; page.Next == nil {
						break
					}
				}
				if len(seen) != n {
					t.Errorf("by %s: %d entries, want %d", property, len(seen), n)
				}
			}
		}
	})
}

func TestPruneAudit(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		for i := range 4 {
			h.auditNumber(t, tenantA, i, nil)
			h.auditNumber(t, tenantB, i, nil)
		}
		h.exec(t, 2*pruneBatch, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2 * $1) "+
			"INSERT INTO audit_entries ("+auditColumns+") SELECT 'many', i, i, '', '', '', '', '', '', '', '', '', '', '', '', 'null', 'null' FROM n", pruneBatch)
		if n, err := h.PruneAudit(t.Context(), start.Add(2*time.Minute)); n != 4+2*pruneBatch || err != nil {
			t.Errorf("deleted %d, want %d; error %v", n, 4+2*pruneBatch, err)
		}
		for _, tenant := range []string{tenantA, tenantB} {
			if n, err := h.CountAuditEntries(t.Context(), tenant, nil); n != 2 || err != nil {
				t.Errorf("%d entries left in %s, want 2; error %v", n, tenant, err)
			}
		}
	})
}

// TestAuditFilterOfAbsentCorrelation: a change by a local command belongs to no request, so its correlationId is null.
func TestAuditFilterOfAbsentCorrelation(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		h.auditNumber(t, tenantA, 1, nil)
		h.auditNumber(t, tenantA, 2, func(a *apiconn.AuditEntry) { a.CorrelationID = "" })
		for op, want := range map[apiconn.Op]string{apiconn.Eq: "audit " + number(2), apiconn.Ne: "audit " + number(1)} {
			where := &apiconn.Condition{Op: op, Property: "correlationId", Null: true}
			page, err := h.AuditEntries(t.Context(), tenantA, apiconn.Query{Where: where})
			if err != nil || len(page.Items) != 1 || page.Items[0].ID != want {
				t.Errorf("%s null: %+v, %v, want %s", op, page.Items, err, want)
			}
		}
	})
}
