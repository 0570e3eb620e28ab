package store

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
)

func TestOpenMakesAPrivateDurableDatabase(t *testing.T) {
	t.Parallel()
	h := newHouse(t, newFile(t))
	h.createBasic(t, tenantA, "a", "secret")
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(h.path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("the file %q has mode %v, want 0600", suffix, info.Mode().Perm())
		}
	}
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1"} {
		var got string
		if err := h.lane(everyTenant).do(t.Context(), everyTenant, func(ctx context.Context, db *statements) error {
			return db.queryRow(ctx, "PRAGMA "+pragma).Scan(&got)
		}); err != nil || got != want {
			t.Errorf("the writer's %s is %q, want %q; error %v", pragma, got, want, err)
		}
	}
	if _, err := h.read.db.ExecContext(t.Context(), "DELETE FROM connectors"); err == nil {
		t.Error("a reader's connection writes")
	}
}

func TestOpenPathsThatLookLikeAURL(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a b.db", "a?mode=ro.db", "a%20b#c&d.db", "ä:é.db"} {
		path := filepath.Join(t.TempDir(), name)
		s, err := Open(t.Context(), Options{Database: path})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		files, err := os.ReadDir(filepath.Dir(path))
		if err != nil || len(files) != 1 || files[0].Name() != name {
			t.Errorf("%s: the directory has %v, error %v", name, files, err)
		}
	}
}

func TestOpenRefusesWhatIsNoDatabase(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte(strings.Repeat("this is no database\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{"a text": text, "a directory": dir, "no directory": filepath.Join(dir, "no", "file")} {
		if s, err := Open(t.Context(), Options{Database: path}); err == nil {
			t.Errorf("%s was opened", name)
			_ = s.Close()
		}
	}
}

// TestOpenAtOnce has many processes find the same new database: each migration runs once, and the log tells of it once.
func TestOpenAtOnce(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		var text lockedBuffer
		log := slog.New(slog.NewTextHandler(&text, nil))
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				s, err := Open(t.Context(), Options{Database: database, Log: log})
				if err != nil {
					t.Error(err)
					return
				}
				if err := s.SetMeta(t.Context(), number(i), ""); err != nil {
					t.Error(err)
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		rows, err := rawOf(t, database).QueryContext(t.Context(), "SELECT version_id FROM goose_db_version WHERE version_id > 0 ORDER BY id")
		versions, err := collect(rows, err, func(row scanner) (n int64, err error) { return n, row.Scan(&n) })
		if err != nil || !slices.IsSorted(versions) || len(slices.Compact(versions)) != len(versions) {
			t.Errorf("the migrations ran in the order %v, error %v", versions, err)
		}
		// On SQLite, who is overtaken in the middle starts again and does not tell of what it had done.
		if n := strings.Count(text.String(), "database migrated"); n == 0 || n > len(versions) || IsPostgres(database) && n < len(versions) {
			t.Errorf("the log tells of %d migrations, and %v ran:\n%s", n, versions, text.String())
		}
	})
}

// lockedBuffer is a buffer that several loggers may write to.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestNewerSchemaIsAccepted: migrations expand before they contract.
func TestNewerSchemaIsAccepted(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		h.exec(t, 1, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, TRUE)")
		again := openHouse(t, h.path, h.master)
		if err := again.SetMeta(t.Context(), "a", "b"); err != nil {
			t.Error(err)
		}
	})
}

func TestEverythingIsThereAfterReopening(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		h.createBasic(t, tenantA, "a", "the password")
		if err := h.Close(); err != nil {
			t.Fatal(err)
		}
		again := openHouse(t, h.path, h.master)
		c, err := again.ConnectorSealed(t.Context(), tenantA, "a")
		if err != nil {
			t.Fatal(err)
		}
		if secret, err := again.open(t.Context(), c, "password"); err != nil || secret != "the password" {
			t.Errorf("opened another secret, error %v", err)
		}
	})
}

func TestEndedContextReads(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := h.Connectors(ctx, tenantA, apiconn.Query{}); err == nil {
			t.Error("a listing goes on without its caller")
		}
	})
}

func TestNowIsStoredInMicroseconds(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		east := time.FixedZone("east", 3600)
		now := time.Date(2026, 1, 2, 3, 4, 5, 678901234, east)
		s, err := Open(t.Context(), Options{Database: database, Now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		if err := s.CreateTenant(t.Context(), apiconn.Tenant{ID: "a", Name: "b"}); err != nil {
			t.Fatal(err)
		}
		got, err := s.TenantByIDOrName(t.Context(), "a")
		if err != nil || got.CreatedAt != time.Date(2026, 1, 2, 2, 4, 5, 678901000, time.UTC) {
			t.Errorf("created at %v, error %v", got.CreatedAt, err)
		}
	})
}
