package store

import (
	"fmt"
	"io/fs"
	"log/slog"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// A migration expands: a node of the version before goes on working with the new schema while the others are replaced. What does
// not (a column that nobody reads any more goes away) is a migration of its own, of a later version, and says so in a line
//
//	-- contract: WHY NO NODE IN USE NEEDS IT
var contractLine = regexp.MustCompile(`(?m)^-- contract: \S.{20,}$`)

// The statements that a migration may have. [1] is the table. What matches nothing is refused.
var (
	createTable  = regexp.MustCompile(`^CREATE TABLE (\w+) \(`)
	createIndex  = regexp.MustCompile(`^CREATE INDEX \w+ ON (\w+) \(`)
	createUnique = regexp.MustCompile(`^CREATE UNIQUE INDEX \w+ ON (\w+) \(`)
	addColumn    = regexp.MustCompile(`^ALTER TABLE (\w+) ADD COLUMN \w+ (.*)$`)
	fillColumn   = regexp.MustCompile(`^UPDATE (\w+) SET `)
	tellPlanner  = regexp.MustCompile(`^ANALYZE$|^INSERT INTO sqlite_stat1 `)
	secondWall   = regexp.MustCompile(`^DO \$\$ DECLARE name TEXT; BEGIN FOREACH name IN ARRAY ARRAY\[([^\]]*)\] LOOP ` +
		`(?:EXECUTE format\('(?:ALTER TABLE %I (?:ENABLE|FORCE) ROW LEVEL SECURITY|CREATE POLICY tenant ON %I USING [^;]*)', name\); )*END LOOP; END \$\$$`)

	comment     = regexp.MustCompile(`(?m)--.*$`)
	restriction = regexp.MustCompile(`\b(UNIQUE|PRIMARY|CHECK|REFERENCES|GENERATED)\b`)
	word        = regexp.MustCompile(`\w+`)
)

// contractions returns what in a migration a node of the version before would not survive.
func contractions(text string) (faults []string) {
	if strings.Contains(text, "+goose Down") {
		faults = append(faults, "migrations go forward only")
	}
	if contractLine.MatchString(text) {
		return faults
	}
	created := map[string]bool{}
	for _, statement := range migrationStatements(text) {
		fault := ""
		switch {
		case createTable.MatchString(statement):
			created[createTable.FindStringSubmatch(statement)[1]] = true
		case createUnique.MatchString(statement):
			if !created[createUnique.FindStringSubmatch(statement)[1]] {
				fault = "refuses what the version before writes"
			}
		case addColumn.MatchString(statement):
			fault = columnFault(addColumn.FindStringSubmatch(statement)[2])
		case secondWall.MatchString(statement):
			for _, table := range word.FindAllString(secondWall.FindStringSubmatch(statement)[1], -1) {
				if !created[table] {
					fault = "hides rows of the table " + table + " from the version before"
				}
			}
		case createIndex.MatchString(statement), fillColumn.MatchString(statement), tellPlanner.MatchString(statement):
		default:
			fault = "is none of the statements that expand"
		}
		if fault != "" {
			faults = append(faults, fmt.Sprintf("%s: %s", statement[:min(len(statement), 60)], fault))
		}
	}
	return faults
}

func columnFault(definition string) string {
	switch {
	case restriction.MatchString(definition):
		return "may refuse what the version before writes"
	case strings.Contains(definition, "NOT NULL") && !strings.Contains(definition, "DEFAULT"):
		return "the version before does not write it: let it be NULL, or give it a DEFAULT"
	}
	return ""
}

// migrationStatements are those of a migration, without comments and on one line each.
func migrationStatements(text string) (statements []string) {
	for i, part := range strings.Split(text, "-- +goose StatementBegin") {
		if i > 0 {
			var block string
			block, part, _ = strings.Cut(part, "-- +goose StatementEnd")
			statements = append(statements, oneLine(strings.TrimSuffix(oneLine(block), ";")))
		}
		for statement := range strings.SplitSeq(comment.ReplaceAllString(part, ""), ";") {
			if statement = oneLine(statement); statement != "" {
				statements = append(statements, statement)
			}
		}
	}
	return statements
}

func oneLine(text string) string {
	return strings.Join(strings.Fields(comment.ReplaceAllString(text, "")), " ")
}

func TestMigrationsExpand(t *testing.T) {
	t.Parallel()
	for _, d := range []dialect{sqliteDialect(), postgresDialect()} {
		files, err := d.files()
		if err != nil {
			t.Fatal(err)
		}
		names, err := fs.Glob(files, "*.sql")
		if err != nil || len(names) != len(versions(t, d)) {
			t.Fatalf("files %v, error %v", names, err)
		}
		for _, file := range names {
			text, err := fs.ReadFile(files, file)
			if err != nil {
				t.Fatal(err)
			}
			if n := len(migrationStatements(string(text))); n < 1 {
				t.Errorf("%s: no statements were found", file)
			}
			for _, fault := range contractions(string(text)) {
				t.Errorf("migrations/%s/%s: %s", d.name, file, fault)
			}
		}
	}
}

// TestContractionsAreFound shows that the rule sees what it is for.
func TestContractionsAreFound(t *testing.T) {
	t.Parallel()
	for statement, want := range map[string]int{
		"CREATE TABLE a (id TEXT NOT NULL);\nCREATE UNIQUE INDEX u ON a (id);":                      0,
		"ALTER TABLE connectors ADD COLUMN note TEXT; -- DROP TABLE connectors;":                    0,
		"ALTER TABLE connectors ADD COLUMN note TEXT NOT NULL DEFAULT '';":                          0,
		"CREATE INDEX i ON connectors (note);\nUPDATE connectors SET note = '';":                    0,
		"-- contract: no node since 1.4 reads the column\nALTER TABLE connectors DROP COLUMN note;": 0,

		"-- contract:\nALTER TABLE connectors DROP COLUMN note;":                                1,
		"ALTER TABLE connectors ADD COLUMN note TEXT NOT NULL;":                                 1,
		"ALTER TABLE connectors ADD COLUMN note TEXT UNIQUE;":                                   1,
		"ALTER TABLE connectors ADD COLUMN note TEXT CHECK (note <> '');":                       1,
		"ALTER TABLE connectors DROP COLUMN version;":                                           1,
		"ALTER TABLE connectors RENAME COLUMN version TO v;":                                    1,
		"ALTER TABLE connectors RENAME TO c;":                                                   1,
		"ALTER TABLE connectors ALTER COLUMN version TYPE TEXT;":                                1,
		"ALTER TABLE connectors ADD CONSTRAINT c CHECK (version > 0);":                          1,
		"DROP TABLE connectors;\nDROP INDEX connectors_by_display_name;":                        2,
		"CREATE UNIQUE INDEX u ON connectors (display_name);":                                   1,
		"DELETE FROM connectors;":                                                               1,
		"CREATE TRIGGER t BEFORE INSERT ON connectors BEGIN SELECT 1; END;":                     2,
		"-- +goose StatementBegin\nDO $$ BEGIN DROP TABLE a; END $$;\n-- +goose StatementEnd\n": 1,
		"-- +goose Down\nDROP TABLE connectors;":                                                2,
		"-- +goose StatementBegin\nDO $$ DECLARE name TEXT; BEGIN FOREACH name IN ARRAY ARRAY['connectors'] LOOP " +
			"EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name); END LOOP; END $$;\n-- +goose StatementEnd\n": 1,
	} {
		if got := contractions("-- +goose Up\n\n" + statement); len(got) != want {
			t.Errorf("%s\nfaults %q, want %d", statement, got, want)
		}
	}
}

// nextVersion is a database that a program of the next version has migrated: a new table, which refers to one of today's, and
// for every table of today's a new column, once without a value and once with one of its own, and an index on it.
func nextVersion(t testing.TB, database string) string {
	t.Helper()
	d := dialectOf(database)
	if _, _, err := Migrate(t.Context(), database, nil); err != nil {
		t.Fatal(err)
	}
	text, strict := map[string]string{"sqlite": "TEXT", "postgres": `TEXT COLLATE "C"`}[d.name], map[string]string{"sqlite": " STRICT"}[d.name]
	var later strings.Builder
	fmt.Fprintf(&later, "-- +goose Up\nCREATE TABLE later (tenant_id %s NOT NULL, connector_id %s NOT NULL, PRIMARY KEY (tenant_id, connector_id), "+
		"FOREIGN KEY (tenant_id, connector_id) REFERENCES connectors (tenant_id, id) ON DELETE CASCADE)%s;\n", text, text, strict)
	tables, _, err := d.catalog.readTables(t.Context(), rawOf(t, database))
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		fmt.Fprintf(&later, "ALTER TABLE %s ADD COLUMN later_note %s;\nALTER TABLE %s ADD COLUMN later_kind %s NOT NULL DEFAULT 'x';\nCREATE INDEX later_%s ON %s (later_kind);\n",
			table.name, text, table.name, text, table.name, table.name)
	}
	if faults := contractions(later.String()); faults != nil {
		t.Fatalf("the made-up migration is one that does not expand: %q", faults)
	}
	files, err := d.files()
	if err != nil {
		t.Fatal(err)
	}
	with := fstest.MapFS{"90000_later.sql": {Data: []byte(later.String())}}
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range names {
		content, err := fs.ReadFile(files, file)
		if err != nil {
			t.Fatal(err)
		}
		with[path.Base(file)] = &fstest.MapFile{Data: content}
	}
	db, err := d.open(database, useMigrate)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := applyMigrations(t.Context(), d, db, with, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	return database
}

// TestNodeOfThisVersionOnTheNextSchema: this program does everything that it can with a database that the next version has
// migrated, before and after it has rows, and leaves the schema alone.
func TestNodeOfThisVersionOnTheNextSchema(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		h := newHouse(t, nextVersion(t, database))
		everyOperation(t, h, "")
		everyOperation(t, h, "again")
		found, err := SchemaOf(t.Context(), database)
		if err != nil || found.Present != 90000 {
			t.Errorf("%+v, error %v", found, err)
		}
		before, after, err := Migrate(t.Context(), database, nil)
		if diff := cmp.Diff([]Schema{found, found}, []Schema{before, after}); diff != "" || err != nil {
			t.Errorf("migrate, error %v:\n%s", err, diff)
		}
		s, err := Open(t.Context(), Options{Database: database, Schema: SchemaCheck})
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
		rows, err := h.raw(t).QueryContext(t.Context(), "SELECT DISTINCT later_kind FROM secrets")
		kinds, err := collect(rows, err, func(row scanner) (kind string, err error) { return kind, row.Scan(&kind) })
		if err != nil || !slices.Equal(kinds, []string{"x"}) {
			t.Errorf("kinds %q, error %v: the made-up migration did not run", kinds, err)
		}
	})
}
