package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// inFolder makes a folder with nothing in it and returns the path of a file there.
func inFolder(t testing.TB, name string) string {
	t.Helper()
	return filepath.Join(t.TempDir(), name)
}

// wantAlone fails if there are other files beside those.
func wantAlone(t testing.TB, folder string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if diff := cmp.Diff(names, got); diff != "" || err != nil {
		t.Errorf("the folder has (-want +got), error %v:\n%s", err, diff)
	}
}

func accept(BackupFacts) error { return nil }

// TestBackupAndRestore: what is restored elsewhere is what was backed up, and nobody but its owner may read either file.
func TestBackupAndRestore(t *testing.T) {
	t.Parallel()
	h := newHouse(t, newFile(t))
	everyOperation(t, h, "")
	odd(t, h)
	want := contents(t, h.path)
	backup, restored := inFolder(t, "copy.backup"), inFolder(t, "patchbay.db")
	facts, err := Backup(t.Context(), h.path, backup)
	if err != nil {
		t.Fatal(err)
	}
	if facts.Schema != 4 || facts.Ring.Version != 4 || int64(len(want["meta"])) != facts.Rows["meta"] || facts.Total() < 50 || facts.Bytes == 0 {
		t.Errorf("facts %+v", facts)
	}
	again, err := Restore(t.Context(), backup, restored, accept)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(facts, again); diff != "" {
		t.Errorf("the facts of the restored one (-backup +restored):\n%s", diff)
	}
	if diff := cmp.Diff(want, contents(t, restored)); diff != "" {
		t.Errorf("-backed up +restored:\n%s", diff)
	}
	for _, file := range []string{backup, restored} {
		info, err := os.Stat(file)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, error %v", file, info.Mode(), err)
		}
	}
	wantAlone(t, filepath.Dir(backup), "copy.backup")
	h2 := openHouse(t, restored, h.master)
	h2.exec(t, 5, "DELETE FROM secrets WHERE owner_id LIKE 'odd%'") // they open nowhere
	h2.exec(t, 1, "DELETE FROM signing_keys WHERE id = 'odd'")
	h2.opensEarlier(t)
	everyOperation(t, h2, "after")
}

// TestBackupBesideWriters backs up while many write: each backup is of one moment, later than the one before it.
func TestBackupBesideWriters(t *testing.T) {
	t.Parallel()
	h := newHouse(t, newFile(t))
	for i := range crashConnectors {
		h.createBasic(t, tenantA, number(i), "0")
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var all sync.WaitGroup
	acknowledged := make(chan struct{}, 1_000_000)
	for w := range 4 {
		all.Go(func() {
			for n := int64(w + 1); ctx.Err() == nil; n += 4 {
				id := number(int(n) % crashConnectors)
				if _, _, err := h.UpdateConnector(ctx, tenantA, id, nil, h.crashChange(id, n)); err != nil && ctx.Err() == nil {
					t.Error(err)
					return
				}
				acknowledged <- struct{}{}
			}
		})
	}
	folder := t.TempDir()
	var versions int64
	for round := range 5 {
		for range 20 {
			<-acknowledged
		}
		backup, restored := filepath.Join(folder, fmt.Sprint(round, ".backup")), filepath.Join(folder, fmt.Sprint(round, ".db"))
		_, err := Backup(t.Context(), h.path, backup)
		if err == nil {
			_, err = Restore(t.Context(), backup, restored, accept)
		}
		if err != nil {
			t.Fatal(err)
		}
		versions = openHouse(t, restored, h.master).checkMoment(t, versions)
	}
	stop()
	all.Wait()
}

// TestBackupOfEveryVersion: this program backs up and restores databases of earlier versions, which are migrated when they are opened.
func TestBackupOfEveryVersion(t *testing.T) {
	t.Parallel()
	for _, version := range versions(t, sqliteDialect()) {
		database, backup, restored := ofVersion(t, newFile(t), version), inFolder(t, "backup"), inFolder(t, "patchbay.db")
		readRows(t, version).fill(t, database)
		facts, err := Backup(t.Context(), database, backup)
		if err == nil {
			_, err = Restore(t.Context(), backup, restored, accept)
		}
		if err != nil || facts.Schema != version || facts.Ring.Version == 0 {
			t.Fatalf("version %d: %+v, error %v", version, facts, err)
		}
		everyOperation(t, openHouse(t, restored, fixtureMaster(t)), "after")
	}
}

// TestBackupForgetsWhatIsDeleted: what the database does not have any more is in no backup, although the file of the
// database still has it in pages that it will use again.
func TestBackupForgetsWhatIsDeleted(t *testing.T) {
	t.Parallel()
	h := newHouse(t, newFile(t))
	inv := invocation(tenantA, "i", start)
	inv.Detail = "personal data of somebody " + strings.Repeat("x", 20_000)
	h.record(t, inv)
	if n, err := h.PruneInvocations(t.Context(), start.Add(time.Second)); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if !strings.Contains(written(t, h.path), "personal data of somebody") {
		t.Fatal("the file of the database has forgotten it too: the test tests nothing")
	}
	backup := inFolder(t, "backup")
	if _, err := Backup(t.Context(), h.path, backup); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(written(t, backup), "personal data of somebody") {
		t.Error("the backup has what was deleted")
	}
}

func TestBackupRefuses(t *testing.T) {
	t.Parallel()
	h := newHouse(t, newFile(t))
	backup := inFolder(t, "backup")
	if err := os.WriteFile(backup, []byte("what was there"), 0o600); err != nil {
		t.Fatal(err)
	}
	foreign := newFile(t)
	rawExec(t, foreign, "CREATE TABLE of_others (id INTEGER)")
	unfinished := newFile(t)
	if err := copyWrongly(t, h.path, unfinished, "INSERT INTO meta (name, value) VALUES ('more', $1)"); err == nil {
		t.Fatal("the copy is right")
	}
	elsewhere := inFolder(t, "none")
	for name, try := range map[string]struct{ database, file, want string }{
		"a file that is there":     {h.path, backup, "backup exists already, and is not overwritten"},
		"no database":              {elsewhere, inFolder(t, "b"), "there is no database at"},
		"no folder":                {h.path, filepath.Join(elsewhere, "deep", "b"), "no such file or directory"},
		"another's database":       {foreign, inFolder(t, "b"), "this is not a database of Patchbay's"},
		"an unfinished copy":       {unfinished, inFolder(t, "b"), ErrUnfinishedCopy.Error()},
		"a database of PostgreSQL": {"postgres://patchbay@db.example/patchbay", inFolder(t, "b"), ErrOwnTools.Error()},
	} {
		if _, err := Backup(t.Context(), try.database, try.file); err == nil || !strings.Contains(err.Error(), try.want) {
			t.Errorf("%s: error %v, want %q", name, err, try.want)
		}
		if entries, _ := os.ReadDir(filepath.Dir(try.file)); len(entries) > 1 || len(entries) == 1 && try.file != backup {
			t.Errorf("%s: left %v", name, entries)
		}
	}
	if text, err := os.ReadFile(backup); err != nil || string(text) != "what was there" {
		t.Errorf("the file that was there is %q, error %v", text, err)
	}
}

// TestRestoreRefuses gives Restore what is no good backup. There is no database afterwards, and no other file.
func TestRestoreRefuses(t *testing.T) {
	t.Parallel()
	h := newHouse(t, newFile(t))
	everyOperation(t, h, "")
	for i := range 200 {
		h.record(t, invocation(tenantA, "more "+number(i), start))
	}
	backup := inFolder(t, "backup")
	if _, err := Backup(t.Context(), h.path, backup); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(backup)
	if err != nil {
		t.Fatal(err)
	}
	file := func(change func(content []byte) []byte) string {
		path := inFolder(t, "backup")
		if err := os.WriteFile(path, change(bytes.Clone(good)), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	same := func(b []byte) []byte { return b }
	statement := func(path, text string) string {
		db := rawOf(t, path)
		if _, err := db.ExecContext(t.Context(), text); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		return path
	}
	beside := file(same)
	if err := os.WriteFile(beside+"-wal", []byte("changes"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, try := range map[string]struct{ file, want string }{
		"no file":        {inFolder(t, "none"), "there is no file"},
		"an empty file":  {file(func([]byte) []byte { return nil }), "it is no backup: the file is not a SQLite database"},
		"a text":         {file(func([]byte) []byte { return []byte(strings.Repeat("text ", 1000)) }), "it is no backup: the file is not a SQLite database"},
		"a directory":    {t.TempDir(), "it is no backup"},
		"half a file":    {file(func(b []byte) []byte { return b[:len(b)/2] }), "the file is damaged"},
		"a page lost":    {file(func(b []byte) []byte { copy(b[3*4096:4*4096], make([]byte, 4096)); return b }), "the file is damaged"},
		"no header":      {file(func(b []byte) []byte { copy(b[16:100], make([]byte, 84)); return b }), "damaged"},
		"another's":      {statement(newFile(t), "CREATE TABLE of_others (id INTEGER)"), "this is not a database of Patchbay's"},
		"a row's owner":  {statement(file(same), "PRAGMA foreign_keys = off; DELETE FROM connectors WHERE id = 'b'"), "the file is damaged: a row of certificates refers to none"},
		"newer":          {statement(file(same), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, 1)"), "version 99: " + ErrNewSchema.Error()},
		"an open copy":   {statement(file(same), "INSERT INTO meta (name, value) VALUES ('unfinished_copy', 'x')"), ErrUnfinishedCopy.Error()},
		"its newest out": {beside, "its newest changes are in backup-wal beside it"},
	} {
		to := inFolder(t, "patchbay.db")
		if _, err := Restore(t.Context(), try.file, to, accept); err == nil || !strings.Contains(err.Error(), try.want) {
			t.Errorf("%s: error %v, want %q", name, err, try.want)
		}
		wantAlone(t, filepath.Dir(to))
	}

	no := errors.New("no")
	to := inFolder(t, "patchbay.db")
	if _, err := Restore(t.Context(), backup, to, func(f BackupFacts) error {
		if f.Ring.Version == 0 || len(f.Ring.Wrapped) == 0 {
			t.Error("there is no ring to look at")
		}
		return no
	}); !errors.Is(err, no) {
		t.Errorf("what is not accepted: error %v", err)
	}
	wantAlone(t, filepath.Dir(to))
	for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
		to := inFolder(t, "patchbay.db")
		if err := os.WriteFile(to+suffix, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Restore(t.Context(), backup, to, accept); err == nil || !strings.Contains(err.Error(), "patchbay.db"+suffix+" already") {
			t.Errorf("onto patchbay.db%s: error %v", suffix, err)
		}
		wantAlone(t, filepath.Dir(to), "patchbay.db"+suffix)
	}
	if _, err := Restore(t.Context(), backup, "postgres://patchbay@db.example/patchbay", accept); !errors.Is(err, ErrOwnTools) {
		t.Errorf("into PostgreSQL: error %v", err)
	}
}
