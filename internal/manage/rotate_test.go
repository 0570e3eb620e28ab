package manage_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/auth"
	"github.com/patchbay/patchbay/internal/credential"
	"github.com/patchbay/patchbay/internal/manage"
	"github.com/patchbay/patchbay/internal/seal"
	"github.com/patchbay/patchbay/internal/store"
)

// house is one process on a database: its own store, its own key ring in memory.
type house struct {
	*manage.Service
	keys     *seal.Keys
	rotation manage.KeyRotation
	operator auth.Caller
}

const rotationTenant = "7d1c6a2e-40e5-4a36-8f6b-0d3f5f1f9a11"

// newRing starts a database at path with a new ring and returns its master key.
func newRing(t *testing.T, path string) seal.MasterKey {
	t.Helper()
	master, err := seal.GenerateMasterKey(seal.Production)
	if err != nil {
		t.Fatal(err)
	}
	st := openStore(t, path)
	ring, err := seal.NewRing()
	if err != nil {
		t.Fatal(err)
	}
	wrapped, err := ring.Wrap(master)
	if err != nil {
		t.Fatal(err)
	}
	if err := st.ReplaceKeyRing(t.Context(), 0, store.KeyRing{Primary: ring.Primary(), Wrapped: wrapped}, nil); err != nil {
		t.Fatal(err)
	}
	return master
}

func openStore(t *testing.T, path string) *store.Store {
	t.Helper()
	st, err := store.Open(t.Context(), store.Options{Database: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	return st
}

// openHouse opens the database as one more process would.
func openHouse(t *testing.T, path string, master seal.MasterKey) *house {
	t.Helper()
	st := openStore(t, path)
	keys := seal.NewKeys(master, func(ctx context.Context) (wrapped, earlier []byte, err error) {
		k, _, err := st.KeyRing(ctx)
		return k.Wrapped, k.EarlierRoots, err
	})
	return &house{
		Service: &manage.Service{
			Store: st, Sealer: keys.Sealer(), Intake: credential.NewIntake(1),
			Now: func() time.Time { return time.Now().UTC().Truncate(time.Microsecond) },
		},
		keys:     keys,
		rotation: manage.KeyRotation{Store: st, Keys: keys, Master: master},
		operator: auth.Local().WithTenant(rotationTenant),
	}
}

func (h *house) create(t *testing.T, name, password string) string {
	t.Helper()
	url := "https://api.example/check"
	view, err := h.CreateConnector(t.Context(), h.operator, manage.ConnectorPatch{
		DisplayName: &name, TargetURL: &url, Authentication: basic(password),
	}, manage.Once{})
	if err != nil {
		t.Fatal(err)
	}
	return view.ID
}

func basic(password string) *manage.AuthenticationGiven {
	return &manage.AuthenticationGiven{
		Type: "#microsoft.graph.basicAuthentication", Members: map[string]any{"username": "u", "password": password},
	}
}

// password opens a connector's password and tells under which key it lies.
func (h *house) password(t *testing.T, id string) (string, uint32, error) {
	t.Helper()
	c, err := h.Store.ConnectorSealed(t.Context(), rotationTenant, id)
	if err != nil {
		t.Fatal(err)
	}
	sealed := c.Authentication.Sealed["password"]
	owner := seal.Owner{Tenant: rotationTenant, ID: id, Member: "password", Version: sealed.Version}
	secret, err := h.keys.Opener().Open(t.Context(), owner, seal.Box{KeyID: sealed.KeyID, Ciphertext: sealed.Ciphertext})
	return string(secret), sealed.KeyID, err
}

// tamper runs a statement beside the store.
func tamper(t *testing.T, path, statement string, args ...any) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), statement, args...); err != nil {
		t.Fatal(err)
	}
}

func TestRotateResealsEverythingAndRetiresTheOldKey(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "db")
	h := openHouse(t, path, newRing(t, path))
	const n = 250 // more than two batches
	ids := make([]string, n)
	for i := range ids {
		ids[i] = h.create(t, fmt.Sprintf("connector %d", i), fmt.Sprintf("password-%d", i))
	}
	changed := manage.ConnectorPatch{Authentication: basic("password-0")} // a secret of a later version than the first
	if _, err := h.UpdateConnector(t.Context(), h.operator, ids[0], changed, manage.Precondition{}); err != nil {
		t.Fatal(err)
	}
	_, oldKey, err := h.password(t, ids[0])
	if err != nil {
		t.Fatal(err)
	}
	report, err := h.rotation.Rotate(t.Context(), h.operator)
	if err != nil {
		t.Fatal(err)
	}
	want := manage.RotationReport{Primary: report.Primary, Resealed: n, Retired: []uint32{oldKey}}
	if diff := cmp.Diff(want, report); diff != "" || report.Primary == oldKey {
		t.Errorf("report (-want +got):\n%s", diff)
	}
	for i, id := range ids {
		if got, key, err := h.password(t, id); err != nil || got != fmt.Sprintf("password-%d", i) || key != report.Primary {
			t.Fatalf("connector %d: %q under key %d, %v", i, got, key, err)
		}
	}
	ring, err := h.keys.Ring(t.Context())
	if err != nil || !cmp.Equal(ring.KeyIDs(), []uint32{report.Primary}) {
		t.Errorf("the ring still holds %v, %v", ring.KeyIDs(), err)
	}
	if total, damaged, err := h.rotation.Verify(t.Context(), h.operator); total != n || damaged != nil || err != nil {
		t.Errorf("verify: %d, %v, %v", total, damaged, err)
	}
}

func TestRotateBesideARunningService(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "db")
	master := newRing(t, path)
	service, command := openHouse(t, path, master), openHouse(t, path, master)
	const writers, rotations = 4, 3
	ids := make([]string, writers)
	for i := range ids {
		ids[i] = service.create(t, fmt.Sprintf("connector %d", i), "password-0")
	}
	var stop atomic.Bool
	last := make([]int, writers)
	done := make(chan error, writers)
	for i, id := range ids {
		go func() {
			for n := 1; !stop.Load(); n++ {
				_, err := service.UpdateConnector(t.Context(), service.operator, id,
					manage.ConnectorPatch{Authentication: basic(fmt.Sprintf("password-%d", n))}, manage.Precondition{})
				if err != nil {
					done <- err
					return
				}
				last[i] = n
			}
			done <- nil
		}()
	}
	for range rotations {
		if report, err := command.rotation.Rotate(t.Context(), command.operator); err != nil || len(report.Retired) != 1 {
			t.Errorf("rotate: %+v, %v", report, err)
		}
	}
	stop.Store(true)
	for range writers {
		if err := <-done; err != nil {
			t.Errorf("a write beside the rotation failed: %v", err)
		}
	}
	ring, err := command.keys.Ring(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i, id := range ids {
		got, key, err := service.password(t, id)
		if want := fmt.Sprintf("password-%d", last[i]); err != nil || got != want || key != ring.Primary() {
			t.Errorf("connector %d: %q under key %d, %v; want %q under key %d", i, got, key, err, want, ring.Primary())
		}
	}
}

// countdown is a context that has ended once its function, asked for the error, says so: a process that dies between two
// steps.
type countdown func() error

func (c countdown) Err() error                { return c() }
func (countdown) Deadline() (time.Time, bool) { return time.Time{}, false }
func (countdown) Done() <-chan struct{}       { return nil }
func (countdown) Value(any) any               { return nil }

func TestRotateResumesWhereverItWasStopped(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "db")
	master := newRing(t, path)
	h := openHouse(t, path, master)
	const n = 120
	ids := make([]string, n)
	for i := range ids {
		ids[i] = h.create(t, fmt.Sprintf("connector %d", i), fmt.Sprintf("password-%d", i))
	}
	stopped, resumed := 0, 0
	for steps := int64(1); ; steps++ {
		var asked atomic.Int64
		dying := countdown(func() error {
			if asked.Add(1) > steps {
				return context.Canceled
			}
			return nil
		})
		process := openHouse(t, path, master) // each attempt is a process of its own
		report, err := process.rotation.Rotate(dying, process.operator)
		if report.Resumed {
			resumed++
		}
		for i, id := range ids {
			if got, _, openErr := h.password(t, id); openErr != nil || got != fmt.Sprintf("password-%d", i) {
				t.Fatalf("after %d steps connector %d is %q, %v", steps, i, got, openErr)
			}
		}
		if err == nil {
			break
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("after %d steps: %v", steps, err)
		}
		stopped++
	}
	if stopped == 0 || resumed == 0 {
		t.Errorf("stopped %d times, resumed %d times: the test proves nothing", stopped, resumed)
	}
	ring, err := openHouse(t, path, master).keys.Ring(t.Context())
	if err != nil || len(ring.KeyIDs()) != 1 {
		t.Errorf("keys %v, %v; want one", ring.KeyIDs(), err)
	}
	rows, err := h.Store.SealedUnderOtherKeys(t.Context(), ring.Primary(), nil, n)
	if err != nil || len(rows) > 0 {
		t.Errorf("%d values lie under other keys, %v", len(rows), err)
	}
}

func TestRotateReportsDamageAndKeepsTheOldKey(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "db")
	h := openHouse(t, path, newRing(t, path))
	good, bad := h.create(t, "good", "good-password"), h.create(t, "bad", "bad-password")
	before, err := h.Store.ConnectorSealed(t.Context(), rotationTenant, bad)
	if err != nil {
		t.Fatal(err)
	}
	kept := before.Authentication.Sealed["password"]
	broken := bytes.Clone(kept.Ciphertext)
	broken[len(broken)-1] ^= 1
	tamper(t, path, "UPDATE secrets SET ciphertext = $1 WHERE owner_id = $2", broken, bad)

	report, err := h.rotation.Rotate(t.Context(), h.operator)
	if err != nil {
		t.Fatal(err)
	}
	want := manage.RotationReport{Primary: report.Primary, Resealed: 1, Damaged: []manage.DamagedSeal{
		{TenantID: rotationTenant, OwnerID: bad, Member: "password", Version: kept.Version, KeyID: kept.KeyID},
	}}
	if diff := cmp.Diff(want, report); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
	if got, key, err := h.password(t, good); err != nil || got != "good-password" || key != report.Primary {
		t.Errorf("the good one: %q under key %d, %v", got, key, err)
	}
	if _, _, err := h.password(t, bad); !errors.Is(err, seal.ErrDamaged) || strings.Contains(fmt.Sprint(err), "bad-password") {
		t.Errorf("the damaged one: %v", err)
	}
	if _, damaged, err := h.rotation.Verify(t.Context(), h.operator); len(damaged) != 1 || err != nil {
		t.Errorf("verify finds %v, %v", damaged, err)
	}

	tamper(t, path, "UPDATE secrets SET ciphertext = $1 WHERE owner_id = $2", kept.Ciphertext, bad) // back from a backup
	report, err = h.rotation.Rotate(t.Context(), h.operator)
	if err != nil || !report.Resumed || len(report.Retired) != 1 || report.Damaged != nil {
		t.Errorf("after the repair: %+v, %v", report, err)
	}
	if got, _, err := h.password(t, bad); err != nil || got != "bad-password" {
		t.Errorf("after the repair: %q, %v", got, err)
	}
}

// TestVerifyFindsRowsThatWerePutBackOrLost damages the database in ways that leave each row good by itself.
func TestVerifyFindsRowsThatWerePutBackOrLost(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "db")
	h := openHouse(t, path, newRing(t, path))
	old, lost := h.create(t, "put back", "first-password"), h.create(t, "lost", "lost-password")
	h.create(t, "good", "good-password")
	before, err := h.Store.ConnectorSealed(t.Context(), rotationTenant, old)
	if err != nil {
		t.Fatal(err)
	}
	first := before.Authentication.Sealed["password"]
	changed := manage.ConnectorPatch{Authentication: basic("second-password")}
	if _, err := h.UpdateConnector(t.Context(), h.operator, old, changed, manage.Precondition{}); err != nil {
		t.Fatal(err)
	}
	if total, damaged, err := h.rotation.Verify(t.Context(), h.operator); total != 3 || damaged != nil || err != nil {
		t.Fatalf("before the damage: %d, %v, %v", total, damaged, err)
	}
	tamper(t, path, "UPDATE secrets SET version = $1, ciphertext = $2 WHERE owner_id = $3", first.Version, first.Ciphertext, old)
	tamper(t, path, "DELETE FROM secrets WHERE owner_id = $1", lost)

	total, damaged, err := h.rotation.Verify(t.Context(), h.operator)
	if total != 3 || err != nil {
		t.Errorf("verify counts %d, %v; want 3", total, err)
	}
	got := map[string]int64{}
	for _, d := range damaged {
		got[d.OwnerID] = d.Version
	}
	if diff := cmp.Diff(map[string]int64{old: first.Version + 1, lost: first.Version}, got); diff != "" {
		t.Errorf("damaged owners with the version they should have (-want +got):\n%s", diff)
	}
}

func TestKeyRotationIsForTheOperator(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "db")
	h := openHouse(t, path, newRing(t, path))
	stranger := h.operator.Limit(auth.APIConnectorsReadWriteAll)
	_, rotateErr := h.rotation.Rotate(t.Context(), stranger)
	_, _, verifyErr := h.rotation.Verify(t.Context(), stranger)
	rewrapErr := h.rotation.Rewrap(t.Context(), stranger, seal.MasterKey{})
	_, lostErr := h.rotation.EarlierLost(t.Context(), stranger)
	for _, err := range []error{rotateErr, verifyErr, rewrapErr, lostErr} {
		if apiconn.KindOf(err) != apiconn.Forbidden {
			t.Errorf("got %v, want Forbidden", err)
		}
	}
}
