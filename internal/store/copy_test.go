package store

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// onEachPair runs a case for each kind of source, filled with rows of every kind, and each kind of target, which is a new and
// empty database.
func onEachPair(t *testing.T, run func(t *testing.T, from *house, to string)) {
	t.Helper()
	t.Parallel()
	for source := range engines {
		for target := range engines {
			t.Run(source+" to "+target, func(t *testing.T) {
				t.Parallel()
				from := newHouse(t, engines[source].migrated(t))
				everyOperation(t, from, "")
				run(t, from, engines[target].empty(t))
			})
		}
	}
}

// contents are all rows of a database, by table, past the store, each as a text. Values of different kinds have different texts.
func contents(t testing.TB, database string) map[string][]string {
	t.Helper()
	raw, d := rawOf(t, database), dialectOf(database)
	tables, _, err := d.catalog.readTables(t.Context(), raw)
	if err != nil || len(tables) == 0 {
		t.Fatalf("%d tables, error %v", len(tables), err)
	}
	all := map[string][]string{}
	for _, table := range tables {
		names := slices.Sorted(slices.Values(table.columnNames()))
		rows, err := raw.QueryContext(t.Context(), "SELECT "+quotedList(names)+" FROM "+quoted(table.name))
		texts, err := collect(rows, err, func(row scanner) (string, error) {
			values, into := make([]any, len(names)), make([]any, len(names))
			for i := range values {
				into[i] = &values[i]
			}
			if err := row.Scan(into...); err != nil {
				return "", err
			}
			text := ""
			for i, v := range values {
				if b, is := v.([]byte); is {
					v = append([]byte{}, b...)
				}
				text += fmt.Sprintf("%s=%T(%q) ", names[i], v, fmt.Sprint(v))
			}
			return text, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		all[table.name] = slices.Sorted(slices.Values(texts))
	}
	return all
}

// odd are values that a table may hold and that a careless way of copying would change.
func odd(t testing.TB, h *house) {
	t.Helper()
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	texts := []string{
		"", " ", "\n\t\r", "NULL", `\N`, `\x00`, `'";--`, "e\u0301 \u00e9", "\u200f\u202e", "\U0001f600\U0010ffff", "\x7f\u0080\ufffe\uffff",
		strings.Repeat("long ", 300_000), "a", "B", "\u00e4", "z", "\uff5e", "\U00010000", "{}",
	}
	db := h.raw(t)
	exec := func(text string, args ...any) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), text, args...); err != nil {
			t.Fatal(err)
		}
	}
	for i, text := range texts {
		exec("INSERT INTO meta (name, value) VALUES ($1, $2)", "odd "+text[:min(len(text), 40)]+fmt.Sprint(i), text)
		exec("INSERT INTO connectors ("+connectorColumns+") VALUES ($1, $2, $1, $3, '{}', $4, $5, $6)", text[:min(len(text), 40)], fmt.Sprint(i), text,
			int64(math.MaxInt64)-int64(i), int64(math.MinInt64), int64(-1))
	}
	for i, blob := range [][]byte{{}, {0}, all, []byte(strings.Repeat("\x00\xff", 1<<20)), []byte("text")} {
		exec("INSERT INTO secrets ("+sealedColumns+") VALUES ($1, $2, 'm', $3, $4, $5)", tenantB, fmt.Sprint("odd", i), 1, int64(math.MaxUint32), blob)
	}
	for i, number := range []float64{0, 0.1, math.MaxFloat64, math.SmallestNonzeroFloat64, math.Inf(1), -1.0000000000000002, 3} {
		exec("INSERT INTO user_flows ("+userFlowColumns+") VALUES ($1, 'b2x', $2, '', $3, 1, 'en', 1, 0, 0)", tenantB, fmt.Sprint("odd", i), number)
	}
	exec("INSERT INTO signing_keys (id, public_jwk, certificate, sealed_version, created_at, retire_at) VALUES ('odd', $1, $1, 1, 1, 0)", []byte{})
}

// TestCopy: every row of every table, secrets included, is in the target as it was in the source, whatever is copied to what,
// and the program works with it. Copying takes no key: Copy knows none.
func TestCopy(t *testing.T) {
	onEachPair(t, func(t *testing.T, from *house, to string) {
		odd(t, from)
		const many = transactionRows + 1
		from.exec(t, many, "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < "+fmt.Sprint(many)+") "+
			"INSERT INTO meta (name, value) SELECT 'row ' || i, 'x' FROM n")
		report, err := Copy(t.Context(), CopyOptions{From: from.path, To: to, Lock: true})
		if err != nil {
			t.Fatal(err)
		}
		want := contents(t, from.path)
		if diff := cmp.Diff(want, contents(t, to)); diff != "" {
			t.Fatalf("-source +target:\n%s", diff)
		}
		rows := map[string]int64{}
		for _, table := range report.Tables {
			rows[table.Name] = table.Rows
			if len(table.Digest) != 32 || table.Changed != 0 {
				t.Errorf("the report says of a table %+v", table)
			}
		}
		for name, texts := range want {
			if rows[name] != int64(len(texts)) || len(texts) == 0 {
				t.Errorf("%s: %d rows reported, %d there", name, rows[name], len(texts))
			}
		}
		if len(rows) != len(want) || report.Schema != 4 || report.Restarted {
			t.Errorf("report %+v", report)
		}

		copied := openHouse(t, to, from.master)
		copied.exec(t, 5, "DELETE FROM secrets WHERE owner_id LIKE 'odd%'") // they open nowhere
		copied.exec(t, 1, "DELETE FROM signing_keys WHERE id = 'odd'")
		n := 0
		for row, err := range copied.AllSealed(t.Context()) {
			if err == nil {
				_, err = copied.openRow(t.Context(), row)
			}
			if err != nil {
				t.Fatalf("%+v: %v", row, err)
			}
			n++
		}
		if n < 4 {
			t.Errorf("only %d secrets open", n)
		}
		copied.opensEarlier(t)
		everyOperation(t, copied, "after")
	})
}

// TestCopyThereAndBack: a database that was copied to the other engine and back is the same.
func TestCopyThereAndBack(t *testing.T) {
	t.Parallel()
	from := newHouse(t, newFile(t))
	everyOperation(t, from, "")
	odd(t, from)
	// SQLite does not keep the sign of a zero, so two zeros count as the same.
	from.exec(t, 1, "UPDATE user_flows SET user_flow_type_version = $1 WHERE id = 'odd0'", math.Copysign(0, -1))
	between, back := engines["postgres"].empty(t), newFile(t)
	there, err := Copy(t.Context(), CopyOptions{From: from.path, To: between, Lock: true})
	if err != nil {
		t.Fatal(err)
	}
	rawExec(t, between, "UPDATE user_flows SET user_flow_type_version = '-0' WHERE id = 'odd0'")
	again, err := Copy(t.Context(), CopyOptions{From: between, To: back, Lock: true})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(there, again); diff != "" {
		t.Errorf("the reports differ:\n%s", diff)
	}
	if diff := cmp.Diff(contents(t, from.path), contents(t, back)); diff != "" {
		t.Errorf("-source +target:\n%s", diff)
	}
}

func rawExec(t testing.TB, database, text string) {
	t.Helper()
	if _, err := rawOf(t, database).ExecContext(t.Context(), text); err != nil {
		t.Fatal(err)
	}
}

// TestCopyLeaksNothing: what is sealed in the source is in no file of the target in clear.
func TestCopyLeaksNothing(t *testing.T) {
	onEachPair(t, func(t *testing.T, from *house, to string) {
		var secrets []string
		for row, err := range from.AllSealed(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			secret, err := from.openRow(t.Context(), row)
			if err != nil {
				t.Fatal(err)
			}
			secrets = append(secrets, secret)
		}
		secrets = append(secrets, keysOf(t, earlierKey)...)
		if len(secrets) < 10 || !slices.Contains(secrets, "new password of a") {
			t.Fatalf("the source has the secrets %q", secrets)
		}
		if _, err := Copy(t.Context(), CopyOptions{From: from.path, To: to, Lock: true}); err != nil {
			t.Fatal(err)
		}
		all := written(t, to)
		if !strings.Contains(all, "user of b") && !strings.Contains(all, "CN=T2") {
			t.Fatal("what was written was not found: the test looks at nothing")
		}
		for _, secret := range secrets {
			if strings.Contains(all, secret) {
				t.Errorf("the target has %q in clear", secret)
			}
		}
	})
}

// keysOf are the octets of a master key and of what is derived from it.
func keysOf(t testing.TB, octets string) []string {
	t.Helper()
	all := []string{octets}
	for _, info := range []string{"wrap key ring", "wrap earlier roots", "mac", "journal", "journal mac"} {
		key, err := hkdf.Key(sha256.New, []byte(octets), nil, "patchbay 1 "+info, 32)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(key))
	}
	return all
}

// written is what a database has on disk, or as PostgreSQL gives it out, in texts and in bytes.
func written(t testing.TB, database string) string {
	t.Helper()
	var all strings.Builder
	if !IsPostgres(database) {
		files, err := filepath.Glob(database + "*")
		if err != nil || len(files) == 0 {
			t.Fatalf("files %v, error %v", files, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			all.Write(text)
		}
		return all.String()
	}
	raw := rawOf(t, database)
	tables, _, err := postgresCatalog.readTables(t.Context(), raw)
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		for _, column := range table.columns {
			as := quoted(column.name)
			if column.kind != kindBytes {
				as += "::text"
			}
			rows, err := raw.QueryContext(t.Context(), "SELECT coalesce("+as+", '') FROM "+quoted(table.name))
			texts, err := collect(rows, err, func(row scanner) (text string, err error) { return text, row.Scan(&text) })
			if err != nil {
				t.Fatal(err)
			}
			all.WriteString(strings.Join(texts, "\n"))
		}
	}
	return all.String()
}

// TestCopyFindsDifferences changes one row of the target between the copying and the comparison: the copy fails, says where,
// and the target is of no use until it is copied to again.
func TestCopyFindsDifferences(t *testing.T) {
	onEachPair(t, func(t *testing.T, from *house, to string) {
		for _, change := range []struct{ text, want string }{
			{"UPDATE secrets SET key_id = 1 WHERE owner_id = 'a' AND member <> $1", "secrets: 0 missing, 0 too many, 1 different"},
			{"DELETE FROM call_settings WHERE $1 <> settings", "call_settings: 1 missing, 0 too many, 0 different"},
			{"INSERT INTO meta (name, value) VALUES ('more', $1)", "meta: 0 missing, 1 too many, 0 different"},
			{"UPDATE tenants SET id = $1", "tenants: 1 missing, 1 too many, 0 different"},
			{"UPDATE signing_keys SET retire_at = 1 WHERE id <> $1", "signing_keys: 0 missing, 0 too many, 1 different"}, // from NULL
			{"UPDATE user_flows SET user_flow_type = 'SIGNUPORSIGNIN' WHERE id <> $1", "user_flows: 0 missing, 0 too many, 1 different"},
			{"UPDATE user_flows SET user_flow_type_version = 1.0000000000000002 WHERE id <> $1", "user_flows: 0 missing, 0 too many, 1 different"},
		} {
			err := copyWrongly(t, from.path, to, change.text)
			if err == nil || !strings.Contains(err.Error(), "("+change.want+")") {
				t.Errorf("error %v, want %s", err, change.want)
			}
			wantUnfinished(t, to)
		}
		report, err := Copy(t.Context(), CopyOptions{From: from.path, To: to, Lock: true})
		if err != nil || !report.Restarted {
			t.Fatalf("again: %+v, error %v", report, err)
		}
		if diff := cmp.Diff(contents(t, from.path), contents(t, to)); diff != "" {
			t.Errorf("-source +target:\n%s", diff)
		}
	})
}

// copyWrongly is a copy whose target is changed by a statement before it is compared. It returns what the comparison says.
func copyWrongly(t *testing.T, from, to, change string) (found error) {
	t.Helper()
	c := &copying{options: CopyOptions{From: from, To: to, Lock: true}, id: "1"}
	defer func() {
		if err := c.close(); err != nil {
			t.Error(err)
		}
	}()
	steps := []func() error{
		func() error { return c.takeSource(t.Context()) },
		func() error { return c.takeTarget(t.Context()) },
		func() (err error) {
			for _, table := range c.tables {
				err = errors.Join(err, c.fill(t.Context(), table))
			}
			return err
		},
		func() error { return c.to.exec(t.Context(), change, "zzz") },
		func() error { return c.reopenTarget(t.Context()) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	return c.verify(t.Context())
}

func wantUnfinished(t testing.TB, database string) {
	t.Helper()
	for _, mode := range []SchemaMode{SchemaMigrate, SchemaCheck} {
		s, err := Open(t.Context(), Options{Database: database, Schema: mode})
		if !errors.Is(err, ErrUnfinishedCopy) {
			t.Errorf("an unfinished copy: error %v", err)
		}
		if err == nil {
			s.Close()
		}
	}
	if _, _, err := Migrate(t.Context(), database, nil); !errors.Is(err, ErrUnfinishedCopy) {
		t.Errorf("migrate an unfinished copy: error %v", err)
	}
	_, err := Copy(t.Context(), CopyOptions{From: database, To: newFile(t)})
	if !errors.Is(err, ErrUnfinishedCopy) {
		t.Errorf("copy an unfinished copy: error %v", err)
	}
}

// TestCopyInterrupted ends a copy at some moments: the target is refused, and copied to again from the beginning.
func TestCopyInterrupted(t *testing.T) {
	onEachPair(t, func(t *testing.T, from *house, to string) {
		for _, when := range []CopyProgress{{Table: "applications"}, {Table: "secrets"}, {Table: "user_flow_bindings"}, {Table: "meta", Verifying: true}} {
			ctx, cancel := context.WithCancel(t.Context())
			stop := func(p CopyProgress) {
				if p.Table == when.Table && p.Verifying == when.Verifying && p.Done > 0 {
					cancel()
				}
			}
			if _, err := Copy(ctx, CopyOptions{From: from.path, To: to, Lock: true, Progress: stop}); err == nil {
				t.Fatalf("the copy was not ended at %+v", when)
			}
			cancel()
			wantUnfinished(t, to)
		}
		if _, err := Copy(t.Context(), CopyOptions{From: from.path, To: to}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(contents(t, from.path), contents(t, to)); diff != "" {
			t.Errorf("-source +target:\n%s", diff)
		}
		openHouse(t, to, from.master)
	})
}
