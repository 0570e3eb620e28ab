package load

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/patchbay/patchbay/trials/wire"
)

// Probe sends writes at a steady pace, whether those before were answered or not, to tell when service is there and when not.
type Probe struct {
	load *Load
	free chan string // connectors that no probe is under way for
	mu   sync.Mutex
	sent []shot
	quit chan struct{}
	over sync.WaitGroup
}

// shot is one write.
type shot struct {
	sent, answered time.Time
	served         bool
}

// The pace of the probes, and how long one may take.
const (
	probeInterval = 50 * time.Millisecond
	probePatience = 2 * time.Second
)

// NewProbe makes the connectors that the probes write; the load's books have them.
func NewProbe(ctx context.Context, l *Load) (*Probe, error) {
	n := int(probePatience/probeInterval) + 1
	p := &Probe{load: l, free: make(chan string, n), quit: make(chan struct{})}
	for range n {
		id, ok := l.create(ctx)
		if !ok {
			return nil, errors.New("could not make the connectors of the probes")
		}
		p.free <- id
	}
	return p, nil
}

// Start sends probes until Stop.
func (p *Probe) Start(ctx context.Context) {
	p.over.Go(func() {
		ticker := time.NewTicker(probeInterval)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				p.over.Go(func() { p.shoot(ctx) })
			case <-p.quit:
				return
			}
		}
	})
}

// Stop ends it: no probe is under way any more.
func (p *Probe) Stop() {
	close(p.quit)
	p.over.Wait()
}

func (p *Probe) shoot(ctx context.Context) {
	p.load.gate.RLock()
	defer p.load.gate.RUnlock()
	id := <-p.free
	defer func() { p.free <- id }()
	ctx, cancel := context.WithTimeout(ctx, probePatience)
	defer cancel()
	s := shot{sent: time.Now()}
	_, how := p.load.change(ctx, id)
	s.answered, s.served = time.Now(), how == wire.Done
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent = append(p.sent, s)
}

// Forget forgets the probes sent before a time.
func (p *Probe) Forget(before time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	kept := p.sent[:0]
	for _, s := range p.sent {
		if !s.sent.Before(before) {
			kept = append(kept, s)
		}
	}
	p.sent = kept
}

// Served is when, after a fault at a time, service was there again for good: the first answer to a write that was sent behind
// the last one that was not served. Not ok: no such write was answered yet.
func (p *Probe) Served(fault time.Time) (at time.Time, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return served(p.sent, fault)
}

func served(sent []shot, fault time.Time) (at time.Time, ok bool) {
	from := fault
	for _, s := range sent {
		if !s.served && !s.sent.Before(from) {
			from = s.sent
		}
	}
	for _, s := range sent {
		if s.served && !s.sent.Before(from) && (!ok || s.answered.Before(at)) {
			at, ok = s.answered, true
		}
	}
	return at, ok
}
