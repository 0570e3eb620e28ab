package load

import (
	"maps"
	"sync"

	"github.com/patchbay/patchbay/trials/wire"
)

// Counts are numbers of requests by how they went, indexed by wire.Outcome, and of decisions.
type Counts struct {
	Writes, Reads, Steps [3]int64
	Decided              int64            // steps that got a decision for the first time
	Failed               map[string]int64 // of those, the ones that were Failed, by reason
}

// Requests is how many there were.
func (c Counts) Requests() int64 { return sum(c.Writes) + sum(c.Reads) + sum(c.Steps) }

// Unserved is how many were not served: refused, or without an answer that tells what happened.
func (c Counts) Unserved() int64 {
	return c.Requests() - c.Writes[wire.Done] - c.Reads[wire.Done] - c.Steps[wire.Done]
}

func sum(of [3]int64) (n int64) {
	for _, count := range of {
		n += count
	}
	return n
}

// Since are the counts from an earlier look on.
func (c Counts) Since(before Counts) Counts {
	for i := range c.Writes {
		c.Writes[i] -= before.Writes[i]
		c.Reads[i] -= before.Reads[i]
		c.Steps[i] -= before.Steps[i]
	}
	c.Decided -= before.Decided
	c.Failed = maps.Clone(c.Failed)
	for reason, n := range before.Failed {
		if c.Failed[reason] -= n; c.Failed[reason] == 0 {
			delete(c.Failed, reason)
		}
	}
	return c
}

// tally counts while a load runs.
type tally struct {
	mu     sync.Mutex
	counts Counts
}

func (t *tally) write(a wire.Answer) { t.change(func(c *Counts) { c.Writes[a.Outcome]++ }) }
func (t *tally) read(a wire.Answer)  { t.change(func(c *Counts) { c.Reads[a.Outcome]++ }) }
func (t *tally) step(a wire.Answer)  { t.change(func(c *Counts) { c.Steps[a.Outcome]++ }) }

func (t *tally) decided(d wire.Decision) {
	t.change(func(c *Counts) {
		c.Decided++
		if d.Action == "Failed" {
			if c.Failed == nil {
				c.Failed = map[string]int64{}
			}
			c.Failed[d.Reason]++
		}
	})
}

func (t *tally) change(by func(*Counts)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	by(&t.counts)
}

func (t *tally) now() Counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.counts
	c.Failed = maps.Clone(c.Failed)
	return c
}
