package load

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/patchbay/patchbay/trials/cluster"
	"github.com/patchbay/patchbay/trials/program"
)

// TestLoadBesideKills runs the load on one node that is killed again and again, and checks everything: the load and its books
// are right about a service that keeps what it acknowledged.
func TestLoadBesideKills(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	node, _ := single(t)
	l := newLoad(ctx, t, node)
	l.Start(ctx)
	for range 5 {
		some(t, l)
		if err := node.Do(ctx, "kill", "node1"); err != nil {
			t.Fatal(err)
		}
		if err := node.AllReady(ctx, 30*time.Second); err != nil {
			t.Fatal(err)
		}
		if err := l.Check(ctx); err != nil {
			t.Fatal(err)
		}
	}
	l.Stop()
	whole, err := l.CheckAll(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range l.Findings.All() {
		t.Errorf("%s: %s", f.Kind, f.Text)
	}
	counts := l.Counts()
	t.Logf("%+v, %+v", counts, whole)
	if counts.Unserved() == 0 || counts.Decided == 0 || whole.Acknowledged == 0 || whole.Entries < whole.Acknowledged {
		t.Errorf("the kills did not hurt, or nothing was looked at: %+v, %+v", counts, whole)
	}
}

// TestLossIsFound takes the database back to where it was some hundred requests ago: the checks find writes, audit entries and
// receipts that are lost, and old secrets in force.
func TestLossIsFound(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	node, dir := single(t)
	l := newLoad(ctx, t, node)
	l.Start(ctx)
	some(t, l)
	database, backup := filepath.Join(dir, "dev", "patchbay.db"), filepath.Join(dir, "backup.db")
	offline := func(from, to string) {
		defer l.Pause()()
		if err := node.Do(ctx, "stop", "node1"); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := node.Do(ctx, "start", "node1"); err != nil {
			t.Fatal(err)
		}
		if err := node.AllReady(ctx, 30*time.Second); err != nil {
			t.Fatal(err)
		}
	}
	offline(database, backup)
	some(t, l)
	l.Stop()
	if found := l.Findings.All(); len(found) > 0 {
		t.Fatalf("before anything is lost: %v", found)
	}
	offline(backup, database)
	if _, err := l.CheckAll(ctx); err != nil {
		t.Fatal(err)
	}
	texts := map[string]int{}
	for _, f := range l.Findings.All() {
		for _, text := range []string{"was seen in write", "audit log has no entry", "no receipt"} {
			if f.Kind == Lost && strings.Contains(f.Text, text) {
				texts[text]++
			}
		}
	}
	if len(texts) != 3 {
		t.Errorf("of what is lost this was found: %v", texts)
	}
}

// single is one node with SQLite, and the directory that it is in.
func single(t *testing.T) (*cluster.Cluster, string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	binary, err := program.Find(ctx, filepath.Join("..", ".."), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	node, stop, err := cluster.Single(ctx, binary, dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	return node, dir
}

// newLoad is a load on it.
func newLoad(ctx context.Context, t *testing.T, node *cluster.Cluster) *Load {
	t.Helper()
	client, err := node.Client(ctx, "load")
	if err != nil {
		t.Fatal(err)
	}
	var findings Findings
	target, err := StartTarget(node.Host, &findings)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = target.Close() })
	l, err := New(ctx, client, target, &findings, Options{Writers: 6, Steppers: 3, Rate: 300, Loose: 4})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// some lets the load make some requests.
func some(t *testing.T, l *Load) {
	t.Helper()
	before := l.Counts()
	waitFor(t, func() bool { return l.Counts().Since(before).Requests() > 200 })
}

// waitFor waits for something that must come.
func waitFor(t *testing.T, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatal("what was waited for did not come")
		}
		<-ticker.C
	}
}
