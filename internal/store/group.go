package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"
)

// maxGroup is how many writes share a commit at the most. It bounds how long the first of them waits for the last.
const maxGroup = 128

// beginPatience is how long a transaction waits for another process's. After it the waiting callers are told to come again.
const beginPatience = 10 * time.Second

// errClosed is what a write gets once the store is closing.
var errClosed = errors.New("the database is closed")

// job is one caller's write.
type job struct {
	ended func() error            // why the caller does not want it any more, nil while it does
	run   func(*statements) error // never interrupted: that would roll back the whole group
	err   error                   // the outcome; written by the writer before it closes done
	done  chan struct{}           // closed after the commit
}

// writer runs jobs one after the other, many in one transaction, each within a savepoint. The costly part of a write is
// to wait until the disk has it: that wait is shared, and while it lasts the next group gathers. A caller alone does
// not wait for company.
type writer struct {
	dialect  dialect
	patience time.Duration
	pool     *sql.DB // of one connection
	conn     *sql.Conn
	stmts    *statements // on conn
	jobs     chan *job
	quit     chan struct{}
	ended    chan struct{}
	stopped  sync.Once
}

func startWriter(ctx context.Context, d dialect, pool *sql.DB) (*writer, error) {
	w := &writer{
		dialect: d, patience: beginPatience, pool: pool,
		jobs: make(chan *job), quit: make(chan struct{}), ended: make(chan struct{}),
	}
	if err := w.connect(ctx); err != nil {
		return nil, err
	}
	go w.loop()
	return w, nil
}

func (w *writer) connect(ctx context.Context) error {
	conn, err := w.pool.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect to the database: %w", err)
	}
	if _, err := conn.ExecContext(ctx, w.dialect.session); err != nil {
		return fmt.Errorf("set up the connection to the database: %w", errors.Join(err, conn.Close()))
	}
	w.conn, w.stmts = conn, newStatements(conn)
	return nil
}

// stop ends the writer after the group it is at.
func (w *writer) stop() error {
	var err error
	w.stopped.Do(func() {
		close(w.quit)
		<-w.ended
		if w.conn != nil {
			err = errors.Join(w.stmts.close(), w.conn.Close())
		}
	})
	return err
}

// do runs fn in a transaction and returns after the commit. An error or panic of fn undoes what fn did and nothing else;
// a commit that fails is an error to every caller it was for. If ctx ends before fn starts, fn does not run; once fn runs,
// do waits for its outcome and fn's own context does not end. fn must not call the store, and must not call runtime.Goexit.
func (w *writer) do(ctx context.Context, fn func(context.Context, *statements) error) error {
	j := &job{
		ended: ctx.Err,
		run:   func(db *statements) error { return fn(context.WithoutCancel(ctx), db) },
		done:  make(chan struct{}),
	}
	select {
	case w.jobs <- j:
		<-j.done
		return j.err
	case <-ctx.Done():
		return ctx.Err()
	case <-w.quit:
		return errClosed
	}
}

func (w *writer) loop() {
	defer close(w.ended)
	for {
		select {
		case <-w.quit:
			return
		case first := <-w.jobs:
			for _, j := range w.group(first) {
				close(j.done)
			}
		}
	}
}

// group runs first and those that wait behind it, and returns them with their outcomes.
func (w *writer) group(first *job) []*job {
	var ran []*job
	err := w.transaction(func() error {
		for j := first; j != nil; j = w.waiting(len(ran)) {
			ran = append(ran, j)
			if j.err = j.ended(); j.err != nil {
				continue
			}
			if err := w.savepoint(j); err != nil {
				return err
			}
		}
		return nil
	})
	if len(ran) == 0 { // the transaction did not even begin
		ran = append(ran, first)
	}
	if err != nil {
		for _, j := range ran {
			if j.err == nil {
				j.err = err
			}
		}
	}
	return ran
}

// waiting returns a job that waits now, or nil.
func (w *writer) waiting(size int) *job {
	if size >= maxGroup {
		return nil
	}
	select {
	case j := <-w.jobs:
		return j
	default:
		return nil
	}
}

// transaction runs body between BEGIN and COMMIT. After any failure the connection's state is not known for sure (SQLite
// ends a transaction by itself on a full disk), so it is replaced.
func (w *writer) transaction(body func() error) error {
	ctx := context.Background()
	if w.conn == nil {
		if err := w.connect(ctx); err != nil {
			return err
		}
	}
	if err := w.begin(ctx); err != nil {
		w.disconnect()
		return fmt.Errorf("begin a transaction: %w", err)
	}
	if err := body(); err != nil {
		w.disconnect()
		return err
	}
	if _, err := w.stmts.exec(ctx, "COMMIT"); err != nil {
		w.disconnect()
		return fmt.Errorf("commit a transaction: %w", err)
	}
	return nil
}

// begin starts a transaction, as soon as no other process has one.
func (w *writer) begin(ctx context.Context) error {
	deadline := time.Now().Add(w.patience)
	for {
		_, err := w.stmts.exec(ctx, w.dialect.begin)
		if err == nil || w.dialect.classify(err) != faultBusy || time.Now().After(deadline) {
			return err
		}
	}
}

// disconnect closes the connection, which rolls its transaction back.
func (w *writer) disconnect() {
	// There is nothing to do about an error here: the connection is given up in any case, and the next transaction has
	// another. Raw's answer makes database/sql close it for good.
	_ = w.stmts.close()
	_ = w.conn.Raw(func(any) error { return errDiscard })
	_ = w.conn.Close()
	w.conn, w.stmts = nil, nil
}

// savepoint runs one job. Its own failure goes to the job; an error returned is one of the whole transaction.
func (w *writer) savepoint(j *job) error {
	ctx := context.Background()
	if _, err := w.stmts.exec(ctx, "SAVEPOINT job"); err != nil {
		return fmt.Errorf("set a savepoint: %w", err)
	}
	if j.err = guard(w.stmts, j.run); j.err != nil {
		if _, err := w.stmts.exec(ctx, "ROLLBACK TO SAVEPOINT job"); err != nil {
			return fmt.Errorf("roll back to a savepoint: %w", errors.Join(err, j.err))
		}
	}
	if _, err := w.stmts.exec(ctx, "RELEASE SAVEPOINT job"); err != nil {
		return fmt.Errorf("release a savepoint: %w", err)
	}
	return nil
}

// guard makes a panic of one caller's function that caller's error.
func guard(db *statements, run func(*statements) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("a write panicked: %v\n%s", p, debug.Stack())
		}
	}()
	return run(db)
}

// write is writer.do with the store's errors.
func (s *Store) write(ctx context.Context, doing string, fn func(context.Context, *statements) error) error {
	return s.fail(doing, s.writer.do(ctx, fn))
}
