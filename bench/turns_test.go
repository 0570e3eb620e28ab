package bench

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// shot is one request and the status that it must have.
type shot struct {
	method, url, token, body string
	status                   int
}

// side is one of two services that take turns, and what its requests took.
type side struct {
	name   string
	client *http.Client
	next   func() shot // safe for concurrent use

	each  []time.Duration // requests
	turns time.Duration   // all turns
}

// takeTurns drives both sides by n clients, a round each, and the one that begins changes. It reports the median time of
// a request and the throughput of each, and how much more of either the first side costs than the second. One iteration is
// a round of each.
func takeTurns(b *testing.B, n int, first, second side) {
	b.Helper()
	sides := []*side{&first, &second}
	for _, s := range sides { // connections are opened, and what is remembered is there
		if err := s.turn(b.Context(), n); err != nil {
			b.Fatal(err)
		}
		s.each, s.turns = nil, 0
	}
	for b.Loop() {
		for _, s := range sides {
			if err := s.turn(b.Context(), n); err != nil {
				b.Fatal(err)
			}
		}
		slices.Reverse(sides)
	}
	for _, s := range []side{first, second} {
		b.ReportMetric(float64(s.median().Microseconds())/1000, s.name+"-ms")
		b.ReportMetric(s.rate(), s.name+"/s")
	}
	b.ReportMetric(float64(first.median())/float64(second.median()), first.name+"/"+second.name+"-ms")
	b.ReportMetric(second.rate()/first.rate(), first.name+"/"+second.name+"-cost")
	b.ReportMetric(0, "ns/op")
}

func (s *side) median() time.Duration {
	slices.Sort(s.each)
	return s.each[len(s.each)/2]
}

// rate is requests per second.
func (s *side) rate() float64 { return float64(len(s.each)) / s.turns.Seconds() }

// turn sends requests over n connections for one round.
func (s *side) turn(ctx context.Context, n int) error {
	began := time.Now()
	end := began.Add(round)
	took := make([][]time.Duration, n)
	var failure atomic.Pointer[error]
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			for at := time.Now(); at.Before(end) && failure.Load() == nil; {
				if err := s.next().send(ctx, s.client); err != nil {
					failure.Store(&err)
					return
				}
				now := time.Now()
				took[i] = append(took[i], now.Sub(at))
				at = now
			}
		})
	}
	wg.Wait()
	if err := failure.Load(); err != nil {
		return fmt.Errorf("%s: %w", s.name, *err)
	}
	s.each = append(s.each, slices.Concat(took...)...)
	s.turns += time.Since(began)
	return nil
}

// send sends a request and reads the answer to its end.
func (s shot) send(ctx context.Context, client *http.Client) error {
	_, err := s.answer(ctx, client)
	return err
}

func (s shot) answer(ctx context.Context, client *http.Client) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, s.method, s.url, strings.NewReader(s.body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+s.token)
	if s.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != s.status {
		return nil, fmt.Errorf("%s %s answered %s: %.300s", s.method, s.url, answer.Status, body)
	}
	return body, nil
}
