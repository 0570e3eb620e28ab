package main

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/patchbay/patchbay/trials/cluster"
	"github.com/patchbay/patchbay/trials/program"
)

// node is one node with SQLite.
func node(t *testing.T) *cluster.Cluster {
	t.Helper()
	ctx := t.Context()
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
	return c
}

// TestRekey runs the whole trial, small, on SQLite.
func TestRekey(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	var out strings.Builder
	s := size{tenants: 3, connectors: 1000, kill: 20 * time.Millisecond, longer: 5 * time.Millisecond, rate: 60}
	if err := rekey(ctx, node(t), "SQLite", s, &out); err != nil {
		t.Error(err)
	}
	t.Log(out.String())
}

// TestSecretThatDoesNotOpenIsFound spoils a secret, and a key ring: the trial's proofs see both.
func TestSecretThatDoesNotOpenIsFound(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	tr := &trial{cluster: node(t), size: size{tenants: 1, connectors: 300}}
	if err := fill(ctx, tr.cluster, tr.size, 1); err != nil {
		t.Fatal(err)
	}
	if err := tr.before(ctx); err != nil {
		t.Fatal(err)
	}
	tr.newSecrets = tr.secrets
	if err := tr.verify(ctx, 0); err != nil {
		t.Fatal(err)
	}
	// Nothing was rotated, so what was kept opens: the proofs that it does not must fail.
	tr.newKey = tr.oldKey
	if err := tr.oldRowsDoNotOpen(ctx); err == nil {
		t.Error("old rows that open were taken for rows that do not")
	}
	if err := tr.oldRingOpensNothing(ctx); err == nil {
		t.Error("an old ring that opens everything was taken for one that opens nothing")
	}
	if err := tr.after(ctx); err == nil {
		t.Error("a rotation that did not happen was taken for one that did")
	}
	if _, err := tr.cluster.SQL(ctx, "UPDATE secrets SET version = version + 1 WHERE owner_id = (SELECT max(id) FROM connectors)"); err != nil {
		t.Fatal(err)
	}
	if _, err := tr.cluster.SQL(ctx, "UPDATE secrets SET ciphertext = zeroblob(40) WHERE owner_id = (SELECT max(id) FROM connectors)"); err != nil {
		t.Fatal(err)
	}
	if err := tr.verify(ctx, 0); err == nil {
		t.Error("a spoilt secret was not found")
	}
	if err := tr.verify(ctx, 1); err != nil {
		t.Error(err)
	}
}
