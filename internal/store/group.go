package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/fnv"
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
	tenant string       // whose rows it works on
	ended  func() error // why the caller does not want it any more, nil while it does
	// run gets a context that ends with the group's time only: an interruption would roll back the whole group.
	run  func(group context.Context, db *statements) error
	err  error         // the outcome; written by the writer before it closes done
	done chan struct{} // closed after the commit
}

// writer runs jobs one after the other, many in one transaction, each within a savepoint. The costly part of a write is
// to wait until the disk has it: that wait is shared, and while it lasts the next group gathers. A caller alone does
// not wait for company. No two writers of the same lane, in this process or another, are within a transaction at once.
type writer struct {
	dialect  dialect
	lane     int
	patience time.Duration
	pool     *sql.DB // of a connection for each lane
	conn     *sql.Conn
	stmts    *statements // on conn
	jobs     chan *job
	quit     chan struct{}
	ended    chan struct{}
	stopped  sync.Once

	// Of the transaction that is going on.
	saved  bool    // there is a savepoint, set for an earlier job
	tenant *string // whose rows the database shows; nil: not known
}

// startWriter starts the writer of a lane. It connects at its first write.
func startWriter(d dialect, pool *sql.DB, lane int) *writer {
	w := &writer{
		dialect: d, lane: lane, patience: beginPatience, pool: pool,
		jobs: make(chan *job), quit: make(chan struct{}), ended: make(chan struct{}),
	}
	go w.loop()
	return w
}

func (w *writer) connect(ctx context.Context) error {
	conn, err := w.pool.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect to the database: %w", err)
	}
	if w.dialect.session != "" {
		if _, err := conn.ExecContext(ctx, w.dialect.session); err != nil {
			return fmt.Errorf("set up the connection to the database: %w", errors.Join(err, conn.Close()))
		}
	}
	w.conn, w.stmts = conn, newStatements(w.dialect, conn)
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
func (w *writer) do(ctx context.Context, tenant string, fn func(context.Context, *statements) error) error {
	j := &job{
		tenant: tenant,
		ended:  ctx.Err,
		run: func(group context.Context, db *statements) error {
			own := context.WithoutCancel(ctx)
			if end, ok := group.Deadline(); ok {
				var cancel context.CancelFunc
				own, cancel = context.WithDeadline(own, end)
				defer cancel()
			}
			return fn(own, db)
		},
		done: make(chan struct{}),
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
	err := w.transaction(func(ctx context.Context) error {
		for j := first; j != nil; j = w.waiting(len(ran)) {
			ran = append(ran, j)
			if j.err = j.ended(); j.err != nil {
				continue
			}
			if err := w.savepoint(ctx, j); err != nil {
				return err
			}
		}
		return nil
	})
	if len(ran) == 0 { // the transaction did not even begin; who waits behind first would only wait as long for the same answer
		for j := first; j != nil; j = w.waiting(len(ran)) {
			ran = append(ran, j)
		}
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
func (w *writer) transaction(body func(context.Context) error) error {
	ctx := context.Background()
	if w.dialect.patience > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, w.dialect.patience)
		defer cancel()
	}
	w.saved, w.tenant = false, nil
	if err := w.begin(ctx); err != nil {
		return w.lost(ctx, fmt.Errorf("begin a transaction: %w", err), false)
	}
	if err := body(ctx); err != nil {
		w.disconnect()
		return w.lost(ctx, err, false)
	}
	if _, err := w.stmts.exec(ctx, "COMMIT"); err != nil {
		w.disconnect()
		return w.lost(ctx, fmt.Errorf("commit a transaction: %w", err), true)
	}
	return nil
}

// lost names an error that means a lost connection as such. Within COMMIT the outcome is unknown then.
func (w *writer) lost(ctx context.Context, err error, committing bool) error {
	if _, known := errors.AsType[*lostError](err); known {
		return err
	}
	if ctx.Err() != nil || w.dialect.classify(err) == faultDown {
		return &lostError{unknown: committing, cause: err}
	}
	return err
}

// begin starts a transaction that has the lane's lock. A connection from before may have been lost since; a new one is
// tried then, once.
func (w *writer) begin(ctx context.Context) error {
	for fresh := false; ; {
		if w.conn == nil {
			fresh = true
			if err := w.connect(ctx); err != nil {
				return err
			}
		}
		err := w.beginOn(ctx)
		if err == nil {
			return nil
		}
		w.disconnect()
		if _, lost := errors.AsType[*lostError](w.lost(ctx, err, false)); fresh || ctx.Err() != nil || !lost {
			return err
		}
	}
}

// beginOn starts a transaction on the connection, as soon as no other process has one in the same lane.
func (w *writer) beginOn(ctx context.Context) error {
	deadline := time.Now().Add(w.patience)
	for {
		err := w.beat(ctx)
		if err == nil && w.dialect.lock != "" {
			_, err = w.stmts.exec(ctx, w.dialect.lock, int32(laneClass), int32(w.lane))
			return err
		}
		if err == nil || w.dialect.classify(err) != faultBusy || time.Now().After(deadline) {
			return err
		}
	}
}

// beat sends the statement that begins a transaction. It waits for nobody where there are locks of lanes, so an answer that does
// not come soon will not come.
func (w *writer) beat(ctx context.Context) error {
	if w.dialect.pulse == 0 {
		_, err := w.stmts.exec(ctx, w.dialect.begin)
		return err
	}
	soon, cancel := context.WithTimeout(ctx, w.dialect.pulse)
	defer cancel()
	_, err := w.stmts.exec(soon, w.dialect.begin)
	if err != nil && soon.Err() != nil {
		return &lostError{cause: err}
	}
	return err
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

// savepoint runs one job. Its own failure goes to the job; an error returned is one of the whole transaction. What it tells the
// database, in a savepoint or not, stays so for the jobs behind it, unless it is rolled back: each statement is a round trip, and
// a tenant's changes come one after the other.
func (w *writer) savepoint(ctx context.Context, j *job) error {
	text := "SAVEPOINT job"
	if w.saved {
		text = "RELEASE SAVEPOINT job; SAVEPOINT job"
	}
	if _, err := w.stmts.exec(ctx, text); err != nil {
		return fmt.Errorf("set a savepoint: %w", err)
	}
	w.saved = true
	if w.dialect.scopeLocal != "" && (w.tenant == nil || *w.tenant != j.tenant) {
		if _, err := w.stmts.exec(ctx, w.dialect.scopeLocal, j.tenant); err != nil {
			return fmt.Errorf("set the tenant of a transaction: %w", err)
		}
		w.tenant = &j.tenant
	}
	if j.err = guard(ctx, w.stmts, j.run); j.err != nil {
		if ctx.Err() != nil || w.dialect.classify(j.err) == faultDown {
			err := j.err
			j.err = nil // it is the group's
			return err
		}
		if _, err := w.stmts.exec(ctx, "ROLLBACK TO SAVEPOINT job"); err != nil {
			return fmt.Errorf("roll back to a savepoint: %w", errors.Join(err, j.err))
		}
		w.tenant = nil
	}
	return nil
}

// guard makes a panic of one caller's function that caller's error.
func guard(ctx context.Context, db *statements, run func(context.Context, *statements) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("a write panicked: %v\n%s", p, debug.Stack())
		}
	}()
	return run(ctx, db)
}

// lane returns the writer of a tenant's rows. All writes of a tenant go by the same lane on every node, and no two
// transactions of a lane overlap, so what one reads stays so until it has written. The first lane is that of what belongs to
// no tenant.
func (s *Store) lane(tenant string) *writer {
	if len(s.lanes) == 1 || tenant == everyTenant {
		return s.lanes[0]
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(tenant))
	return s.lanes[1+int(int64(h.Sum32())%int64(len(s.lanes)-1))] // not int before %: it may have 32 bits and a sign
}

// write runs a change of tenant's rows, or of all or no tenant's (everyTenant), in a transaction, with the store's errors.
// See writer.do.
func (s *Store) write(ctx context.Context, tenant, doing string, fn func(context.Context, *statements) error) error {
	return s.fail(doing, s.lane(tenant).do(ctx, tenant, fn))
}
