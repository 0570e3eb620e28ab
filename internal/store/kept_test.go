package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// statementsFile has the statements that the last program of a version runs, one a line.
func statementsFile(d dialect, version int64) string {
	return filepath.Join("testdata", "schema", d.name, fmt.Sprintf("%05d.statements", version))
}

// TestStatementsAreKept keeps, for the newest version of the schema, the statements that this program runs when it does everything
// that it can, so that the programs of later versions can be held against them.
func TestStatementsAreKept(t *testing.T) {
	t.Parallel()
	for name, engine := range engines {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := engine.empty(t)
			before := newHouse(t, database)
			everyOperation(t, before, "")
			d, r := dialectOf(database), &recorder{}
			d.open = r.open
			newest, err := d.newest()
			if err != nil {
				t.Fatal(err)
			}
			everyOperation(t, openHouseAs(t, d, database, before.master), "recorded ")
			got, file := strings.Join(r.statements(), "\n")+"\n", statementsFile(d, newest)
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
				t.Errorf("the statements are others than %s says; -update writes it again (-file +program):\n%s", file, diff)
			}
			if n := len(r.statements()); n < 70 {
				t.Errorf("only %d statements were recorded", n)
			}
		})
	}
}

// TestEarlierStatementsRun: what a program of an earlier version runs, runs on the newest schema, and so does all of this version's
// on the schema of the version after.
func TestEarlierStatementsRun(t *testing.T) {
	t.Parallel()
	for name, engine := range engines {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			newest := engine.empty(t)
			if _, _, err := Migrate(t.Context(), newest, nil); err != nil {
				t.Fatal(err)
			}
			d, n := dialectOf(newest), 0
			for _, database := range []string{newest, nextVersion(t, engine.empty(t))} {
				db := rawOf(t, database)
				for _, version := range versions(t, d) {
					text, err := os.ReadFile(statementsFile(d, version))
					if errors.Is(err, os.ErrNotExist) && version < 3 {
						continue // there was no program that ran on those and was kept
					}
					if err != nil {
						t.Fatalf("%v; -update keeps the statements of a new version", err)
					}
					for statement := range strings.Lines(string(text)) {
						n++
						if err := prepares(t.Context(), db, statement); err != nil {
							t.Errorf("version %d: %s: %v", version, statement, err)
						}
					}
				}
			}
			if n < 2*70 {
				t.Errorf("only %d statements were tried", n)
			}
			if err := prepares(t.Context(), rawOf(t, newest), "SELECT no_such_column FROM connectors"); err == nil {
				t.Error("a statement that cannot run was prepared")
			}
		})
	}
}

func prepares(ctx context.Context, db *sql.DB, text string) error {
	stmt, err := db.PrepareContext(ctx, text)
	if err == nil {
		defer stmt.Close()
	}
	return err
}

// recorder keeps the statements that a store runs on its tables.
type recorder struct {
	mu    sync.Mutex
	texts map[string]bool
}

// onTables tells statements that depend on the schema from those that set a connection or a transaction up.
var onTables = regexp.MustCompile(`^(INSERT|UPDATE|DELETE|WITH)\b|^SELECT\b.*\bFROM (?:\(|[a-z])`)

func (r *recorder) add(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.texts == nil {
		r.texts = map[string]bool{}
	}
	if text = strings.Join(strings.Fields(text), " "); onTables.MatchString(text) {
		r.texts[text] = true
	}
}

func (r *recorder) statements() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []string
	for text := range r.texts {
		all = append(all, text)
	}
	slices.Sort(all)
	return all
}

// open is a dialect's open whose connections tell the recorder.
func (r *recorder) open(database string, purpose use) (*sql.DB, error) {
	d := dialectOf(database)
	if purpose == useMigrate {
		return d.open(database, purpose)
	}
	if !IsPostgres(database) {
		db, err := d.open(database, purpose)
		if err != nil {
			return nil, err
		}
		defer db.Close()
		source := sqliteSource(database, purpose == useRead || purpose == useList)
		return sql.OpenDB(recordingConnector{db.Driver(), source, r}), nil
	}
	config, err := pgx.ParseConfig(database)
	if err != nil {
		return nil, err
	}
	config.Tracer = pgxRecorder{r}
	return stdlib.OpenDB(*config), nil
}

// pgxRecorder is told by pgx what is run.
type pgxRecorder struct{ r *recorder }

func (p pgxRecorder) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	p.r.add(data.SQL)
	return ctx
}

func (p pgxRecorder) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// recordingConnector makes connections of SQLite's driver that record.
type recordingConnector struct {
	driver driver.Driver
	source string
	r      *recorder
}

func (c recordingConnector) Driver() driver.Driver { return c.driver }

func (c recordingConnector) Connect(context.Context) (driver.Conn, error) {
	conn, err := c.driver.Open(c.source)
	if err != nil {
		return nil, err
	}
	return recordingConn{conn.(sqliteConn), c.r}, nil
}

// sqliteConn is what database/sql uses of a connection.
type sqliteConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
}

type recordingConn struct {
	sqliteConn
	r *recorder
}

func (c recordingConn) PrepareContext(ctx context.Context, text string) (driver.Stmt, error) {
	c.r.add(text)
	return c.sqliteConn.PrepareContext(ctx, text)
}

func (c recordingConn) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	c.r.add(text)
	return c.sqliteConn.ExecContext(ctx, text, args)
}

func (c recordingConn) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	c.r.add(text)
	return c.sqliteConn.QueryContext(ctx, text, args)
}
