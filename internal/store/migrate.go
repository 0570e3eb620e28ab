package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/pressly/goose/v3"
)

//go:embed migrations
var migrations embed.FS

// migrationAttempts bounds how often a migration starts again after another process migrated the same new file first.
const migrationAttempts = 5

// SchemaMode says what opening a database does about its schema.
type SchemaMode uint8

// The ways to treat a schema that is older than the program.
const (
	SchemaMigrate SchemaMode = iota // bring it up to date
	SchemaCheck                     // refuse to open the database
)

// presentSchema asks for the number of the newest migration that has run. The table is goose's.
const presentSchema = "SELECT max(version_id) FROM " + gooseTable + " WHERE is_applied"

var (
	// ErrOldSchema means that a database must be migrated first.
	ErrOldSchema = errors.New("the schema of the database is older than this program; run `patchbay migrate` first")
	// ErrNewSchema means that a newer program is needed for what all of a database is needed for.
	ErrNewSchema = errors.New("the schema of the database is newer than this program; use the program that made it, or a newer one")
)

// Schema is what version a database's schema has, and what this program knows. Versions are the numbers of migrations.
type Schema struct {
	Present int64 // 0: there is none
	Newest  int64 // that this program knows; a database may be ahead of it
}

// SchemaOf returns the version of a database's schema and changes nothing. A file that is not there has none.
func SchemaOf(ctx context.Context, database string) (found Schema, err error) {
	d := dialectOf(database)
	if found.Newest, err = d.newest(); err != nil {
		return found, err
	}
	if _, err := os.Stat(database); !IsPostgres(database) && errors.Is(err, fs.ErrNotExist) {
		return found, nil
	}
	db, err := d.open(database, useRead)
	if err != nil {
		return found, fmt.Errorf("open the database: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tables, has, err := d.catalog.readTables(ctx, db)
	switch {
	case err != nil:
		return found, err
	case !has && len(tables) > 0:
		return found, errors.New("this is not a database of Patchbay's")
	case !has:
		return found, nil
	}
	var present sql.NullInt64
	err = db.QueryRowContext(ctx, presentSchema).Scan(&present)
	found.Present = present.Int64
	return found, err
}

// Migrate brings a database's schema up to date, making a file that is not there, and returns what it was before and is now.
// Others may do the same at once, and work with the database meanwhile.
func Migrate(ctx context.Context, database string, log *slog.Logger) (before, after Schema, err error) {
	if before, err = SchemaOf(ctx, database); err != nil {
		return before, before, err
	}
	if err := prepareSchema(ctx, dialectOf(database), Options{Database: database, Log: log}); err != nil {
		return before, before, err
	}
	after, err = SchemaOf(ctx, database)
	return before, after, err
}

// newest is the version of the schema that this program knows.
func (d dialect) newest() (int64, error) {
	files, err := d.files()
	if err != nil {
		return 0, err
	}
	return newestMigration(files)
}

func (d dialect) files() (fs.FS, error) {
	files, err := fs.Sub(migrations, path.Join("migrations", d.name))
	if err != nil {
		return nil, fmt.Errorf("find the migrations: %w", err)
	}
	return files, nil
}

// prepareSchema checks what database this is, brings its schema up to date and refuses one that is an unfinished copy.
func prepareSchema(ctx context.Context, d dialect, o Options) (err error) {
	log := o.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	db, err := d.open(o.Database, useMigrate)
	if err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(d.connections[useMigrate])
	if err := d.check(ctx, db); err != nil {
		return err
	}
	if err := migrate(ctx, d, db, o.Schema, log); err != nil || o.unfinished {
		return err
	}
	var unfinished bool
	err = db.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM meta WHERE name = $1)", metaUnfinished).Scan(&unfinished)
	if err == nil && unfinished {
		err = ErrUnfinishedCopy
	}
	return err
}

// migrate brings the schema up to date. A schema newer than this program is left alone: migrations expand before they
// contract, so that the next version's schema serves this version too.
func migrate(ctx context.Context, d dialect, db *sql.DB, mode SchemaMode, log *slog.Logger) error {
	files, err := d.files()
	if err != nil {
		return err
	}
	newest, err := newestMigration(files)
	if err != nil {
		return err
	}
	var failure error
	for range migrationAttempts {
		// One query instead of goose's dozen in the usual case, a database that is up to date.
		var present sql.NullInt64
		err := db.QueryRowContext(ctx, presentSchema).Scan(&present)
		if err == nil && present.Int64 >= newest {
			return nil
		}
		if mode == SchemaCheck {
			return ErrOldSchema
		}
		if failure = applyMigrations(ctx, d, db, files, log); failure == nil {
			return nil
		}
		if ctx.Err() != nil {
			break
		}
	}
	return fmt.Errorf("bring the database schema up to date: %w", failure)
}

func applyMigrations(ctx context.Context, d dialect, db *sql.DB, files fs.FS, log *slog.Logger) error {
	options, err := d.goose()
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(d.migrations, db, files, append(options, goose.WithDisableGlobalRegistry(true), goose.WithSlog(log))...)
	if err != nil {
		return err
	}
	results, err := provider.Up(ctx)
	if err != nil {
		return err
	}
	for _, r := range results {
		log.InfoContext(ctx, "database migrated", "version", r.Source.Version, "duration_ms", r.Duration.Milliseconds())
	}
	return nil
}

// newestMigration is the greatest number that begins a migration's file name.
func newestMigration(files fs.FS) (int64, error) {
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return 0, fmt.Errorf("list the migrations: %w", err)
	}
	var newest int64
	for _, name := range names {
		number, _, _ := strings.Cut(name, "_")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read the number of migration %s: %w", name, err)
		}
		newest = max(newest, version)
	}
	return newest, nil
}
