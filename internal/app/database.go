package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"

	"github.com/patchbay/patchbay/internal/config"
	"github.com/patchbay/patchbay/internal/custody"
	"github.com/patchbay/patchbay/internal/seal"
	"github.com/patchbay/patchbay/internal/store"
)

// What the commands about a whole database tell.
type (
	// Schema is what version a database's schema has.
	Schema = store.Schema
	// CopyReport is what a copy has in it.
	CopyReport = store.CopyReport
	// CopyProgress is how far a copy is.
	CopyProgress = store.CopyProgress
	// CopyOptions says what is copied where.
	CopyOptions = store.CopyOptions
	// BackupFacts is what a backup has in it.
	BackupFacts = store.BackupFacts
)

// SchemaOf tells what version the schema of the database has that the settings name. It makes nothing.
func SchemaOf(ctx context.Context, cfg *config.Config) (Schema, error) {
	return store.SchemaOf(ctx, cfg.Database.Reveal())
}

// Migrate brings the schema up to date of the database that the settings name, whatever database_migrate says. It needs no master
// key.
func Migrate(ctx context.Context, cfg *config.Config, log *slog.Logger) (before, after Schema, err error) {
	if err := makeDatabaseDir(cfg.Database); err != nil {
		return before, after, err
	}
	return store.Migrate(ctx, cfg.Database.Reveal(), log)
}

// CopyDatabase copies all of a database to another that has nothing in it. It needs no master key: what is sealed stays sealed.
func CopyDatabase(ctx context.Context, from, to config.Database, o CopyOptions) (CopyReport, error) {
	if err := makeDatabaseDir(to); err != nil {
		return CopyReport{}, err
	}
	o.From, o.To = from.Reveal(), to.Reveal()
	return store.Copy(ctx, o)
}

// Backup writes the database that the settings name to a file. It needs no master key.
func Backup(ctx context.Context, cfg *config.Config, file string) (BackupFacts, error) {
	return store.Backup(ctx, cfg.Database.Reveal(), file)
}

// Restore puts a backup in the place of the database that the settings name, which must not exist. It refuses a backup whose key
// ring does not open with the master key.
func Restore(ctx context.Context, cfg *config.Config, file string) (BackupFacts, error) {
	if !cfg.Database.IsFile() {
		return BackupFacts{}, store.ErrOwnTools
	}
	master, err := masterKey(ctx, cfg)
	if errors.Is(err, custody.ErrNoKey) {
		return BackupFacts{}, fmt.Errorf("there is no master key at %s, and without the one that the backup was made under nothing in it can be opened: put that key there, or set master_key_file or %sMASTER_KEY",
			cfg.MasterKeyFile, config.EnvPrefix)
	}
	if err != nil {
		return BackupFacts{}, err
	}
	if err := makeDatabaseDir(cfg.Database); err != nil {
		return BackupFacts{}, err
	}
	return store.Restore(ctx, file, cfg.Database.Path(), func(facts BackupFacts) error { return opensWith(master, facts) })
}

// opensWith tells whether master is the key of a backup.
func opensWith(master seal.MasterKey, facts BackupFacts) error {
	if facts.Ring.Version == 0 {
		return errors.New("the backup has no key ring: it is of a database that was never used; make a new one instead")
	}
	if _, err := seal.OpenRing(master, facts.Ring.Wrapped); err != nil {
		return fmt.Errorf("the master key is not the one that the backup was made under, or the key ring in it is damaged; restore it with the key that was the master key then: %w", err)
	}
	return nil
}

// makeDatabaseDir makes the directory of a database that is a file.
func makeDatabaseDir(d config.Database) error {
	if !d.IsFile() {
		return nil
	}
	return makePrivateDir(filepath.Dir(d.Path()))
}
