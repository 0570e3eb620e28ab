package store

import (
	"flag"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
)

var copyConnectors = flag.Int("copy.connectors", 2000, "how many connectors BenchmarkCopy copies, each with a secret, two audit entries and a receipt")

// BenchmarkCopy is the time of a whole copy, comparison included, and the memory that it takes while it runs.
func BenchmarkCopy(b *testing.B) {
	for source, from := range engines {
		for target, to := range engines {
			b.Run(source+" to "+target, func(b *testing.B) {
				database := from.migrated(b)
				h := newHouse(b, database)
				n := fmt.Sprint(*copyConnectors)
				count := "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " + n + ") "
				h.exec(b, int64(*copyConnectors), count+"INSERT INTO connectors ("+connectorColumns+") SELECT '"+tenantA+"', 'connector ' || i, 'name ' || i, "+
					"'https://example.com/a/path/of/some/length/' || i, '{\"type\":\"basicAuthentication\",\"open\":{\"username\":\"u\"},\"sealed\":{\"password\":1}}', 1, i, i FROM n")
				h.exec(b, int64(*copyConnectors), count+"INSERT INTO secrets ("+sealedColumns+") SELECT '"+tenantA+"', 'connector ' || i, 'password', 1, 1, $1 FROM n",
					make([]byte, 64))
				for _, twice := range []string{"first", "second"} {
					h.exec(b, int64(*copyConnectors), count+"INSERT INTO audit_entries (tenant_id, id, at, activity, category, service, operation, correlation_id, "+
						"actor_app_id, actor_app_name, actor_service_principal_id, actor_user_id, actor_user_name, actor_user_principal_name, actor_ip_address, "+
						"targets, details) SELECT '"+tenantA+"', '"+twice+" ' || i, i, 'Update Api connector', 'ResourceManagement', 'B2C', 'Update', 'correlation ' || i, "+
						"'app', 'App', 'sp', '', '', '', '192.0.2.1', '[{\"id\":\"connector\"}]', '[]' FROM n")
				}
				h.exec(b, int64(*copyConnectors), count+"INSERT INTO invocations (tenant_id, id, at, flow_id, step, app_id, correlation_id, connector_id, action, reason, facts) "+
					"SELECT '"+tenantA+"', 'invocation ' || i, i, 'f', 'postFederationSignup', 'app', 'correlation ' || i, 'connector ' || i, 'Continue', 'Continued', $1 FROM n",
					`{"detail":"`+fmt.Sprintf("%01500d", 0)+`"}`)
				var rows int64
				var peak atomic.Uint64
				look := func(CopyProgress) {
					var m runtime.MemStats
					runtime.ReadMemStats(&m)
					peak.Store(max(peak.Load(), m.HeapInuse+m.StackInuse))
				}
				for b.Loop() {
					report, err := Copy(b.Context(), CopyOptions{From: database, To: to.empty(b), Lock: true, Progress: look})
					if err != nil {
						b.Fatal(err)
					}
					rows = 0
					for _, table := range report.Tables {
						rows += table.Rows
					}
				}
				b.ReportMetric(float64(rows), "rows")
				b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
				b.ReportMetric(float64(peak.Load())/1e6, "MB")
			})
		}
	}
}
