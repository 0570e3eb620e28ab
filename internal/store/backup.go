package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// ErrOwnTools means that a database is backed up and restored with the tools of its engine.
var ErrOwnTools = errors.New("a PostgreSQL database is backed up and restored with its own tools (pg_dump and pg_restore, pg_basebackup, pgBackRest): docs/operating.md has the commands")

// sqliteMagic is what every SQLite file begins with.
const sqliteMagic = "SQLite format 3\x00"

// BackupFacts is what a backup has in it.
type BackupFacts struct {
	Schema int64            // version of the schema
	Rows   map[string]int64 // by table
	Ring   KeyRing          // whose Version is 0 if there is none
	Bytes  int64            // size of the file
}

// Total is the number of all rows.
func (f BackupFacts) Total() (rows int64) {
	for _, n := range f.Rows {
		rows += n
	}
	return rows
}

// Backup writes a SQLite database, as it is at one moment, to a file that does not exist yet, with mode 0600. Whoever has the
// database open goes on reading and writing. The backup is checked before it has its name: a file of that name is a whole one.
// Secrets in it are sealed; the key ring is wrapped.
func Backup(ctx context.Context, database, file string) (facts BackupFacts, err error) {
	if IsPostgres(database) {
		return facts, ErrOwnTools
	}
	if _, err := os.Stat(database); err != nil {
		return facts, fmt.Errorf("there is no database at %s", database)
	}
	partial, err := makePartial(file)
	if err != nil {
		return facts, err
	}
	defer func() { _ = os.Remove(partial) }()
	e, err := openEnd(ctx, database)
	if err != nil {
		return facts, err
	}
	defer func() { err = errors.Join(err, e.close()) }()
	before, err := e.moment(ctx)
	if err != nil {
		return facts, fmt.Errorf("the database %s: %w", database, err)
	}
	// It leaves out what is deleted and still in the file, and reads within one transaction, which no writer waits for.
	if err := e.exec(ctx, "VACUUM INTO $1", partial); err != nil {
		return facts, fmt.Errorf("write %s: %w", file, err)
	}
	after, err := e.moment(ctx)
	if err != nil {
		return facts, err
	}
	if facts, err = Inspect(ctx, partial); err != nil {
		return facts, fmt.Errorf("the backup is not good, and was removed: %w", err)
	}
	if before.change == after.change && !maps.Equal(before.rows, facts.Rows) {
		return facts, errors.New("the backup is not good, and was removed: it has other numbers of rows than the database")
	}
	return facts, place(partial, file)
}

// moment is the state of a SQLite database that may be changing: as long as change is the same, nobody else has changed it.
type moment struct {
	change int64
	rows   map[string]int64
}

func (e *end) moment(ctx context.Context) (m moment, err error) {
	if err := e.conn.QueryRowContext(ctx, "SELECT data_version FROM pragma_data_version").Scan(&m.change); err != nil {
		return m, err
	}
	m.rows, err = e.countAll(ctx)
	return m, err
}

// countAll counts the rows of all tables of a database of ours that is no unfinished copy.
func (e *end) countAll(ctx context.Context) (map[string]int64, error) {
	tables, has, err := e.dialect.catalog.readTables(ctx, e.conn)
	if err != nil {
		return nil, err
	}
	if !has {
		return nil, errors.New("this is not a database of Patchbay's")
	}
	if id, err := e.unfinished(ctx); err != nil || id != "" {
		return nil, errors.Join(err, ErrUnfinishedCopy)
	}
	rows := map[string]int64{}
	for _, t := range tables {
		if rows[t.name], err = e.count(ctx, t); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// Inspect reads all of a backup and tells what it is. It changes nothing and leaves no other file behind.
func Inspect(ctx context.Context, file string) (facts BackupFacts, err error) {
	if facts.Bytes, err = requireSQLite(file); err != nil {
		return facts, err
	}
	path, err := filepath.Abs(file)
	if err != nil {
		return facts, err
	}
	options := url.Values{"mode": {"ro"}, "immutable": {"1"}, "_dqs": {"0"}}
	location := url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: options.Encode()}
	e := &end{dialect: sqliteDialect()}
	if e.db, err = sql.Open("sqlite", location.String()); err != nil {
		return facts, err
	}
	defer func() { err = errors.Join(err, e.close()) }()
	if e.conn, err = e.db.Conn(ctx); err != nil {
		return facts, err
	}
	for _, check := range []string{
		"PRAGMA integrity_check(1)",
		`SELECT coalesce((SELECT 'a row of ' || "table" || ' refers to none' FROM pragma_foreign_key_check LIMIT 1), 'ok')`,
	} {
		var found string
		if err := e.conn.QueryRowContext(ctx, check).Scan(&found); err != nil {
			return facts, fmt.Errorf("the file is damaged: %w", err)
		}
		if found != "ok" {
			return facts, fmt.Errorf("the file is damaged: %s", strings.Join(strings.Fields(found), " "))
		}
	}
	if facts.Rows, err = e.countAll(ctx); err != nil {
		return facts, err
	}
	if facts.Schema, err = e.schemaVersion(ctx); err != nil {
		return facts, err
	}
	err = e.conn.QueryRowContext(ctx, "SELECT version, primary_key, wrapped FROM key_ring WHERE id = 1").
		Scan(&facts.Ring.Version, &facts.Ring.Primary, &facts.Ring.Wrapped)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return facts, err
}

// requireSQLite refuses what is no SQLite file, and one whose newest changes are in a file beside it, as copies have that were
// made of a database in use.
func requireSQLite(file string) (size int64, err error) {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("there is no file %s", file)
	}
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	magic := make([]byte, len(sqliteMagic))
	if _, err := io.ReadFull(f, magic); err != nil || string(magic) != sqliteMagic {
		return 0, errors.New("it is no backup: the file is not a SQLite database")
	}
	for _, suffix := range []string{"-wal", "-journal"} {
		if beside, err := os.Stat(file + suffix); err == nil && beside.Size() > 0 {
			return 0, fmt.Errorf("it is no backup: its newest changes are in %s beside it; make one with `patchbay backup`", filepath.Base(file+suffix))
		}
	}
	return info.Size(), nil
}

// Restore puts a backup in the place of a SQLite database that does not exist, unless it is damaged, its schema is newer than
// this program, or accept refuses it. Until all is well there is nothing at that place.
func Restore(ctx context.Context, file, database string, accept func(BackupFacts) error) (facts BackupFacts, err error) {
	if IsPostgres(database) {
		return facts, ErrOwnTools
	}
	for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
		if _, err := os.Lstat(database + suffix); err == nil {
			return facts, fmt.Errorf("there is %s already, and it is not overwritten; name another data directory, or move what belongs to the database away", database+suffix)
		}
	}
	// Refused before anything is copied; what counts is said of the copy.
	if _, err := requireSQLite(file); err != nil {
		return facts, err
	}
	partial, err := makePartial(database)
	if err != nil {
		return facts, err
	}
	defer func() { _ = os.Remove(partial) }()
	if err := copyFile(file, partial); err != nil {
		return facts, fmt.Errorf("copy %s: %w", file, err)
	}
	if facts, err = Inspect(ctx, partial); err != nil {
		return facts, err
	}
	newest, err := sqliteDialect().newest()
	if err != nil {
		return facts, err
	}
	if facts.Schema > newest {
		return facts, fmt.Errorf("version %d: %w", facts.Schema, ErrNewSchema)
	}
	if err := accept(facts); err != nil {
		return facts, err
	}
	return facts, place(partial, database)
}

// makePartial makes an empty file, which only its owner may use, beside one that does not exist yet.
func makePartial(file string) (string, error) {
	if _, err := os.Lstat(file); err == nil {
		return "", fmt.Errorf("%s exists already, and is not overwritten; name another file", file)
	}
	f, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+".*.partial") // mode 0600
	if err != nil {
		return "", err
	}
	return f.Name(), f.Close()
}

func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(to, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// place gives a file that is whole its name, unless another has it by now, and returns when the disk has both.
func place(partial, file string) error {
	err := errors.Join(syncFile(partial), os.Link(partial, file))
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, fs.ErrPermission) { // the file system knows no links
		if _, there := os.Lstat(file); there != nil {
			err = os.Rename(partial, file)
		}
	}
	if err != nil {
		return fmt.Errorf("%s exists already, or cannot be made: %w", file, err)
	}
	return syncFile(filepath.Dir(file))
}

// syncFile waits until the disk has a file or the names in a directory.
func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
