package store

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/patchbay/patchbay/internal/seal"
)

// fixtureKey are the octets of the master key of the rows in testdata/schema, and earlierKey those of a master key that was
// changed for that of a house, whatever it is.
const (
	fixtureKey = "of testdata/schema, and no other"
	earlierKey = "of the time before, and no other"
)

// rowsFile has the rows that a program of a version wrote: for each table a list of rows, whose values stand as text, number or,
// for octets, base64.
func rowsFile(version int64) string {
	return filepath.Join("testdata", "schema", "rows", fmt.Sprintf("%05d.json", version))
}

type fixtureRows map[string][]map[string]any

// readRows reads the rows of a version, or makes them with -update if there are none: all that everyOperation leaves, of what
// that version has.
func readRows(t *testing.T, version int64) fixtureRows {
	t.Helper()
	text, err := os.ReadFile(rowsFile(version))
	if errors.Is(err, fs.ErrNotExist) && *update {
		text = makeRows(t, version)
		err = errors.Join(os.MkdirAll(filepath.Dir(rowsFile(version)), 0o755), os.WriteFile(rowsFile(version), text, 0o644))
	}
	if err != nil {
		t.Fatalf("%v; -update writes the rows of a new version", err)
	}
	var rows fixtureRows
	decode := json.NewDecoder(bytes.NewReader(text))
	decode.UseNumber()
	if err := decode.Decode(&rows); err != nil {
		t.Fatal(err)
	}
	return rows
}

func makeRows(t *testing.T, version int64) []byte {
	t.Helper()
	h := openHouse(t, newFile(t), fixtureMaster(t))
	h.makeRing(t)
	everyOperation(t, h, "")
	old, err := openEnd(t.Context(), ofVersion(t, newFile(t), version))
	if err != nil {
		t.Fatal(err)
	}
	defer old.close()
	tables, _, err := old.dialect.catalog.readTables(t.Context(), old.conn)
	if err != nil {
		t.Fatal(err)
	}
	from, err := openEnd(t.Context(), h.path)
	if err != nil {
		t.Fatal(err)
	}
	defer from.close()
	var out bytes.Buffer
	for i, table := range tables {
		fmt.Fprintf(&out, "%s%q: [", map[bool]string{true: "{\n", false: ",\n"}[i == 0], table.name)
		for n, row := range readAll(t, from, table) {
			line, err := json.Marshal(row)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&out, "%s\n  %s", map[bool]string{true: "", false: ","}[n == 0], line)
		}
		out.WriteString("\n]")
	}
	out.WriteString("\n}\n")
	return out.Bytes()
}

// readAll reads the rows of a table in the order of its key, by column; []byte becomes base64 by JSON.
func readAll(t testing.TB, e *end, table tableShape) (all []map[string]any) {
	t.Helper()
	s, err := openStream(t.Context(), e, table)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	for err = s.next(); err == nil && s.values != nil; err = s.next() {
		row := map[string]any{}
		for i, column := range table.columns {
			row[column.name] = s.values[i]
		}
		all = append(all, row)
	}
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func fixtureMaster(t testing.TB) seal.MasterKey {
	t.Helper()
	return masterOf(t, fixtureKey)
}

func masterOf(t testing.TB, octets string) seal.MasterKey {
	t.Helper()
	master, err := seal.ParseMasterKey("patchbay-development-master-key:" + base64.StdEncoding.EncodeToString([]byte(octets)))
	if err != nil {
		t.Fatal(err)
	}
	return master
}

// fill writes rows into a database of their version, past the store.
func (f fixtureRows) fill(t testing.TB, database string) {
	t.Helper()
	e, err := openEnd(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer e.close()
	tables, _, err := e.dialect.catalog.readTables(t.Context(), e.conn)
	if err != nil {
		t.Fatal(err)
	}
	if tables, err = parentsFirst(tables); err != nil {
		t.Fatal(err)
	}
	if len(tables) != len(f) {
		t.Fatalf("rows of %d tables, and the version has %d", len(f), len(tables))
	}
	for _, table := range tables {
		if len(f[table.name]) == 0 {
			t.Fatalf("there are no rows of %s", table.name)
		}
		for _, row := range f[table.name] {
			var values []any
			var places []string
			for i, column := range table.columns {
				values, places = append(values, fixtureValue(t, column, row[column.name])), append(places, fmt.Sprintf("$%d", i+1))
			}
			text := "INSERT INTO " + quoted(table.name) + " (" + quotedList(table.columnNames()) + ") VALUES (" + strings.Join(places, ", ") + ")"
			if err := e.exec(t.Context(), text, values...); err != nil {
				t.Fatalf("%s: %v", table.name, err)
			}
		}
	}
}

// fixtureValue is a value as a column has it.
func fixtureValue(t testing.TB, column columnShape, v any) any {
	t.Helper()
	var err error
	switch column.kind {
	case kindText:
		return v
	case kindBytes:
		if v != nil {
			v, err = base64.StdEncoding.DecodeString(v.(string))
		}
	case kindInteger:
		if v != nil {
			v, err = v.(json.Number).Int64()
		}
	case kindReal:
		v, err = v.(json.Number).Float64()
	}
	if err != nil {
		t.Fatalf("%s: %v", column.name, err)
	}
	return v
}

// TestUpgradeOfEveryVersion takes a database of each version with rows of its time and opens it: every row is there as it was,
// every secret opens, and everything can be done with it.
func TestUpgradeOfEveryVersion(t *testing.T) {
	t.Parallel()
	for name, engine := range engines {
		for _, version := range versions(t, sqliteDialect()) {
			t.Run(fmt.Sprint(name, " ", version), func(t *testing.T) {
				t.Parallel()
				rows := readRows(t, version)
				database := ofVersion(t, engine.empty(t), version)
				rows.fill(t, database)
				h := openHouse(t, database, fixtureMaster(t))
				if found, err := SchemaOf(t.Context(), database); err != nil || found.Present != found.Newest {
					t.Fatalf("%+v, error %v", found, err)
				}
				rows.wantThere(t, database)
				for row, err := range h.AllSealed(t.Context()) {
					if err != nil {
						t.Fatal(err)
					}
					if _, err := h.openRow(t.Context(), row); err != nil {
						t.Errorf("%s %s: %v", row.OwnerID, row.Member, err)
					}
				}
				c, err := h.ConnectorSealed(t.Context(), tenantA, "a")
				if err != nil {
					t.Fatal(err)
				}
				if secret, err := h.open(t.Context(), c, "password"); err != nil || secret != "new password of a" {
					t.Errorf("a's password is %q, error %v", secret, err)
				}
				if version >= 3 {
					j, err := h.Journey(t.Context(), tenantA, "k", start)
					if err != nil || j == nil {
						t.Fatalf("journey %v, error %v", j, err)
					}
					if decision, err := h.decision(t, j); err != nil || decision != "decision" {
						t.Errorf("the journey's decision is %q, error %v", decision, err)
					}
				}
				if version >= 4 {
					h.opensEarlier(t)
				}
				everyOperation(t, h, "after")
			})
		}
	}
}

// wantThere looks whether all rows are in a database, with what columns they have.
func (f fixtureRows) wantThere(t *testing.T, database string) {
	t.Helper()
	e, err := openEnd(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer e.close()
	tables, _, err := e.dialect.catalog.readTables(t.Context(), e.conn)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range f {
		i := slices.IndexFunc(tables, func(table tableShape) bool { return table.name == name })
		if i < 0 {
			t.Errorf("the table %s is gone", name)
			continue
		}
		table := tables[i]
		table.columns = slices.DeleteFunc(slices.Clone(table.columns), func(c columnShape) bool {
			_, had := want[0][c.name]
			return !had
		})
		for _, row := range want {
			for _, column := range table.columns {
				row[column.name] = fixtureValue(t, column, row[column.name])
			}
		}
		if diff := cmp.Diff(want, readAll(t, e, table)); diff != "" {
			t.Errorf("%s (-written +there):\n%s", name, diff)
		}
	}
}
