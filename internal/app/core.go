package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/config"
	"github.com/patchbay/patchbay/internal/seal"
	"github.com/patchbay/patchbay/internal/store"
)

// core is what the service and the local commands have in common: the open database and its keys.
type core struct {
	cfg    *config.Config
	log    *slog.Logger
	master seal.MasterKey
	store  *store.Store
	keys   *seal.Keys
}

// The fact about a database that tells what it may be used for. Its values are those of purposeOf.
const metaPurpose = "purpose"

// purposeOf is what a database is for whose ring master wraps.
func purposeOf(master seal.MasterKey) string {
	if master.Development() {
		return "development"
	}
	return "production"
}

// openCore opens the database that the settings name, making it if it is missing, and checks that master is its key.
func openCore(ctx context.Context, cfg *config.Config, master seal.MasterKey, log *slog.Logger) (*core, error) {
	c, err := openSealed(ctx, cfg, log)
	if err != nil {
		return nil, err
	}
	if err := c.unlock(ctx, master); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

// openSealed opens the database without a master key: nothing is sealed and nothing opens until unlock.
func openSealed(ctx context.Context, cfg *config.Config, log *slog.Logger) (_ *core, err error) {
	if cfg.Database.IsFile() {
		if err := makePrivateDir(filepath.Dir(cfg.Database.Path())); err != nil {
			return nil, err
		}
	}
	c := &core{cfg: cfg, log: log}
	if c.store, err = store.Open(ctx, storeOptions(cfg, log)); err != nil {
		return nil, err
	}
	c.keys = seal.NewKeys(seal.MasterKey{}, func(ctx context.Context) (wrapped, earlier []byte, err error) {
		ring, _, err := c.store.KeyRing(ctx)
		return ring.Wrapped, ring.EarlierRoots, err
	})
	return c, nil
}

// unlock gives the core its master key. If the key is not that of the database, the core is as it was.
func (c *core) unlock(ctx context.Context, master seal.MasterKey) error {
	c.master = master
	c.keys.Unlock(master)
	err := c.claim(ctx)
	if err != nil {
		c.master = seal.MasterKey{}
		c.keys.Unlock(c.master)
	}
	return err
}

// foreignKeyError means that the master key is not that of the database.
type foreignKeyError struct{ text string }

func (e *foreignKeyError) Error() string { return e.text }

// storeOptions is how the settings want the database opened.
func storeOptions(cfg *config.Config, log *slog.Logger) store.Options {
	o := store.Options{Database: cfg.Database.Reveal(), Log: log, Now: now}
	if cfg.SchemaMode == config.SchemaManual {
		o.Schema = store.SchemaCheck
	}
	return o
}

// claim checks that the database is for the same purpose as the master key and that its ring opens. A new database gets
// both.
func (c *core) claim(ctx context.Context) error {
	purpose, exists, err := c.store.Meta(ctx, metaPurpose)
	if err != nil {
		return err
	}
	if ours := purposeOf(c.master); exists && purpose != ours {
		return &foreignKeyError{fmt.Sprintf("the database %s was made for %s and the master key for %s; use another data directory", c.cfg.Database, purpose, ours)}
	}
	if err := c.ensureRing(ctx); err != nil || exists {
		return err
	}
	return c.store.SetMeta(ctx, metaPurpose, purposeOf(c.master))
}

func (c *core) close() error { return c.store.Close() }

// ensureRing makes the key ring of a new database, and checks that the ring of an old one opens.
func (c *core) ensureRing(ctx context.Context) error {
	_, exists, err := c.store.KeyRing(ctx)
	if err != nil {
		return err
	}
	if !exists {
		ring, err := seal.NewRing()
		if err != nil {
			return err
		}
		wrapped, err := ring.Wrap(c.master)
		if err != nil {
			return err
		}
		err = c.store.ReplaceKeyRing(ctx, 0, store.KeyRing{Primary: ring.Primary(), Wrapped: wrapped}, nil)
		if err != nil && apiconn.KindOf(err) != apiconn.Conflict { // Conflict: another process was first
			return fmt.Errorf("write the first key ring: %w", err)
		}
	}
	if _, err := c.keys.Ring(ctx); errors.Is(err, seal.ErrRing) {
		return &foreignKeyError{fmt.Sprintf("the database %s belongs to another master key, or its key ring is damaged", c.cfg.Database)}
	} else if err != nil {
		return err
	}
	return nil
}

// now is the time that becomes data.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
