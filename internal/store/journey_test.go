package store

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/seal"
)

// journey is the record of a receipt's step, whose decision is sealed as signup does it.
func (h *house) journey(t testing.TB, key string, inv apiconn.Invocation, decision string, expires time.Time) *apiconn.Journey {
	t.Helper()
	sealed, err := h.keys.Journal().Seal("decision", []byte(inv.TenantID+"/"+key), []byte(decision))
	if err != nil {
		t.Fatal(err)
	}
	return &apiconn.Journey{TenantID: inv.TenantID, Key: key, MAC: []byte("mac of " + inv.ID), InvocationID: inv.ID, Sealed: sealed, ExpiresAt: expires}
}

// decision opens what journey sealed.
func (h *house) decision(t testing.TB, j *apiconn.Journey) (string, error) {
	t.Helper()
	plaintext, err := h.keys.Journal().Open(t.Context(), "decision", []byte(j.TenantID+"/"+j.Key), j.Sealed)
	return string(plaintext), err
}

// soon is a time that the record of a test does not reach.
func soon() time.Time { return time.Now().UTC().Truncate(time.Microsecond).Add(time.Hour) }

func TestJourneyComesBack(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		first, second := invocation(tenantA, "first", start), invocation(tenantA, "second", start)
		want := h.journey(t, "k", first, "the first decision", soon())
		if prior, err := h.RecordInvocation(t.Context(), first, want); prior != nil || err != nil {
			t.Fatalf("prior %v, error %v", prior, err)
		}
		got, err := h.Journey(t.Context(), tenantA, "k", want.ExpiresAt.Add(-time.Microsecond))
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("error %v (-want +got):\n%s", err, diff)
		}
		for name, ask := range map[string]struct {
			key string
			now time.Time
		}{"expired": {"k", want.ExpiresAt}, "another key": {"K", start}} {
			if j, err := h.Journey(t.Context(), tenantA, ask.key, ask.now); j != nil || err != nil {
				t.Errorf("%s: %v, error %v", name, j, err)
			}
		}

		prior, err := h.RecordInvocation(t.Context(), second, h.journey(t, "k", second, "the second decision", soon()))
		if diff := cmp.Diff(want, prior); diff != "" || err != nil {
			t.Errorf("a taken key, error %v (-want +got):\n%s", err, diff)
		}
		if decided, err := h.decision(t, prior); decided != "the first decision" || err != nil {
			t.Errorf("the decision is %q, error %v", decided, err)
		}
		_, err = h.Invocation(t.Context(), tenantA, "second")
		wantKind(t, err, apiconn.NotFound) // nothing of it was written
	})
}

// TestExpiredJourneyCountsAsAbsent: its place is taken by the next.
func TestExpiredJourneyCountsAsAbsent(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		first, second := invocation(tenantA, "first", start), invocation(tenantA, "second", start)
		past := time.Now().UTC().Add(-time.Minute)
		if _, err := h.RecordInvocation(t.Context(), first, h.journey(t, "k", first, "old", past)); err != nil {
			t.Fatal(err)
		}
		want := h.journey(t, "k", second, "new", soon())
		if prior, err := h.RecordInvocation(t.Context(), second, want); prior != nil || err != nil {
			t.Fatalf("prior %v, error %v", prior, err)
		}
		got, err := h.Journey(t.Context(), tenantA, "k", start)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("error %v (-want +got):\n%s", err, diff)
		}
		for _, id := range []string{"first", "second"} {
			if _, err := h.Invocation(t.Context(), tenantA, id); err != nil {
				t.Errorf("the receipt %s: %v", id, err)
			}
		}
	})
}

// TestJourneyBelongsToItsReceipt: neither another tenant nor another invocation can be written into the record, and a
// receipt that cannot be written takes its journey along.
func TestJourneyBelongsToItsReceipt(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		inv := invocation(tenantA, "i", start)
		j := h.journey(t, "k", inv, "decision", soon())
		j.TenantID, j.InvocationID = tenantB, "another"
		if _, err := h.RecordInvocation(t.Context(), inv, j); err != nil {
			t.Fatal(err)
		}
		got, err := h.Journey(t.Context(), tenantA, "k", start)
		if err != nil || got == nil || got.InvocationID != "i" {
			t.Errorf("the record is %+v, error %v", got, err)
		}
		if stray, err := h.Journey(t.Context(), tenantB, "k", start); stray != nil || err != nil {
			t.Errorf("tenant B has %+v, error %v", stray, err)
		}
		_, err = h.RecordInvocation(t.Context(), inv, h.journey(t, "k2", inv, "decision", soon())) // the id is taken
		wantKind(t, err, apiconn.Conflict)
		if left, err := h.Journey(t.Context(), tenantA, "k2", start); left != nil || err != nil {
			t.Errorf("a journey without its receipt: %+v, error %v", left, err)
		}
	})
}

// TestJourneyHasOneWinner: of 64 steps with the same key, half of them in another "process", one decides and all others
// get its decision. Ten times, the last with a record there that has expired.
func TestJourneyHasOneWinner(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		other := openHouse(t, h.path, h.master)
		const rounds, racers = 10, 64
		for round := range rounds {
			key := fmt.Sprintf("k%d", round)
			if round == rounds-1 {
				inv := invocation(tenantA, "expired", start)
				if _, err := h.RecordInvocation(t.Context(), inv, h.journey(t, key, inv, "old", start.AddDate(-1, 0, 0))); err != nil {
					t.Fatal(err)
				}
			}
			winners, losers := race(t, racers, func(n int) (string, *apiconn.Journey) {
				s := []*house{h, other}[n%2]
				inv := invocation(tenantA, fmt.Sprintf("%s-%d", key, n), start)
				prior, err := s.RecordInvocation(t.Context(), inv, h.journey(t, key, inv, "decision of "+inv.ID, soon()))
				if err != nil {
					t.Error(err)
				}
				return inv.ID, prior
			})
			if len(winners) != 1 || len(losers) != racers-1 {
				t.Fatalf("%d won and %d lost, want 1 and %d", len(winners), len(losers), racers-1)
			}
			for _, prior := range losers {
				if decided, err := h.decision(t, prior); decided != "decision of "+winners[0] || err != nil {
					t.Errorf("one was told %q and %s won; error %v", decided, winners[0], err)
				}
			}
		}
		page, err := h.Invocations(t.Context(), tenantA, apiconn.Query{})
		if len(page.Items) != rounds+1 || err != nil {
			t.Errorf("%d receipts, want %d; error %v", len(page.Items), rounds+1, err)
		}
	})
}

// race runs record n times at once and returns the ids of those that had no prior record, and the priors of the others.
func race(t *testing.T, n int, record func(n int) (id string, prior *apiconn.Journey)) (winners []string, losers []*apiconn.Journey) {
	t.Helper()
	begin := make(chan struct{})
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-begin
			id, prior := record(i)
			mu.Lock()
			defer mu.Unlock()
			if prior == nil {
				winners = append(winners, id)
			} else {
				losers = append(losers, prior)
			}
		})
	}
	close(begin)
	wg.Wait()
	return winners, losers
}

// TestJourneyLeaksNothing looks for the decision in the whole file, of which there is one only with SQLite.
func TestJourneyLeaksNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t, newFile(t))
	const canary = "canary-2f70c1"
	inv := invocation(tenantA, "i", start)
	if _, err := h.RecordInvocation(t.Context(), inv, h.journey(t, "k", inv, canary, soon())); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{h.path, h.path + "-wal"} {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(content, []byte(canary)) {
			t.Errorf("%s holds the decision", name)
		} else if name != h.path && !bytes.Contains(content, []byte("correlation of i")) {
			t.Error("the receipt is not in the journal: the test looks in the wrong place")
		}
	}
	j, err := h.Journey(t.Context(), tenantA, "k", start)
	if err != nil || j == nil || bytes.Contains(j.Sealed, []byte(canary)) {
		t.Errorf("the record %+v holds the decision, error %v", j, err)
	}
}

// TestDamagedJourneyFailsClosed: a record that was changed, or that belongs to another journey or tenant, does not open.
func TestDamagedJourneyFailsClosed(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		for _, tenant := range []string{tenantA, tenantB} {
			for _, key := range []string{"k", "other"} {
				inv := invocation(tenant, key, start)
				if _, err := h.RecordInvocation(t.Context(), inv, h.journey(t, key, inv, "decision of "+key+" in "+tenant, soon())); err != nil {
					t.Fatal(err)
				}
			}
		}
		read := func() *apiconn.Journey {
			j, err := h.Journey(t.Context(), tenantA, "k", start)
			if err != nil || j == nil {
				t.Fatalf("%v, error %v", j, err)
			}
			return j
		}
		sound := read()
		if decided, err := h.decision(t, sound); decided != "decision of k in "+tenantA || err != nil {
			t.Fatalf("%q, error %v", decided, err)
		}
		const where = " WHERE tenant_id = '" + tenantA + "' AND key = 'k'"
		for i := range sound.Sealed {
			flipped := bytes.Clone(sound.Sealed)
			flipped[i] ^= 1 << (i % 8)
			h.exec(t, 1, "UPDATE journeys SET sealed = $1"+where, flipped)
			if decided, err := h.decision(t, read()); !errors.Is(err, seal.ErrDamaged) || decided != "" {
				t.Errorf("with a flipped bit in octet %d: %d octets, error %v", i, len(decided), err)
			}
		}
		for _, from := range []string{"tenant_id = '" + tenantA + "' AND key = 'other'", "tenant_id = '" + tenantB + "' AND key = 'k'"} {
			h.exec(t, 1, "UPDATE journeys SET sealed = (SELECT sealed FROM journeys WHERE "+from+")"+where)
			if decided, err := h.decision(t, read()); !errors.Is(err, seal.ErrDamaged) || decided != "" {
				t.Errorf("with the record where %s: %d octets, error %v", from, len(decided), err)
			}
		}
	})
}

func TestPruneJourneys(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		for _, tenant := range []string{tenantA, tenantB} {
			for i := range 4 {
				inv := invocation(tenant, number(i), start)
				if _, err := h.RecordInvocation(t.Context(), inv, h.journey(t, number(i), inv, "", start.Add(time.Duration(i)*time.Minute))); err != nil {
					t.Fatal(err)
				}
			}
		}
		h.exec(t, 2*pruneBatch, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2 * $1) "+
			"INSERT INTO journeys (tenant_id, key, mac, invocation_id, sealed, expires_at) SELECT 'many', CAST(i AS TEXT), $2, '', $2, i FROM n", pruneBatch, []byte{})
		if n, err := h.PruneJourneys(t.Context(), start.Add(2*time.Minute)); n != 6+2*pruneBatch || err != nil {
			t.Errorf("deleted %d, want %d; error %v", n, 6+2*pruneBatch, err)
		}
		for _, tenant := range []string{tenantA, tenantB} {
			if j, err := h.Journey(t.Context(), tenant, number(3), start); j == nil || err != nil {
				t.Errorf("the record that has not expired: %v, error %v", j, err)
			}
		}
		if page, err := h.Invocations(t.Context(), tenantA, apiconn.Query{}); len(page.Items) != 4 || err != nil {
			t.Errorf("%d receipts left, want 4; error %v", len(page.Items), err)
		}
	})
}
