package load

import (
	"context"
	"fmt"
	"net/http"

	"github.com/patchbay/patchbay/trials/wire"
)

// step takes a step of another journey, and looks at the password that it came to the target with. It reports whether there was
// a decision.
func (l *Load) step(ctx context.Context, b binding) bool {
	key := fmt.Sprintf("journey-%d", l.next())
	window := l.Ledger.Watch(b.connector)
	defer l.Ledger.Close(window)
	d, ok := l.takeStep(ctx, b.flow, key)
	if !ok {
		return false
	}
	l.tally.decided(d)
	l.Receipts.Add(d.InvocationID)
	l.Journeys.Heard(key, b.flow, d)
	if d.Action != "Continue" {
		return true
	}
	seen, known := l.Target.take(d.Claims[numberClaim])
	switch {
	case !known:
		l.Findings.add(Ghost, "invocation %s was decided by an answer that the target did not give", d.InvocationID)
	case seen.invocation != d.InvocationID:
		l.Findings.add(Ghost, "invocation %s was decided by the answer to invocation %s", d.InvocationID, seen.invocation)
	case seen.serial != Absent:
		l.Ledger.Saw(window, b.connector, seen.serial)
	}
	return true
}

// takeStep reports a step until it is decided.
func (l *Load) takeStep(ctx context.Context, flow, key string) (d wire.Decision, ok bool) {
	a, _ := persist(ctx, func() wire.Answer {
		a := l.Client.Step(ctx, flow, key)
		l.tally.step(a)
		return a
	})
	if a.Outcome != wire.Done {
		return d, false
	}
	if err := a.Into(http.StatusOK, &d); err != nil {
		l.Findings.add(Odd, "the step of %s %v", key, err)
		return d, false
	}
	return d, true
}

// AskAgain reports steps again that were decided before, up to n of them.
func (l *Load) AskAgain(ctx context.Context, n int) {
	for range n {
		key, flow, ok := l.Journeys.any()
		if !ok {
			return
		}
		if d, ok := l.takeStep(ctx, flow, key); ok {
			l.Journeys.Heard(key, flow, d)
		}
	}
}
