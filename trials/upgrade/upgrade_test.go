package main

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/patchbay/patchbay/trials/cluster"
	"github.com/patchbay/patchbay/trials/program"
)

// TestUpgradeOfOneNodeIsNoticed runs the trial on one node, beside which there is no other to serve meanwhile.
func TestUpgradeOfOneNodeIsNoticed(t *testing.T) {
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
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	var out strings.Builder
	trial := trial{cluster: c, binaries: [2]string{binary, binary}}
	const rate = 600 // a request every 1.7 ms: a node is away for ten times that at the least
	if err := trial.run(ctx, 1, rate, &out); !errors.Is(err, errFailed) {
		t.Errorf("the trial ended with %v; requests failed while the only node was away", err)
	}
	if len(trial.took) != 1 || !strings.Contains(out.String(), "rolling upgrades") {
		t.Errorf("replaced %d nodes:\n%s", len(trial.took), out.String())
	}
	if found := trial.findings.All(); len(found) > 0 {
		t.Errorf("found: %v", found)
	}
}
