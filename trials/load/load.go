package load

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/patchbay/patchbay/trials/wire"
)

// Options are the size of a load.
type Options struct {
	Writers  int     // clients that write connectors of their own; each has one that a user flow calls
	Steppers int     // clients that only take steps of the writers' flows, while those write
	Rate     float64 // requests per second of all together, at the most
	Loose    int     // connectors that a writer makes and deletes again, at the most at a time
}

// Load is a load and its books.
type Load struct {
	Client   *wire.Client
	Target   *Target
	Findings *Findings
	Ledger   *Ledger
	Journeys *Journeys
	Changes  Register // acknowledged changes: request ids of the audit log, or creation()
	Receipts Register // acknowledged decisions: invocation ids

	refused refusals
	options Options
	tally   tally
	serial  atomic.Int64
	bound   []binding
	gate    sync.RWMutex // held for reading by whoever has a request under way
	quit    chan struct{}
	clients sync.WaitGroup
}

// binding is a connector that a user flow calls.
type binding struct{ connector, flow string }

// New makes what a load needs: a connector and a user flow for each writer. Nothing of the load runs yet.
func New(ctx context.Context, client *wire.Client, target *Target, findings *Findings, o Options) (*Load, error) {
	l := &Load{
		Client: client, Target: target, Findings: findings, Ledger: NewLedger(findings), Journeys: &Journeys{Findings: findings},
		options: o, quit: make(chan struct{}),
	}
	for i := range o.Writers {
		id, ok := l.create(ctx)
		if !ok {
			return nil, fmt.Errorf("make the connectors of the load: %v", findings.All())
		}
		if err := client.Trust(ctx, id, target.Roots); err != nil {
			return nil, err
		}
		flow, err := client.CreateFlow(ctx, fmt.Sprintf("trial_%d", i), id)
		if err != nil {
			return nil, err
		}
		l.bound = append(l.bound, binding{id, flow})
	}
	return l, nil
}

// next is a serial number for another write.
func (l *Load) next() Serial { return Serial(l.serial.Add(1)) }

// Start lets the clients run until Stop. Their turns are spread evenly over time: would all come at once, what happens between
// two turns would go unseen.
func (l *Load) Start(ctx context.Context) {
	turns := make([]func(context.Context), 0, l.options.Writers+l.options.Steppers)
	for _, b := range l.bound {
		turns = append(turns, (&writer{Load: l, own: b}).turn)
	}
	for range l.options.Steppers {
		turns = append(turns, func(ctx context.Context) { l.step(ctx, l.bound[Pick(len(l.bound))]) })
	}
	apart := time.Duration(float64(time.Second) / l.options.Rate)
	for i, turn := range turns {
		l.clients.Go(func() { l.repeat(ctx, time.Duration(i)*apart, time.Duration(len(turns))*apart, turn) })
	}
}

// repeat gives a client its turns after a delay, one after the other and no faster than the pace.
func (l *Load) repeat(ctx context.Context, delay, pace time.Duration, turn func(context.Context)) {
	Wait(ctx, delay)
	ticker := time.NewTicker(pace)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-l.quit:
			return
		}
		l.gate.RLock()
		turn(ctx)
		l.gate.RUnlock()
	}
}

// Stop ends the load: no request is under way any more when it returns.
func (l *Load) Stop() {
	close(l.quit)
	l.clients.Wait()
}

// Pause makes it quiet until resume is called: no request is under way.
func (l *Load) Pause() (resume func()) {
	l.gate.Lock()
	return l.gate.Unlock
}

// Counts are the requests until now.
func (l *Load) Counts() Counts { return l.tally.now() }

// Wait waits, or until ctx ends.
func Wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
