package bench

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// connections are the numbers of clients at a time.
var connections = []int{1, 16, 64}

// round is how long one side runs before the other has its turn: short, so that both meet the same machine.
const round = 250 * time.Millisecond

// request is what a benchmark sends again and again.
type request struct {
	method, body string
	status       int
}

// requests are the operations measured: the founding page's first example, which seals a password and commits, a PATCH
// of the name alone, and a read.
var requests = map[string]request{
	"PatchBasic": {http.MethodPatch, `{"displayName":"New Test API","targetUrl":"https://otherapi.com/api/endpoint","authenticationConfiguration":{"@odata.type":"microsoft.graph.basicAuthentication","username":"<NEW_USERNAME>","password":"<NEW_PASSWORD>"}}`, http.StatusNoContent},
	"PatchName":  {http.MethodPatch, `{"displayName":"Name %d"}`, http.StatusNoContent},
	"Get":        {http.MethodGet, "", http.StatusOK},
}

// BenchmarkPatchbay reports, for each operation and number of connections, requests per second of Patchbay, of a bare
// net/http handler that reads the body and answers 204, and the ratio of the two. Both are processes of their own behind
// TLS, driven in turn by the same client. One iteration is one request to each.
func BenchmarkPatchbay(b *testing.B) {
	patchbay := startPatchbay(b)
	bare := startBare(b)
	for _, name := range []string{"PatchBasic", "PatchName", "Get"} {
		for _, n := range connections {
			b.Run(fmt.Sprintf("%s/connections=%d", name, n), func(b *testing.B) { compare(b, requests[name], patchbay, bare, n) })
		}
	}
}

// compare drives both targets in turn until each has had b.N requests.
func compare(b *testing.B, what request, patchbay, bare target, n int) {
	b.Helper()
	var tally [2]struct {
		requests int64
		took     time.Duration
	}
	b.ResetTimer()
	for tally[0].requests < int64(b.N) || tally[1].requests < int64(b.N) {
		for side, t := range []target{patchbay, bare} {
			started := time.Now()
			done, err := t.drive(b.Context(), what, n)
			if err != nil {
				b.Fatal(err)
			}
			tally[side].requests += done
			tally[side].took += time.Since(started)
		}
	}
	b.StopTimer()
	rate := func(side int) float64 { return float64(tally[side].requests) / tally[side].took.Seconds() }
	b.ReportMetric(rate(0), "patchbay/s")
	b.ReportMetric(rate(1), "bare/s")
	b.ReportMetric(rate(0)/rate(1), "patchbay/bare")
	b.ReportMetric(0, "ns/op")
}

// serial makes each PATCH of a name a change.
var serial atomic.Int64

// drive sends requests over n connections for one round and returns how many were answered as they should.
func (t target) drive(ctx context.Context, what request, n int) (int64, error) {
	end := time.Now().Add(round)
	var done atomic.Int64
	var failure atomic.Pointer[error]
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			for time.Now().Before(end) && failure.Load() == nil {
				if err := t.send(ctx, what); err != nil {
					failure.Store(&err)
					return
				}
				done.Add(1)
			}
		})
	}
	wg.Wait()
	if err := failure.Load(); err != nil {
		return 0, *err
	}
	return done.Load(), nil
}

func (t target) send(ctx context.Context, what request) error {
	body := what.body
	if strings.Contains(body, "%d") {
		body = fmt.Sprintf(body, serial.Add(1))
	}
	r, err := http.NewRequestWithContext(ctx, what.method, t.url, strings.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+t.token)
	r.Header.Set("Content-Type", "application/json")
	answer, err := t.client.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return err
	}
	if t.exact && answer.StatusCode != what.status {
		return fmt.Errorf("%s answered %s", what.method, answer.Status)
	}
	return nil
}
