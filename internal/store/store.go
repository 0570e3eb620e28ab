package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// Options says where the database is.
type Options struct {
	Path string           // the SQLite file; made with mode 0600 if absent, in a directory that exists
	Log  *slog.Logger     // nil: no log
	Now  func() time.Time // nil: the system's clock
}

// Store is an open database. Safe for concurrent use.
type Store struct {
	dialect dialect
	now     func() time.Time // UTC, whole microseconds
	read    *statements
	readers *sql.DB // what everything depends on, found by key; never what a client's filter shapes
	lists   *listings
	writers *sql.DB
	writer  *writer
}

// Open opens the database, making the file and bringing its schema up to date as needed. Several processes may have the
// same file open.
func Open(ctx context.Context, o Options) (*Store, error) {
	path, err := filepath.Abs(o.Path)
	if err != nil {
		return nil, fmt.Errorf("find the database file %q: %w", o.Path, err)
	}
	// SQLite would make the file by the umask; its journal files take over the mode of the database.
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the database file: %w", err)
	}
	if err := file.Close(); err != nil {
		return nil, fmt.Errorf("open the database file: %w", err)
	}
	return open(ctx, sqliteDialect, path, o)
}

func open(ctx context.Context, d dialect, path string, o Options) (_ *Store, err error) {
	log := o.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &Store{dialect: d, now: clock(o.Now)}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if s.writers, err = sql.Open(d.driver, d.source(path, false)); err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	s.writers.SetMaxOpenConns(1)
	if err = migrate(ctx, d, s.writers, log); err != nil {
		return nil, err
	}
	if s.readers, err = sql.Open(d.driver, d.source(path, true)); err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	// A reader works on the processor only, so connections beyond a few per core would just hold memory.
	cores := runtime.GOMAXPROCS(0)
	s.readers.SetMaxOpenConns(max(2, cores))
	s.readers.SetMaxIdleConns(max(2, cores))
	s.read = newStatements(s.readers)
	pool, err := sql.Open(d.driver, d.source(path, true))
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	s.lists = newListings(pool, max(4, 2*cores))
	if s.writer, err = startWriter(ctx, d, s.writers); err != nil {
		return nil, err
	}
	if err = s.Ping(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// Close waits for the writes that run, refuses those that wait, and closes the database.
func (s *Store) Close() error {
	var errs []error
	if s.writer != nil {
		errs = append(errs, s.writer.stop())
	}
	// Readers first: the last connection to close moves the journal into the database.
	if s.readers != nil {
		errs = append(errs, s.readers.Close())
	}
	if s.lists != nil {
		errs = append(errs, s.lists.pool.Close())
	}
	if s.writers != nil {
		errs = append(errs, s.writers.Close())
	}
	return errors.Join(errs...)
}

// Ping tells whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	var one int
	if err := s.read.queryRow(ctx, "SELECT 1").Scan(&one); err != nil {
		return s.fail("ask the database", err)
	}
	return nil
}

// fail wraps a database error for its way out. An error of the domain stays what it is.
func (s *Store) fail(doing string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*apiconn.Error](err); ok {
		return err
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
