package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/patchbay/patchbay/internal/config"
	"github.com/patchbay/patchbay/internal/custody"
	"github.com/patchbay/patchbay/internal/seal"
)

// masterKey returns the key that the settings name. What is wrong is one line that says what to do; custody.ReasonOf tells
// whether it may pass.
func masterKey(ctx context.Context, cfg *config.Config) (seal.MasterKey, error) {
	service, err := keyService(cfg, cfg.MasterKeyKMS)
	if err != nil {
		return seal.MasterKey{}, fmt.Errorf("master_key_kms: %w", err)
	}
	source := custody.Source{
		Text: cfg.MasterKey.Reveal(), Variable: config.EnvPrefix + "MASTER_KEY", File: cfg.MasterKeyFile, Service: service,
		Read: func(path string) ([]byte, error) { return readPrivateFile(path, "the master key file") },
	}
	key, err := source.MasterKey(ctx)
	switch {
	case errors.Is(err, custody.ErrNoKey) && databaseExists(cfg): // a new key would not open it
		return seal.MasterKey{}, fmt.Errorf("%w; the database %s was made with one: put that key there, or set master_key_file or %sMASTER_KEY", err, cfg.Database, config.EnvPrefix)
	case errors.Is(err, custody.ErrNoKey):
		return seal.MasterKey{}, fmt.Errorf("%w; make one with `patchbay key generate`, or set master_key_file or %sMASTER_KEY", err, config.EnvPrefix)
	case custody.ReasonOf(err) != "":
		return seal.MasterKey{}, fmt.Errorf("the master key cannot be had now (%s): %w", custody.ReasonOf(err), err)
	}
	return key, err
}

// databaseExists tells whether the settings name a database file that is there. Of a database elsewhere it knows nothing.
func databaseExists(cfg *config.Config) bool {
	if !cfg.Database.IsFile() {
		return false
	}
	_, err := os.Stat(cfg.Database.Path())
	return err == nil
}

// keyService is the service that a URI names, asked as the settings say; nil for "".
func keyService(cfg *config.Config, uri string) (*custody.Service, error) {
	if uri == "" {
		return nil, nil
	}
	roots, err := trustedRoots("kms.tls.ca_file", cfg.KMS.TLS.CAFile)
	if err != nil {
		return nil, err
	}
	return custody.Open(uri, custody.Options{
		Token:     func() (string, error) { return serviceToken(cfg) },
		Namespace: cfg.KMS.Namespace,
		Roots:     roots,
		PlainHTTP: cfg.KMS.TLS.Mode == config.ModeOff,
		Anywhere:  cfg.KMS.AllowHTTP,
	})
}

// serviceToken reads the token as it is now; "" if the settings name none.
func serviceToken(cfg *config.Config) (string, error) {
	token := cfg.KMS.Token.Reveal()
	if cfg.KMS.TokenFile != "" {
		content, err := readFileOf(cfg.KMS.TokenFile, "kms.token_file", everybodyMay)
		if err != nil {
			return "", err
		}
		token = string(content)
	}
	token = strings.TrimSpace(token)
	if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", errors.New("the token for the key management service is not one line of printable ASCII") // and is not quoted
	}
	if token == "" && cfg.KMS.TokenFile != "" {
		return "", fmt.Errorf("kms.token_file: %s is empty", cfg.KMS.TokenFile)
	}
	return token, nil
}

// GenerateMasterKey makes a production master key and writes it to the file that the settings name, which must not exist
// yet: losing a master key is losing every secret. With master_key_kms the file has it wrapped.
func GenerateMasterKey(ctx context.Context, cfg *config.Config) error {
	_, err := makeMasterKey(ctx, cfg, cfg.MasterKeyFile, cfg.MasterKeyKMS, seal.Production)
	return err
}

// makeMasterKey makes a master key and writes it to path, wrapped by the service that uri names, if any.
func makeMasterKey(ctx context.Context, cfg *config.Config, path, uri string, purpose seal.Purpose) (seal.MasterKey, error) {
	key, err := seal.GenerateMasterKey(purpose)
	if err != nil {
		return seal.MasterKey{}, err
	}
	return key, keepMasterKey(ctx, cfg, path, uri, key)
}

// WrapMasterKey writes the master key that the settings name to path, wrapped by the service that uri names. It is the same
// key: no secret is sealed again, and the place that it came from is left alone.
func WrapMasterKey(ctx context.Context, cfg *config.Config, path, uri string) error {
	if uri == "" {
		return errors.New("there is no key management service to wrap the master key; name the URI of a key of one")
	}
	return moveMasterKey(ctx, cfg, path, uri)
}

func moveMasterKey(ctx context.Context, cfg *config.Config, path, uri string) error {
	key, err := masterKey(ctx, cfg)
	if err != nil {
		return err
	}
	return keepMasterKey(ctx, cfg, path, uri, key)
}

// UnwrapMasterKey writes the wrapped master key that the settings name to path as it is.
func UnwrapMasterKey(ctx context.Context, cfg *config.Config, path string) error {
	if cfg.MasterKeyKMS == "" {
		return errors.New("master_key_kms is not set: there is nothing to unwrap")
	}
	return moveMasterKey(ctx, cfg, path, "")
}

// keepMasterKey writes key to path, which must not exist yet.
func keepMasterKey(ctx context.Context, cfg *config.Config, path, uri string, key seal.MasterKey) error {
	if _, err := os.Lstat(path); err == nil { // said before a service is asked; what counts is O_EXCL
		return keyExists(path)
	}
	service, err := keyService(cfg, uri)
	if err != nil {
		return fmt.Errorf("the URI of the key management service: %w", err)
	}
	text, err := custody.Text(ctx, key, service)
	if err != nil {
		return err
	}
	if err := makePrivateDir(filepath.Dir(path)); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, modePrivateFile)
	if errors.Is(err, fs.ErrExist) {
		return keyExists(path)
	}
	if err != nil {
		return fmt.Errorf("write the master key: %w", err)
	}
	_, err = fmt.Fprintln(f, text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write the master key: %w", err)
	}
	return nil
}

func keyExists(path string) error {
	return fmt.Errorf("%s exists already; a master key is never overwritten", path)
}
