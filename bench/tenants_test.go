package bench

import (
	"fmt"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// What a full database has.
const (
	fullTenants    = 1000
	fullConnectors = 100
)

// BenchmarkTenants compares, on each engine, a service that has 1,000 tenants with 100 connectors each with one that has
// next to nothing: a tenant with two connectors and, for what depends on how many a tenant has, a tenant with 100. Requests
// to the full one come from all its tenants. full/empty-ms is the ratio of the median times, full/empty-cost that of
// the time that a request takes in all: 1 means that a tenant does not notice the others.
func BenchmarkTenants(b *testing.B) {
	program := build(b)
	tokens := startIssuer(b)
	endpoint, trust := startEndpoint(b, program)
	for _, e := range engines(b) {
		b.Run(e.name, func(b *testing.B) {
			empty := startService(b, program, e, tokens.setting(b), trust)
			empty.fill(b, tokens, endpoint, 1, 2)
			empty.fill(b, tokens, endpoint, 1, fullConnectors)
			full := startService(b, program, e, tokens.setting(b), trust)
			began := time.Now()
			full.fill(b, tokens, endpoint, fullTenants, fullConnectors)
			filling := time.Since(began)
			b.Run("Fill", func(b *testing.B) {
				for b.Loop() {
					b.ReportMetric(filling.Seconds(), "full-s") // one filling is enough
				}
				b.ReportMetric(0, "ns/op")
			})
			for _, t := range full.tenants { // so that every target has been called once
				if err := acts["Step"](full, t, "", 0).send(b.Context(), full.client); err != nil {
					b.Fatal(err)
				}
			}
			compareTenants(b, full, empty)
			b.Run("Start", func(sub *testing.B) { compareStart(b, sub, full, empty) })
			b.Run("Verify", func(b *testing.B) { compareVerify(b, full, empty) })
		})
	}
}

func compareTenants(b *testing.B, full, empty *service) {
	b.Helper()
	for _, what := range []struct {
		name   string
		tenant int // of the empty service: the one with two, or the one with 100
	}{
		{"Step", 0},
		{"Get", 0},
		{"ListFirstTwo", 0},
		{"ListPage", 1},
		{"FilterName", 0},
		{"FilterStart", 1},
		{"Certificates", 0},
		{"PatchName", 0},
		{"PatchPassword", 0},
	} {
		for _, n := range []int{1, 16} {
			b.Run(fmt.Sprintf("%s/clients=%d", what.name, n), func(b *testing.B) {
				takeTurns(b, n, full.side("full", full.tenants, acts[what.name]),
					empty.side("empty", empty.tenants[what.tenant:][:1], acts[what.name]))
			})
		}
	}
	b.Run("Memory", func(b *testing.B) {
		for b.Loop() {
			b.ReportMetric(residentSet(b, full.process.Process.Pid), "full-MB")
			b.ReportMetric(residentSet(b, empty.process.Process.Pid), "empty-MB")
		}
		b.ReportMetric(0, "ns/op")
	})
}

// compareStart reports how long the program takes until it is ready, with either database. The services live as long as
// their own benchmark, not as the measurement.
func compareStart(of, b *testing.B, full, empty *service) {
	b.Helper()
	var took [2]time.Duration
	for b.Loop() {
		for i, s := range []*service{full, empty} {
			end(s.process)
			began := time.Now()
			s.start(of)
			took[i] += time.Since(began)
		}
	}
	report(b, took)
}

// report reports what the work on either database took, and the ratio.
func report(b *testing.B, took [2]time.Duration) {
	b.Helper()
	b.ReportMetric(float64(took[0].Milliseconds())/float64(b.N), "full-ms")
	b.ReportMetric(float64(took[1].Milliseconds())/float64(b.N), "empty-ms")
	b.ReportMetric(took[0].Seconds()/took[1].Seconds(), "full/empty-ms")
	b.ReportMetric(0, "ns/op")
}

// compareVerify reports how long `patchbay key verify` takes, which opens every secret there is, and its greatest size.
func compareVerify(b *testing.B, full, empty *service) {
	b.Helper()
	var took [2]time.Duration
	var size [2]float64
	for b.Loop() {
		for i, s := range []*service{full, empty} {
			cmd := exec.CommandContext(b.Context(), s.program, "key", "verify", "--data-dir", s.data)
			cmd.Env = append(cmd.Environ(), s.settings...)
			began := time.Now()
			if out, err := cmd.CombinedOutput(); err != nil {
				b.Fatalf("key verify: %v\n%s", err, out)
			}
			took[i] += time.Since(began)
			if use, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
				size[i] = max(size[i], float64(use.Maxrss)*1024/1e6)
			}
		}
	}
	report(b, took)
	b.ReportMetric(size[0], "full-MB")
	b.ReportMetric(size[1], "empty-MB")
}
