package load

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/patchbay/patchbay/trials/wire"
)

// Horizon is how long after it was sent a write of unknown outcome may still be carried out: a request lives at the service for
// its request_timeout (30 s), and what waits for a database that is cut off, for the database's own time-outs.
const Horizon = 90 * time.Second

// Ledger is what may be seen of each connector.
type Ledger struct {
	Findings *Findings
	Now      func() time.Time

	mu       sync.Mutex
	records  map[string]*record
	creating map[Serial]bool // sent, and the id is not known
	refused  map[Serial]bool // as far as a client can tell, not carried out
	windows  map[*Window]bool
}

// record is one connector. It stays when the connector is deleted: that must not come back.
type record struct {
	settled Serial // the last acknowledged write, or a later one of unknown outcome that was seen since
	open    []*Attempt
}

// Attempt is a write that is under way, or whose outcome is unknown.
type Attempt struct {
	Serial  Serial
	id      string
	sent    time.Time
	unknown bool
	refused bool
	seen    bool
}

// NewLedger is an empty one.
func NewLedger(findings *Findings) *Ledger {
	return &Ledger{
		Findings: findings, Now: time.Now,
		records: map[string]*record{}, creating: map[Serial]bool{}, refused: map[Serial]bool{}, windows: map[*Window]bool{},
	}
}

// Creating notes that a connector is being made: from now on it may be there.
func (l *Ledger) Creating(s Serial) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.creating[s] = true
}

// NotCreated notes that every request to make the connector was refused.
func (l *Ledger) NotCreated(s Serial) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.creating, s)
	l.refused[s] = true
}

// Created notes the id of a connector that was made.
func (l *Ledger) Created(id string, s Serial) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.creating, s)
	l.records[id] = &record{settled: s}
	for w := range l.windows {
		if w.covers(id) {
			w.allowed[id] = append(w.allowed[id], candidate{serial: Absent}, candidate{serial: s})
		}
	}
}

// Begin notes that a write is being sent: Absent for a deletion.
func (l *Ledger) Begin(id string, s Serial) *Attempt {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := &Attempt{Serial: s, id: id, sent: l.Now()}
	l.records[id].open = append(l.records[id].open, a)
	for w := range l.windows {
		if w.covers(id) {
			w.allowed[id] = append(w.allowed[id], candidate{s, a})
		}
	}
	return a
}

// Settle notes how a write went. Done means that it was acknowledged.
func (l *Ledger) Settle(a *Attempt, outcome wire.Outcome) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.records[a.id]
	switch outcome {
	case wire.Unknown:
		a.unknown = true
		return
	case wire.Done:
		r.settled = a.Serial
		r.forget(a.sent)
		l.moved(a.id, nil)
	case wire.Refused:
		a.refused = true
		if a.Serial != Absent {
			l.refused[a.Serial] = true
		}
		if a.seen {
			l.Findings.add(Ghost, "connector %s was seen in write %s, which was refused", a.id, a.Serial)
		}
	}
	r.drop(a)
}

// moved tells the open windows, but for one, that what was settled of a connector is another write from now on.
func (l *Ledger) moved(id string, but *Window) {
	for w := range l.windows {
		if w != but && w.covers(id) {
			w.moved[id] = true
		}
	}
}

func (r *record) drop(a *Attempt) {
	r.open = slices.DeleteFunc(r.open, func(other *Attempt) bool { return other == a })
}

// forget drops the writes of unknown outcome that cannot be carried out at a time or later any more.
func (r *record) forget(at time.Time) {
	r.open = slices.DeleteFunc(r.open, func(a *Attempt) bool { return a.unknown && a.sent.Add(Horizon).Before(at) })
}

// Window is a stretch of time in which something is looked at. What is seen in it was so at some moment of it.
type Window struct {
	only    string // the one connector that is looked at; all, if empty
	began   time.Time
	allowed map[string][]candidate
	moved   map[string]bool // a write of it was settled within the window: what is seen may be what was before it
}

// candidate is what a connector may be in; by an attempt, unless it was settled before.
type candidate struct {
	serial  Serial
	attempt *Attempt
}

func names(all []candidate) string {
	var text []string
	for _, c := range all {
		text = append(text, c.serial.String())
	}
	return strings.Join(text, ", ")
}

func (w *Window) covers(id string) bool { return w.only == "" || w.only == id }

// Watch opens a window on one connector, or on all if id is empty. It must be closed.
func (l *Ledger) Watch(id string) *Window {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := &Window{only: id, began: l.Now(), allowed: map[string][]candidate{}, moved: map[string]bool{}}
	if r, known := l.records[id]; known {
		w.allowed[id] = r.candidates()
	} else if id == "" {
		for id, r := range l.records {
			w.allowed[id] = r.candidates()
		}
	}
	l.windows[w] = true
	return w
}

func (r *record) candidates() []candidate {
	all := []candidate{{serial: r.settled}}
	for _, a := range r.open {
		all = append(all, candidate{a.Serial, a})
	}
	return all
}

// Close ends a window.
func (l *Ledger) Close(w *Window) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.windows, w)
}

// Saw judges what was seen of a connector within a window that is still open, and remembers it.
func (l *Ledger) Saw(w *Window, id string, s Serial) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r, known := l.records[id]
	if !known {
		if !l.creating[s] {
			l.Findings.add(l.kindOf(s), "connector %s is in write %s, and nobody made it", id, s)
		}
		return
	}
	for _, c := range w.allowed[id] {
		if c.serial != s || c.attempt != nil && c.attempt.refused {
			continue
		}
		if c.attempt != nil {
			c.attempt.seen = true
		}
		if !w.moved[id] && r.promote(c, w.began) {
			l.moved(id, w)
		}
		return
	}
	l.Findings.add(l.kindOf(s), "connector %s was seen in write %s; it may be in %s only", id, s, names(w.allowed[id]))
}

// kindOf tells what it means that a write is seen that may not be.
func (l *Ledger) kindOf(s Serial) Kind {
	if l.refused[s] {
		return Ghost
	}
	return Lost
}

// promote draws the conclusions from a look at the record in a window in which nothing else was settled, and tells whether another write is settled by that. A write of unknown outcome that is seen was carried out, and what was
// there before cannot come back. One that is not seen, and is too old to be carried out any more, either was never carried out
// or lies beneath what is seen.
func (r *record) promote(c candidate, at time.Time) bool {
	moved := c.attempt != nil && slices.Contains(r.open, c.attempt)
	if moved {
		r.settled = c.serial
		r.drop(c.attempt)
	}
	if c.serial == r.settled {
		r.forget(at)
	}
	return moved
}

// Known are the ids of all connectors that were ever made.
func (l *Ledger) Known() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	ids := make([]string, 0, len(l.records))
	for id := range l.records {
		ids = append(ids, id)
	}
	return ids
}

// Unsettled counts the connectors that may be in more than one write, those of unknown id included.
func (l *Ledger) Unsettled() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(l.creating)
	for _, r := range l.records {
		if len(r.open) > 0 {
			n++
		}
	}
	return n
}
