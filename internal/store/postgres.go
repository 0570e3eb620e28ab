package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// IsPostgres tells whether a data source is a PostgreSQL URL; any other is the path of a SQLite file.
func IsPostgres(database string) bool {
	return strings.HasPrefix(database, "postgres://") || strings.HasPrefix(database, "postgresql://")
}

// The figures of PostgreSQL. A node opens as many connections as the pools allow, 21, and only while it needs them.
const (
	postgresLanes   = 8 // a protocol between nodes: another number would let two nodes write for one tenant at once
	postgresReaders = 8
	postgresLists   = 4

	// lockPatience is how long a transaction waits for the lane, whose holder may have died unseen: longer than idlePatience,
	// after which the server ends a transaction whose client says nothing.
	lockPatience = 8 * time.Second
	idlePatience = 5 * time.Second
	// answerPatience is how long a group of writes or a read may take in all. Beyond it the connection counts as cut.
	answerPatience  = 12 * time.Second
	connectPatience = 3 * time.Second
	// pulsePatience is how long a connection that was kept from before has to show that it is still one.
	pulsePatience = time.Second

	oldestPostgres = 150000 // server_version_num
)

// laneClass is the first of the two numbers of the lanes' advisory locks; the second is the lane, or ringLock.
const (
	laneClass = 1_885_426_795
	ringLock  = 1000
)

// postgresDialect is PostgreSQL 15 or newer, by pgx.
//
// A transaction takes its lane's lock before it reads. At READ COMMITTED each statement sees what was committed before it
// began, so with the lock it sees everything that earlier transactions of the lane, on whatever node, have done.
func postgresDialect() dialect {
	return dialect{
		name:       "postgres",
		migrations: goose.DialectPostgres,
		goose: func() ([]goose.ProviderOption, error) {
			// Asked for every second for five minutes: another node may be at it.
			locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300), lock.WithUnlockTimeout(1, 30))
			return []goose.ProviderOption{goose.WithSessionLocker(locker)}, err
		},
		open:        openPostgres,
		check:       checkPostgres,
		begin:       "BEGIN",
		lock:        "SELECT pg_advisory_xact_lock($1, $2)",
		skip:        " FOR UPDATE SKIP LOCKED",
		lockShared:  "SELECT pg_advisory_xact_lock_shared($1, $2)",
		scope:       "SELECT set_config('patchbay.tenant', $1, false)",
		scopeLocal:  "SELECT set_config('patchbay.tenant', $1, true)",
		reading:     "BEGIN TRANSACTION READ ONLY, ISOLATION LEVEL REPEATABLE READ",
		hold:        "SELECT pg_advisory_lock($1, $2)",
		settle:      "ANALYZE",
		catalog:     postgresCatalog,
		parameters:  6000,
		lanes:       postgresLanes + 1,
		connections: map[use]int{useWrite: postgresLanes + 1, useRead: postgresReaders, useList: postgresLists, useMigrate: 2},
		snapshot:    sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead},
		patience:    answerPatience,
		pulse:       pulsePatience,
		contains:    func(column, parameter string) string { return "strpos(" + column + ", " + parameter + ") > 0" },
		classify:    postgresFault,
	}
}

// openPostgres makes a pool. It does not connect yet.
func openPostgres(database string, purpose use) (*sql.DB, error) {
	config, err := pgx.ParseConfig(database)
	if err != nil {
		if parse, ok := errors.AsType[*pgconn.ParseConfigError](err); ok {
			return nil, errors.New(parse.Error()) // which masks the password; the wrapped error has it
		}
		return nil, errors.New("the PostgreSQL URL cannot be read")
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectPatience
	}
	// A peer that is gone without a word is noticed in about ten seconds.
	dialer := net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 4 * time.Second, Interval: 2 * time.Second, Count: 3}}
	config.DialFunc = dialer.DialContext
	set := config.RuntimeParams
	if set["application_name"] == "" {
		set["application_name"] = "patchbay"
	}
	// The server too notices a client that is gone without a word.
	for name, value := range map[string]string{"tcp_keepalives_idle": "4", "tcp_keepalives_interval": "2", "tcp_keepalives_count": "3"} {
		if set[name] == "" {
			set[name] = value
		}
	}
	options := []stdlib.OptionOpenDB{stdlib.OptionShouldPing(seemsLost)}
	switch purpose {
	case useWrite:
		set["lock_timeout"] = milliseconds(lockPatience)
		set["idle_in_transaction_session_timeout"] = milliseconds(idlePatience)
	case useRead, useList:
		// Not at the start of the session: target_session_attrs=read-write would take it for a server that takes no writes.
		options = append(options, stdlib.OptionAfterConnect(func(ctx context.Context, conn *pgx.Conn) error {
			_, err := conn.Exec(ctx, "SET default_transaction_read_only = on")
			return err
		}))
		set["idle_in_transaction_session_timeout"] = milliseconds(answerPatience)
		set["statement_timeout"] = milliseconds(answerPatience)
		if purpose == useList { // a cancelled context closes the connection; the server would go on with the statement
			set["statement_timeout"] = milliseconds(listingTime + time.Second)
		}
	case useCopy: // a reader or writer of many rows, and one that waits while it holds others off
		set["lock_timeout"] = milliseconds(copyPatience)
		set["statement_timeout"], set["idle_in_transaction_session_timeout"] = "0", "0"
	case useMigrate:
	}
	db := stdlib.OpenDB(*config, options...)
	db.SetConnMaxIdleTime(5 * time.Minute)
	return db, nil
}

// seemsLost tells the pool to look at a connection that it is about to use again, because it has been idle and does not answer. The
// look fails then and the pool tries another.
func seemsLost(ctx context.Context, kept stdlib.ShouldPingParams) bool {
	if kept.IdleDuration < time.Second {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, pulsePatience)
	defer cancel()
	return kept.Conn.Ping(ctx) != nil
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// checkPostgres refuses a server that is too old, a database that cannot keep every text, and a role to which the
// policies of row-level security do not apply.
func checkPostgres(ctx context.Context, db *sql.DB) error {
	var version int
	var encoding, role string
	var beyond bool
	err := db.QueryRowContext(ctx, "SELECT current_setting('server_version_num')::integer, current_setting('server_encoding'), "+
		"rolname, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user").Scan(&version, &encoding, &role, &beyond)
	switch {
	case err != nil:
		return fmt.Errorf("ask the database what it is: %w", err)
	case version < oldestPostgres:
		return fmt.Errorf("the database is PostgreSQL %d; use 15 or newer", version/10000)
	case encoding != "UTF8":
		return fmt.Errorf("the database has the encoding %s; create it with ENCODING 'UTF8'", encoding)
	case beyond:
		return fmt.Errorf("the database role %s is a superuser or has BYPASSRLS, so row-level security between tenants would not hold; connect as a role that has neither", role)
	}
	return nil
}

// postgresFaults are the codes that mean something to the store (PostgreSQL 15, appendix A), by code or, for two
// letters, by class.
var postgresFaults = map[string]fault{
	"23505": faultUnique, // unique_violation
	"55P03": faultBusy,   // lock_not_available: lock_timeout
	"40P01": faultBusy,   // deadlock_detected
	"40001": faultBusy,   // serialization_failure
	"57014": faultBusy,   // query_canceled: statement_timeout
	"22021": faultText,   // character_not_in_repertoire: U+0000
	"22P05": faultText,   // untranslatable_character
	"08":    faultDown,   // connection exceptions
	"53":    faultDown,   // insufficient resources: too many connections, no space
	"57":    faultDown,   // operator intervention: shutdown, crash, starting up
	"58":    faultDown,   // system error
	"25006": faultDown,   // read_only_sql_transaction: a primary that is one no more
	"25P03": faultDown,   // idle_in_transaction_session_timeout
	"28":    faultDown,   // invalid authorization, which is told at the time of connecting
}

func postgresFault(err error) fault {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		if f, ok := postgresFaults[e.Code]; ok {
			return f
		}
		if len(e.Code) == 5 {
			return postgresFaults[e.Code[:2]]
		}
		return faultOther
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return faultDown // also after connectPatience, which looks like the end of somebody's context
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return faultOther // whoever gave the context knows
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return faultDown
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, errDiscard) || errors.Is(err, sql.ErrConnDone) || pgconn.SafeToRetry(err) {
		return faultDown
	}
	return faultOther
}
