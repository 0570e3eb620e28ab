package load

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/patchbay/patchbay/trials/wire"
)

// writer is a client that writes connectors of its own.
type writer struct {
	*Load
	own   binding
	loose []string // connectors that nothing calls
}

// turn is one thing that a writer does.
func (w *writer) turn(ctx context.Context) {
	at := Pick(100)
	switch {
	case at < 20: // what is changed is used by the very next step, whichever node that comes to
		w.patch(ctx, w.own.connector)
		w.step(ctx, w.own)
	case at < 35:
		w.patch(ctx, w.own.connector)
	case at < 50:
		w.step(ctx, w.own)
	case at < 60:
		w.look(ctx, w.own.connector)
	case at < 80 || len(w.loose) == 0:
		if len(w.loose) < w.options.Loose {
			if id, ok := w.create(ctx); ok {
				w.loose = append(w.loose, id)
			}
			return
		}
		w.keep(w.any(), w.delete)(ctx)
	case at < 90:
		w.keep(w.any(), w.patch)(ctx)
	default:
		w.keep(w.any(), w.look)(ctx)
	}
}

// any is one of the loose connectors.
func (w *writer) any() string { return w.loose[Pick(len(w.loose))] }

// keep does something to a loose connector, and forgets it if that tells that it is gone.
func (w *writer) keep(id string, do func(context.Context, string) bool) func(context.Context) {
	return func(ctx context.Context) {
		if !do(ctx, id) {
			w.loose = slices.DeleteFunc(w.loose, func(other string) bool { return other == id })
		}
	}
}

// creation is what stands for the making of a connector in the register of changes. Its request id will not do: it is made by
// the first of several requests with one Idempotency-Key that gets through, and perhaps another one is answered.
func creation(id string) string { return "created " + id }

// perseverance is how often a request that happens once for its Idempotency-Key is sent until its outcome is known.
const perseverance = 12

// persist sends a request with an Idempotency-Key until its outcome is known, and tells whether one of them may have been
// carried out.
func persist(ctx context.Context, send func() wire.Answer) (a wire.Answer, perhaps bool) {
	for range perseverance {
		if a = send(); a.Outcome == wire.Done || ctx.Err() != nil {
			break
		}
		perhaps = perhaps || a.Outcome == wire.Unknown
		Wait(ctx, 250*time.Millisecond)
	}
	return a, perhaps
}

// create makes a connector and returns its id, if that got known.
func (l *Load) create(ctx context.Context) (id string, ok bool) {
	s := l.next()
	l.Ledger.Creating(s)
	a, perhaps := persist(ctx, func() wire.Answer {
		a := l.Client.Create(ctx, s.connector(l.Target.URL), fmt.Sprintf("create-%d", s))
		l.note(a)
		return a
	})
	if a.Outcome != wire.Done {
		if !perhaps {
			l.Ledger.NotCreated(s)
		}
		return "", false
	}
	var made wire.Connector
	if err := a.Into(http.StatusCreated, &made); err != nil {
		l.Findings.add(Odd, "a creation %v", err)
		return "", false
	}
	if got, err := serialOf(made); err != nil || got != s {
		l.Findings.add(Torn, "connector %s was made by write %s and answered as %s, %v", made.ID, s, got, err)
	}
	l.Ledger.Created(made.ID, s)
	l.Changes.Add(creation(made.ID))
	return made.ID, true
}

// patch changes all of a connector, and reports whether it may be there still.
func (l *Load) patch(ctx context.Context, id string) bool {
	there, _ := l.change(ctx, id)
	return there
}

// change is patch, and also tells how it went.
func (l *Load) change(ctx context.Context, id string) (there bool, how wire.Outcome) {
	s := l.next()
	return l.write(id, s, func() wire.Answer { return l.Client.Patch(ctx, id, s.connector(l.Target.URL)) })
}

// delete deletes a connector, and reports whether it may be there still.
func (l *Load) delete(ctx context.Context, id string) bool {
	there, _ := l.write(id, Absent, func() wire.Answer { return l.Client.Delete(ctx, id) })
	return there
}

func (l *Load) write(id string, s Serial, send func() wire.Answer) (there bool, how wire.Outcome) {
	window := l.Ledger.Watch(id)
	defer l.Ledger.Close(window)
	attempt := l.Ledger.Begin(id, s)
	a := send()
	l.note(a)
	switch {
	case a.Outcome != wire.Done:
		l.Ledger.Settle(attempt, a.Outcome)
	case a.Status == http.StatusNoContent:
		l.Ledger.Settle(attempt, wire.Done)
		l.Changes.Add(a.RequestID)
		return s != Absent, wire.Done
	case a.Status == http.StatusNotFound:
		l.Ledger.Settle(attempt, wire.Refused)
		l.Ledger.Saw(window, id, Absent)
		return false, wire.Done
	default:
		l.Ledger.Settle(attempt, wire.Unknown)
		l.Findings.add(Odd, "a write of connector %s %v", id, a.Problem())
	}
	return true, a.Outcome
}

// note counts a write, and remembers the request id of one that Patchbay refused.
func (l *Load) note(a wire.Answer) {
	l.tally.write(a)
	if a.Outcome == wire.Refused && a.RequestID != "" {
		l.refused.add(a.RequestID)
	}
}

// look reads a connector and judges what it sees. It reports whether the connector may be there.
func (l *Load) look(ctx context.Context, id string) bool {
	window := l.Ledger.Watch(id)
	defer l.Ledger.Close(window)
	a := l.Client.Read(ctx, id)
	l.tally.read(a)
	if a.Outcome != wire.Done {
		return true
	}
	if a.Status == http.StatusNotFound {
		l.Ledger.Saw(window, id, Absent)
		return false
	}
	var c wire.Connector
	if err := a.Into(http.StatusOK, &c); err != nil {
		l.Findings.add(Odd, "a look at connector %s %v", id, err)
		return true
	}
	l.judge(window, c)
	return true
}

// judge looks at what a connector was seen as.
func (l *Load) judge(window *Window, c wire.Connector) {
	s, err := serialOf(c)
	if err != nil {
		l.Findings.add(Torn, "connector %s: %v", c.ID, err)
		return
	}
	l.Ledger.Saw(window, c.ID, s)
}
