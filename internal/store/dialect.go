package store

import (
	"database/sql/driver"
	"errors"
	"net/url"
	"path/filepath"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// fault is what the store must tell apart among a driver's errors. It is found by code, never by text.
type fault uint8

const (
	faultOther  fault = iota
	faultUnique       // a unique or primary key is taken
	faultBusy         // somebody else holds the lock for too long
)

// dialect is all that differs between database engines outside migrations/.
type dialect struct {
	name       string // also the folder of its migrations
	driver     string
	migrations goose.Dialect
	// source is the data source name for a file: one for the writer, one for readers.
	source  func(path string, readOnly bool) string
	session string // sets up the connection that writes
	begin   string // starts a transaction that will write
	// contains is an expression that is true if text column holds the parameter as a substring.
	contains func(column, parameter string) string
	classify func(error) fault
}

// sqliteDialect is SQLite by modernc.org/sqlite.
//
// BEGIN IMMEDIATE takes the write lock before the first read: a transaction that reads and then writes cannot find
// afterwards that another process wrote in between (SQLITE_BUSY that no timeout cures). SQLite waits for that lock by
// asking again, each time after a longer pause of up to 100 ms, and so hardly ever meets the short gaps between the
// transactions of a busy process. The writer asks by itself every few milliseconds instead: see writer.begin.
var sqliteDialect = dialect{
	name:       "sqlite",
	driver:     "sqlite",
	migrations: goose.DialectSQLite3,
	source:     sqliteSource,
	session:    "PRAGMA busy_timeout = 5",
	begin:      "BEGIN IMMEDIATE",
	contains:   func(column, parameter string) string { return "instr(" + column + ", " + parameter + ") > 0" },
	classify:   sqliteFault,
}

// sqliteSource writes a SQLite URI (https://www.sqlite.org/uri.html). WAL lets readers go on during a write;
// synchronous=FULL makes a commit reach the disk before it is acknowledged. The journal is cut back to 64 MiB after a
// checkpoint. Times are in milliseconds, sizes in bytes, a negative cache size in KiB.
func sqliteSource(path string, readOnly bool) string {
	options := url.Values{
		"_busy_timeout": {"10000"},
		"_journal_mode": {"WAL"},
		"_synchronous":  {"FULL"},
		"_foreign_keys": {"on"},
		"_dqs":          {"0"}, // "x" is a name, never a text
		"_pragma":       {"journal_size_limit(67108864)", "cache_size(-8192)"},
	}
	if readOnly {
		options.Set("_query_only", "on")
	} else {
		options.Set("_txlock", "immediate")
	}
	location := url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: options.Encode()}
	return location.String()
}

func sqliteFault(err error) fault {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return faultOther
	}
	switch code := e.Code(); {
	case code == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, code == sqlite3.SQLITE_CONSTRAINT_UNIQUE:
		return faultUnique
	case code&0xff == sqlite3.SQLITE_BUSY, code&0xff == sqlite3.SQLITE_LOCKED:
		return faultBusy
	}
	return faultOther
}

// errDiscard makes database/sql close a connection instead of keeping it.
var errDiscard = driver.ErrBadConn
