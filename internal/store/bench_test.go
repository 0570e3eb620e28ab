package store

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// benchEachEngine measures in a new house on each engine.
func benchEachEngine(b *testing.B, measure func(b *testing.B, h *house)) {
	b.Helper()
	for name, engine := range engines {
		b.Run(name, func(b *testing.B) { measure(b, newHouse(b, engine.migrated(b))) })
	}
}

// BenchmarkUpdateConnector compares changes that share commits with changes that have a commit each, at the same
// durability, taking turns in one run. It reports both as changes per second, and their ratio.
func BenchmarkUpdateConnector(b *testing.B) {
	for _, writers := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			benchEachEngine(b, func(b *testing.B, h *house) {
				for i := range writers {
					h.createBasic(b, tenantA, number(i), "secret")
				}
				alone := &sync.Mutex{}
				var shared, single time.Duration
				n := 0
				const round = 512
				for b.Loop() {
					shared += updateRound(b, h, writers, round, nil)
					single += updateRound(b, h, writers, round, alone)
					n += round
				}
				b.ReportMetric(float64(n)/shared.Seconds(), "shared/s")
				b.ReportMetric(float64(n)/single.Seconds(), "single/s")
				b.ReportMetric(single.Seconds()/shared.Seconds(), "ratio")
				b.ReportMetric(0, "ns/op")
			})
		})
	}
}

// updateRound makes changes by concurrent writers and returns how long they took. With alone, only one writer is in the
// store at a time, so that every change has its own commit.
func updateRound(b *testing.B, h *house, writers, changes int, alone *sync.Mutex) time.Duration {
	b.Helper()
	var next atomic.Int64
	var wg sync.WaitGroup
	begin := time.Now()
	for w := range writers {
		wg.Go(func() {
			for i := next.Add(1); i <= int64(changes); i = next.Add(1) {
				if alone != nil {
					alone.Lock()
				}
				_, _, err := h.UpdateConnector(b.Context(), tenantA, number(w), nil, rename(number(int(i))))
				if alone != nil {
					alone.Unlock()
				}
				if err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return time.Since(begin)
}

// BenchmarkRecordInvocation compares receipts with their journeys by 64 writers with those by one, taking turns in one
// run, and with those by 64 writers that have a commit each.
func BenchmarkRecordInvocation(b *testing.B) {
	benchEachEngine(b, func(b *testing.B, h *house) {
		var next atomic.Int64
		round := func(writers, receipts int, alone *sync.Mutex) time.Duration {
			var left atomic.Int64
			left.Store(int64(receipts))
			var wg sync.WaitGroup
			begin := time.Now()
			for range writers {
				wg.Go(func() {
					for left.Add(-1) >= 0 {
						inv := fullInvocation(tenantA, number(int(next.Add(1))))
						j := &apiconn.Journey{Key: inv.ID, MAC: make([]byte, 32), Sealed: make([]byte, 600), ExpiresAt: start.AddDate(10, 0, 0)}
						if alone != nil {
							alone.Lock()
						}
						prior, err := h.RecordInvocation(b.Context(), inv, j)
						if alone != nil {
							alone.Unlock()
						}
						if prior != nil || err != nil {
							b.Error(prior, err)
							return
						}
					}
				})
			}
			wg.Wait()
			return time.Since(begin)
		}
		var one, many, single time.Duration
		n := 0
		const receipts = 512
		for b.Loop() {
			one += round(1, receipts, nil)
			many += round(64, receipts, nil)
			single += round(64, receipts, &sync.Mutex{})
			n += receipts
		}
		b.ReportMetric(float64(n)/one.Seconds(), "one/s")
		b.ReportMetric(float64(n)/many.Seconds(), "many/s")
		b.ReportMetric(one.Seconds()/many.Seconds(), "ratio")
		b.ReportMetric(single.Seconds()/many.Seconds(), "ratio-single")
		b.ReportMetric(0, "ns/op")
	})
}

func BenchmarkStepBinding(b *testing.B) {
	benchEachEngine(b, func(b *testing.B, h *house) {
		h.createBasic(b, tenantA, "a", "secret")
		h.createFlow(b, flow(tenantA, "f", "a"))
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := h.StepBinding(b.Context(), tenantA, apiconn.B2X, "f", "postFederationSignup"); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
}

func BenchmarkConnector(b *testing.B) {
	benchEachEngine(b, func(b *testing.B, h *house) {
		h.createBasic(b, tenantA, "a", "secret")
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := h.Connector(b.Context(), tenantA, "a"); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
}

func BenchmarkConnectors100(b *testing.B) {
	benchEachEngine(b, func(b *testing.B, h *house) {
		for i := range 100 {
			h.createBasic(b, tenantA, number(i), "secret")
		}
		for b.Loop() {
			if _, err := h.Connectors(b.Context(), tenantA, apiconn.Query{Limit: 100}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkOpen is part of the program's start: once with a new database, once with the database there.
func BenchmarkOpen(b *testing.B) {
	open := func(b *testing.B, database string) {
		b.Helper()
		s, err := Open(b.Context(), Options{Database: database})
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
	for name, engine := range engines {
		b.Run(name+"/new", func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				database := engine.empty(b)
				b.StartTimer()
				open(b, database)
			}
		})
		b.Run(name+"/again", func(b *testing.B) {
			database := engine.empty(b)
			open(b, database)
			for b.Loop() {
				open(b, database)
			}
		})
	}
}
