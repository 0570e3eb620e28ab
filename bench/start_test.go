package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// startLimit is what a start may take: the promise is "ready in under a second".
const startLimit = time.Second

// BenchmarkStart reports how long `patchbay dev` takes until it is ready, in an empty directory (where it makes its keys
// and database) and in one that it made before, each as a share of the limit; what it then holds in memory while idle; and
// the size of the binary. Sizes are 10^6 octets; memory is the resident set, where the system tells it (Linux).
func BenchmarkStart(b *testing.B) {
	program := build(b)
	var first, again time.Duration
	var resident float64
	for b.Loop() {
		data := filepath.Join(b.TempDir(), "data")
		started := time.Now()
		server := dev(b, program, data)
		first += time.Since(started)
		end(server)
		started = time.Now()
		server = dev(b, program, data)
		again += time.Since(started)
		resident = max(resident, residentSet(b, server.Process.Pid))
		end(server)
	}
	share := func(d time.Duration) float64 { return d.Seconds() / float64(b.N) / startLimit.Seconds() }
	b.ReportMetric(share(first), "first/limit")
	b.ReportMetric(share(again), "again/limit")
	b.ReportMetric(resident, "resident-MB")
	info, err := os.Stat(program)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(info.Size())/1e6, "binary-MB")
	b.ReportMetric(0, "ns/op")
}

// residentSet reads VmRSS; 0 where there is no /proc.
func residentSet(b *testing.B, pid int) float64 {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		var kilobytes float64
		if _, err := fmt.Sscanf(line, "VmRSS: %f kB", &kilobytes); err == nil {
			return kilobytes * 1024 / 1e6
		}
	}
	return 0
}
