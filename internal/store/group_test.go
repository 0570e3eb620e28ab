package store

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// behindGate starts writes while the writer is held within a first one, so that all of them are in its group (up to its
// size), in no particular order. It must run in a synctest bubble. It returns when every one has its outcome.
func behindGate(t *testing.T, h *house, writes ...func()) {
	t.Helper()
	gate := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := h.lane(everyTenant).do(t.Context(), everyTenant, func(context.Context, *statements) error { <-gate; return nil }); err != nil {
			t.Log("the first of the group:", err)
		}
	})
	synctest.Wait()
	for _, write := range writes {
		wg.Go(write)
	}
	synctest.Wait() // all are waiting for the writer
	close(gate)
	wg.Wait()
}

// setMeta writes within a group as SetMeta does.
func setMeta(ctx context.Context, db *statements, name string) error {
	_, err := db.exec(ctx, "INSERT INTO meta (name, value) VALUES ($1, '')", name)
	return err
}

// committed tells whether another connection sees the fact.
func committed(t *testing.T, db *sql.DB, name string) bool {
	t.Helper()
	var n int
	if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM meta WHERE name = $1", name).Scan(&n); err != nil {
		t.Error(err)
	}
	return n == 1
}

// TestGroupSharesOneCommit has good, failing, panicking and cancelled writes in one group.
func TestGroupSharesOneCommit(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		synctest.Test(t, func(t *testing.T) {
			h := newHouse(t, database)
			raw := h.raw(t)
			ctx := t.Context()
			var ran []string // only touched within the writer
			good := func(name string) func() {
				return func() {
					err := h.lane(everyTenant).do(ctx, everyTenant, func(ctx context.Context, db *statements) error {
						for _, earlier := range ran {
							if committed(t, raw, earlier) {
								t.Errorf("%s is committed while %s still runs in its group", earlier, name)
							}
						}
						ran = append(ran, name)
						return setMeta(ctx, db, name)
					})
					if err != nil {
						t.Errorf("%s: %v", name, err)
					}
					if !committed(t, raw, name) {
						t.Errorf("%s was acknowledged and another connection does not see it", name)
					}
				}
			}
			refused := errors.New("refused")
			failing := func() {
				err := h.lane(everyTenant).do(ctx, everyTenant, func(ctx context.Context, db *statements) error {
					return errors.Join(setMeta(ctx, db, "failing"), refused)
				})
				if !errors.Is(err, refused) {
					t.Errorf("failing: got %v", err)
				}
			}
			panicking := func() {
				err := h.lane(everyTenant).do(ctx, everyTenant, func(ctx context.Context, db *statements) error {
					if err := setMeta(ctx, db, "panicking"); err != nil {
						return err
					}
					return []error{}[len(ran)]
				})
				if err == nil || !strings.Contains(err.Error(), "out of range") {
					t.Errorf("panicking: got %v", err)
				}
			}
			gone, cancel := context.WithCancel(ctx)
			cancelled := func() {
				defer cancel()
				if err := h.lane(everyTenant).do(gone, everyTenant, func(ctx context.Context, db *statements) error {
					cancel() // too late: it runs
					return setMeta(ctx, db, "cancelled late")
				}); err != nil {
					t.Errorf("cancelled late: got %v", err)
				}
			}
			behindGate(t, h, good("a"), failing, good("b"), panicking, cancelled, good("c"), good("d"))
			for name, want := range map[string]bool{"a": true, "b": true, "c": true, "d": true, "cancelled late": true, "failing": false, "panicking": false} {
				if committed(t, raw, name) != want {
					t.Errorf("%s: committed is %v", name, !want)
				}
			}
		})
	})
}

func TestCancelledWhileWaitingDoesNotRun(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		synctest.Test(t, func(t *testing.T) {
			h := newHouse(t, database)
			ctx, cancel := context.WithCancel(t.Context())
			// The first of these two that runs cancels the other, which is received or still waiting by then.
			ran := 0
			var outcomes []error
			var mu sync.Mutex
			write := func() {
				err := h.lane(everyTenant).do(ctx, everyTenant, func(context.Context, *statements) error {
					ran++
					cancel()
					return nil
				})
				mu.Lock()
				defer mu.Unlock()
				outcomes = append(outcomes, err)
			}
			behindGate(t, h, write, write)
			if ran != 1 {
				t.Errorf("%d writes ran, want 1", ran)
			}
			if !errors.Is(errors.Join(outcomes...), context.Canceled) || (outcomes[0] != nil && outcomes[1] != nil) {
				t.Errorf("outcomes %v, want one success and one context.Canceled", outcomes)
			}
		})
	})
}

// TestEndedContextDoesNotRun: such a write may well reach the writer before its context is looked at.
func TestEndedContextDoesNotRun(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for range 100 {
			if err := h.SetMeta(ctx, "a", ""); !errors.Is(err, context.Canceled) {
				t.Fatalf("got %v, want context.Canceled", err)
			}
		}
		if committed(t, h.raw(t), "a") {
			t.Error("a write ran that nobody waited for any more")
		}
	})
}

func TestGroupIsBounded(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		synctest.Test(t, func(t *testing.T) {
			h := newHouse(t, database)
			raw := h.raw(t)
			groups := make(map[int]int) // by how many writes were committed before
			var writes []func()
			for i := range maxGroup + 50 {
				writes = append(writes, func() {
					if err := h.lane(everyTenant).do(t.Context(), everyTenant, func(ctx context.Context, db *statements) error {
						var n int
						if err := raw.QueryRowContext(ctx, "SELECT count(*) FROM meta").Scan(&n); err != nil {
							return err
						}
						groups[n]++
						return setMeta(ctx, db, number(i))
					}); err != nil {
						t.Error(err)
					}
				})
			}
			behindGate(t, h, writes...)
			if len(groups) != 2 || groups[0] != maxGroup-1 {
				t.Errorf("groups by what was committed before them: %v; want %d after nothing and the rest after them", groups, maxGroup-1)
			}
		})
	})
}

// TestLostTransactionFailsTheWholeGroup ends the transaction behind the writer's back, as SQLite does on a full disk.
func TestLostTransactionFailsTheWholeGroup(t *testing.T) {
	t.Parallel()
	for name, breakIt := range map[string]string{
		"rolled back by the engine": "ROLLBACK",
		"refused at the commit":     "INSERT INTO orphans VALUES (1)",
	} {
		t.Run(name, func(t *testing.T) {
			onEachDatabase(t, func(t *testing.T, database string) {
				synctest.Test(t, func(t *testing.T) { loseTransaction(t, newHouse(t, database), breakIt) })
			})
		})
	}
}

func loseTransaction(t *testing.T, h *house, breakIt string) {
	t.Helper()
	raw, writer := h.raw(t), h.lane(everyTenant)
	write := func(name string, texts ...string) error {
		return writer.do(t.Context(), everyTenant, func(ctx context.Context, db *statements) error {
			for _, text := range texts {
				if _, err := db.exec(ctx, text); err != nil {
					return err
				}
			}
			if slices.Contains(texts, "ROLLBACK") { // the engine's own comes with an error
				return errors.New("disk full")
			}
			return setMeta(ctx, db, name)
		})
	}
	if err := write("orphanage", "CREATE TABLE parents (id INTEGER PRIMARY KEY)",
		"CREATE TABLE orphans (parent INTEGER REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED)"); err != nil {
		t.Fatal(err)
	}
	gate := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { // holds the writer, so that its group has the failing one too
		err := writer.do(t.Context(), everyTenant, func(ctx context.Context, db *statements) error {
			<-gate
			return setMeta(ctx, db, "innocent")
		})
		if err == nil || committed(t, raw, "innocent") {
			t.Errorf("a write of the failed group: error %v", err)
		}
	})
	synctest.Wait()
	wg.Go(func() {
		if err := write("guilty", breakIt); err == nil || committed(t, raw, "guilty") {
			t.Errorf("the write that lost the transaction: error %v", err)
		}
	})
	synctest.Wait()
	close(gate)
	wg.Wait()
	if err := h.SetMeta(t.Context(), "afterwards", ""); err != nil || !committed(t, raw, "afterwards") {
		t.Errorf("the next write: %v", err)
	}
}

// TestBusyDatabaseIsThrottled: another process is within a transaction for longer than this one waits.
func TestBusyDatabaseIsThrottled(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		const wait = 20 * time.Millisecond
		h.lanes[0].patience = wait
		if h.dialect.lock != "" { // where the engine does the waiting
			if err := h.lanes[0].do(t.Context(), everyTenant, func(ctx context.Context, db *statements) error {
				_, err := db.exec(ctx, "SELECT set_config('lock_timeout', $1, false)", milliseconds(wait))
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
		other, err := h.raw(t).BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if h.dialect.lock != "" {
			if _, err := other.ExecContext(t.Context(), h.dialect.lock, int32(laneClass), 0); err != nil {
				t.Fatal(err)
			}
		}
		err = h.SetMeta(t.Context(), "a", "")
		wantKind(t, err, apiconn.Throttled)
		if e := apiconn.AsError(err); e == nil || e.RetryAfter <= 0 {
			t.Error("the error does not say when to come again")
		}
		if _, _, err := h.Meta(t.Context(), "a"); err != nil {
			t.Errorf("a reader was blocked by a writer: %v", err)
		}
		if err := other.Rollback(); err != nil {
			t.Fatal(err)
		}
		if err := h.SetMeta(t.Context(), "a", ""); err != nil {
			t.Errorf("once the lock is free: %v", err)
		}
	})
}

func TestCloseFinishesWhatRunsAndRefusesTheRest(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		synctest.Test(t, func(t *testing.T) {
			h := newHouse(t, database)
			raw := h.raw(t)
			gate := make(chan struct{})
			var wg sync.WaitGroup
			wg.Go(func() {
				if err := h.lane(everyTenant).do(t.Context(), everyTenant, func(ctx context.Context, db *statements) error {
					<-gate
					return setMeta(ctx, db, "running")
				}); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
			closed := make(chan error, 1)
			go func() { closed <- h.Close() }()
			synctest.Wait()
			if err := h.SetMeta(t.Context(), "late", ""); !errors.Is(err, errClosed) {
				t.Errorf("a write while closing: %v, want errClosed", err)
			}
			close(gate)
			wg.Wait()
			if err := <-closed; err != nil {
				t.Error(err)
			}
			if !committed(t, raw, "running") || committed(t, raw, "late") {
				t.Error("what ran is not there, or what came late is")
			}
			if _, err := h.Connector(t.Context(), tenantA, "x"); err == nil {
				t.Error("a closed store answers")
			}
		})
	})
}
