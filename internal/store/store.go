package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// Options says where the database is.
type Options struct {
	// Database is a SQLite file, made with mode 0600 if it is absent, in a directory that exists, or a PostgreSQL URL: see
	// IsPostgres.
	Database string
	Log      *slog.Logger     // nil: no log
	Now      func() time.Time // nil: the system's clock
	// Schema says what to do about a schema that is older than the program; by default it is brought up to date.
	Schema SchemaMode

	unfinished bool // open it even if it is an unfinished copy
}

// Store is an open database. Safe for concurrent use.
type Store struct {
	dialect dialect
	now     func() time.Time // UTC, whole microseconds
	read    *pool            // what everything depends on, found by key; never what a client's filter shapes
	lists   *listings
	writers *sql.DB
	lanes   []*writer
}

// Open opens the database, making a file and bringing the schema up to date as needed. Several processes may have the
// same database open, on several machines if it is PostgreSQL.
func Open(ctx context.Context, o Options) (*Store, error) {
	return open(ctx, dialectOf(o.Database), o)
}

func open(ctx context.Context, d dialect, o Options) (_ *Store, err error) {
	s := &Store{dialect: d, now: clock(o.Now)}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if err = prepareSchema(ctx, d, o); err != nil {
		return nil, err
	}
	if s.writers, err = d.open(o.Database, useWrite); err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	s.writers.SetMaxOpenConns(d.connections[useWrite])
	s.writers.SetMaxIdleConns(d.connections[useWrite])
	readers, err := d.open(o.Database, useRead)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	s.read = newPool(d, readers, d.connections[useRead])
	lists, err := d.open(o.Database, useList)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	s.lists = newListings(newPool(d, lists, d.connections[useList]), d.connections[useList])
	for lane := range d.lanes {
		s.lanes = append(s.lanes, startWriter(d, s.writers, lane))
	}
	if err = s.Ping(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// Close waits for the writes that run, refuses those that wait, and closes the database.
func (s *Store) Close() error {
	var errs []error
	for _, w := range s.lanes {
		errs = append(errs, w.stop())
	}
	// Readers first: the last connection to close moves the journal into the database.
	if s.read != nil {
		errs = append(errs, s.read.db.Close())
	}
	if s.lists != nil {
		errs = append(errs, s.lists.pool.db.Close())
	}
	if s.writers != nil {
		errs = append(errs, s.writers.Close())
	}
	return errors.Join(errs...)
}

// Ping tells whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	return s.fail("ask the database", s.read.run(ctx, everyTenant, func(ctx context.Context, db *statements) error {
		var one int
		return db.queryRow(ctx, "SELECT 1").Scan(&one)
	}))
}

// lookup runs a read that sees tenant's rows only (everyTenant: all), with the store's errors. See pool.run.
func lookup[T any](ctx context.Context, s *Store, tenant, doing string, read func(context.Context, *statements) (T, error)) (found T, err error) {
	err = s.read.run(ctx, tenant, func(ctx context.Context, db *statements) (err error) {
		found, err = read(ctx, db)
		return err
	})
	if err != nil {
		var none T
		return none, s.fail(doing, err)
	}
	return found, nil
}

// snapshot runs a read of several statements on one unchanging state of the database, without waiting for writers.
func (s *Store) snapshot(ctx context.Context, tenant string, read func(context.Context, *statements) error) error {
	return s.read.snapshot(ctx, tenant, read)
}

// fail wraps a database error for its way out. An error of the domain stays what it is.
func (s *Store) fail(doing string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*apiconn.Error](err); ok {
		return err
	}
	if lost, ok := errors.AsType[*lostError](err); ok {
		if lost.unknown {
			return fmt.Errorf("%s: %w", doing, err)
		}
		away := apiconn.Errorf(apiconn.Upstream, "The database cannot be reached at present, and nothing was changed. Send the request again.")
		away.RetryAfter = time.Second
		return away.Because(fmt.Errorf("%s: %w", doing, err))
	}
	if s.dialect.classify(err) == faultText {
		return apiconn.Errorf(apiconn.Invalid, "The request has a text with the character U+0000, which cannot be kept. Take it out.").
			Because(fmt.Errorf("%s: %w", doing, err))
	}
	if s.dialect.classify(err) == faultBusy {
		busy := apiconn.Errorf(apiconn.Throttled, "The database is busy. Send the request again.")
		busy.RetryAfter = time.Second
		return busy.Because(fmt.Errorf("%s: %w", doing, err))
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// clock gives a time that a database keeps unchanged: UTC, whole microseconds.
func clock(now func() time.Time) func() time.Time {
	if now == nil {
		now = time.Now
	}
	return func() time.Time { return now().UTC().Truncate(time.Microsecond) }
}

// toTime is the inverse of time.Time.UnixMicro.
func toTime(micros int64) time.Time { return time.UnixMicro(micros).UTC() }
