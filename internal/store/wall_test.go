package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// walled makes a house whose tables all have rows of both tenants, and returns the names of those tables.
func walled(t *testing.T) (*house, []string) {
	t.Helper()
	h := newHouse(t, migrated.New(t))
	for _, tenant := range []string{tenantA, tenantB} {
		c := h.basic(t, tenant, "a", "secret")
		h.certificate(t, &c, 1, "T1")
		if _, err := h.CreateConnector(t.Context(), c, entry(""), &Once{AppID: "app", Key: "key", ExpiresAt: soon()}); err != nil {
			t.Fatal(err)
		}
		if err := h.CreateApplication(t.Context(), apiconn.Application{TenantID: tenant, ClientID: "app"}, entry("")); err != nil {
			t.Fatal(err)
		}
		h.createFlow(t, flow(tenant, "flow", "a"))
		if _, err := h.UpdateCallSettings(t.Context(), tenant, "a", setCalls(func(s *apiconn.CallSettings) { s.Attempts = 5 })); err != nil {
			t.Fatal(err)
		}
		inv := invocation(tenant, "invocation", start)
		if _, err := h.RecordInvocation(t.Context(), inv, h.journey(t, "journey", inv, "decision", soon())); err != nil {
			t.Fatal(err)
		}
	}
	h.addSigningKey(t, "k") // whose secret belongs to no tenant
	rows, err := h.raw(t).QueryContext(t.Context(),
		"SELECT table_name FROM information_schema.columns WHERE table_schema = 'public' AND column_name = 'tenant_id' ORDER BY 1")
	tables, err := collect(rows, err, func(row scanner) (name string, err error) { return name, row.Scan(&name) })
	if err != nil || len(tables) < 10 {
		t.Fatalf("the tables of tenants are %v, error %v", tables, err)
	}
	return h, tables
}

// TestSecondWall works past the store on a connection of its role, as a faulty statement would: while the connection is
// tenant A's, the database shows it A's rows and takes A's rows, in every table that there is, and before it is anybody's, none.
func TestSecondWall(t *testing.T) {
	t.Parallel()
	h, tables := walled(t)
	db, err := h.dialect.open(h.path, useMigrate)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	for _, table := range tables {
		t.Run(table, func(t *testing.T) {
			var inA, inB, all int64
			var rowOfA, rowOfB string
			if err := h.raw(t).QueryRowContext(t.Context(), fmt.Sprintf("SELECT count(*) FILTER (WHERE tenant_id = $1), count(*) FILTER (WHERE tenant_id = $2), count(*), "+
				"min(row_to_json(x)::text) FILTER (WHERE tenant_id = $1), min(row_to_json(x)::text) FILTER (WHERE tenant_id = $2) FROM %s x", table), tenantA, tenantB).
				Scan(&inA, &inB, &all, &rowOfA, &rowOfB); err != nil {
				t.Fatalf("have walled write rows of both tenants: %v", err)
			}
			insert := func(row string) string {
				return fmt.Sprintf("INSERT INTO %s SELECT * FROM json_populate_record(NULL::%[1]s, '%s')", table, row)
			}
			for _, try := range []struct {
				scope, text string
				rows        int64 // -1: not allowed
			}{
				{everyTenant, "SELECT FROM " + table, all},
				{tenantA, "SELECT FROM " + table, inA},
				{tenantA, "SELECT FROM " + table + " WHERE tenant_id = '" + tenantB + "'", 0},
				{tenantA, "UPDATE " + table + " SET tenant_id = tenant_id", inA},
				{tenantA, "UPDATE " + table + " SET tenant_id = '" + tenantB + "'", -1},
				{tenantA, "UPDATE " + table + " SET tenant_id = '" + tenantA + "' WHERE tenant_id = '" + tenantB + "'", 0},
				{tenantA, "DELETE FROM " + table + " WHERE tenant_id <> '" + tenantA + "'", 0},
				{tenantA, insert(rowOfB), -1},
				{"", "SELECT FROM " + table, 0},
				{"", "UPDATE " + table + " SET tenant_id = tenant_id", 0},
				{"", "DELETE FROM " + table, 0},
				{"", insert(rowOfA), -1},
			} {
				n, err := within(t, db, try.scope, try.text)
				if refused, ok := errors.AsType[*pgconn.PgError](err); ok && refused.Code == "42501" { // insufficient_privilege
					n, err = -1, nil
				}
				if n != try.rows || err != nil {
					t.Errorf("as %q, %s: %d rows, want %d; error %v", try.scope, try.text, n, try.rows, err)
				}
			}
		})
	}
}

// within runs a text in a transaction of a scope, which it undoes, and returns how many rows the text showed or changed.
func within(t *testing.T, db *sql.DB, scope, text string) (int64, error) {
	t.Helper()
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := tx.Rollback(); err != nil {
			t.Error(err)
		}
	}()
	if scope != "" { // the connection of an earlier one is as it was before
		if _, err := tx.ExecContext(t.Context(), postgresDialect().scopeLocal, scope); err != nil {
			t.Fatal(err)
		}
	}
	result, err := tx.ExecContext(t.Context(), text)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// TestStatementsThatForgetTheTenant: whatever way the store has to the database, a statement without its WHERE works on the
// rows of the caller's tenant only, and the next caller on the same connection finds its own, also behind one that fails.
func TestStatementsThatForgetTheTenant(t *testing.T) {
	t.Parallel()
	h, _ := walled(t)
	read := func(into *[]string) func(context.Context, *statements) error {
		return func(ctx context.Context, db *statements) error {
			rows, err := db.query(ctx, "SELECT DISTINCT tenant_id FROM connectors ORDER BY tenant_id")
			*into, err = collect(rows, err, func(row scanner) (id string, err error) { return id, row.Scan(&id) })
			return err
		}
	}
	refused := errors.New("refused")
	var wg sync.WaitGroup
	for name, way := range map[string]func(tenant string, fn func(context.Context, *statements) error) error{
		"a read": func(tenant string, fn func(context.Context, *statements) error) error {
			return h.read.run(t.Context(), tenant, fn)
		},
		"a snapshot": func(tenant string, fn func(context.Context, *statements) error) error {
			return h.snapshot(t.Context(), tenant, fn)
		},
		"a listing": func(tenant string, fn func(context.Context, *statements) error) error {
			return h.lists.run(t.Context(), tenant, fn)
		},
		"a write": func(tenant string, fn func(context.Context, *statements) error) error {
			return h.write(t.Context(), tenant, "", fn)
		},
		// Jobs of all tenants in the same transactions.
		"a lane": func(tenant string, fn func(context.Context, *statements) error) error {
			return h.lanes[1].do(t.Context(), tenant, fn)
		},
	} {
		for n := range 40 {
			wg.Go(func() {
				tenant, want := everyTenant, []string{tenantA, tenantB}
				if n%5 > 0 {
					tenant = want[n%2]
					want = []string{tenant}
				}
				var seen []string
				if err := way(tenant, func(ctx context.Context, db *statements) error {
					if err := read(&seen)(ctx, db); err != nil || n%3 > 0 {
						return err
					}
					return refused
				}); n%3 == 0 && !errors.Is(err, refused) || n%3 > 0 && err != nil || !slices.Equal(seen, want) {
					t.Errorf("%s as %s sees the tenants %v, error %v", name, tenant, seen, err)
				}
			})
		}
	}
	wg.Wait()
	if err := h.write(t.Context(), tenantA, "", func(ctx context.Context, db *statements) error {
		_, err := db.exec(ctx, "UPDATE connectors SET display_name = 'changed', version = version + 1")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for tenant, want := range map[string]string{tenantA: "changed", tenantB: "name of a"} {
		if c, err := h.Connector(t.Context(), tenant, "a"); c.DisplayName != want || err != nil {
			t.Errorf("the connector of %s is called %q, error %v", tenant, c.DisplayName, err)
		}
	}
}
