package store

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// TestPlannerSeesThroughTheWall: the policies do not make PostgreSQL think that a statement finds next to nothing, so that it
// would read and sort a whole table for the first page of it, or of a tenant that has much of it.
func TestPlannerSeesThroughTheWall(t *testing.T) {
	t.Parallel()
	h := newHouse(t, migrated.New(t))
	const all, ofOne = 6000, 2000
	for _, text := range []string{
		"INSERT INTO connectors SELECT CASE WHEN n <= 2000 THEN 'large' ELSE 'small ' || n / 10 END, n, n, '', '{}', 1, 0, 0 FROM generate_series(1, 6000) n",
		"INSERT INTO secrets SELECT tenant_id, id, 'password', 1, 1, '' FROM connectors",
		"ANALYZE connectors", "ANALYZE secrets",
	} {
		if _, err := h.raw(t).ExecContext(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	db, err := h.dialect.open(h.path, useMigrate)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	for _, of := range []struct {
		text string
		rows float64
	}{
		{"SELECT * FROM connectors ORDER BY tenant_id, id LIMIT 10", all},
		{"SELECT * FROM secrets WHERE key_id <> 7 ORDER BY tenant_id, owner_id, member LIMIT 10", all},
		{"SELECT * FROM connectors WHERE tenant_id = 'large' ORDER BY id LIMIT 10", ofOne},
		{"SELECT * FROM connectors WHERE tenant_id = 'large' ORDER BY display_name, id LIMIT 10", ofOne},
	} {
		var answer []byte
		if err := db.QueryRowContext(t.Context(), "EXPLAIN (FORMAT JSON) "+of.text).Scan(&answer); err != nil {
			t.Fatal(err)
		}
		var plans []struct{ Plan plan }
		if err := json.Unmarshal(answer, &plans); err != nil {
			t.Fatal(err)
		}
		if limit := plans[0].Plan; len(limit.Plans) == 0 || !limit.Plans[len(limit.Plans)-1].reads(of.rows) {
			t.Errorf("%s is planned as\n%s", of.text, answer)
		}
	}
}

// TestStepBindingUsesTheIndexes: what every step asks for does not read a table, however many rows it has.
func TestStepBindingUsesTheIndexes(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		args := []any{tenantA, "b2x", "f", "step"}
		if h.dialect.name == "sqlite" {
			rows, err := h.read.db.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+stepBinding, args...)
			steps, err := collect(rows, err, func(row scanner) (step string, err error) {
				var a, b, c int
				return step, row.Scan(&a, &b, &c, &step)
			})
			if scans := slices.ContainsFunc(steps, func(s string) bool { return strings.HasPrefix(s, "SCAN") }); err != nil || scans || len(steps) < 7 {
				t.Errorf("error %v, the plan is %q", err, steps)
			}
			return
		}
		for _, text := range []string{
			"INSERT INTO connectors SELECT 'tenant ' || n / 10, n, n, '', '{}', 1, 0, 0 FROM generate_series(1, 3000) n",
			"INSERT INTO certificates SELECT tenant_id, id, 'T', 0, 0, '', 0, 0 FROM connectors",
			"INSERT INTO secrets SELECT tenant_id, id, 'password', 1, 1, '' FROM connectors",
			"INSERT INTO call_settings SELECT tenant_id, id, '{}', 1, 0 FROM connectors",
			"INSERT INTO user_flows SELECT tenant_id, 'b2x', id, 'signUp', 1, 0, '', 1, 0, 0 FROM connectors",
			"INSERT INTO user_flow_bindings SELECT tenant_id, 'b2x', id, 'step', id FROM connectors",
			"ANALYZE connectors, certificates, secrets, call_settings, user_flows, user_flow_bindings",
		} {
			if _, err := h.raw(t).ExecContext(t.Context(), text); err != nil {
				t.Fatal(err)
			}
		}
		if err := h.read.run(t.Context(), tenantA, func(ctx context.Context, db *statements) error {
			var answer []byte
			if err := db.queryRow(ctx, "EXPLAIN (FORMAT JSON) "+stepBinding, args...).Scan(&answer); err != nil {
				return err
			}
			for _, table := range []string{"connectors", "certificates", "secrets", "call_settings", "user_flows", "user_flow_bindings"} {
				if !strings.Contains(string(answer), `"`+table+`"`) {
					t.Errorf("the plan has no %s", table)
				}
			}
			if strings.Contains(string(answer), "Seq Scan") {
				t.Errorf("the plan is\n%s", answer)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	})
}

// plan is a node of a plan, as EXPLAIN writes it.
type plan struct {
	Type  string  `json:"Node Type"`
	Rows  float64 `json:"Plan Rows"`
	Plans []plan
}

// reads tells whether the node finds its rows in order by an index, and knows within a fifth how many there are.
func (p plan) reads(rows float64) bool {
	return p.Type == "Index Scan" && p.Rows > 0.8*rows && p.Rows < 1.2*rows
}
