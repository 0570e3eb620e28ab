package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/patchbay/patchbay/internal/conntest/pgtest"
)

// targets make new, empty databases to copy to.
var targets = map[string]func(testing.TB) string{"sqlite": newFile, "postgres": pgtest.New}

func newFile(t testing.TB) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "target", "patchbay.db")
}

// program is the program with variables beyond those of the test.
func program(ctx context.Context, variables []string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "patchbay", args...)
	cmd.Env = append(os.Environ(), variables...)
	return cmd
}

// query reads the only column of some rows of a database past the program.
func query(t *testing.T, database, text string) (values []string) {
	t.Helper()
	db, err := openSQL(database)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), text)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var value string
		if err := rows.Scan(&value); err != nil {
			t.Fatal(err)
		}
		values = append(values, value)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return values
}

// TestMoveAService moves a service that clients change all the time from SQLite to another database, as docs/moving-databases.md
// says. Every change that was acknowledged is in the target, whole; while the source is held reads go on, and who writes is told to
// come again.
func TestMoveAService(t *testing.T) {
	t.Parallel()
	for name, target := range targets {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			moveAService(t, target(t))
		})
	}
}

func moveAService(t *testing.T, to string) {
	t.Helper()
	s := &victim{dir: filepath.Join(t.TempDir(), "dev"), listen: freePort(t)}
	s.start(t)
	s.connect(t)
	connectors := make([]string, 4)
	for i := range connectors {
		connectors[i] = s.create(t)
	}
	w := &patching{s: s, connectors: connectors}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var writers sync.WaitGroup
	for i := range 8 {
		writers.Go(func() { w.run(ctx, t, i) })
	}
	w.await(t, "200 changes", func() bool { return len(w.done) >= 200 })

	command := program(t.Context(), []string{"PATCHBAY_COPY_TO=" + to}, "db", "copy", "--from", filepath.Join(s.dir, "patchbay.db"), "--hold")
	stderr, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	held := false
	for lines := bufio.NewScanner(stderr); !held && lines.Scan(); {
		held = strings.HasPrefix(lines.Text(), "the copy is good. Writers are kept out of ")
	}
	if !held {
		t.Fatalf("the copy failed: %v", command.Wait())
	}
	before := w.counts()
	var c struct{ DisplayName string }
	s.ask(t, http.MethodGet, connectorsPath+"/"+connectors[0], "application/json", "", &c)
	w.await(t, "a client that is told to come again", func() bool { return w.refused > 0 })
	if now := w.counts(); now != before {
		t.Errorf("%d changes were acknowledged while the source was held", now-before)
	}

	// The service on the target would start now, and the clients go there.
	stop()
	s.kill(t)
	writers.Wait()
	if err := command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := command.Wait(); err != nil {
		t.Errorf("the copy ended with %v", err)
	}
	there := map[string]bool{}
	for _, id := range query(t, to, "SELECT correlation_id FROM audit_entries") {
		there[id] = true
	}
	lost := 0
	for _, id := range w.done {
		if !there[id] {
			lost++
		}
	}
	if lost > 0 {
		t.Errorf("%d of %d acknowledged changes are not in the target", lost, len(w.done))
	}
	out, err := program(t.Context(), []string{"PATCHBAY_DATABASE=" + to}, "key", "verify", "--data-dir", s.dir).CombinedOutput()
	if err != nil || !strings.Contains(string(out), " secrets open") {
		t.Errorf("key verify: %v\n%s", err, out)
	}
	t.Logf("%d changes acknowledged, %d refused while the source was held", len(w.done), w.refused)
}

// patching is some clients that change connectors.
type patching struct {
	s          *victim
	connectors []string
	mu         sync.Mutex
	done       []string // request ids of the changes that were acknowledged
	refused    int
}

func (p *patching) run(ctx context.Context, t *testing.T, i int) {
	t.Helper()
	for ctx.Err() == nil {
		answer, err := p.s.send(ctx, http.MethodPatch, connectorsPath+"/"+p.connectors[i%len(p.connectors)], "application/json", state(p.s.serial.Add(1)))
		if err != nil {
			if ctx.Err() == nil {
				t.Error(err)
			}
			return
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		_ = answer.Body.Close()
		p.mu.Lock()
		switch answer.StatusCode {
		case http.StatusNoContent:
			p.done = append(p.done, answer.Header.Get("request-id"))
		case http.StatusTooManyRequests, http.StatusServiceUnavailable:
			p.refused++
			if answer.Header.Get("Retry-After") == "" {
				t.Errorf("%s without Retry-After", answer.Status)
			}
		default:
			t.Errorf("PATCH answered %s", answer.Status)
		}
		p.mu.Unlock()
	}
}

func (p *patching) counts() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.done)
}

// await waits until the clients have come so far.
func (p *patching) await(t *testing.T, what string, so func() bool) {
	t.Helper()
	deadline, tick := time.Now().Add(time.Minute), time.NewTicker(10*time.Millisecond)
	defer tick.Stop()
	for ; ; <-tick.C {
		p.mu.Lock()
		is := so()
		p.mu.Unlock()
		if is {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after a minute there is not %s", what)
		}
	}
}

// copiedRows are the connectors of the source of TestKill9WhileCopying. To copy them takes about a second.
const copiedRows = 20_000

// TestKill9WhileCopying kills a copy at any moment, again and again: what it leaves is an unfinished copy, with which nothing but the
// next copy works. In the end one is let through.
func TestKill9WhileCopying(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	from := filepath.Join(dir, "patchbay.db")
	for _, args := range [][]string{{"key", "generate"}, {"tenant", "create", "contoso.example"}, {"key", "rotate-signing"}} {
		if out, err := program(t.Context(), nil, append(args, "--data-dir", dir)...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	count := fmt.Sprintf("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) ", copiedRows)
	err := runSQL(from,
		count+`INSERT INTO connectors (tenant_id, id, display_name, target_url, authentication, version, created_at, changed_at)
			SELECT 't', 'connector ' || i, 'name ' || i, 'https://api.example/' || i, '{}', 1, i, i FROM n`)
	if err != nil {
		t.Fatal(err)
	}
	for name, target := range targets {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			killCopies(t, dir, from, target)
		})
	}
}

func killCopies(t *testing.T, dir, from string, target func(testing.TB) string) {
	t.Helper()
	began := time.Now()
	if out, err := program(t.Context(), []string{"PATCHBAY_COPY_TO=" + target(t)}, "db", "copy", "--from", from).CombinedOutput(); err != nil {
		t.Fatalf("a copy that nobody kills: %v\n%s", err, out)
	}
	whole := time.Since(began)
	const rounds = 6
	unfinished := 0
	to := target(t)
	for range rounds {
		environment := []string{"PATCHBAY_COPY_TO=" + to, "PATCHBAY_DATABASE=" + to}
		killCopy(t, environment, from, whole)
		out, err := program(t.Context(), environment, "tenant", "list", "--data-dir", dir).CombinedOutput()
		switch {
		case err == nil: // it was done before
			wantCopied(t, from, to)
			to = target(t)
		case strings.Contains(string(out), "the database is an unfinished copy of another; run `patchbay db copy` to it again"):
			unfinished++
		default:
			t.Fatalf("a copy that was killed: %v\n%s", err, out)
		}
	}
	if unfinished == 0 {
		t.Fatalf("none of %d copies was killed before it was done: the test tests nothing", rounds)
	}
	environment := []string{"PATCHBAY_COPY_TO=" + to, "PATCHBAY_DATABASE=" + to}
	if out, err := program(t.Context(), environment, "db", "copy", "--from", from).CombinedOutput(); err != nil {
		t.Fatalf("the last copy: %v\n%s", err, out)
	}
	wantCopied(t, from, to)
	if out, err := program(t.Context(), environment, "tenant", "list", "--data-dir", dir).CombinedOutput(); err != nil || !strings.Contains(string(out), "contoso.example") {
		t.Errorf("tenant list: %v\n%s", err, out)
	}
	t.Logf("%d of %d copies were killed before they were done", unfinished, rounds)
}

// wantCopied looks whether all rows of some tables are in a copy.
func wantCopied(t *testing.T, from, to string) {
	t.Helper()
	for _, table := range []string{"connectors", "tenants", "secrets", "meta"} {
		text := "SELECT count(*) FROM " + table
		if got, want := query(t, to, text), query(t, from, text); got[0] != want[0] {
			t.Errorf("%s: %s rows, want %s", table, got[0], want[0])
		}
	}
}

// killCopy kills a copy at a moment of the time that a whole one takes. From its first line on the target is marked.
func killCopy(t *testing.T, environment []string, from string, whole time.Duration) {
	t.Helper()
	command := program(t.Context(), environment, "db", "copy", "--from", from)
	stderr, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(stderr).ReadString('\n'); err != nil || !strings.HasPrefix(line, "copying ") {
		t.Fatalf("the first line is %q, error %v", line, err)
	}
	life := time.NewTimer(time.Duration(rand.Int64N(int64(whole) * 3 / 4)))
	<-life.C
	_ = command.Process.Kill()
	_ = command.Wait() // says that it was killed, or not
}
