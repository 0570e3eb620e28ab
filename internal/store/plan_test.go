package store

import (
	"encoding/json"
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
