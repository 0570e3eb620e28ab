package store

import (
	"context"
	"database/sql"
)

// snapshot runs fn on one unchanging state of the database, without waiting for writers.
func (s *Store) snapshot(ctx context.Context, fn func(*statements) error) error {
	tx, err := s.readers.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	on := &snapshotPreparer{tx: tx, read: s.read}
	err = fn(newStatements(on))
	if end := tx.Rollback(); err == nil {
		err = end // it only ends the reading
	}
	s.read.keep(ctx, on.missed)
	return err
}

// snapshotPreparer lets a transaction use the statements that its connection has prepared already: preparing takes longer
// than running. What is new is prepared for the next time once the transaction is over. Within it that could wait for
// ever, since it needs a connection and every one may be in a transaction that does the same.
type snapshotPreparer struct {
	tx     *sql.Tx
	read   *statements
	missed []string
}

func (p *snapshotPreparer) PrepareContext(ctx context.Context, text string) (*sql.Stmt, error) {
	if stmt := p.read.known(text); stmt != nil {
		return p.tx.StmtContext(ctx, stmt), nil
	}
	p.missed = append(p.missed, text)
	return p.tx.PrepareContext(ctx, text)
}

func (p *snapshotPreparer) QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	return p.tx.QueryContext(ctx, text, args...)
}
