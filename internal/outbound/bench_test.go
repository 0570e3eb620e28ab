package outbound

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	benchTargets = 10
	benchSteps   = 2000 // at a time
	benchEach    = 2    // calls of each step
	benchPairs   = 7    // of rounds
	benchAnswer  = 500 * time.Millisecond
)

// BenchmarkHungTarget measures what one hung target of ten does to the others under 2,000 steps at a time: p99-ratio is
// the 99th percentile of the nine others' latency with it hung, over the same with it healthy. Rounds of both kinds come
// in pairs, in turn the one first and the other, and the ratio is the median of the pairs', so that a machine that is busy
// with something else tilts it little. The targets take their time to answer, as those with a database behind them do, and
// the steps begin spread over that time: 2,000 that begin at once measure the processor's queue, and that is shorter with
// a target that asks for nothing.
func BenchmarkHungTarget(b *testing.B) {
	ca := newAuthority(b, "servers")
	var hung atomic.Bool
	urls := make([]string, benchTargets)
	for n := range urls {
		config := &tls.Config{Certificates: []tls.Certificate{*ca.issue(b, "server", nil)}}
		urls[n] = serveHTTP(b, config, true, func(w http.ResponseWriter, r *http.Request) {
			if n == 0 && hung.Load() {
				<-r.Context().Done()
				return
			}
			timer := time.NewTimer(benchAnswer)
			defer timer.Stop()
			<-timer.C
			answerOK(w, r)
		}).URL
	}
	round := func(hang bool) time.Duration {
		hung.Store(false)
		c := newClient(b, ca, nil)
		defer c.Close()
		round99(b, c, urls, false) // connections are opened once
		hung.Store(hang)
		return round99(b, c, urls, hang)
	}
	var well, ill []time.Duration
	var ratios []float64
	for b.Loop() {
		for n := range benchPairs {
			pair := map[bool]time.Duration{}
			pair[n%2 == 0] = round(n%2 == 0)
			pair[n%2 != 0] = round(n%2 != 0)
			well, ill = append(well, pair[false]), append(ill, pair[true])
			ratios = append(ratios, float64(pair[true])/float64(pair[false]))
		}
	}
	slices.Sort(well)
	slices.Sort(ill)
	slices.Sort(ratios)
	b.ReportMetric(ratios[len(ratios)/2], "p99-ratio")
	b.ReportMetric(float64(well[len(well)/2].Microseconds())/1000, "p99-healthy-ms")
	b.ReportMetric(float64(ill[len(ill)/2].Microseconds())/1000, "p99-hung-ms")
}

// round99 runs all steps at a time and returns the 99th percentile of those whose target is not the first.
func round99(b *testing.B, c *Client, urls []string, hang bool) time.Duration {
	b.Helper()
	took := make([][]time.Duration, benchSteps)
	var steps sync.WaitGroup
	for step := range benchSteps {
		steps.Go(func() {
			to := step % benchTargets
			timer := time.NewTimer(time.Duration(step) * benchAnswer / benchSteps)
			defer timer.Stop()
			<-timer.C
			for range benchEach {
				sent := call(urls[to], basic())
				sent.Connector = fmt.Sprint("tenant/", to)
				sent.Settings.Budget = 20 * time.Second
				if to == 0 && hang {
					sent.Settings.Budget = 2 * benchAnswer
				}
				began := time.Now()
				r := c.Do(b.Context(), sent)
				if to == 0 {
					continue
				}
				took[step] = append(took[step], time.Since(began))
				if r.Status != http.StatusOK {
					b.Errorf("a healthy target: %s %s", r.Reason, r.Detail)
				}
			}
		})
	}
	steps.Wait()
	all := slices.Concat(took...)
	slices.Sort(all)
	return all[len(all)*99/100]
}
