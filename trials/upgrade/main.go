// Command upgrade replaces the binary of every node, one after the other, under a load that goes through the balancer: SIGTERM, the
// node says that it is not ready and serves on until the balancer has noticed (setting shutdown_delay), ends, and the other binary
// starts. It counts the requests that were not served, and ends with 1 if there is one, or if anything acknowledged is not there.
//
//	upgrade [-to FILE] [-rounds N] [-rate N]
//
// Without -to the other binary is built from the same source with another version. An even number of rounds ends with the
// binary that the cluster was started with.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/patchbay/patchbay/trials/cluster"
	"github.com/patchbay/patchbay/trials/figures"
	"github.com/patchbay/patchbay/trials/load"
	"github.com/patchbay/patchbay/trials/program"
	"github.com/patchbay/patchbay/trials/wire"
)

func main() {
	to := flag.String("to", "", "the other binary; default: the same source with another version")
	rounds := flag.Int("rounds", 2, "rolling upgrades: to the other binary, back again, and so on")
	rate := flag.Float64("rate", 150, "requests per second at the most")
	root := flag.String("root", ".", "top of the repository")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *root, *to, *rounds, *rate); err != nil {
		fmt.Fprintln(os.Stderr, "upgrade:", err)
		os.Exit(1) //nolint:gocritic // nothing is left to stop
	}
}

func run(ctx context.Context, root, to string, rounds int, rate float64) (err error) {
	c, err := cluster.Open(root)
	if err != nil {
		return err
	}
	if to == "" {
		dir, err := os.MkdirTemp("", "upgrade")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		to = filepath.Join(dir, "patchbay")
		if err := program.Build(ctx, root, to, "v0.0.0-next"); err != nil {
			return err
		}
	}
	t := trial{cluster: c, binaries: [2]string{to, c.Facts["CLUSTER_BINARY"]}}
	return t.run(ctx, rounds, rate, os.Stdout)
}

// trial is a number of rolling upgrades.
type trial struct {
	cluster  *cluster.Cluster
	binaries [2]string // to which in turn
	findings load.Findings
	load     *load.Load
	took     []time.Duration // one node each
}

func (t *trial) run(ctx context.Context, rounds int, rate float64, w io.Writer) error {
	client, err := t.cluster.Client(ctx, "upgrade")
	if err != nil {
		return err
	}
	target, err := load.StartTarget(t.cluster.Host, &t.findings)
	if err != nil {
		return err
	}
	defer func() { _ = target.Close() }()
	if t.load, err = load.New(ctx, client, target, &t.findings, load.Options{Writers: 12, Steppers: 6, Rate: rate, Loose: 6}); err != nil {
		return err
	}
	if err := t.cluster.Do(ctx, "wait", "ready", "90"); err != nil {
		return err
	}
	before := t.load.Counts()
	t.load.Start(ctx)
	err = t.upgrades(ctx, rounds)
	t.load.Stop()
	counts := t.load.Counts().Since(before)
	whole, checked := t.load.CheckAll(ctx)
	return errors.Join(err, checked, t.print(w, rounds, counts, whole))
}

// quiet is how long the load runs before the first and behind each replacement of a node.
const quiet = 2 * time.Second

// upgrades replaces the binaries.
func (t *trial) upgrades(ctx context.Context, rounds int) error {
	for round := range rounds {
		for _, node := range t.cluster.Nodes {
			load.Wait(ctx, quiet)
			began := time.Now()
			if err := t.cluster.Do(ctx, "stop", node.Name); err != nil {
				return err
			}
			if err := t.cluster.Do(ctx, "start", node.Name, "--binary", t.binaries[round%2]); err != nil {
				return err
			}
			if err := t.cluster.Do(ctx, "wait", "ready", "60"); err != nil {
				return err
			}
			t.took = append(t.took, time.Since(began))
		}
	}
	load.Wait(ctx, quiet)
	return ctx.Err()
}

// errFailed is an upgrade that somebody noticed.
var errFailed = errors.New("the upgrade was noticed")

func (t *trial) print(w io.Writer, rounds int, counts load.Counts, whole load.Whole) error {
	findings := t.findings.All()
	failed := counts.Unserved() + int64(len(findings))
	err := figures.Table(w, [][]string{
		{"rolling upgrades", "nodes replaced", "requests", "failed", "writes acknowledged", "steps decided", "replacing a node p50", "p99", "max"},
		append([]string{
			figures.Number(rounds), figures.Number(len(t.took)), figures.Number(counts.Requests()), figures.Number(failed),
			figures.Number(counts.Writes[wire.Done]), figures.Number(counts.Decided),
		}, figures.Spread(t.took)...),
	})
	_, wrote := fmt.Fprintf(w, "\n%d changes acknowledged, %d audit entries, %d receipts found, %d findings\n",
		whole.Acknowledged, whole.Entries, whole.Receipts, len(findings))
	err = errors.Join(err, wrote)
	for _, f := range findings {
		err = errors.Join(err, fmt.Errorf("%s: %s", f.Kind, f.Text))
	}
	if failed > 0 {
		err = errors.Join(err, fmt.Errorf("%w: of %d requests %d failed: %+v", errFailed, counts.Requests(), failed, counts))
	}
	return err
}
