package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/seal"
)

// rotate makes a new primary key, as the command's first step, and returns the keys that are old now.
func (h *house) rotate(t testing.TB) (primary uint32, old []uint32) {
	t.Helper()
	stored, _, err := h.KeyRing(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ring, err := seal.OpenRing(h.master, stored.Wrapped)
	if err != nil {
		t.Fatal(err)
	}
	if ring, err = ring.AddKey(); err != nil {
		t.Fatal(err)
	}
	h.replaceRing(t, stored.Version, ring, nil)
	return ring.Primary(), ring.OldKeyIDs()
}

// resealed opens rows and seals them under the key that is the primary one now.
func (h *house) resealed(t testing.TB, rows []SealedRow) []ResealedRow {
	t.Helper()
	if err := h.keys.Sealer().Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	var out []ResealedRow
	for _, r := range rows {
		secret, err := h.openRow(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		again := ResealedRow{SealedRow: r, OldKeyID: r.Sealed.KeyID}
		if again.Sealed, err = h.seal(t.Context(), r.TenantID, r.OwnerID, r.Member, r.Sealed.Version, secret); err != nil {
			t.Fatal(err)
		}
		out = append(out, again)
	}
	return out
}

func TestKeyRing(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		first, ok, err := h.KeyRing(t.Context())
		if err != nil || !ok || first.Version != 1 || first.Primary == 0 {
			t.Fatalf("the first ring: version %d, present %v, error %v", first.Version, ok, err)
		}
		next := KeyRing{Version: 99, Primary: 7, Wrapped: []byte("wrapped")}
		wantKind(t, h.ReplaceKeyRing(t.Context(), 0, next, nil), apiconn.Conflict)
		wantKind(t, h.ReplaceKeyRing(t.Context(), 2, next, nil), apiconn.Conflict)
		if err := h.ReplaceKeyRing(t.Context(), 1, next, nil); err != nil {
			t.Fatal(err)
		}
		next.Version = 2
		got, _, err := h.KeyRing(t.Context())
		if diff := cmp.Diff(next, got); diff != "" || err != nil {
			t.Errorf("the second ring, error %v (-want +got):\n%s", err, diff)
		}
	})
}

func TestNoKeyRing(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		s, err := Open(t.Context(), Options{Database: database})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		if _, ok, err := s.KeyRing(t.Context()); ok || err != nil {
			t.Errorf("a new database has a ring: %v, error %v", ok, err)
		}
		c := apiconn.Connector{TenantID: tenantA, ID: "a", Authentication: apiconn.Authentication{
			Sealed: map[string]apiconn.Sealed{"password": {Version: 1, KeyID: 1, Ciphertext: []byte("x")}},
		}}
		if _, err := s.CreateConnector(t.Context(), c, entry(""), nil); err == nil {
			t.Error("a secret was written without a ring")
		}
	})
}

// TestStaleKeyRing: every write with a value sealed under a key that is not the primary one any more is refused whole.
func TestStaleKeyRing(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		h.createBasic(t, tenantA, "a", "secret")
		stale := h.basic(t, tenantA, "b", "secret")
		key, err := h.seal(t.Context(), "", apiconn.SigningKeyOwner, apiconn.SigningKeyMember("k"), 1, "private")
		if err != nil {
			t.Fatal(err)
		}
		_, old := h.rotate(t)
		rows, err := h.SealedUnderOtherKeys(t.Context(), 0, nil, 10)
		if err != nil || len(rows) != 1 {
			t.Fatalf("%d rows, error %v", len(rows), err)
		}
		update := func(c *apiconn.Connector) (*apiconn.AuditEntry, error) {
			sealed, err := h.seal(t.Context(), tenantA, "a", "password", c.Version+1, "new")
			c.Authentication.Sealed["password"] = sealed
			audit := entry("update")
			return &audit, err
		}

		_, createErr := h.CreateConnector(t.Context(), stale, entry("stale"), nil)
		_, _, updateErr := h.UpdateConnector(t.Context(), tenantA, "a", nil, update)
		_, resealErr := h.Reseal(t.Context(), []ResealedRow{{SealedRow: rows[0], OldKeyID: old[0]}})
		keyErr := h.AddSigningKey(t.Context(), apiconn.SigningKey{ID: "k", Private: key})
		for what, err := range map[string]error{"create": createErr, "update": updateErr, "reseal": resealErr, "signing key": keyErr} {
			if !errors.Is(err, ErrStaleKeyRing) {
				t.Errorf("%s: got %v, want ErrStaleKeyRing", what, err)
			}
		}
		if n, err := h.CountAuditEntries(t.Context(), tenantA, nil); n != 1 || err != nil {
			t.Errorf("%d audit entries, want 1; error %v", n, err)
		}
		if keys, err := h.SigningKeys(t.Context()); len(keys) != 0 || err != nil {
			t.Errorf("%d signing keys, want none; error %v", len(keys), err)
		}

		if _, _, err := h.UpdateConnector(t.Context(), tenantA, "a", nil, rename("no secret in it")); err != nil {
			t.Errorf("a change without secrets: %v", err)
		}
		if err := h.keys.Sealer().Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, _, err := h.UpdateConnector(t.Context(), tenantA, "a", nil, update); err != nil {
			t.Errorf("after a refresh: %v", err)
		}
	})
}

// TestRotation goes through the whole of it with a writer at work all the time, as in another process.
func TestRotation(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		const n = 30
		for i := range n {
			h.createBasic(t, tenantA, number(i), "secret 0 of "+number(i))
		}
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		latest := make([]int, n)
		online := openHouse(t, h.path, h.master)
		wg.Go(func() {
			for round := 1; ctx.Err() == nil; round++ {
				i := round % n
				err := online.setPassword(t.Context(), number(i), fmt.Sprintf("secret %d of %s", round, number(i)))
				if errors.Is(err, ErrStaleKeyRing) {
					err = errors.Join(online.keys.Sealer().Refresh(t.Context()), nil)
					round--
				} else {
					latest[i] = round
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
		var retired []uint32
		for range 3 {
			primary, old := h.rotate(t)
			var after *SealedRow
			total := 0
			for {
				rows, err := h.SealedUnderOtherKeys(t.Context(), primary, after, 7)
				if err != nil {
					t.Fatal(err)
				}
				if len(rows) == 0 {
					break
				}
				total += len(rows)
				if _, err := h.Reseal(t.Context(), h.resealed(t, rows)); err != nil {
					t.Fatal(err)
				}
				after = &rows[len(rows)-1]
			}
			if total == 0 || total > n {
				t.Errorf("%d values sealed again, want 1 to %d", total, n)
			}
			stored, _, err := h.KeyRing(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			ring, err := seal.OpenRing(h.master, stored.Wrapped)
			if err != nil {
				t.Fatal(err)
			}
			if ring, err = ring.DropOldKeys(); err != nil {
				t.Fatal(err)
			}
			h.replaceRing(t, stored.Version, ring, old)
			retired = append(retired, old...)
		}
		stop()
		wg.Wait()
		for i := range n {
			c, err := h.ConnectorSealed(t.Context(), tenantA, number(i))
			if err != nil {
				t.Fatal(err)
			}
			secret, err := h.open(t.Context(), c, "password")
			if want := fmt.Sprintf("secret %d of %s", latest[i], number(i)); err != nil || (latest[i] > 0 && secret != want) {
				t.Errorf("connector %d has not the secret that was acknowledged last; error %v", i, err)
			}
			if slices.Contains(retired, c.Authentication.Sealed["password"].KeyID) {
				t.Errorf("connector %d is sealed under a retired key", i)
			}
		}
	})
}

func (h *house) setPassword(ctx context.Context, id, secret string) error {
	_, _, err := h.UpdateConnector(ctx, tenantA, id, nil, func(c *apiconn.Connector) (*apiconn.AuditEntry, error) {
		sealed, err := h.seal(ctx, tenantA, id, "password", c.Version+1, secret)
		c.Authentication.Sealed["password"] = sealed
		audit := entry("set password")
		return &audit, err
	})
	return err
}

func TestKeyInUseIsNotRetired(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		h.createBasic(t, tenantA, "a", "secret")
		primary, old := h.rotate(t)
		next := KeyRing{Primary: primary, Wrapped: []byte("x")}
		wantKind(t, h.ReplaceKeyRing(t.Context(), 2, next, old), apiconn.Conflict)
		if ring, _, err := h.KeyRing(t.Context()); err != nil || ring.Version != 2 {
			t.Errorf("the ring is at version %d, error %v", ring.Version, err)
		}
		if err := h.ReplaceKeyRing(t.Context(), 2, next, []uint32{old[0] + 1}); err != nil {
			t.Errorf("a key that seals nothing: %v", err)
		}
	})
}

// TestResealLosesToChanges: the row is written, deleted, or sealed again by somebody else in the meantime.
func TestResealLosesToChanges(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		for _, id := range []string{"changed", "deleted", "resealed", "same"} {
			h.createBasic(t, tenantA, id, "old")
		}
		primary, _ := h.rotate(t)
		rows, err := h.SealedUnderOtherKeys(t.Context(), primary, nil, 10)
		if err != nil {
			t.Fatal(err)
		}
		late := h.resealed(t, rows)
		if err := h.setPassword(t.Context(), "changed", "new"); err != nil {
			t.Fatal(err)
		}
		if err := h.DeleteConnector(t.Context(), tenantA, "deleted", deleting("")); err != nil {
			t.Fatal(err)
		}
		if n, err := h.Reseal(t.Context(), []ResealedRow{late[2]}); n != 1 || err != nil {
			t.Fatalf("replaced %d rows, error %v", n, err)
		}
		if n, err := h.Reseal(t.Context(), late); n != 1 || err != nil {
			t.Errorf("replaced %d rows, want that of \"same\" alone; error %v", n, err)
		}
		for id, want := range map[string]string{"changed": "new", "resealed": "old", "same": "old"} {
			c, err := h.ConnectorSealed(t.Context(), tenantA, id)
			if err != nil {
				t.Fatal(err)
			}
			if secret, err := h.open(t.Context(), c, "password"); err != nil || secret != want {
				t.Errorf("%s opens as another secret than %q, error %v", id, want, err)
			}
		}
		if _, err := h.ConnectorSealed(t.Context(), tenantA, "deleted"); apiconn.KindOf(err) != apiconn.NotFound {
			t.Errorf("the deleted one: %v", err)
		}
	})
}

// TestRingWaitsForItsWriters: a key is not retired while somebody who has seen that it is the primary one still writes what it
// sealed. Whoever overlooked that value would make it one that nobody can open any more.
func TestRingWaitsForItsWriters(t *testing.T) {
	t.Parallel()
	h := newHouse(t, migrated.New(t)) // SQLite has one writer
	c := h.basic(t, tenantA, "a", "secret")
	first, _, err := h.KeyRing(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	written, replaced, retired := make(chan error, 1), make(chan error, 1), make(chan error, 1)
	wrote, gate := make(chan struct{}), make(chan struct{})
	go func() {
		written <- h.write(t.Context(), tenantA, "", func(ctx context.Context, db *statements) error {
			err := putSealed(ctx, db, []SealedRow{{TenantID: tenantA, OwnerID: "a", Member: "password", Sealed: c.Authentication.Sealed["password"]}})
			close(wrote)
			<-gate
			return err
		})
	}()
	<-wrote
	go func() {
		next := KeyRing{Primary: first.Primary + 1, Wrapped: []byte("x")}
		replaced <- h.ReplaceKeyRing(t.Context(), first.Version, next, nil)
		retired <- h.ReplaceKeyRing(t.Context(), first.Version+1, next, []uint32{first.Primary})
	}()
	raw := h.raw(t)
	for waiting := 0; waiting == 0 && len(retired) == 0; {
		if err := raw.QueryRowContext(t.Context(), "SELECT count(*) FROM pg_locks WHERE NOT granted").Scan(&waiting); err != nil {
			t.Fatal(err)
		}
	}
	close(gate)
	if err := errors.Join(<-written, <-replaced); err != nil {
		t.Error(err)
	}
	wantKind(t, <-retired, apiconn.Conflict)
}
