package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/patchbay/patchbay/trials/figures"
	"github.com/patchbay/patchbay/trials/load"
	"github.com/patchbay/patchbay/trials/wire"
)

// row are the cycles of one kind.
type row struct {
	cycles        int
	writes, steps [3]int64
	served, ready []time.Duration
	took          time.Duration
}

func (r *row) add(counts load.Counts, served, ready, took time.Duration) {
	r.cycles++
	r.took += took
	for i := range r.writes {
		r.writes[i] += counts.Writes[i]
		r.steps[i] += counts.Steps[i]
	}
	r.served, r.ready = append(r.served, served), append(r.ready, ready)
}

// conclude looks at everything for the last time, once the load has ended, and prints the table.
func (t *trial) conclude(ctx context.Context, w io.Writer) error {
	err := t.cluster.Do(ctx, "wait", "ready", "90")
	whole, checked := t.load.CheckAll(ctx)
	verified, unsealed := t.cluster.Local(ctx, "key", "verify")
	if unsealed != nil {
		unsealed = fmt.Errorf("a secret does not open: %w", unsealed)
	}
	findings := t.findings.All()
	if len(findings) > 0 {
		err = errors.Join(err, fmt.Errorf("%d findings", len(findings)))
	}
	return errors.Join(err, checked, unsealed, t.print(w, whole, findings, strings.TrimSpace(verified)))
}

func (t *trial) print(w io.Writer, whole load.Whole, findings []load.Finding, verified string) error {
	table := [][]string{{
		"failure", "cycles", "writes acknowledged", "unknown", "refused", "service back p50", "p99", "max", "all nodes ready p50", "p99", "max", "a cycle",
	}}
	var cycles int
	for i := range faults {
		r := t.rows[&faults[i]]
		if r == nil {
			continue
		}
		cycles += r.cycles
		table = append(table, append(append([]string{
			t.words(&faults[i]), figures.Number(r.cycles), figures.Number(r.writes[wire.Done]), figures.Number(r.writes[wire.Unknown]), figures.Number(r.writes[wire.Refused]),
		}, figures.Spread(r.served)...), append(figures.Spread(r.ready), figures.Seconds(r.took/time.Duration(r.cycles)))...))
	}
	byKind := map[load.Kind]int{}
	for _, f := range findings {
		byKind[f.Kind]++
	}
	counts := t.load.Counts()
	totals := [][]string{
		{"in all", ""},
		{"cycles; time", fmt.Sprintf("%d; %s", cycles, time.Since(t.began).Round(time.Second))},
		{"changes acknowledged, audit entries", fmt.Sprintf("%d, %d", whole.Acknowledged, whole.Entries)},
		{"steps decided, of them Failed, receipts found", fmt.Sprintf("%d, %d, %d", counts.Decided, total(counts.Failed), whole.Receipts)},
		{"secrets", verified},
		{"acknowledged and lost (writes, audit entries, receipts)", figures.Number(byKind[load.Lost])},
		{"half-written (parts of different writes, wrong password at the target)", figures.Number(byKind[load.Torn])},
		{"refused or never written, and there", figures.Number(byKind[load.Ghost])},
		{"decisions that changed", figures.Number(byKind[load.Changed])},
		{"answers that nothing explains", figures.Number(byKind[load.Odd])},
	}
	err := figures.Table(w, table)
	if err == nil {
		_, err = fmt.Fprintln(w)
	}
	err = errors.Join(err, figures.Table(w, totals))
	for i, f := range findings {
		if i == 20 {
			break
		}
		_, failed := fmt.Fprintf(w, "\n%s: %s\n", f.Kind, f.Text)
		err = errors.Join(err, failed)
	}
	return err
}

// words names a kind of cycles.
func (t *trial) words(f *fault) string {
	if f.name == "cut" {
		return f.words + " after " + t.cut.String()
	}
	return f.words
}

func total(of map[string]int64) (n int64) {
	for _, count := range of {
		n += count
	}
	return n
}
