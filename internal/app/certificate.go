package app

import (
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// checkEvery is how often, at the most, a handshake looks whether the certificate files have changed.
const checkEvery = time.Second

// certificate is the server certificate, read again when its files change. A pair that cannot be used, for example
// because only one of the two files has been replaced so far, leaves the old one in service.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger
	now               func() time.Time // passing time, for checkEvery

	current   atomic.Pointer[tls.Certificate]
	nextCheck atomic.Int64 // Unix nanoseconds
	mu        sync.Mutex   // held while files are looked at
	seen      [2]stamp     // of the files that were last read, good or bad
}

// stamp tells versions of a file apart: by content, because two versions may have one size and, within a tick of the file
// system's clock, one time.
type stamp struct {
	mode fs.FileMode
	sum  [sha256.Size]byte
}

// loadCertificate reads the pair for the first time; whatever is wrong with it is an error here.
func loadCertificate(certFile, keyFile string, log *slog.Logger, now func() time.Time) (*certificate, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile, log: log, now: now}
	seen, err := c.stamps()
	if err != nil {
		return nil, err
	}
	if err := c.read(); err != nil {
		return nil, err
	}
	c.seen = seen
	c.nextCheck.Store(now().Add(checkEvery).UnixNano())
	return c, nil
}

// Get is tls.Config.GetCertificate.
func (c *certificate) Get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	now := c.now()
	if due := c.nextCheck.Load(); now.UnixNano() >= due && c.nextCheck.CompareAndSwap(due, now.Add(checkEvery).UnixNano()) {
		c.Reload()
	}
	return c.current.Load(), nil
}

// Reload reads the pair again if either file has changed.
func (c *certificate) Reload() {
	c.mu.Lock()
	defer c.mu.Unlock()
	seen, err := c.stamps()
	if seen == c.seen {
		return
	}
	c.seen = seen
	if err == nil {
		err = c.read()
	}
	if err != nil {
		c.log.Error("TLS certificate not reloaded, the old one stays in service", "error", err.Error())
		return
	}
	c.log.Info("TLS certificate reloaded", "subject", c.current.Load().Leaf.Subject.String(), "not_after", c.current.Load().Leaf.NotAfter.UTC())
}

// read puts the pair into service if it is good.
func (c *certificate) read() error {
	key, err := readPrivateFile(c.keyFile, "tls.key_file")
	if err != nil {
		return err
	}
	cert, err := os.ReadFile(c.certFile)
	if err != nil {
		return fmt.Errorf("tls.cert_file: %w", err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return fmt.Errorf("tls.cert_file %s with tls.key_file %s: %w", c.certFile, c.keyFile, err)
	}
	c.current.Store(&pair)
	return nil
}

// stamps looks at both files. With an error the stamp of a missing file is zero.
func (c *certificate) stamps() (out [2]stamp, err error) {
	for i, path := range []string{c.certFile, c.keyFile} {
		info, statErr := os.Stat(path)
		if statErr != nil {
			err = fmt.Errorf("%s: %w", [...]string{"tls.cert_file", "tls.key_file"}[i], statErr)
			continue
		}
		out[i].mode = info.Mode()
		if content, readErr := os.ReadFile(path); readErr == nil { // read says what is wrong with a file that cannot be read
			out[i].sum = sha256.Sum256(content)
		}
	}
	return out, err
}
