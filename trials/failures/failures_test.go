package main

import (
	"context"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/patchbay/patchbay/trials/cluster"
	"github.com/patchbay/patchbay/trials/program"
)

// TestSchedule spreads the kinds by their shares.
func TestSchedule(t *testing.T) {
	t.Parallel()
	plan, err := schedule(500, nil)
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for _, f := range plan {
		counts[f.name]++
	}
	if counts["node"] != 200 || counts["primary"] != 100 || counts["etcd"] != 100 || counts["cut"] != 100 {
		t.Errorf("500 cycles are %v", counts)
	}
	if plan, err = schedule(3, []string{"cut"}); err != nil || len(plan) != 3 || plan[2].name != "cut" {
		t.Errorf("three cuts are %v, %v", plan, err)
	}
	if _, err = schedule(3, []string{"flood"}); err == nil {
		t.Error("there is no flood")
	}
}

// TestCyclesOnOneNode runs the trial, small, on one node with SQLite, and prints its table.
func TestCyclesOnOneNode(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	binary, err := program.Find(ctx, filepath.Join("..", ".."), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c, stop, err := cluster.Single(ctx, binary, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	}()
	trial, err := newTrial(ctx, c, 100, time.Second, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	defer trial.close()
	plan, err := schedule(3, []string{"node"})
	if err != nil {
		t.Fatal(err)
	}
	if err := trial.cycles(ctx, plan, 2); err != nil {
		t.Error(err)
	}
	trial.quiet()
	var out strings.Builder
	if err := trial.conclude(ctx, &out); err != nil {
		t.Error(err)
	}
	if r := trial.rows[plan[0]]; r == nil || r.cycles != 3 || r.writes[0] == 0 || r.served[0] <= 0 || r.ready[0] <= 0 {
		t.Errorf("the row of the table is %+v", r)
	}
	t.Log("\n" + out.String())
}
