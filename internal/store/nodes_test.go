package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// nodes are several processes that have the same database open, the house's own first.
func nodes(t *testing.T, h *house) []*house {
	t.Helper()
	return []*house{h, openHouse(t, h.path, h.master), openHouse(t, h.path, h.master)}
}

// patiently does something until the database is not too busy for it.
func patiently(do func() error) error {
	for {
		if err := do(); apiconn.KindOf(err) != apiconn.Throttled {
			return err
		}
	}
}

// allAtOnce runs n functions at the same time, as far as that goes, and waits for them.
func allAtOnce(n int, run func(i int)) {
	begin := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { <-begin; run(i) })
	}
	close(begin)
	wg.Wait()
}

// TestOneRequestOnManyNodes: a request that is repeated to every node at once, by its Idempotency-Key, is carried out once,
// and all are told the same.
func TestOneRequestOnManyNodes(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		nodes := nodes(t, h)
		const rounds, racers = 5, 24
		for round := range rounds {
			once := &Once{AppID: "app", Key: number(round), ExpiresAt: soon()}
			var made, changed sync.Map // ids and names by who was told that it did it
			var told sync.Map
			allAtOnce(racers, func(i int) {
				id := fmt.Sprintf("%d-%d", round, i)
				c := nodes[i%len(nodes)].basic(t, tenantA, id, "secret")
				var prior *Once
				if err := patiently(func() (err error) {
					prior, err = nodes[i%len(nodes)].CreateConnector(t.Context(), c, entry("create"), once)
					return err
				}); err != nil {
					t.Error(err)
				} else if prior == nil {
					made.Store(id, true)
				} else {
					told.Store(prior.ResultID, true)
				}
			})
			winner := onlyKey(t, &made)
			if others := onlyKey(t, &told); others != winner {
				t.Errorf("round %d: %s was made, and the others were told of %s", round, winner, others)
			}
			again := &Once{AppID: "app", Key: "change " + number(round), ExpiresAt: soon()}
			allAtOnce(racers, func(i int) {
				if err := patiently(func() error {
					_, prior, err := nodes[i%len(nodes)].UpdateConnector(t.Context(), tenantA, winner, again, rename(number(i)))
					if err == nil && prior == nil {
						changed.Store(number(i), true)
					}
					return err
				}); err != nil {
					t.Error(err)
				}
			})
			if c, err := h.Connector(t.Context(), tenantA, winner); c.DisplayName != onlyKey(t, &changed) || c.Version != 2 || err != nil {
				t.Errorf("round %d: the connector is called %q at version %d, error %v", round, c.DisplayName, c.Version, err)
			}
		}
		if n, err := h.CountConnectors(t.Context(), tenantA, nil); n != rounds || err != nil {
			t.Errorf("%d connectors, want %d; error %v", n, rounds, err)
		}
	})
}

func onlyKey(t *testing.T, m *sync.Map) string {
	t.Helper()
	var keys []string
	m.Range(func(key, _ any) bool { keys = append(keys, key.(string)); return true })
	if len(keys) != 1 {
		t.Fatalf("there is not one but %q", keys)
	}
	return keys[0]
}

// TestNodesLoseNoUpdate has every node change the same few connectors of two tenants, half of the changes with a new secret.
func TestNodesLoseNoUpdate(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		nodes := nodes(t, h)
		for _, tenant := range []string{tenantA, tenantB} {
			for i := range 2 {
				h.createBasic(t, tenant, number(i), "secret")
			}
		}
		const workers, each = 12, 25
		allAtOnce(workers, func(w int) {
			s, tenant, id := nodes[w%len(nodes)], []string{tenantA, tenantB}[w/len(nodes)%2], number(w/len(nodes)/2)
			for range each {
				if err := patiently(func() error {
					_, _, err := s.UpdateConnector(t.Context(), tenant, id, nil, func(c *apiconn.Connector) (*apiconn.AuditEntry, error) {
						c.DisplayName += "+"
						sealed, err := s.seal(t.Context(), tenant, id, "password", c.Version+1, c.DisplayName)
						c.Authentication.Sealed["password"] = sealed
						audit := entry("change of " + id)
						return &audit, err
					})
					return err
				}); err != nil {
					t.Error(err)
				}
			}
		})
		for _, tenant := range []string{tenantA, tenantB} {
			for i := range 2 {
				c, err := nodes[1].ConnectorSealed(t.Context(), tenant, number(i))
				if err != nil {
					t.Fatal(err)
				}
				const want = workers / 4 * each
				secret, err := h.open(t.Context(), c, "password")
				if n := strings.Count(c.DisplayName, "+"); n != want || c.Version != want+1 || secret != c.DisplayName || err != nil {
					t.Errorf("%d changes at version %d, want %d; the secret is that of %d changes, error %v", n, c.Version, want, strings.Count(secret, "+"), err)
				}
				entries, err := h.CountAuditEntries(t.Context(), tenant, cond("correlationId", apiconn.Eq, "change of "+number(i)))
				if entries != want || err != nil {
					t.Errorf("%d audit entries, want %d; error %v", entries, want, err)
				}
			}
		}
	})
}

// TestLinkingAndDeletingOnManyNodes: a connector that is linked to a flow on one node while another node deletes it is either
// linked or gone, and both are told the truth.
func TestLinkingAndDeletingOnManyNodes(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		nodes := nodes(t, h)
		inUse := apiconn.Errorf(apiconn.Conflict, "in use")
		linked := 0
		const rounds = 40
		for round := range rounds {
			id, flowID := "c"+number(round), "f"+number(round)
			h.createBasic(t, tenantA, id, "secret")
			empty := flow(tenantA, flowID, "")
			empty.ConnectorIDs = nil
			h.createFlow(t, empty)
			var linking, deleting error
			allAtOnce(2, func(i int) {
				if i == 0 {
					linking = patiently(func() error {
						_, err := nodes[round%3].UpdateUserFlow(t.Context(), tenantA, apiconn.B2X, flowID, func(f *apiconn.UserFlow) (*apiconn.AuditEntry, error) {
							f.ConnectorIDs = map[string]string{"postFederationSignup": id}
							return &apiconn.AuditEntry{}, nil
						})
						return err
					})
					return
				}
				deleting = patiently(func() error {
					return nodes[(round+1)%3].DeleteConnector(t.Context(), tenantA, id, func(_ apiconn.Connector, users []apiconn.UserFlow) ([]apiconn.AuditEntry, error) {
						if len(users) > 0 {
							return nil, inUse
						}
						return []apiconn.AuditEntry{entry("delete")}, nil
					})
				})
			})
			f, err := nodes[(round+2)%3].UserFlow(t.Context(), tenantA, apiconn.B2X, flowID)
			if err != nil {
				t.Fatal(err)
			}
			_, gone := nodes[(round+2)%3].Connector(t.Context(), tenantA, id)
			if f.ConnectorIDs["postFederationSignup"] == id {
				linked++
				if linking != nil || !errors.Is(deleting, inUse) || gone != nil {
					t.Errorf("round %d: linked, but linking: %v, deleting: %v, reading: %v", round, linking, deleting, gone)
				}
			} else if apiconn.KindOf(linking) != apiconn.Invalid || deleting != nil || apiconn.KindOf(gone) != apiconn.NotFound {
				t.Errorf("round %d: not linked, but linking: %v, deleting: %v, reading: %v", round, linking, deleting, gone)
			}
		}
		t.Logf("%d of %d times the link came first", linked, rounds)
	})
}

// TestHousekeepingBesideWriters: nodes that clear away what has expired, of all tenants, disturb nobody who writes the same keys
// anew, and each journey has one winner.
func TestHousekeepingBesideWriters(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		nodes := nodes(t, h)
		var round atomic.Int64 // each takes an hour, and its journeys expire after half of it
		now := func() time.Time { return start.Add(time.Duration(round.Load()) * time.Hour) }
		for _, s := range nodes {
			s.now = now
		}
		stop := make(chan struct{})
		var housekeepers sync.WaitGroup
		var pruned, busy atomic.Int64
		for _, s := range nodes {
			housekeepers.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					for _, prune := range []func(context.Context, time.Time) (int64, error){s.PruneJourneys, s.PruneOnce, s.PruneInvocations} {
						n, err := prune(t.Context(), now())
						pruned.Add(n)
						if apiconn.KindOf(err) == apiconn.Throttled {
							busy.Add(1)
						} else if err != nil {
							t.Error(err)
						}
					}
				}
			})
		}
		const tenants, keys, rounds = 3, 12, 6
		for range rounds {
			round.Add(1)
			var won [tenants][keys]atomic.Int64
			allAtOnce(tenants*keys*len(nodes), func(i int) {
				tenant, key, s := i%tenants, i/tenants%keys, nodes[i/tenants/keys]
				inv := invocation(fmt.Sprintf("tenant %d", tenant), fmt.Sprintf("%d-%d", round.Load(), i), now())
				var prior *apiconn.Journey
				if err := patiently(func() (err error) {
					prior, err = s.RecordInvocation(t.Context(), inv, h.journey(t, number(key), inv, "decision", now().Add(time.Hour/2)))
					return err
				}); err != nil {
					t.Error(err)
				} else if prior == nil {
					won[tenant][key].Add(1)
				}
			})
			for tenant := range won {
				for key := range won[tenant] {
					if n := won[tenant][key].Load(); n != 1 {
						t.Errorf("%d steps decided the journey %d of tenant %d", n, key, tenant)
					}
				}
			}
		}
		close(stop)
		housekeepers.Wait()
		t.Logf("%d rows cleared away", pruned.Load())
		if n := busy.Load(); n > 0 {
			t.Errorf("%d times a housekeeper waited for a writer in vain", n)
		}
	})
}

// TestNewKeyBesideWriters: a new key ring takes its turn however many nodes and tenants write secrets without a pause.
func TestNewKeyBesideWriters(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		nodes := nodes(t, h)
		const tenants = 16
		tenant := func(i int) string { return fmt.Sprintf("%08d-0000-0000-0000-000000000000", i) }
		for i := range tenants {
			h.createBasic(t, tenant(i), "a", "secret")
		}
		stop := make(chan struct{})
		var writers sync.WaitGroup
		var writes atomic.Int64
		for i := range tenants {
			for _, s := range nodes {
				writers.Go(func() {
					for {
						select {
						case <-stop:
							return
						default:
						}
						_, _, err := s.UpdateConnector(t.Context(), tenant(i), "a", nil, func(c *apiconn.Connector) (*apiconn.AuditEntry, error) {
							sealed, err := s.seal(t.Context(), tenant(i), "a", "password", c.Version+1, "secret")
							c.Authentication.Sealed["password"] = sealed
							return &apiconn.AuditEntry{}, err
						})
						if errors.Is(err, ErrStaleKeyRing) {
							err = s.keys.Sealer().Refresh(t.Context())
						}
						if err != nil && apiconn.KindOf(err) != apiconn.Throttled {
							t.Error(err)
							return
						}
						writes.Add(1)
					}
				})
			}
		}
		var took []time.Duration
		for range 5 {
			begin := time.Now()
			h.rotate(t)
			took = append(took, time.Since(begin).Round(time.Millisecond))
		}
		close(stop)
		writers.Wait()
		t.Logf("new keys took %v beside %d writes", took, writes.Load())
		if slowest := slices.Max(took); slowest > 5*time.Second {
			t.Errorf("a new key took %v", slowest)
		}
	})
}
