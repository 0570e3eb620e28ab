package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// metaUnfinished is the fact that a database is the target of a copy that has not come to its end, or that came out
// wrong. Its value tells the copies apart. Open refuses such a database.
const metaUnfinished = "unfinished_copy"

// ErrUnfinishedCopy means that a database has some of the rows of another and must not be worked with.
var ErrUnfinishedCopy = errors.New("the database is an unfinished copy of another; run `patchbay db copy` to it again, or use the other")

// copyPatience is how long a copy waits for those who write to let go of the database.
const copyPatience = 30 * time.Second

// end is one of the two databases of a copy: one connection, that sees all rows of all tenants.
type end struct {
	dialect dialect
	db      *sql.DB
	conn    *sql.Conn
	kept    *statements // on conn
}

func openEnd(ctx context.Context, database string) (_ *end, err error) {
	e := &end{dialect: dialectOf(database)}
	if e.db, err = e.dialect.open(database, useCopy); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, e.close())
		}
	}()
	e.db.SetMaxOpenConns(1)
	if err := e.dialect.check(ctx, e.db); err != nil {
		return nil, err
	}
	if e.conn, err = e.db.Conn(ctx); err != nil {
		return nil, err
	}
	e.kept = newStatements(e.dialect, e.conn)
	if e.dialect.scope != "" {
		if err := e.exec(ctx, e.dialect.scope, everyTenant); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// close ends the connection, and with it what it holds and has not committed.
func (e *end) close() error {
	if e.kept != nil {
		_ = e.kept.close() // the connection ends in any case
	}
	if e.conn != nil {
		// Closed for good, and not put back into the pool: a transaction or a lock may be open.
		_ = e.conn.Raw(func(any) error { return errDiscard })
		_ = e.conn.Close()
	}
	return e.db.Close()
}

// keepWritersOut holds the locks that everybody takes who writes, here and elsewhere, until the end is closed. Readers go on.
// Where a transaction is the lock, one is open afterwards.
func (e *end) keepWritersOut(ctx context.Context) error {
	if e.dialect.hold != "" {
		for lane := range e.dialect.lanes {
			if _, err := e.conn.ExecContext(ctx, e.dialect.hold, int32(laneClass), int32(lane)); err != nil {
				return fmt.Errorf("keep writers out: %w", err)
			}
		}
		return nil
	}
	if _, err := e.conn.ExecContext(ctx, e.dialect.session); err != nil {
		return err
	}
	for deadline := time.Now().Add(copyPatience); ; {
		_, err := e.conn.ExecContext(ctx, e.dialect.begin)
		if err == nil {
			return nil
		}
		if e.dialect.classify(err) != faultBusy || time.Now().After(deadline) || ctx.Err() != nil {
			return fmt.Errorf("keep writers out: %w", err)
		}
	}
}

// exec runs a text that has no rows.
func (e *end) exec(ctx context.Context, text string, args ...any) error {
	_, err := e.conn.ExecContext(ctx, text, args...)
	return err
}

// transaction runs body between BEGIN and COMMIT. After an error the end is of no use any more.
func (e *end) transaction(ctx context.Context, body func() error) error {
	if err := e.exec(ctx, e.dialect.begin); err != nil {
		return err
	}
	if err := body(); err != nil {
		return err
	}
	return e.exec(ctx, "COMMIT")
}

// schemaVersion is the number of the newest migration that has run; the table of migrations must be there.
func (e *end) schemaVersion(ctx context.Context) (int64, error) {
	var version sql.NullInt64
	err := e.conn.QueryRowContext(ctx, presentSchema).Scan(&version)
	return version.Int64, err
}

// unfinished returns the name of the copy that has not come to its end here, "" if there is none.
func (e *end) unfinished(ctx context.Context) (string, error) {
	var id string
	err := e.conn.QueryRowContext(ctx, "SELECT value FROM meta WHERE name = $1", metaUnfinished).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return id, err
}

// count is the number of rows of a table.
func (e *end) count(ctx context.Context, t tableShape) (n int64, err error) {
	return n, e.conn.QueryRowContext(ctx, "SELECT count(*) FROM "+quoted(t.name)).Scan(&n)
}

// rows asks for all rows of a table in the order of its key. The order is that of code points and numbers on every engine.
func (e *end) rows(ctx context.Context, t tableShape) (*sql.Rows, error) {
	where, args := whereCopied(t)
	return e.conn.QueryContext(ctx, "SELECT "+quotedList(t.columnNames())+" FROM "+quoted(t.name)+where+" ORDER BY "+quotedList(t.key), args...)
}

// whereCopied leaves out of a table what is no part of a copy: the mark of one.
func whereCopied(t tableShape) (where string, args []any) {
	if t.name != "meta" {
		return "", nil
	}
	return " WHERE name <> $1", []any{metaUnfinished}
}
