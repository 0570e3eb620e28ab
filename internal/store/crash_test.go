package store

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/conntest/pgtest"
	"github.com/patchbay/patchbay/internal/seal"
)

var (
	crashRounds = flag.Int("crash.rounds", 60, "how often TestKill9 kills the process that writes")
	crashChild  = flag.String("crash.child", "", "be the process that TestKill9 kills: write until then to the database that this folder names")
	crashFrom   = flag.Int("crash.from", 0, "with crash.child: the number of the first change")
)

const (
	crashConnectors = 4
	crashWriters    = 8
)

func TestMain(m *testing.M) {
	flag.Parse()
	if *crashChild != "" {
		if err := writeUntilKilled(*crashChild, *crashFrom); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(pgtest.Run(m))
}

// crashSite reads which database and which key the two processes share. A command line would show its password.
func crashSite(folder string) (database string, master seal.MasterKey, err error) {
	source, sourceErr := os.ReadFile(filepath.Join(folder, "source"))
	text, keyErr := os.ReadFile(filepath.Join(folder, "key"))
	if err := errors.Join(sourceErr, keyErr); err != nil {
		return "", seal.MasterKey{}, err
	}
	master, err = seal.ParseMasterKey(string(text))
	return string(source), master, err
}

// writeUntilKilled changes the same few connectors from many goroutines, and prints each change once it is acknowledged.
// All that change n writes has n in it.
func writeUntilKilled(folder string, from int) error {
	database, master, err := crashSite(folder)
	if err != nil {
		return err
	}
	s, err := Open(context.Background(), Options{Database: database})
	if err != nil {
		return err
	}
	h := &house{Store: s, keys: seal.NewKeys(master, func(ctx context.Context) (wrapped, earlier []byte, err error) {
		ring, _, err := s.KeyRing(ctx)
		return ring.Wrapped, ring.EarlierRoots, err
	})}
	var next atomic.Int64
	next.Store(int64(from))
	failed := make(chan error)
	for range crashWriters {
		go func() {
			for {
				n := next.Add(1)
				id := number(int(n % crashConnectors))
				c, _, err := s.UpdateConnector(context.Background(), tenantA, id, nil, h.crashChange(id, n))
				if err != nil {
					failed <- err
					return
				}
				if _, err := fmt.Fprintf(os.Stdout, "%s %d %d\n", id, n, c.Version); err != nil { // one system call, so whole or not at all
					failed <- err
					return
				}
			}
		}()
	}
	return <-failed
}

func (h *house) crashChange(id string, n int64) func(*apiconn.Connector) (*apiconn.AuditEntry, error) {
	return func(c *apiconn.Connector) (*apiconn.AuditEntry, error) {
		text := strconv.FormatInt(n, 10)
		sealed, err := h.seal(context.Background(), tenantA, id, "password", c.Version+1, text)
		if err != nil {
			return nil, err
		}
		c.DisplayName, c.TargetURL, c.Authentication.Open["username"] = text, "https://example.com/"+text, text
		c.Authentication.Sealed["password"] = sealed
		audit := entry(id + "/" + text)
		audit.ID = text
		return &audit, nil
	}
}

// TestKill9 kills a process in the middle of its concurrent changes, again and again: every acknowledged change is there,
// and none is half there.
func TestKill9(t *testing.T) { onEachEngine(t, kill9) }

func kill9(t *testing.T, h *house) {
	t.Helper()
	folder := t.TempDir()
	sourceErr := os.WriteFile(filepath.Join(folder, "source"), []byte(h.path), 0o600)
	if err := errors.Join(sourceErr, os.WriteFile(filepath.Join(folder, "key"), []byte(h.master.Text()), 0o600)); err != nil {
		t.Fatal(err)
	}
	for i := range crashConnectors {
		h.createBasic(t, tenantA, number(i), "0")
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}

	rounds := *crashRounds
	if h.dialect.name != "sqlite" {
		rounds = max(1, rounds/4) // the database itself is not what is killed
	}
	acknowledged, cutShort := 0, 0
	for round := range rounds {
		acks := runAndKill(t, folder, (round+1)*1_000_000)
		survivor := openHouse(t, h.path, h.master)
		total := survivor.checkAfterCrash(t, acks)
		acknowledged += len(acks)
		if total < acknowledged {
			t.Fatalf("round %d: %d changes in the audit log, and %d were acknowledged", round, total, acknowledged)
		}
		cutShort = total - acknowledged
		if err := survivor.Close(); err != nil {
			t.Fatal(err)
		}
		if t.Failed() {
			t.Fatalf("in round %d", round)
		}
	}
	t.Logf("%d kills, %d acknowledged changes all there, %d more committed before their acknowledgement", rounds, acknowledged, cutShort)
	if acknowledged < rounds {
		t.Errorf("only %d changes in %d rounds: the test tests nothing", acknowledged, rounds)
	}
	if h.dialect.name != "sqlite" {
		return // its own process was not killed
	}
	raw := h.raw(t)
	for _, check := range []string{"PRAGMA integrity_check", "SELECT coalesce(max('broken'), 'ok') FROM pragma_foreign_key_check"} {
		var result string
		if err := raw.QueryRowContext(t.Context(), check).Scan(&result); err != nil || result != "ok" {
			t.Errorf("%s: %s, error %v", check, result, err)
		}
	}
}

// ack is a change that the process said was done.
type ack struct {
	id         string
	n, version int64
}

// runAndKill starts the process, kills it some milliseconds after its first acknowledgement, and returns all of them.
func runAndKill(t *testing.T, folder string, from int) []ack {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), program, "-crash.child", folder, "-crash.from", strconv.Itoa(from))
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var complaints strings.Builder
	child.Stderr = &complaints
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var acks []ack
	var kill sync.Once
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if err != nil { // what stands behind the last line end was cut off
			if !errors.Is(err, io.EOF) {
				t.Error(err)
			}
			break
		}
		kill.Do(func() {
			time.AfterFunc(rand.N(40*time.Millisecond), func() {
				if err := child.Process.Kill(); err != nil {
					t.Error(err)
				}
			})
		})
		var a ack
		if _, err := fmt.Sscanf(line, "%s %d %d\n", &a.id, &a.n, &a.version); err != nil {
			t.Errorf("%q: %v", line, err)
		}
		acks = append(acks, a)
	}
	if err := child.Wait(); err == nil || complaints.Len() > 0 {
		t.Fatalf("the process ended by itself: %v\n%s", err, complaints.String())
	}
	return acks
}

// checkAfterCrash looks for the changes acknowledged in one round and for halves of any, and returns how many changes
// there are since the beginning.
func (h *house) checkAfterCrash(t *testing.T, acks []ack) (total int) {
	t.Helper()
	// What was sent to a server before the kill may be committed after it; a write comes after that.
	if _, _, err := h.UpdateConnector(t.Context(), tenantA, number(0), nil, func(*apiconn.Connector) (*apiconn.AuditEntry, error) { return nil, nil }); err != nil {
		t.Fatal(err)
	}
	newest := make(map[string]ack)
	for _, a := range acks {
		if _, err := h.AuditEntry(t.Context(), tenantA, strconv.FormatInt(a.n, 10)); err != nil {
			t.Errorf("change %d was acknowledged: %v", a.n, err)
		}
		if a.version > newest[a.id].version {
			newest[a.id] = a
		}
	}
	for i := range crashConnectors {
		id := number(i)
		c, err := h.ConnectorSealed(t.Context(), tenantA, id)
		if err != nil {
			t.Fatal(err)
		}
		last := newest[id]
		if c.Version < last.version || (c.Version == last.version && c.DisplayName != strconv.FormatInt(last.n, 10)) {
			t.Errorf("%s is change %s at version %d, and change %d at version %d was acknowledged", id, c.DisplayName, c.Version, last.n, last.version)
		}
		changes, err := h.CountAuditEntries(t.Context(), tenantA, cond("correlationId", apiconn.StartsWith, id+"/"))
		if err != nil || changes != c.Version-1 {
			t.Errorf("%s has %d changes in the audit log at version %d, error %v", id, changes, c.Version, err)
		}
		total += int(changes)
		if c.Version == 1 {
			continue
		}
		secret, err := h.open(t.Context(), c, "password")
		if err != nil {
			t.Error(err)
		}
		name := c.DisplayName
		if c.TargetURL != "https://example.com/"+name || c.Authentication.Open["username"] != name || secret != name {
			t.Errorf("%s is half change %s: target %s, user %s", id, name, c.TargetURL, c.Authentication.Open["username"])
		}
		if a, err := h.AuditEntry(t.Context(), tenantA, name); err != nil || a.CorrelationID != id+"/"+name {
			t.Errorf("%s is change %s, whose audit entry is %q, error %v", id, name, a.CorrelationID, err)
		}
	}
	return total
}
