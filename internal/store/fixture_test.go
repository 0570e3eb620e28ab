package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/conntest/pgtest"
	"github.com/patchbay/patchbay/internal/seal"
)

// house is a store with a key ring, and what tests need around it.
type house struct {
	*Store
	path   string // or URL
	master seal.MasterKey
	keys   *seal.Keys
}

const (
	tenantA = "11111111-0000-0000-0000-00000000000a"
	tenantB = "22222222-0000-0000-0000-00000000000b"
)

var start = time.Date(2026, 11, 23, 12, 0, 0, 123456000, time.UTC)

// engines make a new database of each kind that the store works on, without anything in it or with the schema only, and
// return its data source.
var engines = map[string]struct{ empty, migrated func(testing.TB) string }{
	"sqlite":   {newFile, newFile},
	"postgres": {pgtest.New, migrated.New},
}

var migrated = pgtest.NewTemplate(func(database string) error {
	s, err := Open(context.Background(), Options{Database: database})
	if err != nil {
		return err
	}
	return s.Close()
})

// newFile is for the cases that are about SQLite's file and settings themselves. All others run on every engine.
func newFile(t testing.TB) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "patchbay.db")
}

// onEachDatabase runs a case on a new, empty database of each engine.
func onEachDatabase(t *testing.T, run func(t *testing.T, database string)) {
	t.Helper()
	t.Parallel()
	for name, engine := range engines {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, engine.empty(t))
		})
	}
}

// onEachEngine runs a case in a new house on each engine.
func onEachEngine(t *testing.T, run func(t *testing.T, h *house)) {
	t.Helper()
	t.Parallel()
	for name, engine := range engines {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, newHouse(t, engine.migrated(t)))
		})
	}
}

// newHouse makes a house of an empty database.
func newHouse(t testing.TB, database string) *house {
	t.Helper()
	master, err := seal.GenerateMasterKey(seal.Development)
	if err != nil {
		t.Fatal(err)
	}
	h := openHouse(t, database, master)
	h.makeRing(t)
	return h
}

// makeRing writes the first key ring.
func (h *house) makeRing(t testing.TB) {
	t.Helper()
	ring, err := seal.NewRing()
	if err != nil {
		t.Fatal(err)
	}
	h.replaceRing(t, 0, ring, nil)
}

// openHouse opens a database as another process would.
func openHouse(t testing.TB, path string, master seal.MasterKey) *house {
	t.Helper()
	return openHouseAs(t, dialectOf(path), path, master)
}

func openHouseAs(t testing.TB, d dialect, path string, master seal.MasterKey) *house {
	t.Helper()
	s, err := open(t.Context(), d, Options{Database: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	h := &house{Store: s, path: path, master: master}
	h.keys = seal.NewKeys(master, func(ctx context.Context) (wrapped, earlier []byte, err error) {
		ring, _, err := s.KeyRing(ctx)
		return ring.Wrapped, ring.EarlierRoots, err
	})
	return h
}

func (h *house) replaceRing(t testing.TB, oldVersion int64, ring seal.Ring, retired []uint32) {
	t.Helper()
	wrapped, err := ring.Wrap(h.master)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.ReplaceKeyRing(t.Context(), oldVersion, KeyRing{Primary: ring.Primary(), Wrapped: wrapped}, retired); err != nil {
		t.Fatal(err)
	}
}

// seal seals a secret as manage does.
func (h *house) seal(ctx context.Context, tenant, owner, member string, version int64, secret string) (apiconn.Sealed, error) {
	box, err := h.keys.Sealer().Seal(ctx, seal.Owner{Tenant: tenant, ID: owner, Member: member, Version: version}, []byte(secret))
	return apiconn.Sealed{Version: version, KeyID: box.KeyID, Ciphertext: box.Ciphertext}, err
}

// open opens a member as signup does.
func (h *house) open(ctx context.Context, c apiconn.Connector, member string) (string, error) {
	sealed, ok := c.Authentication.Sealed[member]
	if !ok {
		return "", errors.New("the connector has no such member")
	}
	return h.openRow(ctx, SealedRow{TenantID: c.TenantID, OwnerID: c.ID, Member: member, Sealed: sealed})
}

func (h *house) openRow(ctx context.Context, r SealedRow) (string, error) {
	secret, err := h.keys.Opener().Open(ctx,
		seal.Owner{Tenant: r.TenantID, ID: r.OwnerID, Member: r.Member, Version: r.Sealed.Version},
		seal.Box{KeyID: r.Sealed.KeyID, Ciphertext: r.Sealed.Ciphertext})
	return string(secret), err
}

// basic is a connector with Basic authentication whose password is the secret.
func (h *house) basic(t testing.TB, tenant, id, secret string) apiconn.Connector {
	t.Helper()
	sealed, err := h.seal(t.Context(), tenant, id, "password", 1, secret)
	if err != nil {
		t.Fatal(err)
	}
	return apiconn.Connector{
		TenantID: tenant, ID: id, DisplayName: "name of " + id, TargetURL: "https://example.com/" + id, Version: 1,
		CreatedAt: start, ChangedAt: start,
		Authentication: apiconn.Authentication{
			Type: "basicAuthentication", Open: map[string]string{"username": "user of " + id},
			Sealed: map[string]apiconn.Sealed{"password": sealed},
		},
	}
}

func (h *house) create(t testing.TB, c apiconn.Connector) apiconn.Connector {
	t.Helper()
	if _, err := h.CreateConnector(t.Context(), c, entry("create "+c.ID), nil); err != nil {
		t.Fatal(err)
	}
	return c
}

func (h *house) createBasic(t testing.TB, tenant, id, secret string) apiconn.Connector {
	t.Helper()
	return h.create(t, h.basic(t, tenant, id, secret))
}

// entry is an audit entry that can be found again by its correlation id.
func entry(correlation string) apiconn.AuditEntry {
	return apiconn.AuditEntry{
		Activity: apiconn.ActivityUpdateConnector, Category: "ResourceManagement", Service: "B2C", Operation: "Update", CorrelationID: correlation,
		Actor:   apiconn.Actor{AppID: "app", AppName: "App", ServicePrincipalID: "sp", IPAddress: "192.0.2.1"},
		Targets: []apiconn.AuditTarget{{ID: "target", DisplayName: "Target", Type: "Other", Modified: []apiconn.Modified{{Property: "password", Old: "******", New: "******"}}}},
		Details: []apiconn.KeyValue{{Key: "k", Value: "v"}},
	}
}

// rename is an update that changes the display name.
func rename(to string) func(*apiconn.Connector) (*apiconn.AuditEntry, error) {
	return func(c *apiconn.Connector) (*apiconn.AuditEntry, error) {
		c.DisplayName = to
		audit := entry("rename to " + to)
		return &audit, nil
	}
}

// deleting lets a connector go, whatever uses it.
func deleting(correlation string) func(apiconn.Connector, []apiconn.UserFlow) ([]apiconn.AuditEntry, error) {
	return func(apiconn.Connector, []apiconn.UserFlow) ([]apiconn.AuditEntry, error) {
		return []apiconn.AuditEntry{entry(correlation)}, nil
	}
}

// flow is a user flow whose step postFederationSignup calls a connector.
func flow(tenant, id, connector string) apiconn.UserFlow {
	return apiconn.UserFlow{
		TenantID: tenant, Kind: apiconn.B2X, ID: id, Type: "signUpOrSignIn", TypeVersion: 1, Version: 1, CreatedAt: start, ChangedAt: start,
		ConnectorIDs: map[string]string{"postFederationSignup": connector},
	}
}

func (h *house) createFlow(t testing.TB, f apiconn.UserFlow) apiconn.UserFlow {
	t.Helper()
	if _, err := h.CreateUserFlow(t.Context(), f, entry("create "+f.ID), nil); err != nil {
		t.Fatal(err)
	}
	return f
}

// link is an update that links a step, or unlinks it if the connector is "".
func link(step, connector string) func(*apiconn.UserFlow) (*apiconn.AuditEntry, error) {
	return func(f *apiconn.UserFlow) (*apiconn.AuditEntry, error) {
		f.ConnectorIDs[step] = connector
		if connector == "" {
			delete(f.ConnectorIDs, step)
		}
		audit := entry("link")
		return &audit, nil
	}
}

// raw is another connection to the same database, past the store and its second wall.
func (h *house) raw(t testing.TB) *sql.DB {
	t.Helper()
	return rawOf(t, h.path)
}

func rawOf(t testing.TB, database string) *sql.DB {
	t.Helper()
	d := dialectOf(database)
	if IsPostgres(database) {
		database = pgtest.Super(t, database)
	}
	db, err := d.open(database, useMigrate)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// exec changes the database past the store and expects to change that many rows.
func (h *house) exec(t testing.TB, rows int64, text string, args ...any) {
	t.Helper()
	result, err := h.raw(t).ExecContext(t.Context(), text, args...)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := result.RowsAffected(); err != nil || n != rows {
		t.Fatalf("%s: changed %d rows instead of %d, error %v", text, n, rows, err)
	}
}

func wantKind(t testing.TB, err error, want apiconn.Kind) {
	t.Helper()
	e, ok := errors.AsType[*apiconn.Error](err)
	if !ok || e.Kind != want {
		t.Errorf("got error %v, want an apiconn.Error of kind %d", err, want)
	}
}

func number(n int) string { return fmt.Sprintf("%08d", n) }
