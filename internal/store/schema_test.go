package store

import (
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pressly/goose/v3"
)

// testdata/schema keeps what each version of the schema is: SQL that makes it, by engine, rows that a program of that time
// wrote, and the statements that it had. A version is a migration. None was released yet; each that is there counts as if it had
// been, so that a migration which somebody may have run is never edited.
//
// With -update a file that is not there is written. One that is there is never written again, but for the statements of the newest
// version, whose program is still being worked on.
var update = flag.Bool("update", false, "write what is missing of testdata/schema")

func schemaFile(d dialect, version int64) string {
	return filepath.Join("testdata", "schema", d.name, fmt.Sprintf("%05d.sql", version))
}

// versions are those of the schema, of which there is one for each migration.
func versions(t testing.TB, d dialect) (all []int64) {
	t.Helper()
	newest, err := d.newest()
	if err != nil || newest < 3 {
		t.Fatal(newest, err)
	}
	for v := range newest {
		all = append(all, v+1)
	}
	return all
}

// TestSchemaSnapshots: the migrations still make, at each version, the schema that the version is.
func TestSchemaSnapshots(t *testing.T) {
	t.Parallel()
	for name, engine := range engines {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := engine.empty(t)
			d := dialectOf(database)
			files, err := d.files()
			if err != nil {
				t.Fatal(err)
			}
			db, err := d.open(database, useMigrate)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			provider, err := goose.NewProvider(d.migrations, db, files, goose.WithDisableGlobalRegistry(true))
			if err != nil {
				t.Fatal(err)
			}
			for _, version := range versions(t, d) {
				if _, err := provider.UpTo(t.Context(), version); err != nil {
					t.Fatal(err)
				}
				got, file := dumpSchema(t, db, d), schemaFile(d, version)
				want, err := os.ReadFile(file)
				if errors.Is(err, fs.ErrNotExist) && *update {
					want, err = []byte(got), errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(got), 0o644))
				}
				if err != nil {
					t.Fatalf("%v; -update writes the snapshot of a new version", err)
				}
				if diff := cmp.Diff(string(want), got); diff != "" {
					t.Errorf("the migrations up to %d make another schema than %s says, so an older one was edited: "+
						"put the change into a new migration (-snapshot +migrations):\n%s", version, file, diff)
				}
			}
		})
	}
}

// TestSnapshotsMakeTheSchema: what a snapshot makes has the same snapshot. Otherwise the tests that begin with one would prove
// nothing about the databases of that version.
func TestSnapshotsMakeTheSchema(t *testing.T) {
	t.Parallel()
	for name, engine := range engines {
		for _, version := range versions(t, dialectOf(engine.empty(t))) {
			t.Run(fmt.Sprint(name, " ", version), func(t *testing.T) {
				t.Parallel()
				database := ofVersion(t, engine.empty(t), version)
				d := dialectOf(database)
				db, err := d.open(database, useMigrate)
				if err != nil {
					t.Fatal(err)
				}
				defer db.Close()
				want, err := os.ReadFile(schemaFile(d, version))
				if diff := cmp.Diff(string(want), dumpSchema(t, db, d)); diff != "" || err != nil {
					t.Errorf("error %v (-snapshot +its snapshot):\n%s", err, diff)
				}
			})
		}
	}
}

// TestEnginesHaveTheSameTables: a migration is the same for every engine, in number and in what the store sees of it.
func TestEnginesHaveTheSameTables(t *testing.T) {
	t.Parallel()
	for _, version := range versions(t, sqliteDialect()) {
		var shapes [2][]tableShape
		for i, name := range []string{"sqlite", "postgres"} {
			database := ofVersion(t, engines[name].empty(t), version)
			tables, has, err := dialectOf(database).catalog.readTables(t.Context(), rawOf(t, database))
			if err != nil || !has {
				t.Fatal(has, err)
			}
			shapes[i] = tables
		}
		if err := checkShapes(shapes[0], shapes[1]); err != nil {
			t.Errorf("version %d: %v", version, err)
		}
		if diff := cmp.Diff(shapes[0], shapes[1], cmp.AllowUnexported(tableShape{}, columnShape{})); diff != "" {
			t.Errorf("version %d (-sqlite +postgres):\n%s", version, diff)
		}
	}
}

// ofVersion makes the schema of a version in an empty database, from its snapshot, as the owner of the database.
func ofVersion(t testing.TB, database string, version int64) string {
	t.Helper()
	d := dialectOf(database)
	text, err := os.ReadFile(schemaFile(d, version))
	if err != nil {
		t.Fatal(err)
	}
	db, err := d.open(database, useMigrate)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for statement := range strings.SplitSeq(string(text), statementEnd) {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	return database
}

// statementEnd ends a statement of a snapshot; a comment within one may have a semicolon.
const statementEnd = ";\n\n"

// dumpSchema writes the statements that make the schema of a database, all that there is of it.
func dumpSchema(t testing.TB, db *sql.DB, d dialect) string {
	t.Helper()
	var all []string
	ask := func(text string) {
		t.Helper()
		rows, err := db.QueryContext(t.Context(), text)
		found, err := collect(rows, err, func(row scanner) (line string, err error) { return line, row.Scan(&line) })
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		all = append(all, found...)
	}
	for _, text := range map[string][]string{"sqlite": sqliteSchema, "postgres": postgresSchema}[d.name] {
		ask(text)
	}
	ask("SELECT 'INSERT INTO goose_db_version (version_id, is_applied) VALUES (' || version_id || ', " + truth(d) + ")' FROM goose_db_version ORDER BY version_id")
	return strings.Join(all, statementEnd) + "\n"
}

// sqliteSchema asks SQLite for the statements that it keeps itself, in the order of their making, and for what the planner is told.
var sqliteSchema = []string{
	"SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND substr(name, 1, 7) <> 'sqlite_' ORDER BY type = 'table' DESC, rowid",
	"SELECT 'ANALYZE'",
	"SELECT 'INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (' || quote(tbl) || ', ' || quote(idx) || ', ' || quote(stat) || ')' " +
		"FROM sqlite_stat1 ORDER BY tbl, idx",
}

// postgresSchema asks PostgreSQL's catalog. A kind of thing that is not foreseen here (a function, a trigger, a view) makes a
// statement that does not run, so that whoever adds one adds it here.
var postgresSchema = []string{
	`SELECT 'CREATE TABLE ' || c.relname || ' (' || string_agg(E'\n    ' || quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod) ||
		CASE WHEN a.attcollation <> y.typcollation THEN ' COLLATE "' || l.collname || '"' ELSE '' END ||
		CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END ||
		CASE WHEN d.adbin IS NOT NULL THEN ' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid) ELSE '' END ||
		CASE a.attidentity WHEN 'd' THEN ' GENERATED BY DEFAULT AS IDENTITY' WHEN 'a' THEN ' GENERATED ALWAYS AS IDENTITY' ELSE '' END,
		',' ORDER BY a.attnum) || E'\n)'
	FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped JOIN pg_type y ON y.oid = a.atttypid
		LEFT JOIN pg_collation l ON l.oid = a.attcollation LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
	WHERE c.relkind IN ('r', 'p') AND c.relnamespace = current_schema()::regnamespace GROUP BY c.relname ORDER BY c.relname COLLATE "C"`,
	`SELECT 'ALTER TABLE ' || c.relname || ' ADD CONSTRAINT ' || r.conname || ' ' || pg_get_constraintdef(r.oid)
	FROM pg_constraint r JOIN pg_class c ON c.oid = r.conrelid WHERE c.relnamespace = current_schema()::regnamespace AND r.contype <> 'n'
	ORDER BY r.contype = 'f', c.relname COLLATE "C", r.conname COLLATE "C"`,
	`SELECT replace(pg_get_indexdef(i.indexrelid), ' ON ' || current_schema() || '.', ' ON ') FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
	WHERE c.relnamespace = current_schema()::regnamespace AND NOT EXISTS (SELECT 1 FROM pg_constraint r WHERE r.conindid = i.indexrelid)
	ORDER BY c.relname COLLATE "C"`,
	`SELECT 'ALTER TABLE ' || relname || ' ENABLE ROW LEVEL SECURITY' || CASE WHEN relforcerowsecurity THEN ', FORCE ROW LEVEL SECURITY' ELSE '' END
	FROM pg_class WHERE relrowsecurity AND relnamespace = current_schema()::regnamespace ORDER BY relname COLLATE "C"`,
	`SELECT 'CREATE POLICY ' || polname || ' ON ' || c.relname || CASE WHEN polpermissive THEN '' ELSE ' AS RESTRICTIVE' END ||
		' FOR ' || CASE polcmd WHEN '*' THEN 'ALL' ELSE polcmd::text END || ' USING (' || pg_get_expr(polqual, polrelid) || ')' ||
		coalesce(' WITH CHECK (' || pg_get_expr(polwithcheck, polrelid) || ')', '')
	FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid WHERE c.relnamespace = current_schema()::regnamespace
	ORDER BY c.relname COLLATE "C", polname`,
	`SELECT 'not foreseen: ' || relkind::text || ' ' || relname FROM pg_class c WHERE relnamespace = current_schema()::regnamespace
		AND NOT (relkind IN ('r', 'p', 'i', 'I') OR relkind = 'S' AND EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype IN ('a', 'i')))
	UNION ALL SELECT 'not foreseen: function ' || proname FROM pg_proc WHERE pronamespace = current_schema()::regnamespace
	UNION ALL SELECT 'not foreseen: trigger ' || tgname FROM pg_trigger WHERE NOT tgisinternal`,
}

// TestMigrate: many who migrate a database at once bring it to the newest version together, from every earlier one and from
// none, and say what they found and left.
func TestMigrate(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		d := dialectOf(database)
		newest := slices.Max(versions(t, d))
		if found, err := SchemaOf(t.Context(), database); err != nil || found != (Schema{0, newest}) {
			t.Errorf("before: %+v, error %v", found, err)
		}
		if d.name == "sqlite" {
			wantAlone(t, filepath.Dir(database)) // nothing was made
			_, err := Open(t.Context(), Options{Database: database, Schema: SchemaCheck})
			if !errors.Is(err, ErrOldSchema) {
				t.Errorf("with nothing in it, error %v", err)
			}
		}
		before, after, err := Migrate(t.Context(), database, nil)
		if err != nil || before != (Schema{0, newest}) || after != (Schema{newest, newest}) {
			t.Errorf("before %+v, after %+v, error %v", before, after, err)
		}
		for _, version := range versions(t, d) {
			older := ofVersion(t, engines[d.name].empty(t), version)
			_, err := Open(t.Context(), Options{Database: older, Schema: SchemaCheck})
			if old := version < newest; errors.Is(err, ErrOldSchema) != old || !old && err != nil {
				t.Errorf("version %d is opened, error %v", version, err)
			}
			if found, err := SchemaOf(t.Context(), older); err != nil || found != (Schema{version, newest}) {
				t.Errorf("version %d is told as %+v, error %v", version, found, err)
			}
			failures := make(chan error)
			const many = 6
			for range many {
				go func() {
					before, after, err := Migrate(t.Context(), older, nil)
					if err == nil && (before.Present < version || before.Present > newest || after != (Schema{newest, newest})) {
						err = fmt.Errorf("before %+v, after %+v", before, after)
					}
					failures <- err
				}()
			}
			for range many {
				if err := <-failures; err != nil {
					t.Errorf("version %d: %v", version, err)
				}
			}
			s, err := Open(t.Context(), Options{Database: older, Schema: SchemaCheck})
			if err != nil {
				t.Errorf("version %d after all: %v", version, err)
				continue
			}
			s.Close()
		}
	})
}
