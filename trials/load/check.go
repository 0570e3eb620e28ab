package load

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/patchbay/patchbay/trials/wire"
)

// checkPatience is how long a check may go on being refused by a service that has just been hurt.
const checkPatience = time.Minute

// Check looks, beside the running load, at every connector, at the audit entries and receipts of what was acknowledged since
// the last check, and asks for some decisions again. What is wrong becomes a finding; an error says that it could not look.
func (l *Load) Check(ctx context.Context) error {
	return errors.Join(l.attempt(ctx, l.checkConnectors), l.attempt(ctx, func(ctx context.Context) error {
		_, err := l.checkChanges(ctx, false)
		return err
	}), l.attempt(ctx, func(ctx context.Context) error { return l.checkReceipts(ctx, false) }), l.askAgain(ctx))
}

func (l *Load) askAgain(ctx context.Context) error {
	l.AskAgain(ctx, 5)
	return ctx.Err()
}

// Whole is what CheckAll looked at.
type Whole struct {
	Connectors, Acknowledged, Entries, Receipts, Journeys, Unsettled int
}

// CheckAll makes it quiet and looks at everything that was ever acknowledged: connectors, and by a step of each flow the secret
// that is in force; audit entries; receipts.
func (l *Load) CheckAll(ctx context.Context) (w Whole, err error) {
	defer l.Pause()()
	for _, b := range l.bound {
		if !l.step(ctx, b) {
			err = errors.Join(err, fmt.Errorf("a step of %s was not decided", b.flow))
		}
	}
	err = errors.Join(err, l.attempt(ctx, l.checkConnectors), l.attempt(ctx, func(ctx context.Context) (err error) {
		w.Entries, err = l.checkChanges(ctx, true)
		return err
	}), l.attempt(ctx, func(ctx context.Context) error { return l.checkReceipts(ctx, true) }))
	l.AskAgain(ctx, 50)
	w.Connectors, w.Unsettled = len(l.Ledger.Known()), l.Ledger.Unsettled()
	w.Acknowledged, w.Receipts, w.Journeys = l.Changes.Len(), l.Receipts.Len(), l.Journeys.Len()
	return w, err
}

// attempt does something that reads until it succeeds.
func (l *Load) attempt(ctx context.Context, look func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, checkPatience)
	defer cancel()
	for {
		err := look(ctx)
		if err == nil {
			return nil
		}
		if Wait(ctx, 250*time.Millisecond); ctx.Err() != nil {
			return fmt.Errorf("a check found no answer for %s: %w", checkPatience, err)
		}
	}
}

// checkConnectors compares the listing with the ledger.
func (l *Load) checkConnectors(ctx context.Context) error {
	window := l.Ledger.Watch("")
	defer l.Ledger.Close(window)
	known := l.Ledger.Known()
	listed, err := l.Client.List(ctx)
	if err != nil {
		return err
	}
	there := map[string]bool{}
	for _, c := range listed {
		there[c.ID] = true
		l.judge(window, c)
	}
	for _, id := range known {
		if !there[id] {
			l.Ledger.Saw(window, id, Absent)
		}
	}
	return nil
}

// checkChanges looks for the audit entries of what was acknowledged: since the last check, or ever. It returns how many entries
// it read.
func (l *Load) checkChanges(ctx context.Context, ever bool) (entries int, err error) {
	search := l.Changes.search(ever)
	err = l.Client.Changes(ctx, func(page []wire.Change) bool {
		entries += len(page)
		for _, change := range page {
			search.found(change.RequestID)
			if l.refused.take(change.RequestID) {
				l.Findings.add(Ghost, "request %s was refused, and the audit log has its change", change.RequestID)
			}
			if change.Activity == "Create Api connector" && len(change.Targets) > 0 {
				search.found(creation(change.Targets[0].ID))
			}
		}
		return ever || len(search.missing) > 0
	})
	if err == nil {
		for _, id := range search.end() {
			l.Findings.add(Lost, "the audit log has no entry for a change that was acknowledged: %s", id)
		}
	}
	return entries, err
}

// checkReceipts looks for the receipts of decisions that were heard: since the last check, or ever.
func (l *Load) checkReceipts(ctx context.Context, ever bool) error {
	search := l.Receipts.search(ever)
	err := l.Client.Receipts(ctx, func(page []wire.Receipt) bool {
		for _, receipt := range page {
			search.found(receipt.ID)
		}
		return ever || len(search.missing) > 0
	})
	if err == nil {
		for _, id := range search.end() {
			l.Findings.add(Lost, "there is no receipt of a decision that was heard: invocation %s", id)
		}
	}
	return err
}
