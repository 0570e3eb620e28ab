package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"time"

	"github.com/patchbay/patchbay/internal/config"
	"github.com/patchbay/patchbay/internal/custody"
	"github.com/patchbay/patchbay/internal/seal"
)

// DevDefaults are the defaults of `patchbay dev` that differ from those of the table of settings.
var DevDefaults = map[string]string{
	"data_dir":              "patchbay-dev",
	"health.listen":         "",
	"log.level":             "warn",
	"log.format":            "text",
	"connectors.allow_http": "true",
	"guard.exceptions":      "127.0.0.0/8,::1",
}

// Dev runs a complete development server until ctx is done. Everything it needs is made in the data directory at the
// first start and found again at the next. Once it listens it prints to out what to paste into a shell.
func Dev(ctx context.Context, cfg *config.Config, log *slog.Logger, out io.Writer) error {
	p, facts, err := prepareDev(ctx, cfg, log)
	if err != nil {
		return err
	}
	if err := facts.print(out); err != nil {
		return errors.Join(fmt.Errorf("print what to paste: %w", err), p.abandon())
	}
	return p.run(ctx)
}

// prepareDev brings the server to the point where it listens.
func prepareDev(ctx context.Context, cfg *config.Config, log *slog.Logger) (_ *program, facts devFacts, err error) {
	if err := settleDev(cfg); err != nil {
		return nil, devFacts{}, err
	}
	master, err := devMasterKey(ctx, cfg)
	if err != nil {
		return nil, devFacts{}, err
	}
	if facts.TLS, err = ensureDevTLS(cfg.DataDir, time.Now()); err != nil {
		return nil, devFacts{}, err
	}
	cert, err := loadCertificate(facts.TLS.CertFile, facts.TLS.KeyFile, log, time.Now)
	if err != nil {
		return nil, devFacts{}, err
	}
	c, err := openCore(ctx, cfg, master, log)
	if err != nil {
		return nil, devFacts{}, err
	}
	p, err := assemble(ctx, c, cert)
	if err != nil {
		return nil, devFacts{}, err
	}
	facts.URL = p.url
	facts.EnvFile = filepath.Join(cfg.DataDir, "dev.env")
	if err := c.equip(ctx, p, cert, &facts); err != nil {
		return nil, devFacts{}, errors.Join(err, p.abandon())
	}
	return p, facts, nil
}

// equip gives the server what it is to be tried with, and writes down what a client needs to know of it.
func (c *core) equip(ctx context.Context, p *program, cert *certificate, facts *devFacts) error {
	d, err := c.listenDemo(ctx)
	if err != nil {
		return err
	}
	closeRest := p.close
	p.close = func() error {
		_ = d.listener.Close() // it is closed already once it has served
		return closeRest()
	}
	if err := c.furnish(ctx, d, facts); err != nil {
		return err
	}
	answer, err := d.run(cert, facts.DemoPassword, c.log)
	if err != nil {
		return err
	}
	p.tasks = append(p.tasks, answer)
	return writeEnvironment(facts.EnvFile, facts.environment())
}

// settleDev decides what a development server leaves no choice about. Paths become absolute, because clients are
// started elsewhere.
func settleDev(cfg *config.Config) (err error) {
	host, _, err := net.SplitHostPort(cfg.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	// Every address is fine too: in a container that is how localhost outside gets in.
	if ip := net.ParseIP(host); !config.IsLoopback(host) && host != "" && (ip == nil || !ip.IsUnspecified()) {
		return fmt.Errorf("listen is %s, but the development certificate is for localhost only; use `patchbay serve` to serve others", cfg.Listen)
	}
	if cfg.DataDir, err = filepath.Abs(cfg.DataDir); err != nil {
		return fmt.Errorf("data_dir: %w", err)
	}
	if cfg.Database.IsFile() {
		cfg.Database = config.NewDatabase(filepath.Join(cfg.DataDir, "patchbay.db"))
	}
	cfg.MasterKeyFile = filepath.Join(cfg.DataDir, "master.key")
	cfg.MasterKey = config.Secret{}
	cfg.MasterKeyKMS = ""
	cfg.PublicURL = ""
	cfg.IssuerEnabled = true
	return makePrivateDir(cfg.DataDir)
}

// devMasterKey returns the development master key of the data directory, making it at the first start.
func devMasterKey(ctx context.Context, cfg *config.Config) (seal.MasterKey, error) {
	key, err := masterKey(ctx, cfg)
	if errors.Is(err, custody.ErrNoKey) {
		key, err = makeMasterKey(ctx, cfg, cfg.MasterKeyFile, "", seal.Development)
	}
	if err != nil {
		return seal.MasterKey{}, err
	}
	if !key.Development() {
		return seal.MasterKey{}, fmt.Errorf("%s belongs to a production service: its master key is not one for development; use another data directory", cfg.DataDir)
	}
	return key, nil
}
