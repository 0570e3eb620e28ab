package store

import (
	"context"
	"database/sql"
)

// preparedSnapshot is snapshot with the statements that are prepared here.
func (p *pool) preparedSnapshot(ctx context.Context, read func(context.Context, *statements) error) error {
	tx, err := p.db.BeginTx(ctx, &p.dialect.snapshot)
	if err != nil {
		return err
	}
	on := &snapshotPreparer{Tx: tx, read: p.kept}
	err = read(ctx, newStatements(p.dialect, on))
	if end := tx.Rollback(); err == nil {
		err = end // it only ends the reading
	}
	p.kept.keep(ctx, on.missed)
	return err
}

// snapshotPreparer lets a transaction use the statements that its connection has prepared already: preparing takes longer
// than running. What is new is prepared for the next time once the transaction is over. Within it that could wait for
// ever, since it needs a connection and every one may be in a transaction that does the same.
type snapshotPreparer struct {
	*sql.Tx
	read   *statements
	missed []string
}

func (p *snapshotPreparer) PrepareContext(ctx context.Context, text string) (*sql.Stmt, error) {
	if stmt := p.read.known(text); stmt != nil {
		return p.StmtContext(ctx, stmt), nil
	}
	p.missed = append(p.missed, text)
	return p.Tx.PrepareContext(ctx, text)
}
