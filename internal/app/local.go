package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/auth"
	"github.com/patchbay/patchbay/internal/config"
	"github.com/patchbay/patchbay/internal/manage"
	"github.com/patchbay/patchbay/internal/seal"
)

// Local is what the local commands work with: the operations on the data directory's database, in the name of the
// operator at the machine. A service may be running on the same database.
type Local struct {
	Operator auth.Caller
	Manage   *manage.Service
	Rotation manage.KeyRotation

	core *core
}

// Application is an app registration.
type Application = apiconn.Application

// Credential is a secret or certificate of an app registration.
type Credential = apiconn.ApplicationCredential

// DamagedSeal names a sealed value that does not open.
type DamagedSeal = manage.DamagedSeal

// OpenLocal opens the database that the settings name. Only the command that begins a new installation may create it;
// for the others a missing database is most likely a mistyped directory.
func OpenLocal(ctx context.Context, cfg *config.Config, log *slog.Logger, create bool) (*Local, error) {
	master, err := masterKey(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(cfg.Database.Path()); cfg.Database.IsFile() && errors.Is(err, fs.ErrNotExist) && !create {
		return nil, fmt.Errorf("there is no database at %s; name the right --data-dir, or begin with `patchbay tenant create`", cfg.Database)
	}
	c, err := openCore(ctx, cfg, master, log)
	if err != nil {
		return nil, err
	}
	return &Local{
		Operator: auth.Local(),
		Manage:   c.manage(),
		Rotation: manage.KeyRotation{Store: c.store, Keys: c.keys, Master: master},
		core:     c,
	}, nil
}

// Close closes the database.
func (l *Local) Close() error { return l.core.close() }

// MasterKeyKMS is the URI of the key that wraps the master key; "" if none does.
func (l *Local) MasterKeyKMS() string { return l.core.cfg.MasterKeyKMS }

// Rewrap makes a new master key at path, wrapped by the service that uri names if any, and wraps the key ring under it. If
// the second step fails the new file is removed again, unless it may be the one that opens the ring now.
func (l *Local) Rewrap(ctx context.Context, path, uri string) error {
	purpose := seal.Production
	if l.core.master.Development() {
		purpose = seal.Development
	}
	next, err := makeMasterKey(ctx, l.core.cfg, path, uri, purpose)
	if err != nil {
		return err
	}
	err = l.Rotation.Rewrap(ctx, l.Operator, next)
	if err == nil {
		return nil
	}
	if apiconn.KindOf(err) != apiconn.Internal {
		return errors.Join(err, os.Remove(path))
	}
	// Whether it was written cannot always be told: a connection may break while the change is committed.
	return fmt.Errorf("%w; it is not known whether the key ring was changed: keep the old master key and %s, and see with `patchbay key verify` which of them opens it", err, path)
}
