package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/patchbay/patchbay/internal/config"
	"github.com/patchbay/patchbay/internal/seal"
)

// errNoMasterKey means that neither the environment nor the file has a master key.
var errNoMasterKey = errors.New("there is no master key")

// masterKey returns the key that the settings name. What is wrong is one line that says what to do.
func masterKey(cfg *config.Config) (seal.MasterKey, error) {
	if !cfg.MasterKey.IsZero() {
		key, err := seal.ParseMasterKey(cfg.MasterKey.Reveal())
		if err != nil {
			return seal.MasterKey{}, fmt.Errorf("%sMASTER_KEY: %w", config.EnvPrefix, err)
		}
		return key, nil
	}
	text, err := readPrivateFile(cfg.MasterKeyFile, "the master key file")
	if errors.Is(err, fs.ErrNotExist) {
		if _, statErr := os.Stat(cfg.Database.Path()); statErr == nil { // a new key would not open it
			return seal.MasterKey{}, fmt.Errorf("%w at %s; the database %s was made with one: put that key there, or set master_key_file or %sMASTER_KEY", errNoMasterKey, cfg.MasterKeyFile, cfg.Database, config.EnvPrefix)
		}
		return seal.MasterKey{}, fmt.Errorf("%w at %s; make one with `patchbay key generate`, or set master_key_file or %sMASTER_KEY", errNoMasterKey, cfg.MasterKeyFile, config.EnvPrefix)
	}
	if err != nil {
		return seal.MasterKey{}, err
	}
	key, err := seal.ParseMasterKey(string(text))
	if err != nil {
		return seal.MasterKey{}, fmt.Errorf("the master key file %s: %w", cfg.MasterKeyFile, err)
	}
	return key, nil
}

// GenerateMasterKey makes a production master key and writes it to path, which must not exist yet: losing a master key
// is losing every secret.
func GenerateMasterKey(path string) error { return generateMasterKey(path, seal.Production) }

func generateMasterKey(path string, purpose seal.Purpose) error {
	key, err := seal.GenerateMasterKey(purpose)
	if err != nil {
		return err
	}
	if err := makePrivateDir(filepath.Dir(path)); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, modePrivateFile)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists already; a master key is never overwritten", path)
	}
	if err != nil {
		return fmt.Errorf("write the master key: %w", err)
	}
	_, err = fmt.Fprintln(f, key.Text())
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write the master key: %w", err)
	}
	return nil
}
