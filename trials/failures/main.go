// Command failures hurts a cluster again and again under a mixed load, and proves that nothing acknowledged is lost: it kills
// nodes, the PostgreSQL primary and etcd's leader with SIGKILL, and cuts the network between a node and the database. It prints
// a table and ends with 1 if anything is not as it was acknowledged.
//
//	failures [-cycles N] [-kinds node,primary,etcd,cut] [-rate N]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/patchbay/patchbay/trials/cluster"
	"github.com/patchbay/patchbay/trials/load"
)

func main() {
	cycles := flag.Int("cycles", 500, "cycles in all")
	kinds := flag.String("kinds", "", "only these faults, with commas between: node, primary, etcd, cut")
	rate := flag.Float64("rate", 80, "requests per second at the most, the probes' 20 not counted")
	cut := flag.Duration("cut", 6*time.Second, "how long the network is cut")
	every := flag.Int("every", 25, "cycles between two checks of everything")
	root := flag.String("root", ".", "top of the repository")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *root, *cycles, *kinds, *rate, *cut, *every); err != nil {
		fmt.Fprintln(os.Stderr, "failures:", err)
		os.Exit(1) //nolint:gocritic // nothing is left to stop
	}
}

func run(ctx context.Context, root string, cycles int, kinds string, rate float64, cut time.Duration, every int) error {
	var names []string
	if kinds != "" {
		names = strings.Split(kinds, ",")
	}
	c, err := cluster.Open(root)
	if err != nil {
		return err
	}
	if len(names) == 0 && !c.CanCut() {
		names = []string{"node", "primary", "etcd"}
		fmt.Fprintln(os.Stderr, "failures: no network is cut: root has to start the cluster for that")
	}
	plan, err := schedule(cycles, names)
	if err != nil {
		return err
	}
	t, err := newTrial(ctx, c, rate, cut, os.Stderr)
	if err != nil {
		return err
	}
	defer t.close()
	err = t.cycles(ctx, plan, every)
	t.quiet()
	return errors.Join(err, t.conclude(ctx, os.Stdout))
}

// trial is a run of cycles.
type trial struct {
	cluster  *cluster.Cluster
	load     *load.Load
	probe    *load.Probe
	ready    *cluster.Readiness
	findings load.Findings
	target   *load.Target
	progress io.Writer
	rows     map[*fault]*row
	began    time.Time
	cut      time.Duration
}

// newTrial makes what the cycles need and starts the load.
func newTrial(ctx context.Context, c *cluster.Cluster, rate float64, cut time.Duration, progress io.Writer) (*trial, error) {
	t := &trial{cluster: c, cut: cut, progress: progress, rows: map[*fault]*row{}, began: time.Now()}
	client, err := c.Client(ctx, "failures")
	if err != nil {
		return nil, err
	}
	if t.target, err = load.StartTarget(c.Host, &t.findings); err != nil {
		return nil, err
	}
	if t.load, err = load.New(ctx, client, t.target, &t.findings, load.Options{Writers: 10, Steppers: 4, Rate: rate, Loose: 6}); err != nil {
		return nil, errors.Join(err, t.target.Close())
	}
	if t.probe, err = load.NewProbe(ctx, t.load); err != nil {
		return nil, errors.Join(err, t.target.Close())
	}
	t.load.Start(ctx)
	t.probe.Start(ctx)
	t.ready = c.Watch(ctx)
	return t, nil
}

// quiet ends the load.
func (t *trial) quiet() {
	t.probe.Stop()
	t.load.Stop()
	t.ready.Stop()
}

func (t *trial) close() { _ = t.target.Close() }

// cycles runs the plan. It ends early when a cycle does not come to its end.
func (t *trial) cycles(ctx context.Context, plan []*fault, every int) error {
	for i, f := range plan {
		if err := t.cycle(ctx, f); err != nil {
			return fmt.Errorf("cycle %d (%s): %w", i+1, f.name, err)
		}
		if (i+1)%every == 0 {
			if err := t.checkpoint(ctx, i+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkpoint looks at everything, and renews the token, which lasts for an hour.
func (t *trial) checkpoint(ctx context.Context, cycle int) error {
	whole, err := t.load.CheckAll(ctx)
	if err != nil {
		return fmt.Errorf("check behind cycle %d: %w", cycle, err)
	}
	fmt.Fprintf(t.progress, "%s cycle %d: %d changes acknowledged, %d audit entries, %d receipts, %d connectors of which %d unsettled, %d findings\n",
		time.Since(t.began).Round(time.Second), cycle, whole.Acknowledged, whole.Entries, whole.Receipts, whole.Connectors, whole.Unsettled, len(t.findings.All()))
	return t.load.Client.Authorize(ctx)
}

// How long service may take to come back before a trial gives up, and how long it must stay until it counts as back.
const (
	patience = 2 * time.Minute
	steady   = 400 * time.Millisecond
)

// cycle hurts the cluster once, waits until it is well again, and checks.
func (t *trial) cycle(ctx context.Context, f *fault) error {
	began := time.Now()
	if f.whole {
		if err := t.cluster.Do(ctx, "wait", "ready", "90"); err != nil {
			return fmt.Errorf("the cluster is not well to begin with: %w", err)
		}
	}
	before := t.load.Counts()
	struck := time.Now()
	t.probe.Forget(struck)
	if err := f.strike(ctx, t); err != nil {
		return err
	}
	served, ready, err := t.recover(ctx, f, struck)
	if err != nil {
		return err
	}
	if err := t.load.Check(ctx); err != nil {
		return err
	}
	r := t.rows[f]
	if r == nil {
		r = &row{}
		t.rows[f] = r
	}
	r.add(t.load.Counts().Since(before), served.Sub(struck), ready.Sub(struck), time.Since(began))
	return nil
}

// recover waits until writes are acknowledged again and all nodes are ready, and that for a while.
func (t *trial) recover(ctx context.Context, f *fault, struck time.Time) (served, ready time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		var writes, nodes bool
		served, writes = t.probe.Served(struck)
		ready, nodes = t.ready.Since(struck)
		now := time.Now()
		if writes && nodes && now.Sub(served) > steady && now.Sub(ready) > steady && now.Sub(struck) > f.least {
			return served, ready, nil
		}
		if ctx.Err() != nil {
			return served, ready, fmt.Errorf("service did not come back within %s: writes are acknowledged: %t, nodes are ready: %t", patience, writes, nodes)
		}
		load.Wait(ctx, 50*time.Millisecond)
	}
}
