package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
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

// ErrOldSchema means that a database must be migrated first.
var ErrOldSchema = errors.New("the schema of the database is older than this program; run `patchbay migrate` first")

// prepareSchema checks what database this is and brings its schema up to date.
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
	return migrate(ctx, d, db, o.Schema, log)
}

// migrate brings the schema up to date. A schema newer than this program is left alone: migrations expand before they
// contract, so that the next version's schema serves this version too.
func migrate(ctx context.Context, d dialect, db *sql.DB, mode SchemaMode, log *slog.Logger) error {
	files, err := fs.Sub(migrations, path.Join("migrations", d.name))
	if err != nil {
		return fmt.Errorf("find the migrations: %w", err)
	}
	newest, err := newestMigration(files)
	if err != nil {
		return err
	}
	var failure error
	for range migrationAttempts {
		// One query instead of goose's dozen in the usual case, a database that is up to date. The table is goose's.
		var present sql.NullInt64
		err := db.QueryRowContext(ctx, "SELECT max(version_id) FROM goose_db_version WHERE is_applied").Scan(&present)
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
