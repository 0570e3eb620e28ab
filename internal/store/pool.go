package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/stdlib"
)

// everyTenant is the scope of work on all tenants at once: housekeeping, the change of keys, moving a database.
const everyTenant = "*"

// pool runs reads. Where the engine knows scopes, each gets a connection that was told whose rows it may see.
type pool struct {
	dialect     dialect
	db          *sql.DB
	connections int         // at the most
	kept        *statements // on db, where there are no scopes
}

func newPool(d dialect, db *sql.DB, connections int) *pool {
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return &pool{dialect: d, db: db, connections: connections, kept: newStatements(d, db)}
}

// run calls read with what sees tenant's rows only (everyTenant: all rows). read may be called again after a lost
// connection, so it must set its results and not add to them.
func (p *pool) run(ctx context.Context, tenant string, read func(ctx context.Context, db *statements) error) error {
	if p.dialect.scope == "" {
		return read(ctx, p.kept)
	}
	return p.retry(ctx, func(ctx context.Context) error {
		return p.scoped(ctx, tenant, func(conn *sql.Conn) error { return read(ctx, newStatements(p.dialect, conn)) })
	})
}

// snapshot is run on one unchanging state of the database, without waiting for writers.
func (p *pool) snapshot(ctx context.Context, tenant string, read func(ctx context.Context, db *statements) error) error {
	if p.dialect.scope == "" {
		return p.preparedSnapshot(ctx, read)
	}
	return p.retry(ctx, func(ctx context.Context) error {
		return p.scoped(ctx, tenant, func(conn *sql.Conn) error {
			tx, err := conn.BeginTx(ctx, &p.dialect.snapshot)
			if err != nil {
				return err
			}
			err = read(ctx, newStatements(p.dialect, tx))
			if end := tx.Rollback(); err == nil {
				err = end // it only ends the reading
			}
			return err
		})
	})
}

// retry calls read again while it fails for lost connections, within the time of one read. After a failover every connection
// that the pool has kept is lost, and one read may come upon all of them.
func (p *pool) retry(ctx context.Context, read func(context.Context) error) error {
	limited, cancel := context.WithTimeout(ctx, p.dialect.patience)
	defer cancel()
	var err error
	for range p.connections + 1 {
		err = read(limited)
		if err == nil || ctx.Err() != nil {
			return err
		}
		if limited.Err() != nil {
			break
		}
		if p.dialect.classify(err) != faultDown {
			return err
		}
	}
	return &lostError{cause: err}
}

// scoped calls fn with a connection on which the database shows tenant's rows only.
func (p *pool) scoped(ctx context.Context, tenant string, fn func(*sql.Conn) error) (err error) {
	conn, err := p.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if end := conn.Close(); err == nil {
			err = end
		}
	}()
	if err := setScope(ctx, p.dialect, conn, tenant); err != nil {
		return err
	}
	return fn(conn)
}

// setScope tells a connection whose rows it works on, unless it works on those already.
func setScope(ctx context.Context, d dialect, conn *sql.Conn, tenant string) error {
	const key = "patchbay.tenant"
	var known map[string]any
	if err := conn.Raw(func(raw any) error {
		c, ok := raw.(*stdlib.Conn)
		if !ok {
			return errors.New("the connection is not pgx's")
		}
		known = c.Conn().PgConn().CustomData()
		return nil
	}); err != nil {
		return err
	}
	if known[key] == tenant {
		return nil
	}
	delete(known, key)
	if _, err := conn.ExecContext(ctx, d.scope, tenant); err != nil {
		return fmt.Errorf("set the tenant of a connection: %w", err)
	}
	known[key] = tenant
	return nil
}

// lostError means that the database could not be reached or the connection to it was lost.
type lostError struct {
	unknown bool // it was lost while a transaction was being committed: nobody knows whether it was
	cause   error
}

func (e *lostError) Error() string {
	if e.unknown {
		return "the connection to the database was lost during a commit, whose outcome is unknown: " + e.cause.Error()
	}
	return "the database cannot be reached: " + e.cause.Error()
}

func (e *lostError) Unwrap() error { return e.cause }
