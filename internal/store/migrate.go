package store

import (
	"context"
	"database/sql"
	"embed"
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

// migrate brings the schema up to date. A schema newer than this program is left alone: migrations expand before they
// contract, so that the next version's schema serves this version too.
func migrate(ctx context.Context, d dialect, db *sql.DB, log *slog.Logger) error {
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
	provider, err := goose.NewProvider(d.migrations, db, files, goose.WithDisableGlobalRegistry(true), goose.WithSlog(log))
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
