package store

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/pressly/goose/v3/lock"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/conntest/pgtest"
)

// TestOpenRefusesRolesBeyondTheWall, and databases that do not keep every text, before it changes anything.
func TestOpenRefusesRolesBeyondTheWall(t *testing.T) {
	t.Parallel()
	database, bypassing := pgtest.New(t), pgtest.New(t)
	runRaw(t, bypassing, "ALTER ROLE "+mustParse(t, bypassing).User.Username()+" BYPASSRLS")
	latin := mustParse(t, database)
	latin.Path += "_latin"
	runRaw(t, database, "CREATE DATABASE "+latin.Path[1:]+" OWNER "+latin.User.Username()+" ENCODING LATIN1 LOCALE_PROVIDER libc TEMPLATE template0")
	t.Cleanup(func() { runRaw(t, database, "DROP DATABASE "+latin.Path[1:]+" WITH (FORCE)") })
	for database, want := range map[string]string{
		pgtest.Super(t, database): "is a superuser or has BYPASSRLS",
		bypassing:                 "is a superuser or has BYPASSRLS",
		latin.String():            "has the encoding LATIN1",
	} {
		s, err := Open(t.Context(), Options{Database: database})
		if err == nil {
			t.Fatal("it was opened", s.Close())
		}
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want it to say that the role or database %s", err, want)
		}
		var tables int
		if err := rawOf(t, database).QueryRowContext(t.Context(), "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").Scan(&tables); err != nil || tables > 0 {
			t.Errorf("it has %d tables now, error %v", tables, err)
		}
	}
}

// TestMigrationsWaitForEachOther: while another node migrates, which it says by goose's lock, this one changes nothing but goose's
// own table.
func TestMigrationsWaitForEachOther(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	other, err := rawOf(t, database).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := other.ExecContext(t.Context(), "SELECT pg_advisory_lock($1)", lock.DefaultLockID); err != nil {
		t.Fatal(err)
	}
	opened := make(chan error, 1)
	go func() {
		s, err := Open(t.Context(), Options{Database: database})
		if err == nil {
			err = s.Close()
		}
		opened <- err
	}()
	watch := rawOf(t, database)
	for asks, tables := 0, 0; asks == 0; { // for the lock, in vain
		if err := watch.QueryRowContext(t.Context(), "SELECT (SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_try_advisory_lock%' AND pid <> pg_backend_pid()), "+
			"(SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'goose_db_version')").Scan(&asks, &tables); err != nil || tables > 0 || len(opened) > 0 {
			t.Fatalf("%d tables were made while another node migrates, error %v", tables, err)
		}
	}
	if _, err := other.ExecContext(t.Context(), "SELECT pg_advisory_unlock($1)", lock.DefaultLockID); err != nil {
		t.Fatal(err)
	}
	if err := <-opened; err != nil {
		t.Errorf("once the other node is done: %v", err)
	}
}

// TestPasswordsStayOutOfErrors: whatever is wrong with the URL or what it leads to.
func TestPasswordsStayOutOfErrors(t *testing.T) {
	t.Parallel()
	const canary = "canary-7b31"
	good := mustParse(t, pgtest.New(t))
	for _, database := range []string{
		"postgres://u:" + canary + "@127.0.0.1:1/d",
		"postgres://u:" + canary + "@127.0.0.1:port/d",
		"postgres://u:" + canary + "@127.0.0.1:1/d?sslmode=none",
		"postgres://u:" + canary + "%zz@127.0.0.1:1/d",
		"postgresql://u:" + canary + "@[::1/d",
		"postgres://127.0.0.1:1/d?user=u&password=" + canary + "&sslmode=none",
		"postgres://" + good.User.Username() + ":" + canary + "@" + good.Host + good.Path + "?sslmode=disable",
		"postgres://nobody:" + canary + "@" + good.Host + good.Path + "?sslmode=disable",
	} {
		s, err := Open(t.Context(), Options{Database: database})
		if err == nil {
			t.Error("it was opened", s.Close())
		} else if strings.Contains(err.Error(), canary) {
			t.Errorf("the error of %s shows the password: %s", strings.ReplaceAll(database, canary, "..."), strings.ReplaceAll(err.Error(), canary, "..."))
		}
	}
}

// TestTextsThatCannotBeKept: U+0000 is a character of JSON that PostgreSQL has no place for. It is the client's to leave it out.
func TestTextsThatCannotBeKept(t *testing.T) {
	t.Parallel()
	h := newHouse(t, migrated.New(t))
	c := h.createBasic(t, tenantA, "a", "secret")
	_, _, err := h.UpdateConnector(t.Context(), tenantA, "a", nil, rename("a\x00b"))
	wantKind(t, err, apiconn.Invalid)
	_, err = h.Connectors(t.Context(), tenantA, apiconn.Query{Where: cond("displayName", apiconn.Eq, "a\x00b")})
	wantKind(t, err, apiconn.Invalid)
	_, err = h.Connector(t.Context(), tenantA, "a\x00b")
	wantKind(t, err, apiconn.Invalid)
	if got, err := h.Connector(t.Context(), tenantA, "a"); got.DisplayName != c.DisplayName || err != nil {
		t.Errorf("the connector is called %q, error %v", got.DisplayName, err)
	}
}

// TestSchemaCheck: who may not migrate opens a database of this schema only, and changes nothing.
func TestSchemaCheck(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		check := Options{Database: database, Schema: SchemaCheck}
		for range 2 {
			if s, err := Open(t.Context(), check); !errors.Is(err, ErrOldSchema) {
				t.Fatalf("a new database: store %v, error %v, want ErrOldSchema", s, err)
			}
		}
		for _, o := range []Options{{Database: database}, check} {
			s, err := Open(t.Context(), o)
			if err == nil {
				err = s.Close()
			}
			if err != nil {
				t.Errorf("mode %d: %v", o.Schema, err)
			}
		}
	})
}

// TestListingsUseTheIndexBehindTheWall: under row-level security PostgreSQL uses an index for conditions only that cannot tell a
// secret by an error or a duration. Those of pages are of this kind, whatever the database's own order of texts is.
func TestListingsUseTheIndexBehindTheWall(t *testing.T) {
	t.Parallel()
	h := newHouse(t, migrated.New(t))
	by := func(property string, descending bool) []apiconn.Order {
		return []apiconn.Order{{Property: property, Descending: descending}}
	}
	for _, c := range []struct {
		resource resource
		table    string
		ask      apiconn.Query
		want     string // all of the index condition but the tenant
	}{
		{connectors, "connectors", apiconn.Query{After: []string{"a"}}, "(id > 'a'::text)"},
		{connectors, "connectors", apiconn.Query{Order: by("displayName", false)}, ""},
		{connectors, "connectors", apiconn.Query{After: []string{"a", "b"}, Order: by("displayName", false)}, "(ROW(display_name, id) > ROW('a'::text, 'b'::text))"},
		{connectors, "connectors", apiconn.Query{After: []string{"a", "b"}, Order: by("displayName", true)}, "(ROW(display_name, id) < ROW('a'::text, 'b'::text))"},
		{connectors, "connectors", apiconn.Query{Where: cond("displayName", apiconn.Eq, "a")}, "(display_name = 'a'::text)"},
		{invocations, "invocations", apiconn.Query{Order: by("createdDateTime", true)}, ""},
		{invocations, "invocations", apiconn.Query{After: []string{"1", "i"}, Order: by("createdDateTime", true)}, "(ROW(at, id) < ROW('1'::bigint, 'i'::text))"},
		{
			invocations, "invocations",
			apiconn.Query{After: []string{"1", "i"}, Order: by("createdDateTime", true), Where: cond("connectorId", apiconn.Eq, "a")},
			"(connector_id = 'a'::text) AND (ROW(at, id) < ROW('1'::bigint, 'i'::text))",
		},
		{auditEntries, "audit_entries", apiconn.Query{After: []string{"1", "i"}, Order: by("activityDateTime", true)}, "(ROW(at, id) < ROW('1'::bigint, 'i'::text))"},
	} {
		q := &query{dialect: h.dialect, resource: c.resource}
		if _, _, err := q.rows("tenant_id", c.table, tenantA, c.ask); err != nil {
			t.Fatal(err)
		}
		var plan []string
		if err := h.lists.run(t.Context(), tenantA, func(ctx context.Context, db *statements) error {
			// The tables are small, and a small table is read faster whole.
			for _, way := range []string{"enable_seqscan", "enable_bitmapscan"} {
				if err := db.queryRow(ctx, "SELECT set_config($1, 'off', false)", way).Scan(new(string)); err != nil {
					return err
				}
			}
			rows, err := db.queryOnce(ctx, "EXPLAIN (COSTS OFF) "+q.text.String(), q.args...)
			plan, err = collect(rows, err, func(row scanner) (line string, err error) { return line, row.Scan(&line) })
			return err
		}); err != nil {
			t.Fatal(err)
		}
		want := "Index Cond: (tenant_id = '" + tenantA + "'::text)"
		if c.want != "" {
			want = "Index Cond: ((tenant_id = '" + tenantA + "'::text) AND " + c.want + ")"
		}
		if text := strings.Join(plan, "\n"); !strings.Contains(text, want+"\n") || strings.Contains(text, "Sort") {
			t.Errorf("the plan is\n%s\nwant it to have no sort and\n%s", text, want)
		}
	}
}

func mustParse(t *testing.T, database string) *url.URL {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal("the URL cannot be read")
	}
	return u
}

func runRaw(t *testing.T, database, text string) {
	t.Helper()
	if _, err := rawOf(t, database).ExecContext(context.WithoutCancel(t.Context()), text); err != nil { // it may clean up
		t.Error(err)
	}
}

// TestSessionAttributes: a URL may ask for a server that takes writes, and the connections that read take none all the same.
func TestSessionAttributes(t *testing.T) {
	t.Parallel()
	for _, attributes := range []string{"read-write", "primary", "any"} {
		database := pgtest.New(t)
		s, err := Open(t.Context(), Options{Database: database + "&target_session_attrs=" + attributes})
		if err != nil {
			t.Errorf("%s: %v", attributes, err)
			continue
		}
		if err := s.SetMeta(t.Context(), "a", "b"); err != nil {
			t.Errorf("%s: %v", attributes, err)
		}
		if _, err := s.read.db.ExecContext(t.Context(), "DELETE FROM meta"); err == nil {
			t.Errorf("%s: a reader's connection writes", attributes)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
