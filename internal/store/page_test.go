package store

import (
	"slices"
	"strings"
	"testing"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// TestPagingIsStableUnderInserts adds and deletes rows between pages: a row that stays is listed exactly once.
func TestPagingIsStableUnderInserts(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		name := func(n int) string { return number(n / 3) } // every name three times
		add := func(n int) {
			h.create(t, apiconn.Connector{TenantID: tenantA, ID: number(n), DisplayName: name(n)})
		}
		const first, step = 100, 10
		for n := first; n < first+60*step; n += step {
			add(n)
		}
		ask := apiconn.Query{Limit: 7, Order: []apiconn.Order{{Property: "displayName"}}}
		var seen []string
		for page := 0; ; page++ {
			p, err := h.Connectors(t.Context(), tenantA, ask)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range p.Items {
				if strings.HasSuffix(c.ID, "0") {
					seen = append(seen, c.ID)
				}
			}
			if p.Next == nil {
				break
			}
			ask.After = p.Next
			add(first + page*71 - page*71%10 + 3) // before, at and behind the position
			add(1 + page)
		}
		var want []string
		for n := first; n < first+60*step; n += step {
			want = append(want, number(n))
		}
		if !slices.Equal(seen, want) {
			t.Errorf("the rows that stayed were listed as\n%v\nwant\n%v", seen, want)
		}
	})
}

func TestSkipAndLimit(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		for n := range 5 {
			h.create(t, apiconn.Connector{TenantID: tenantA, ID: number(n)})
		}
		for label, c := range map[string]struct {
			ask  apiconn.Query
			want string
			more bool
		}{
			"limit":             {apiconn.Query{Limit: 2}, "00000000 00000001", true},
			"limit exactly all": {apiconn.Query{Limit: 5}, "00000000 00000001 00000002 00000003 00000004", false},
			"skip":              {apiconn.Query{Skip: 3}, "00000003 00000004", false},
			"skip and limit":    {apiconn.Query{Skip: 1, Limit: 1}, "00000001", true},
			"skip all":          {apiconn.Query{Skip: 9}, "", false},
			"descending":        {apiconn.Query{Limit: 1, Order: []apiconn.Order{{Property: "id", Descending: true}}}, "00000004", true},
		} {
			p, err := h.Connectors(t.Context(), tenantA, c.ask)
			if got := ids(p.Items); got != c.want || (p.Next != nil) != c.more || err != nil {
				t.Errorf("%s: %q, next %v; want %q; error %v", label, got, p.Next, c.want, err)
			}
		}
	})
}

// TestForeignPositions are tokens that a client made up or took from another listing.
func TestForeignPositions(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		for label, after := range map[string][]string{"none": {}, "too few": {"a"}, "too many": {"a", "b", "c"}} {
			_, err := h.Connectors(t.Context(), tenantA, apiconn.Query{After: after, Order: []apiconn.Order{{Property: "displayName"}}})
			if e := apiconn.AsError(err); e == nil || e.Kind != apiconn.Invalid || e.Field != "$skiptoken" {
				t.Errorf("%s: got %v, want an Invalid $skiptoken", label, err)
			}
		}
		_, err := h.AuditEntries(t.Context(), tenantA, apiconn.Query{After: []string{"yesterday", "id"}})
		wantKind(t, err, apiconn.Invalid)
	})
}

func TestPagesAreBounded(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{0, -1, MaxPage + 1} {
		q := &query{dialect: sqliteDialect(), resource: connectors}
		got, _, err := q.rows(connectorColumns, "connectors", tenantA, apiconn.Query{Limit: limit})
		if got != MaxPage || err != nil {
			t.Errorf("limit %d became %d, want %d; error %v", limit, got, MaxPage, err)
		}
	}
}

// TestPagingUsesTheIndex: a page deep in a large listing must not read all before it.
func TestPagingUsesTheIndex(t *testing.T) {
	t.Parallel()
	h := newHouse(t, newFile(t))
	byName := func(descending bool) apiconn.Query {
		return apiconn.Query{After: []string{"a", "b"}, Order: []apiconn.Order{{Property: "displayName", Descending: descending}}}
	}
	for want, ask := range map[string]apiconn.Query{
		"(tenant_id=? AND id>?)":                    {After: []string{"a"}},
		"(tenant_id=? AND (display_name,id)>(?,?))": byName(false),
		"(tenant_id=? AND (display_name,id)<(?,?))": byName(true),
		"(tenant_id=? AND display_name=?)":          {Where: cond("displayName", apiconn.Eq, "a")},
		"(tenant_id=? AND display_name=? AND id>?)": {Where: cond("displayName", apiconn.Eq, "a"), After: []string{"b"}},
	} {
		q := &query{dialect: sqliteDialect(), resource: connectors}
		if _, _, err := q.rows(connectorColumns, "connectors", tenantA, ask); err != nil {
			t.Fatal(err)
		}
		rows, err := h.read.db.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+q.text.String(), q.args...)
		plan, err := collect(rows, err, func(row scanner) (step string, err error) {
			var a, b, c int
			return step, row.Scan(&a, &b, &c, &step)
		})
		if err != nil {
			t.Fatal(err)
		}
		if text := strings.Join(plan, "; "); !strings.HasSuffix(text, want) || len(plan) != 1 {
			t.Errorf("the plan is %q, want one search by %s", text, want)
		}
	}
}
