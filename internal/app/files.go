package app

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// The modes of what Patchbay writes.
const (
	modePrivateDir  fs.FileMode = 0o700
	modePrivateFile fs.FileMode = 0o600
	modePublicFile  fs.FileMode = 0o644
)

// The permission bits that nobody may have on a file with a secret.
const (
	othersMay    fs.FileMode = 0o077 // nobody but the owner
	everybodyMay fs.FileMode = 0o007 // nobody but the owner and the group, for what another program writes for us
)

// writeFile replaces the file at path in one step: a reader sees the old content or the new one, and a crash leaves one
// of them. The file never exists with wider permissions than mode.
func writeFile(path string, content []byte, mode fs.FileMode) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
			err = fmt.Errorf("write %s: %w", path, err)
		}
	}()
	_, err = f.Write(content)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// readPrivateFile returns the content of a file that holds a secret, and refuses one that others may read. what names
// it in errors: "the master key file". A missing file is fs.ErrNotExist.
func readPrivateFile(path, what string) ([]byte, error) { return readFileOf(path, what, othersMay) }

// readFileOf is readPrivateFile with the permission bits that are refused.
func readFileOf(path, what string, refused fs.FileMode) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	defer f.Close()
	info, err := f.Stat() // of what was opened: the path may lead to another file by now
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	if info.IsDir() {
		return nil, fmt.Errorf("%s %s is a directory", what, path)
	}
	if mode := info.Mode().Perm(); mode&refused != 0 && !isCredential(info) {
		return nil, fmt.Errorf("%s %s may be read by others (mode %04o); run: chmod 600 %s", what, path, mode, path)
	}
	content, err := io.ReadAll(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return content, nil
}

// makePrivateDir makes the directory with its parents if it is missing.
func makePrivateDir(path string) error {
	if err := os.MkdirAll(path, modePrivateDir); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	return nil
}

// requireOwnDir refuses a directory in which others may put files of their own in the place of ours. It may be missing.
func requireOwnDir(path string) error {
	const othersMayWrite fs.FileMode = 0o022
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("the data directory: %w", err)
	}
	if mode := info.Mode().Perm(); mode&othersMayWrite != 0 {
		return fmt.Errorf("the data directory %s may be written by others (mode %04o); run: chmod 700 %s", path, mode, path)
	}
	return nil
}

// requireOwnDatabase refuses a database file that others may use in any way. It may be missing: a new one is private.
func requireOwnDatabase(path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("the database file: %w", err)
	}
	if mode := info.Mode().Perm(); mode&othersMay != 0 {
		return fmt.Errorf("the database file %s may be read or written by others (mode %04o); run: chmod 600 %s", path, mode, path)
	}
	return nil
}
