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
// refused first.
func prepareServe(ctx context.Context, cfg *config.Config, log *slog.Logger, reload <-chan os.Signal) (_ *program, err error) {
	master, err := masterKey(cfg)
	if err != nil {
		return nil, err
	}
	if master.Development() {
		return nil, errors.New("the master key was made by `patchbay dev`; make one for production with `patchbay key generate`")
	}
	cert, err := serverCertificate(cfg, log)
	if err != nil {
		return nil, err
	}
	if cert != nil && madeByDevCA(cert.current.Load().Leaf) {
		return nil, fmt.Errorf("the TLS certificate %s was made by `patchbay dev`; use one of a certificate authority that your clients trust", cfg.TLS.CertFile)
	}
	if cfg.PublicURL == "" && !listensOnLoopback(cfg.Listen) {
		return nil, fmt.Errorf("public_url is not set; the listener %s is reachable from elsewhere, so name the https URL that clients use", cfg.Listen)
	}
	if err := requireOwnFiles(cfg); err != nil {
		return nil, err
	}
	c, err := openCore(ctx, cfg, master, log)
	if err != nil {
		return nil, err
	}
	if cfg.IssuerEnabled {
		if err := c.ensureSigningKey(ctx); err != nil {
			return nil, errors.Join(err, c.close())
		}
	}
	p, err := assemble(ctx, c, cert)
	if err != nil {
		return nil, err
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
