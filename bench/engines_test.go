package bench

import (
	"fmt"
	"testing"
)

// BenchmarkEngines compares the program with its data in PostgreSQL, on the same machine, with the program with its data in
// SQLite: postgres/sqlite-ms is the ratio of the median times of a request, postgres/sqlite-cost that of the time that a
// request takes in all. Either makes a commit wait for the disk.
func BenchmarkEngines(b *testing.B) {
	program := build(b)
	tokens := startIssuer(b)
	endpoint, trust := startEndpoint(b, program)
	services := map[string]*service{}
	for _, e := range engines(b) {
		s := startService(b, program, e, tokens.setting(b), trust)
		s.fill(b, tokens, endpoint, 16, 2)
		services[e.name] = s
	}
	for _, what := range []string{"Get", "PatchName", "PatchPassword", "Step"} {
		for _, n := range connections {
			b.Run(fmt.Sprintf("%s/connections=%d", what, n), func(b *testing.B) {
				postgres, sqlite := services["postgres"], services["sqlite"]
				takeTurns(b, n, postgres.side("postgres", postgres.tenants, acts[what]), sqlite.side("sqlite", sqlite.tenants, acts[what]))
			})
		}
	}
}
