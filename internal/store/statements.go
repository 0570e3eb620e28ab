package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
)

// connection is what statements run on: a pool, one connection, or a transaction.
type connection interface {
	PrepareContext(ctx context.Context, text string) (*sql.Stmt, error)
	ExecContext(ctx context.Context, text string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, text string, args ...any) *sql.Row
}

// statements runs SQL texts. Unless the driver does so by itself, each is prepared at its first use and kept. Only constant
// texts may be given to the methods that prepare; a text made for one request goes to queryOnce, or the kept ones would grow
// without end.
type statements struct {
	dialect dialect
	on      connection
	mu      sync.RWMutex
	kept    map[string]*sql.Stmt
}

func newStatements(d dialect, on connection) *statements {
	return &statements{dialect: d, on: on, kept: make(map[string]*sql.Stmt)}
}

// known returns what was prepared of a text; nil if it was not.
func (s *statements) known(text string) *sql.Stmt {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.kept[text]
}

// prepare must not hold the lock while it waits for a connection: whoever has one in a snapshot needs the lock.
func (s *statements) prepare(ctx context.Context, text string) (*sql.Stmt, error) {
	if stmt := s.known(text); stmt != nil {
		return stmt, nil
	}
	stmt, err := s.on.PrepareContext(ctx, text)
	if err != nil {
		return nil, fmt.Errorf("prepare a statement: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if earlier := s.kept[text]; earlier != nil {
		return earlier, stmt.Close()
	}
	s.kept[text] = stmt
	return stmt, nil
}

// keep prepares texts for the next time. An error only means that the next time will be slower.
func (s *statements) keep(ctx context.Context, texts []string) {
	for _, text := range texts {
		_, _ = s.prepare(ctx, text)
	}
}

// close closes the kept statements. database/sql does so with a pool, but not with a single connection: SQLite would keep
// that connection open, with its locks, until they are closed.
func (s *statements) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, stmt := range s.kept {
		errs = append(errs, stmt.Close())
	}
	clear(s.kept)
	return errors.Join(errs...)
}

// exec runs a constant text and returns the number of rows it changed.
func (s *statements) exec(ctx context.Context, text string, args ...any) (int64, error) {
	result, err := s.run(ctx, text, args)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func (s *statements) run(ctx context.Context, text string, args []any) (sql.Result, error) {
	if !s.dialect.prepared {
		return s.on.ExecContext(ctx, text, args...)
	}
	stmt, err := s.prepare(ctx, text)
	if err != nil {
		return nil, err
	}
	return stmt.ExecContext(ctx, args...)
}

// query runs a constant text.
func (s *statements) query(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	if !s.dialect.prepared {
		return s.on.QueryContext(ctx, text, args...)
	}
	stmt, err := s.prepare(ctx, text)
	if err != nil {
		return nil, err
	}
	return stmt.QueryContext(ctx, args...)
}

// queryOnce runs a text that was made for one request.
func (s *statements) queryOnce(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	return s.on.QueryContext(ctx, text, args...)
}

// row is the answer to a constant text that has one row at the most.
type row struct {
	row *sql.Row
	err error
}

func (r row) Scan(into ...any) error {
	if r.err != nil {
		return r.err
	}
	return r.row.Scan(into...)
}

// queryRow runs a constant text; Scan of the result returns sql.ErrNoRows if there is no row.
func (s *statements) queryRow(ctx context.Context, text string, args ...any) row {
	if !s.dialect.prepared {
		return row{row: s.on.QueryRowContext(ctx, text, args...)}
	}
	stmt, err := s.prepare(ctx, text)
	if err != nil {
		return row{err: err}
	}
	return row{row: stmt.QueryRowContext(ctx, args...)}
}

// scanner is a row that can be read: *sql.Rows or row.
type scanner interface{ Scan(into ...any) error }

// scanAll calls scan with every row and closes them.
func scanAll(rows *sql.Rows, err error, scan func(scanner) error) (outcome error) {
	if err != nil {
		return err
	}
	defer func() {
		if err := rows.Close(); outcome == nil {
			outcome = err
		}
	}()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// collect reads all rows and closes them.
func collect[T any](rows *sql.Rows, err error, scan func(scanner) (T, error)) ([]T, error) {
	var all []T
	if err := scanAll(rows, err, func(row scanner) error {
		item, err := scan(row)
		all = append(all, item)
		return err
	}); err != nil {
		return nil, err
	}
	return all, nil
}

// one reads the only row there can be of what has the id. NotFound if there is none.
func one[T any](id string, rows *sql.Rows, err error, scan func(scanner) (T, error)) (T, error) {
	found, err := collect(rows, err, scan)
	if err == nil && len(found) == 0 {
		err = notFound(id)
	}
	if err != nil {
		var none T
		return none, err
	}
	return found[0], nil
}

// blob is a parameter for a column that is NOT NULL: database/sql makes NULL of a nil slice.
func blob(bytes []byte) []byte {
	if bytes == nil {
		return []byte{}
	}
	return bytes
}
