package outbound

import (
	"strings"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
)

const (
	// maxConnectors bounds the connectors that have a pool; beyond it the one that rested longest gives its up.
	maxConnectors = 4096
	// restAfter is how long a connector may rest before its pool is given up.
	restAfter = 5 * time.Minute
	// sweepEvery is how often that is looked at.
	sweepEvery = time.Minute
	// staleFor is how long a version that was replaced is known as such: a call that read its binding before the
	// replacement comes within that time, and must not put the old version back into force.
	staleFor = 30 * time.Second
)

// connector is what is kept between calls of one connector.
type connector struct {
	name  string
	gate  *gate
	pool  *pool                // in force; nil after Forget
	stale map[string]time.Time // keys of pools that were replaced, and until when they count as such
	calls int                  // under way
	used  time.Time
}

// visit is one call's hold on its connector.
type visit struct {
	connector *connector
	gate      *gate
	pool      *pool
}

// enter lets a call through to its connector's pool, or says why not. leave ends the visit.
func (c *Client) enter(call Call, to target) (visit, *refusal) {
	want, refused := c.wanted(call)
	if refused != nil {
		return visit{}, refused
	}
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return visit{}, &refusal{apiconn.ReasonInterrupted, "The service is stopping; no call was made. Repeat the step."}
	}
	known := c.connector(call)
	if about := to.origin + " " + want.settings; known.gate == nil || known.gate.about != about || known.gate.limit != call.Settings.MaxConcurrent {
		known.gate = newGate(about, call.Settings.MaxConcurrent)
	}
	gate := known.gate
	if refused := gate.enter(to.host); refused != nil {
		c.mu.Unlock()
		return visit{}, refused
	}
	p, replaced := c.choose(known, want)
	p.calls.Add(1)
	known.calls++
	c.mu.Unlock()
	replaced.retire()
	return visit{known, gate, p}, nil
}

// leave ends a visit.
func (c *Client) leave(v visit, r Result) {
	v.gate.leave(outcomeOf(r), r.Reason)
	c.mu.Lock()
	v.connector.calls--
	v.connector.used = time.Now()
	last := v.pool.calls.Add(-1) == 0
	_, retired := c.draining[v.pool]
	if last && retired {
		delete(c.draining, v.pool)
	}
	c.mu.Unlock()
	if retired {
		v.pool.settle(last) // net/http keeps what it was given back
	}
}

// nameOf is the name under which a call's connector is kept. An anonymous call never goes over a connection that was
// proved.
func nameOf(call Call) string {
	if call.Anonymous {
		return call.Connector + " anonymous"
	}
	return call.Connector
}

// connector finds a call's connector or makes it. The caller holds mu.
func (c *Client) connector(call Call) *connector {
	name := nameOf(call)
	if known := c.connectors[name]; known != nil {
		return known
	}
	if len(c.connectors) >= maxConnectors {
		c.evict()
	}
	known := &connector{name: name, stale: map[string]time.Time{}, used: time.Now()}
	c.connectors[name] = known
	if len(c.connectors) == 1 {
		c.sweeper = time.AfterFunc(sweepEvery, func() { c.sweep(time.Now()) })
	}
	return known
}

// choose finds the pool for a call, and the one that it replaces, nil if none. The caller holds mu.
func (c *Client) choose(known *connector, want poolKey) (chosen, replaced *pool) {
	if known.pool != nil && known.pool.key == want.key {
		return known.pool, nil
	}
	now := time.Now()
	for key, until := range known.stale {
		if now.After(until) {
			delete(known.stale, key)
		}
	}
	if _, stale := known.stale[want.key]; stale {
		for p := range c.draining { // a handful at the most: each is there until its last call ends
			if p.owner == known.name && p.key == want.key && p.calls.Load() > 0 {
				return p, nil
			}
		}
		p := c.newPool(known.name, want)
		c.draining[p] = struct{}{}
		return p, nil
	}
	replaced = known.pool
	if replaced != nil {
		known.stale[replaced.key] = now.Add(staleFor)
		c.drain(replaced)
	}
	known.pool = c.newPool(known.name, want)
	return known.pool, replaced
}

// forget takes the pool out of force unless it is of the version to keep, and returns it. The caller holds Client.mu.
func (k *connector) forget(keep string, now time.Time) *pool {
	for key := range k.stale {
		if keep == "" || strings.HasPrefix(key, versionPrefix(keep)) {
			delete(k.stale, key)
		}
	}
	if k.pool == nil || keep != "" && k.pool.version == keep {
		return nil
	}
	old := k.pool
	k.pool = nil
	if keep != "" {
		k.stale[old.key] = now.Add(staleFor)
	}
	return old
}

// drain notes that a pool is out of force, if it has calls to wait for. The caller holds mu and calls retire after it.
func (c *Client) drain(p *pool) {
	if p == nil {
		return
	}
	if p.calls.Load() > 0 {
		c.draining[p] = struct{}{}
	}
}

// evict gives up the connector that has rested longest. The caller holds mu.
func (c *Client) evict() {
	var rested *connector
	for _, known := range c.connectors {
		if known.calls == 0 && (rested == nil || known.used.Before(rested.used)) {
			rested = known
		}
	}
	if rested == nil {
		return // all are at work: the bulkheads and the caller bound those
	}
	c.giveUp(rested)
}

// giveUp removes a connector at rest. The caller holds mu.
func (c *Client) giveUp(known *connector) {
	delete(c.connectors, known.name)
	if known.pool != nil {
		go known.pool.retire() // closes sockets: not under the lock
	}
}

// sweep gives up what has rested for restAfter, and comes again while anything is left.
func (c *Client) sweep(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, known := range c.connectors {
		if known.calls == 0 && now.Sub(known.used) >= restAfter {
			c.giveUp(known)
		}
	}
	if len(c.connectors) > 0 && !c.closed {
		c.sweeper.Reset(sweepEvery)
	}
}
