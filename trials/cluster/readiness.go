package cluster

import (
	"context"
	"sync"
	"time"
)

// Readiness watches when the nodes are ready.
type Readiness struct {
	cluster *Cluster
	mu      sync.Mutex
	nodes   []readiness
	quit    chan struct{}
	over    sync.WaitGroup
}

// readiness is what is known of one node.
type readiness struct {
	asked, unready, since time.Time // the last look; the last look that found it not ready; the first one after that which did
}

// Watch begins to watch, until Stop.
func (c *Cluster) Watch(ctx context.Context) *Readiness {
	r := &Readiness{cluster: c, nodes: make([]readiness, len(c.Nodes)), quit: make(chan struct{})}
	for i, node := range c.Nodes {
		r.over.Go(func() {
			ticker := time.NewTicker(50 * time.Millisecond)
			defer ticker.Stop()
			for {
				asked := time.Now()
				r.note(i, asked, c.Ready(ctx, node))
				select {
				case <-ticker.C:
				case <-r.quit:
					return
				}
			}
		})
	}
	return r
}

func (r *Readiness) note(i int, asked time.Time, ready bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := &r.nodes[i]
	n.asked = asked
	switch {
	case !ready:
		n.unready = asked
	case n.since.IsZero() || !n.since.After(n.unready):
		n.since = asked
	}
}

// Since is when, after a fault at a time, all nodes were ready for good. Not ok: one is not, or was not asked yet.
func (r *Readiness) Since(fault time.Time) (at time.Time, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	at = fault
	for _, n := range r.nodes {
		if !n.asked.After(fault) || !n.since.After(n.unready) {
			return time.Time{}, false
		}
		if n.since.After(at) {
			at = n.since
		}
	}
	return at, true
}

// Stop ends it.
func (r *Readiness) Stop() {
	close(r.quit)
	r.over.Wait()
}
