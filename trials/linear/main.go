// Command linear records what 16 clients see that create, PATCH, get and delete connectors over the nodes of a cluster, each
// request at a node of its own choice and not by the balancer, and checks with porcupine that every connector behaves as one
// register that is written and read at one moment of each request (linearizability), failovers in mid-history included. It ends
// with 1 if a history is not linearizable, or was not decided.
//
//	linear [-histories N] [-failovers N] [-inject]
//
// Ids are made by the server, so nobody can refer to a connector before its creation was answered. A creation of unknown outcome
// has no id that anybody knows; nothing else in the history refers to it, so it is left out. Every other write of unknown
// outcome stays in, with an interval that is open to the end of the history. What was refused (503) is left out: were it carried
// out after all, somebody would read what nobody wrote.
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

	"github.com/anishathalye/porcupine"

	"github.com/patchbay/patchbay/trials/cluster"
	"github.com/patchbay/patchbay/trials/figures"
	"github.com/patchbay/patchbay/trials/load"
	"github.com/patchbay/patchbay/trials/wire"
)

// options are what the flags say.
type options struct {
	histories, failovers int
	inject               bool
	pictures             string
}

func main() {
	var o options
	flag.IntVar(&o.histories, "histories", 200, "histories in all")
	flag.IntVar(&o.failovers, "failovers", 40, "histories of them with a fault in the middle: a killed primary, a killed node, a cut network")
	flag.BoolVar(&o.inject, "inject", false, "put a stale read into each history, and fail unless each is found")
	flag.StringVar(&o.pictures, "pictures", os.TempDir(), "where a picture of a history that is not linearizable is written")
	root := flag.String("root", ".", "top of the repository")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *root, o); err != nil {
		fmt.Fprintln(os.Stderr, "linear:", err)
		os.Exit(1) //nolint:gocritic // nothing is left to stop
	}
}

func run(ctx context.Context, root string, o options) error {
	c, err := cluster.Open(root)
	if err != nil {
		return err
	}
	t, err := newTrial(ctx, c, o)
	if err != nil {
		return err
	}
	err = t.histories(ctx)
	return errors.Join(err, t.print(os.Stdout))
}

// checkPatience is how long the check of one history may take.
const checkPatience = 2 * time.Minute

// trial is a run of histories.
type trial struct {
	options
	cluster *cluster.Cluster
	client  *wire.Client
	nodes   []*wire.Client
	began   time.Time

	plain, hurt sums
}

// sums are over histories of one sort.
type sums struct {
	histories, operations, refused, unknown, lost int
	actions                                       [4]int
	results                                       map[porcupine.CheckResult]int
	checks                                        []time.Duration
}

func newTrial(ctx context.Context, c *cluster.Cluster, o options) (*trial, error) {
	t := &trial{options: o, cluster: c, began: time.Now()}
	client, err := c.Client(ctx, "linear")
	if err != nil {
		return nil, err
	}
	t.client = client
	for _, node := range c.Nodes {
		t.nodes = append(t.nodes, client.At(node.Base))
	}
	return t, nil
}

// histories records and checks them, one after the other, so that each meets a cluster that is well.
func (t *trial) histories(ctx context.Context) error {
	for i := range t.options.histories {
		if i%50 == 49 {
			if err := t.client.Authorize(ctx); err != nil {
				return err
			}
		}
		if err := t.cluster.Do(ctx, "wait", "ready", "90"); err != nil {
			return err
		}
		into, strike := &t.plain, t.fault(i)
		if strike != nil {
			into = &t.hurt
		}
		h, err := record(ctx, t.nodes, strike)
		if err != nil {
			return fmt.Errorf("history %d: %w", i+1, err)
		}
		if err := t.check(i, h, into); err != nil {
			return err
		}
		h.tidy(ctx, t.client)
	}
	return nil
}

// fault is what happens in the middle of a history, if anything: the failovers are spread evenly.
func (t *trial) fault(i int) func(context.Context) error {
	before, now := i*t.failovers/t.options.histories, (i+1)*t.failovers/t.options.histories
	if before == now {
		return nil
	}
	node := t.cluster.Nodes[load.Pick(len(t.cluster.Nodes))].Name
	switch now % 3 {
	case 1:
		return func(ctx context.Context) error { return t.cluster.Do(ctx, "kill", "postgres") }
	case 2:
		if t.cluster.CanCut() {
			return func(ctx context.Context) error {
				if err := t.cluster.Do(ctx, "cut", node); err != nil {
					return err
				}
				load.Wait(ctx, 2*time.Second)
				return t.cluster.Do(context.WithoutCancel(ctx), "heal", node)
			}
		}
	}
	return func(ctx context.Context) error { return t.cluster.Do(ctx, "kill", node) }
}

// check decides a history and counts it.
func (t *trial) check(i int, h *history, into *sums) error {
	log := h.log
	if t.inject {
		var made bool
		if log, made = staleRead(log); !made {
			return fmt.Errorf("history %d had no place for a stale read", i+1)
		}
	}
	began := time.Now()
	result, info := porcupine.CheckOperationsVerbose(register, log, checkPatience)
	into.checks = append(into.checks, time.Since(began))
	into.count(h)
	if into.results == nil {
		into.results = map[porcupine.CheckResult]int{}
	}
	into.results[result]++
	if result == porcupine.Illegal && !t.inject {
		picture := filepath.Join(t.pictures, fmt.Sprintf("history-%d.html", i+1))
		return errors.Join(fmt.Errorf("history %d is not linearizable; %s shows it", i+1, picture), porcupine.VisualizePath(register, info, picture))
	}
	return nil
}

func (s *sums) count(h *history) {
	s.histories++
	s.operations += int(h.count.Load())
	s.refused += h.refused
	s.lost += h.lost
	for _, o := range h.log {
		s.actions[o.Input.(input).action]++
		if o.Output.(output).reply == unknown {
			s.unknown++
		}
	}
}

// errUndecided is a run in which not every history was found to be what it must be.
var errUndecided = errors.New("not every history was found to be what it must be")

func (t *trial) print(w io.Writer) error {
	rows := [][]string{{
		"histories", "number", "operations", "create", "get", "patch", "delete", "unknown", "creations of unknown id", "refused",
		"linearizable", "not", "undecided", "check p50", "p99", "max",
	}}
	want := porcupine.Ok
	if t.inject {
		want = porcupine.Illegal
	}
	right := true
	for _, part := range []struct {
		name string
		sums
	}{{"undisturbed", t.plain}, {"with a failover", t.hurt}} {
		n := figures.Number[int]
		row := []string{part.name, n(part.histories), n(part.operations)}
		for _, count := range part.actions {
			row = append(row, n(count))
		}
		row = append(row, n(part.unknown), n(part.lost), n(part.refused),
			n(part.results[porcupine.Ok]), n(part.results[porcupine.Illegal]), n(part.results[porcupine.Unknown]))
		rows = append(rows, append(row, figures.Spread(part.checks)...))
		right = right && part.results[want] == part.histories
	}
	err := figures.Table(w, rows)
	_, wrote := fmt.Fprintf(w, "\n%d clients, %d nodes, in %s\n", clients, len(t.nodes), time.Since(t.began).Round(time.Second))
	if !right || t.plain.histories+t.hurt.histories != t.options.histories {
		err = errors.Join(err, errUndecided)
	}
	return errors.Join(err, wrote)
}
