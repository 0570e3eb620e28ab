package app

import (
	"os"
	"path/filepath"
	"strings"
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
	for _, tt := range []struct {
		mode os.FileMode
		want string // "" accepted
	}{
		{0o600, ""},
		{0o400, ""},
		{0o640, "may be read by others (mode 0640); run: chmod 600"},
		{0o604, "mode 0604"},
		{0o620, "mode 0620"},
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
