package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/patchbay/patchbay/internal/config"
	"github.com/patchbay/patchbay/internal/custody"
	"github.com/patchbay/patchbay/internal/seal"
)

// Serve runs the production service until ctx is done. It refuses to start on anything made for development and on keys
// that others may read; each refusal is one line. A value on reload reads the TLS certificate again.
func Serve(ctx context.Context, cfg *config.Config, log *slog.Logger, reload <-chan os.Signal) error {
	p, err := prepareServe(ctx, cfg, log, reload)
	if err != nil {
		return err
	}
	return p.run(ctx)
}

// prepareServe brings the service to the point where it listens. What can be refused without touching the database is
// refused first. A master key that cannot be had now, for a database that has a key ring, makes a service that is sealed.
func prepareServe(ctx context.Context, cfg *config.Config, log *slog.Logger, reload <-chan os.Signal) (_ *program, err error) {
	master, lack := productionKey(ctx, cfg)
	if lack != nil && custody.ReasonOf(lack) == "" {
		return nil, lack
	}
	cert, err := productionCertificate(cfg, log)
	if err != nil {
		return nil, err
	}
	if cfg.PublicURL == "" && !listensOnLoopback(cfg.Listen) {
		return nil, fmt.Errorf("public_url is not set; the listener %s is reachable from elsewhere, so name the https URL that clients use", cfg.Listen)
	}
	if err := requireOwnFiles(cfg); err != nil {
		return nil, err
	}
	if lack != nil && cfg.Database.IsFile() && !databaseExists(cfg) {
		return nil, lack
	}
	c, err := openSealed(ctx, cfg, log)
	if err != nil {
		return nil, err
	}
	if lack == nil {
		err = c.begin(ctx, master)
	} else {
		err = c.needRing(ctx, lack)
	}
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	p, err := assemble(ctx, c, cert)
	if err != nil {
		return nil, err
	}
	if lack != nil {
		p.seal(lack, c.beginLater)
	}
	if cert != nil {
		p.tasks = append(p.tasks, func(ctx context.Context) { reloadOn(ctx, reload, cert) })
	}
	log.Info("listening", "address", p.public.net.Addr().String(), "public_url", p.url, "tls", cert != nil)
	if p.health != nil {
		log.Info("health listening", "address", p.health.net.Addr().String())
	}
	return p, nil
}

// productionKey returns the master key that the settings name, if it is one for production.
func productionKey(ctx context.Context, cfg *config.Config) (seal.MasterKey, error) {
	master, err := masterKey(ctx, cfg)
	if err == nil && master.Development() {
		return seal.MasterKey{}, errors.New("the master key was made by `patchbay dev`; make one for production with `patchbay key generate`")
	}
	return master, err
}

// begin gives the core its master key and the authority, if there is one, a key to sign with.
func (c *core) begin(ctx context.Context, master seal.MasterKey) error {
	if err := c.unlock(ctx, master); err != nil || !c.cfg.IssuerEnabled {
		return err
	}
	return c.ensureSigningKey(ctx)
}

// beginLater is begin for a core whose master key could not be had at the start.
func (c *core) beginLater(ctx context.Context) error {
	master, err := productionKey(ctx, c.cfg)
	if err != nil {
		return err
	}
	return c.begin(ctx, master)
}

// needRing returns lack if the database has no key ring yet: it does not need a certain master key then, but one to begin with.
func (c *core) needRing(ctx context.Context, lack error) error {
	_, exists, err := c.store.KeyRing(ctx)
	if err == nil && !exists {
		return lack
	}
	return err
}

// requireOwnFiles checks who else may change what the service keeps. SQLite makes files of its own beside the database.
func requireOwnFiles(cfg *config.Config) error {
	if err := requireOwnDir(cfg.DataDir); err != nil || !cfg.Database.IsFile() {
		return err
	}
	if err := requireOwnDir(filepath.Dir(cfg.Database.Path())); err != nil {
		return err
	}
	return requireOwnDatabase(cfg.Database.Path())
}

// productionCertificate reads the TLS certificate, and refuses one of `patchbay dev`; nil if tls.mode is off.
func productionCertificate(cfg *config.Config, log *slog.Logger) (*certificate, error) {
	cert, err := serverCertificate(cfg, log)
	if err == nil && cert != nil && madeByDevCA(cert.current.Load().Leaf) {
		return nil, fmt.Errorf("the TLS certificate %s was made by `patchbay dev`; use one of a certificate authority that your clients trust", cfg.TLS.CertFile)
	}
	return cert, err
}

// serverCertificate reads the TLS certificate; nil if tls.mode is off.
func serverCertificate(cfg *config.Config, log *slog.Logger) (*certificate, error) {
	if cfg.TLS.Mode == config.ModeOff {
		return nil, nil
	}
	if cfg.TLS.CertFile == "" || cfg.TLS.KeyFile == "" {
		return nil, errors.New("there is no TLS certificate: set tls.cert_file and tls.key_file, or tls.mode=off behind a proxy that terminates TLS")
	}
	return loadCertificate(cfg.TLS.CertFile, cfg.TLS.KeyFile, log, time.Now)
}

// reloadOn reads the certificate again at each signal, until ctx is done.
func reloadOn(ctx context.Context, reload <-chan os.Signal, cert *certificate) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-reload:
			cert.Reload()
		}
	}
}

// publicURL is the base URL of clients: the setting, else localhost with the port that was bound. It has no slash at
// its end.
func publicURL(cfg *config.Config, port int) string {
	if cfg.PublicURL != "" {
		return strings.TrimSuffix(cfg.PublicURL, "/")
	}
	return "https://" + net.JoinHostPort("localhost", strconv.Itoa(port))
}

// listensOnLoopback tells whether only this machine can reach the address.
func listensOnLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && config.IsLoopback(host)
}
