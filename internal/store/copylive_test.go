package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// everyLane are tenants whose writes go by all lanes there are.
func everyLane(t testing.TB, h *house) (tenants []string) {
	t.Helper()
	seen := map[*writer]bool{h.lanes[0]: true}
	for i := 0; len(seen) < len(h.lanes); i++ {
		if tenant := fmt.Sprint("tenant ", i); !seen[h.lane(tenant)] {
			seen[h.lane(tenant)] = true
			tenants = append(tenants, tenant)
		}
	}
	return append(tenants, "of a tenant there is none")
}

// TestCopyKeepsWritersOut: while a source is held, whoever has it open reads as ever and is told to come again when he
// writes, in every lane; nothing is lost or changed; afterwards he writes again.
func TestCopyKeepsWritersOut(t *testing.T) {
	onEachPair(t, func(t *testing.T, from *house, to string) {
		before := contents(t, from.path)
		node := openHouse(t, from.path, from.master)
		for _, lane := range node.lanes {
			lane.patience = time.Second // SQLite's; PostgreSQL has its own
		}
		write := func(n int, tenant string) error {
			if tenant == "of a tenant there is none" {
				return node.SetMeta(t.Context(), fmt.Sprint("written ", n), "")
			}
			_, err := node.CreateConnector(t.Context(), node.basic(t, tenant, fmt.Sprint("written ", n), "s"), entry(""), nil)
			return err
		}
		tenants := everyLane(t, node)
		held := func(_ context.Context, report CopyReport) error {
			if len(report.Tables) == 0 {
				t.Error("the report is empty")
			}
			openHouse(t, to, from.master) // the target may be used already
			var all sync.WaitGroup
			for i, tenant := range tenants {
				all.Go(func() { wantKind(t, write(i, tenant), apiconn.Throttled) })
			}
			_, readErr := node.ConnectorSealed(t.Context(), tenantA, "a")
			_, listErr := node.Connectors(t.Context(), tenantA, apiconn.Query{Search: "neu"})
			if err := errors.Join(readErr, listErr); err != nil {
				t.Errorf("a read: %v", err)
			}
			all.Wait()
			if diff := cmp.Diff(before, contents(t, from.path)); diff != "" {
				t.Errorf("somebody wrote to the source (-before +after):\n%s", diff)
			}
			return nil
		}
		if _, err := Copy(t.Context(), CopyOptions{From: from.path, To: to, Lock: true, Hold: held}); err != nil {
			t.Fatal(err)
		}
		for i, tenant := range tenants {
			if err := write(i, tenant); err != nil {
				t.Errorf("after the copy: %v", err)
			}
		}
		if diff := cmp.Diff(before, contents(t, to)); diff != "" {
			t.Errorf("-source +target:\n%s", diff)
		}
	})
}

// TestCopyOfAnOpenSource: without the lock others write meanwhile. The copy is the source at one moment, and the report
// tells which tables are not as they were.
func TestCopyOfAnOpenSource(t *testing.T) {
	onEachPair(t, func(t *testing.T, from *house, to string) {
		before := contents(t, from.path)
		var once sync.Once
		progress := func(p CopyProgress) {
			if p.Table != "user_flows" || p.Verifying {
				return
			}
			once.Do(func() { // in the middle of the copy
				_, err := from.CreateConnector(t.Context(), from.basic(t, tenantA, "late", "s"), entry(""), nil)
				err = errors.Join(err, from.DeleteConnector(t.Context(), tenantA, "a", deleting("")))
				if err != nil {
					t.Error(err)
				}
			})
		}
		report, err := Copy(t.Context(), CopyOptions{From: from.path, To: to, Progress: progress})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, contents(t, to)); diff != "" {
			t.Errorf("-source before +target:\n%s", diff)
		}
		changed := map[string]int64{}
		for _, table := range report.Tables {
			if table.Changed > 0 {
				changed[table.Name] = table.Changed
			}
		}
		// a and late, with their secrets; a's link, which changes its flow; a's call settings; an entry for each change.
		want := map[string]int64{"connectors": 2, "secrets": 2, "user_flow_bindings": 1, "user_flows": 1, "call_settings": 1, "audit_entries": 2}
		if diff := cmp.Diff(want, changed); diff != "" {
			t.Errorf("changed rows (-want +got):\n%s", diff)
		}
	})
}

// TestCopyBesideWriters copies a source that many write to all the time. Whatever was acknowledged before the copy began is
// in it, and all of it is of one moment: each connector has the secret and the audit entry of its version.
func TestCopyBesideWriters(t *testing.T) {
	onEachPair(t, func(t *testing.T, from *house, to string) {
		for i := range crashConnectors {
			from.createBasic(t, tenantA, number(i), "0")
		}
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		var all sync.WaitGroup
		acknowledged := make(chan int64, 1_000_000)
		for w := range 4 {
			all.Go(func() {
				for n := int64(w + 1); ctx.Err() == nil; n += 4 {
					id := number(int(n) % crashConnectors)
					_, _, err := from.UpdateConnector(ctx, tenantA, id, nil, from.crashChange(id, n))
					if err == nil {
						acknowledged <- n
					} else if apiconn.KindOf(err) != apiconn.Throttled && ctx.Err() == nil {
						t.Error(err)
						return
					}
				}
			})
		}
		for range 20 { // the writers are at work
			<-acknowledged
		}
		var versions int64
		for lock := range 2 {
			if lock == 1 && !IsPostgres(to) {
				to = filepath.Join(t.TempDir(), "second.db")
			} else if lock == 1 {
				to = engines["postgres"].empty(t)
			}
			report, err := Copy(t.Context(), CopyOptions{From: from.path, To: to, Lock: lock == 1})
			if err != nil {
				t.Fatal(err)
			}
			changed := false
			for _, table := range report.Tables {
				changed = changed || table.Changed > 0
			}
			if changed != (lock == 0) {
				t.Errorf("with lock %d: the source changed: %v", lock, changed)
			}
			copied := openHouse(t, to, from.master)
			versions = copied.checkMoment(t, versions)
		}
		stop()
		all.Wait()
	})
}

// checkMoment looks whether the connectors of TestCopyBesideWriters are of one moment, later than one with so many versions.
func (h *house) checkMoment(t *testing.T, earlier int64) (versions int64) {
	t.Helper()
	for i := range crashConnectors {
		c, err := h.ConnectorSealed(t.Context(), tenantA, number(i))
		if err != nil {
			t.Fatal(err)
		}
		versions += c.Version - 1
		if secret, err := h.open(t.Context(), c, "password"); err != nil || c.Version > 1 && secret != c.DisplayName {
			t.Errorf("%s of version %d and name %s has the secret %q, error %v", c.ID, c.Version, c.DisplayName, secret, err)
		}
	}
	changes, err := h.CountAuditEntries(t.Context(), tenantA, both(apiconn.Or, cond("correlationId", apiconn.StartsWith, "0000000"), cond("correlationId", apiconn.Eq, "-")))
	if err != nil || changes != versions || versions < 20 || versions <= earlier {
		t.Errorf("%d changes are in the audit log, the versions are of %d; before they were of %d; error %v", changes, versions, earlier, err)
	}
	return versions
}

// TestCopiesAtOnce: of several copies to one target at the same time one is let through, and what it leaves is whole.
func TestCopiesAtOnce(t *testing.T) {
	onEachPair(t, func(t *testing.T, from *house, to string) {
		var all sync.WaitGroup
		var good atomic.Int64
		for range 3 {
			all.Go(func() {
				if _, err := Copy(t.Context(), CopyOptions{From: from.path, To: to}); err != nil {
					t.Logf("one of three: %v", err)
					return
				}
				good.Add(1)
			})
		}
		all.Wait()
		if good.Load() != 1 {
			t.Errorf("%d of three copies are good", good.Load())
		}
		if diff := cmp.Diff(contents(t, from.path), contents(t, to)); diff != "" {
			t.Errorf("-source +target:\n%s", diff)
		}
		openHouse(t, to, from.master)
	})
}

// TestCopyRefuses lists what is not copied, and that neither database is changed then.
func TestCopyRefuses(t *testing.T) {
	onEachPair(t, func(t *testing.T, from *house, to string) {
		wantRefusal := func(name, from, to, want string) {
			t.Helper()
			_, err := Copy(t.Context(), CopyOptions{From: from, To: to, Lock: true})
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %v, want %q", name, err, want)
			}
		}
		folder := t.TempDir()
		wantRefusal("to itself", from.path, from.path, "the same database")
		wantRefusal("no source", filepath.Join(folder, "none"), to, "there is no database at")
		if _, err := os.Stat(filepath.Join(folder, "none")); err == nil {
			t.Error("the missing source was made")
		}
		text := filepath.Join(folder, "text")
		if err := os.WriteFile(text, []byte(strings.Repeat("no database ", 100)), 0o600); err != nil {
			t.Fatal(err)
		}
		wantRefusal("a text file", text, to, "the source: ")
		empty := engines[from.dialect.name].empty(t)
		rawExec(t, empty, "CREATE TABLE of_others (id BIGINT)")
		wantRefusal("another's database as the source", empty, to, "this is not a database of Patchbay's")
		wantRefusal("another's database as the target", from.path, empty, "it has tables of somebody else's, such as of_others")
		if diff := cmp.Diff(map[string][]string{"of_others": nil}, contents(t, empty)); diff != "" {
			t.Errorf("the other's database (-before +after):\n%s", diff)
		}

		for name, change := range map[string]struct{ table, want string }{
			"a tenant": {"tenants (id, name, created_at) VALUES ('x', 'y', 1)", "the target: it is not empty: the table tenants has rows"},
			"a fact":   {"meta (name, value) VALUES ('purpose', 'production')", "the target: it is not empty: the table meta has rows"},
		} {
			target := engines[dialectOf(to).name].migrated(t)
			s, err := Open(t.Context(), Options{Database: target})
			if err != nil {
				t.Fatal(err)
			}
			s.Close()
			rawExec(t, target, "INSERT INTO "+change.table)
			before := contents(t, target)
			wantRefusal("a target with "+name, from.path, target, change.want)
			if diff := cmp.Diff(before, contents(t, target)); diff != "" {
				t.Errorf("a target with %s (-before +after):\n%s", name, diff)
			}
		}

		older := ofVersion(t, engines[dialectOf(to).name].empty(t), 1)
		rawExec(t, older, "INSERT INTO tenants (id, name, created_at) VALUES ('x', 'y', 1)")
		wantRefusal("an older target with a tenant", from.path, older, "the target: it is not empty: the table tenants has rows")
		if found, err := SchemaOf(t.Context(), older); err != nil || found.Present != 1 {
			t.Errorf("an older target with a tenant was migrated: %+v, error %v", found, err)
		}

		rawExec(t, from.path, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, "+truth(from.dialect)+")")
		wantRefusal("a newer source", from.path, to, "the source: "+ErrNewSchema.Error())
		target := engines[dialectOf(to).name].migrated(t)
		_, _, err := Migrate(t.Context(), target, nil)
		if err != nil {
			t.Fatal(err)
		}
		rawExec(t, target, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, "+truth(dialectOf(to))+")")
		rawExec(t, from.path, "DELETE FROM goose_db_version WHERE version_id = 99")
		wantRefusal("a newer target", from.path, target, "the target: "+ErrNewSchema.Error())
		rawExec(t, from.path, "DELETE FROM goose_db_version WHERE version_id = (SELECT max(version_id) FROM goose_db_version)")
		wantRefusal("an older source", from.path, to, "the source: "+ErrOldSchema.Error())
	})
}

// truth is how goose's table says that a migration has run.
func truth(d dialect) string {
	if d.name == "postgres" {
		return "true"
	}
	return "1"
}

// TestCopyNamesTheRowThatCannotGo: SQLite keeps texts that PostgreSQL does not.
func TestCopyNamesTheRowThatCannotGo(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{"U+0000": "a\x00b", "no UTF-8": "a\xffb"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			from, to := newHouse(t, newFile(t)), engines["postgres"].empty(t)
			from.createBasic(t, tenantA, "a", "secret")
			from.createBasic(t, tenantA, "b", "secret")
			from.exec(t, 1, "UPDATE connectors SET target_url = $1 WHERE id = 'b'", text)
			_, err := Copy(t.Context(), CopyOptions{From: from.path, To: to})
			if err == nil || !strings.Contains(err.Error(), `the row with tenant_id "`+tenantA+`", id "b" has in the column target_url`) {
				t.Errorf("error %v", err)
			}
			wantUnfinished(t, to)
		})
	}
}

// TestCopyHasWhatItWaitedFor: who was writing when the copy came, and went on while it waited for the lock, is in the copy.
func TestCopyHasWhatItWaitedFor(t *testing.T) {
	t.Parallel()
	from, to := newHouse(t, engines["postgres"].migrated(t)), newFile(t)
	writer, err := openEnd(t.Context(), from.path)
	if err != nil {
		t.Fatal(err)
	}
	defer writer.close()
	last := from.dialect.lanes - 1
	err = errors.Join(writer.exec(t.Context(), "BEGIN"), writer.exec(t.Context(), from.dialect.lock, laneClass, last),
		writer.exec(t.Context(), "INSERT INTO meta (name, value) VALUES ('late', 'x')"))
	if err != nil {
		t.Fatal(err)
	}
	failure := make(chan error)
	go func() {
		_, err := Copy(t.Context(), CopyOptions{From: from.path, To: to, Lock: true})
		failure <- err
	}()
	raw, tick := from.raw(t), time.NewTicker(10*time.Millisecond)
	defer tick.Stop()
	for waiting := false; !waiting; <-tick.C {
		text := "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))"
		if err := raw.QueryRowContext(t.Context(), text).Scan(&waiting); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.exec(t.Context(), "COMMIT"); err != nil {
		t.Fatal(err)
	}
	if err := <-failure; err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(contents(t, from.path), contents(t, to)); diff != "" {
		t.Errorf("-source +target:\n%s", diff)
	}
}
