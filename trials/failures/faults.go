package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/patchbay/patchbay/trials/cluster"
	"github.com/patchbay/patchbay/trials/load"
)

// fault is a way to hurt a cluster.
type fault struct {
	name   string
	words  string
	share  int           // of the cycles
	least  time.Duration // that a cycle lasts: what was killed is down for a second
	whole  bool          // it must meet a cluster that has a synchronous standby
	strike func(context.Context, *trial) error
}

// faults are the kinds of cycles, in the order of the table.
var faults = []fault{
	{"node", "`kill -9` of a node", 2, 1200 * time.Millisecond, false, func(ctx context.Context, t *trial) error {
		return t.cluster.Do(ctx, "kill", anyNode(t.cluster))
	}},
	{"primary", "`kill -9` of the PostgreSQL primary", 1, 1200 * time.Millisecond, true, func(ctx context.Context, t *trial) error {
		return t.cluster.Do(ctx, "kill", "postgres")
	}},
	{"etcd", "`kill -9` of etcd's leader", 1, 3 * time.Second, false, func(ctx context.Context, t *trial) error {
		return t.cluster.Do(ctx, "kill", "etcd-leader")
	}},
	{"cut", "network between a node and the database cut, and healed", 1, 0, false, func(ctx context.Context, t *trial) error {
		node := anyNode(t.cluster)
		if err := t.cluster.Do(ctx, "cut", node); err != nil {
			return err
		}
		load.Wait(ctx, t.cut)
		return t.cluster.Do(context.WithoutCancel(ctx), "heal", node)
	}},
}

func anyNode(c *cluster.Cluster) string { return c.Nodes[load.Pick(len(c.Nodes))].Name }

// schedule are the faults of so many cycles, each kind spread evenly among the others: those of the names, or all.
func schedule(cycles int, names []string) ([]*fault, error) {
	var round []*fault
	for turn := range 2 {
		for i := range faults {
			if f := &faults[i]; turn < f.share && (len(names) == 0 || slices.Contains(names, f.name)) {
				round = append(round, f)
			}
		}
	}
	if len(round) == 0 {
		return nil, fmt.Errorf("there are no faults %q", names)
	}
	all := make([]*fault, 0, cycles)
	for i := range cycles {
		all = append(all, round[i%len(round)])
	}
	return all, nil
}
