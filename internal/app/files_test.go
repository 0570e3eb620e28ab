package app

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

func TestWriteFileReplacesInOneStep(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := writeFile(path, []byte("new"), modePrivateFile); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil || string(content) != "new" {
		t.Errorf("got %q, %v", content, err)
	}
	wantMode(t, path, modePrivateFile)
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func TestReadPrivateFileRefusesWhatOthersMayRead(t *testing.T) {
	t.Parallel()
	// A credential of systemd's belongs to root and to root's group, whose right to read stands for an access control list.
	groupOfRoot := "mode 0440"
	if os.Geteuid() == 0 && os.Getegid() == 0 {
		groupOfRoot = ""
	}
	for _, tt := range []struct {
		mode os.FileMode
		want string // "" accepted
	}{
		{0o600, ""},
		{0o400, ""},
		{0o640, "may be read by others (mode 0640); run: chmod 600"},
		{0o604, "mode 0604"},
		{0o620, "mode 0620"},
		{0o440, groupOfRoot},
	} {
		path := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, tt.mode); err != nil {
			t.Fatal(err)
		}
		_, err := readPrivateFile(path, "the master key file")
		if (err == nil) != (tt.want == "") || (err != nil && !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("mode %04o: got %v, want %q", tt.mode, err, tt.want)
		}
	}
}

func wantMode(t *testing.T, path string, want os.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != want {
		t.Errorf("%s has mode %04o, want %04o", filepath.Base(path), got, want)
	}
}

// TestReadPrivateFileReadsWhatItChecked swaps the file meanwhile: what is returned must be what was found private.
func TestReadPrivateFileReadsWhatItChecked(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	private, loose, path := filepath.Join(dir, "private"), filepath.Join(dir, "loose"), filepath.Join(dir, "key")
	if err := errors.Join(os.WriteFile(private, []byte("private"), 0o600), os.WriteFile(loose, []byte("loose"), 0o644),
		os.Symlink(private, path)); err != nil {
		t.Fatal(err)
	}
	var stop atomic.Bool
	swapped := make(chan error, 1)
	go func() {
		for next := loose; ; {
			if stop.Load() {
				swapped <- nil
				return
			}
			link := filepath.Join(dir, "next")
			if err := errors.Join(os.Symlink(next, link), os.Rename(link, path)); err != nil {
				swapped <- err
				return
			}
			if next == loose {
				next = private
			} else {
				next = loose
			}
		}
	}()
	for range 20000 {
		if content, err := readPrivateFile(path, "the key file"); err == nil && string(content) != "private" {
			t.Errorf("got %q from a file that others may read", content)
			break
		}
	}
	stop.Store(true)
	if err := <-swapped; err != nil {
		t.Error(err)
	}
}

func TestOnlyTheOwnerWrites(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		dir, database os.FileMode // 0: there is none
		want          string      // "" accepted
	}{
		{0o700, 0o600, ""},
		{0o755, 0o400, ""},
		{0o700, 0, ""},
		{0, 0, ""},
		{0o770, 0o600, "the data directory % may be written by others (mode 0770); run: chmod 700 %"},
		{0o777, 0, "(mode 0777); run: chmod 700 %"},
		{0o700, 0o640, "the database file %/patchbay.db may be read or written by others (mode 0640); run: chmod 600 %/patchbay.db"},
		{0o700, 0o601, "(mode 0601)"},
	} {
		dir := filepath.Join(t.TempDir(), "data")
		database := filepath.Join(dir, "patchbay.db")
		if tt.dir != 0 {
			if err := errors.Join(os.Mkdir(dir, 0o700), os.Chmod(dir, tt.dir)); err != nil {
				t.Fatal(err)
			}
		}
		if tt.database != 0 {
			if err := errors.Join(os.WriteFile(database, nil, 0o600), os.Chmod(database, tt.database)); err != nil {
				t.Fatal(err)
			}
		}
		err := errors.Join(requireOwnDir(dir), requireOwnDatabase(database))
		want := strings.ReplaceAll(tt.want, "%", dir)
		if (err == nil) != (want == "") || (err != nil && !strings.Contains(err.Error(), want)) {
			t.Errorf("directory %04o, database %04o: got %v, want %q", tt.dir, tt.database, err, want)
		}
	}
}
