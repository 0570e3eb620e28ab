package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"time"

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
	faultDown         // the database cannot be reached, takes no writes now, or the connection is lost
	faultText         // a text that this database cannot keep
)

// use is what a pool of connections is for.
type use uint8

const (
	useWrite   use = iota
	useRead        // what everything depends on, found by key
	useList        // what a client's filter shapes
	useMigrate     // changes of the schema
	useCopy        // all rows of a database at once, for as long as it takes
)

// dialect is all that differs between database engines outside migrations/.
type dialect struct {
	name       string // also the folder of its migrations
	migrations goose.Dialect
	goose      func() ([]goose.ProviderOption, error) // how processes that migrate at once keep out of each other's way
	open       func(database string, purpose use) (*sql.DB, error)
	check      func(ctx context.Context, db *sql.DB) error // refuses a database that cannot be worked with
	session    string                                      // sets up a connection that writes; "" for nothing
	begin      string                                      // starts a transaction that will write
	// lock takes the lock of a lane (two integers) for the rest of the transaction, lockShared beside others who do so; "" where
	// begin locks the database.
	lock, lockShared string
	// scope and scopeLocal tell the database whose rows the connection, or the transaction, works on from now on, the second
	// wall under the WHERE of every statement; "" where there is no such wall.
	scope, scopeLocal string
	// What copying a database needs. See copying.
	reading     string // starts a transaction that sees one unchanging state
	hold        string // takes a lane's lock (as lock) until the connection ends; "" where begin locks the database
	settle      string // after a great many new rows; "" for nothing
	parameters  int    // of a statement that writes many rows
	catalog     catalog
	skip        string // ends a SELECT that leaves out what others are about to change, and holds the rest; "" where there are no others
	lanes       int    // see Store.lane
	connections map[use]int
	prepared    bool // whether statements are prepared and kept here; otherwise the driver does so by itself
	snapshot    sql.TxOptions
	patience    time.Duration // how long a group of writes, or a read, may take before its connection counts as lost; 0: for ever
	pulse       time.Duration // how long the beginning of a transaction may take before its connection counts as lost; 0: for ever
	// contains is an expression that is true if text column holds the parameter as a substring.
	contains func(column, parameter string) string
	classify func(error) fault
}

// dialectOf tells the engine from the form of the data source.
func dialectOf(database string) dialect {
	if IsPostgres(database) {
		return postgresDialect()
	}
	return sqliteDialect()
}

// sqliteDialect is SQLite by modernc.org/sqlite.
//
// BEGIN IMMEDIATE takes the write lock before the first read: a transaction that reads and then writes cannot find
// afterwards that another process wrote in between (SQLITE_BUSY that no timeout cures). SQLite waits for that lock by
// asking again, each time after a longer pause of up to 100 ms, and so hardly ever meets the short gaps between the
// transactions of a busy process. The writer asks by itself every few milliseconds instead: see writer.begin.
func sqliteDialect() dialect {
	// A reader works on the processor only, so connections beyond a few per core would just hold memory.
	cores := runtime.GOMAXPROCS(0)
	return dialect{
		name:        "sqlite",
		migrations:  goose.DialectSQLite3,
		goose:       func() ([]goose.ProviderOption, error) { return nil, nil },
		open:        openSQLite,
		check:       func(context.Context, *sql.DB) error { return nil },
		session:     "PRAGMA busy_timeout = 5",
		begin:       "BEGIN IMMEDIATE",
		reading:     "BEGIN",
		catalog:     sqliteCatalog,
		parameters:  200, // it looks each up among all the others
		lanes:       1,
		connections: map[use]int{useWrite: 1, useRead: max(2, cores), useList: max(4, 2*cores), useMigrate: 1},
		prepared:    true,
		snapshot:    sql.TxOptions{ReadOnly: true},
		contains:    func(column, parameter string) string { return "instr(" + column + ", " + parameter + ") > 0" },
		classify:    sqliteFault,
	}
}

// openSQLite opens a file, making it if it is absent, in a directory that exists.
func openSQLite(path string, purpose use) (*sql.DB, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("find the database file %q: %w", path, err)
	}
	// SQLite would make the file by the umask; its journal files take over the mode of the database.
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the database file: %w", err)
	}
	if err := file.Close(); err != nil {
		return nil, fmt.Errorf("open the database file: %w", err)
	}
	return sql.Open("sqlite", sqliteSource(path, purpose == useRead || purpose == useList))
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
