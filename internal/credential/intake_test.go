package credential

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// queue starts n files of a tenant and waits until they wait; each writes the tenant's name when its turn has come.
func queue(t *testing.T, in *Intake, tenant string, n int, turns chan<- string) {
	t.Helper()
	for range n {
		go func() {
			done, err := share{in, tenant}.turn(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			turns <- tenant
			done()
		}()
	}
	synctest.Wait()
}

func TestATenantWaitsForItsOwnFilesOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		in := NewIntake(1)
		done, err := share{in, "a"}.turn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		turns := make(chan string) // a turn lasts until it is looked at, so that everybody else has queued by then
		queue(t, in, "a", 8, turns)
		queue(t, in, "b", 2, turns)
		done()
		var order []string
		for range 10 {
			synctest.Wait()
			order = append(order, <-turns)
		}
		synctest.Wait()
		if len(order) != 10 || order[0] != "b" || slices.Index(order[1:], "b") > 1 {
			t.Errorf("the turns came in the order %v; want b first, and again after one of a at the latest", order)
		}
		if len(in.lines) != 0 {
			t.Errorf("%d tenants are remembered after their last file", len(in.lines))
		}
	})
}

func TestATenantHoldsOneSlot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		in := NewIntake(2)
		done, err := share{in, "a"}.turn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		turns := make(chan string, 20)
		queue(t, in, "a", maxWaiting, turns)
		if len(turns) != 0 {
			t.Errorf("%d more files of the tenant have a turn", len(turns))
		}
		if _, err := (share{in, "a"}).turn(t.Context()); !throttled(err) {
			t.Errorf("one file more than may wait: %v", err)
		}
		queue(t, in, "b", 1, turns)
		if len(turns) != 1 {
			t.Error("another tenant does not get the free slot")
		}
		done()
		synctest.Wait()
	})
}

func TestAFileThatGivesUpLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		in := NewIntake(1)
		done, err := share{in, "a"}.turn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		for _, tenant := range []string{"a", "b", "b"} { // behind its own, for a slot, behind that one
			go func() {
				if _, err := (share{in, tenant}).turn(ctx); !throttled(err) {
					t.Errorf("given up: %v", err)
				}
			}()
		}
		synctest.Wait()
		cancel()
		synctest.Wait()
		done()
		if len(in.lines) != 0 || len(in.slots) != 0 {
			t.Errorf("%d lines and %d slots are left", len(in.lines), len(in.slots))
		}
	})
}

func throttled(err error) bool {
	e := apiconn.AsError(err)
	return e != nil && e.Kind == apiconn.Throttled && e.RetryAfter > 0
}
