package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// gooseTable is where goose keeps which migrations have run. It belongs to the schema and not to the data.
const gooseTable = "goose_db_version"

// columnKind is what a column can hold, the same for every engine.
type columnKind string

const (
	kindText    columnKind = "text"
	kindInteger columnKind = "integer" // 64 bits
	kindReal    columnKind = "real"    // 64 bits
	kindBytes   columnKind = "bytes"
)

// tableShape is what a database says of a table of its own.
type tableShape struct {
	name    string
	columns []columnShape // in their order
	key     []string      // columns of the primary key, in its order
	refers  []string      // tables that its foreign keys lead to
}

type columnShape struct {
	name string
	kind columnKind
	null bool // it may be NULL
}

// catalog is how an engine tells of its tables.
type catalog struct {
	// columns asks for rows (table, column, type, NULL allowed, place in the primary key from 1 or 0) in the tables' order.
	columns string
	refers  string // asks for rows (table, table that a foreign key of it leads to)
	kinds   map[string]columnKind
}

// The catalogs. sqlite_ begins the names of SQLite's own tables.
var (
	sqliteCatalog = catalog{
		columns: `SELECT m.name, c.name, c.type, c."notnull" = 0, c.pk FROM sqlite_schema m, pragma_table_info(m.name) c ` +
			`WHERE m.type = 'table' AND substr(m.name, 1, 7) <> 'sqlite_' ORDER BY m.name, c.cid`,
		refers: `SELECT m.name, f."table" FROM sqlite_schema m, pragma_foreign_key_list(m.name) f WHERE m.type = 'table'`,
		kinds:  map[string]columnKind{"TEXT": kindText, "INTEGER": kindInteger, "REAL": kindReal, "BLOB": kindBytes},
	}
	postgresCatalog = catalog{
		columns: `SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull, ` +
			`coalesce(array_position(string_to_array(k.indkey::text, ' '), a.attnum::text), 0) ` +
			`FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ` +
			`LEFT JOIN pg_index k ON k.indrelid = c.oid AND k.indisprimary ` +
			`WHERE c.relkind IN ('r', 'p') AND c.relnamespace = current_schema()::regnamespace ORDER BY c.relname COLLATE "C", a.attnum`,
		refers: `SELECT c.relname, f.relname FROM pg_constraint r JOIN pg_class c ON c.oid = r.conrelid JOIN pg_class f ON f.oid = r.confrelid ` +
			`WHERE r.contype = 'f' AND c.relnamespace = current_schema()::regnamespace`,
		kinds: map[string]columnKind{"text": kindText, "bigint": kindInteger, "double precision": kindReal, "bytea": kindBytes},
	}
)

// queryer is a pool, a connection or a transaction that answers.
type queryer interface {
	QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error)
}

// readTables returns the tables of a database in the order of their names, without goose's. has tells whether goose's is
// there: whether the database has a schema of ours.
func (c catalog) readTables(ctx context.Context, db queryer) (tables []tableShape, has bool, err error) {
	type column struct {
		table string
		columnShape
		typ string
		key int
	}
	rows, err := db.QueryContext(ctx, c.columns)
	columns, err := collect(rows, err, func(row scanner) (c column, err error) {
		return c, row.Scan(&c.table, &c.name, &c.typ, &c.null, &c.key)
	})
	if err != nil {
		return nil, false, fmt.Errorf("read the catalog of the database: %w", err)
	}
	keys := map[string]map[int]string{}
	for _, col := range columns {
		if col.table == gooseTable {
			has = true
			continue
		}
		if len(tables) == 0 || tables[len(tables)-1].name != col.table {
			tables = append(tables, tableShape{name: col.table})
			keys[col.table] = map[int]string{}
		}
		t := &tables[len(tables)-1]
		col.kind = c.kinds[col.typ] // "" for one that is none of ours: see checkShapes
		t.columns = append(t.columns, col.columnShape)
		if col.key > 0 {
			keys[col.table][col.key] = col.name
		}
	}
	for i := range tables {
		t := &tables[i]
		for place := 1; place <= len(keys[t.name]); place++ {
			t.key = append(t.key, keys[t.name][place])
		}
	}
	return tables, has, c.readReferences(ctx, db, tables)
}

func (c catalog) readReferences(ctx context.Context, db queryer, tables []tableShape) error {
	rows, err := db.QueryContext(ctx, c.refers)
	references, err := collect(rows, err, func(row scanner) (r [2]string, err error) { return r, row.Scan(&r[0], &r[1]) })
	if err != nil {
		return fmt.Errorf("read the catalog of the database: %w", err)
	}
	for _, r := range references {
		for i := range tables {
			if t := &tables[i]; t.name == r[0] && r[1] != t.name && !slices.Contains(t.refers, r[1]) {
				t.refers = append(t.refers, r[1])
			}
		}
	}
	return nil
}

// parentsFirst orders tables so that rows can be written one table after the other: what a foreign key leads to comes before.
func parentsFirst(tables []tableShape) ([]tableShape, error) {
	var ordered []tableShape
	done := map[string]bool{}
	for len(ordered) < len(tables) {
		before := len(ordered)
		for _, t := range tables {
			if !done[t.name] && !slices.ContainsFunc(t.refers, func(to string) bool { return !done[to] }) {
				ordered, done[t.name] = append(ordered, t), true
			}
		}
		if len(ordered) == before {
			return nil, errors.New("the foreign keys of the tables go round")
		}
	}
	return ordered, nil
}

// checkShapes tells what keeps rows of one database from going into another as they are: nil if nothing does.
func checkShapes(from, to []tableShape) error {
	names := func(tables []tableShape) (out []string) {
		for _, t := range tables {
			out = append(out, t.name)
		}
		return out
	}
	if a, b := names(from), names(to); !slices.Equal(a, b) {
		return fmt.Errorf("the databases have different tables: %s; and %s", strings.Join(a, ", "), strings.Join(b, ", "))
	}
	for i, t := range from {
		if len(t.key) == 0 || !slices.Equal(t.key, to[i].key) {
			return fmt.Errorf("the table %s has no primary key, or another one in the other database", t.name)
		}
		byName := func(a, b columnShape) int { return strings.Compare(a.name, b.name) }
		ours, theirs := slices.SortedFunc(slices.Values(t.columns), byName), slices.SortedFunc(slices.Values(to[i].columns), byName)
		if !slices.Equal(ours, theirs) {
			return fmt.Errorf("the table %s has other columns in the other database", t.name)
		}
		for _, col := range t.columns {
			if col.kind == "" {
				return fmt.Errorf("the column %s of the table %s has a type that is not the same in every database", col.name, t.name)
			}
		}
	}
	return nil
}

// quoted writes a name of a table or column as SQL does.
func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func quotedList(names []string) string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = quoted(name)
	}
	return strings.Join(out, ", ")
}

func (t tableShape) columnNames() []string {
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = c.name
	}
	return names
}
