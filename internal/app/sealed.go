package app

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/custody"
)

// errSealed is what every request is answered while the service is sealed.
var errSealed = &apiconn.Error{
	Kind: apiconn.Upstream, RetryAfter: 10 * time.Second,
	Message: "The service is sealed: its master key cannot be had at the moment, so it can neither read nor keep secrets. Nothing was done. Try again later. Operators find the reason at /readyz and in the log.",
}

// Why a sealed service stays sealed when the key itself is there.
const (
	reasonForeignKey = "master-key-unusable" // malformed, of another database, or made for development
	reasonDatabase   = "database-unavailable"
)

// The pause between two attempts to have the key: it doubles from the first to the longest, and is cut short by up to a
// quarter by chance, so that the nodes of a cluster do not ask all at once.
const (
	firstPause   = 2 * time.Second
	longestPause = 30 * time.Second
)

// gate is what a listener serves: one handler that is exchanged while requests come.
type gate struct{ behind atomic.Pointer[http.Handler] }

func (g *gate) set(h http.Handler) { g.behind.Store(&h) }

// ServeHTTP hands the request to what is behind the gate now.
func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) { (*g.behind.Load()).ServeHTTP(w, r) }

// metric is patchbay_sealed.
func (r *readiness) metric() prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "patchbay_sealed", Help: "1 while the service is sealed because its master key cannot be had, else 0.",
	}, func() float64 {
		if r.sealed.Load() != nil {
			return 1
		}
		return 0
	})
}

// seal makes p a program that begins sealed, because of lack, and opens by itself as soon as unlock succeeds. Until then
// every request is refused, and none of the tasks that p has so far runs.
func (p *program) seal(lack error, unlock func(context.Context) error) {
	s := &sealing{program: p, unlock: unlock, tasks: p.tasks, since: time.Now()}
	s.note(lack)
	p.gate.set(p.sealed)
	p.tasks = []func(context.Context){s.run}
}

// sealing is the time that a program is sealed.
type sealing struct {
	*program
	unlock func(context.Context) error
	tasks  []func(context.Context) // that begin when it ends
	since  time.Time
}

// run waits for the key, opens the gate, and runs the tasks until ctx is done.
func (s *sealing) run(ctx context.Context) {
	for pause := firstPause; !s.attempt(ctx); pause = min(2*pause, longestPause) {
		timer := time.NewTimer(shortened(pause))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
	if ctx.Err() != nil {
		return
	}
	s.gate.set(s.open)
	s.readiness.sealed.Store(nil)
	s.log.Info("opened: the master key is here", "sealed_for", time.Since(s.since).Round(time.Millisecond).String())
	var wg sync.WaitGroup
	for _, task := range s.tasks {
		wg.Go(func() { task(ctx) })
	}
	wg.Wait()
}

// shortened takes up to a quarter off, by chance.
func shortened(pause time.Duration) time.Duration {
	var draw [8]byte
	_, _ = rand.Read(draw[:]) // never fails
	return pause - time.Duration(binary.BigEndian.Uint64(draw[:])%uint64(pause/4))
}

// attempt tries once to have the key, and tells whether there is nothing left to wait for.
func (s *sealing) attempt(ctx context.Context) bool {
	err := s.unlock(ctx)
	if err == nil || ctx.Err() != nil {
		return true
	}
	s.note(err)
	return false
}

// note keeps why the service is sealed, and logs it when it is another reason than before.
func (s *sealing) note(err error) {
	reason := sealedBecause(err)
	if before := s.readiness.sealed.Swap(&reason); before == nil || *before != reason {
		s.log.Warn("sealed: every request is refused until the master key can be had", "reason", reason, "error", err.Error())
	}
}

// sealedBecause names in one word what is in the way.
func sealedBecause(err error) string {
	if reason := custody.ReasonOf(err); reason != "" {
		return string(reason)
	}
	if _, foreign := errors.AsType[*foreignKeyError](err); foreign || apiconn.KindOf(err) != apiconn.Upstream {
		return reasonForeignKey
	}
	return reasonDatabase
}
