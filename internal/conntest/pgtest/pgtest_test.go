package pgtest

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

var child = flag.Bool("pgtest.child", false, "be the test binary that TestKilled kills: start a server, say where, and wait")

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(Run(m))
}

// TestNew: a database is empty, is its owner's, and goes with its test; its owner is nobody special.
func TestNew(t *testing.T) {
	t.Parallel()
	var database string
	t.Run("while its test lasts", func(t *testing.T) {
		database = New(t)
		if other := New(t); other == database {
			t.Error("two calls gave the same database")
		}
		conn := connect(t, database)
		var tables int
		var super, bypass, creates, owner bool
		err := conn.QueryRow(t.Context(), `
			SELECT (SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')),
				rolsuper, rolbypassrls, rolcreatedb OR rolcreaterole OR rolreplication, pg_get_userbyid(datdba) = current_user
			FROM pg_roles, pg_database WHERE rolname = current_user AND datname = current_database()`).Scan(&tables, &super, &bypass, &creates, &owner)
		if err != nil {
			t.Fatal(err)
		}
		if tables != 0 || super || bypass || creates || !owner {
			t.Errorf("%d tables, superuser %t, bypassrls %t, other attributes %t, owner %t", tables, super, bypass, creates, owner)
		}
		if _, err := conn.Exec(t.Context(), "CREATE TABLE a (b text)"); err != nil {
			t.Errorf("the owner makes a table: %v", err)
		}
		var order string
		if err := conn.QueryRow(t.Context(), "SELECT string_agg(c, '' ORDER BY c) FROM unnest(ARRAY['B', 'a']) c").Scan(&order); err != nil || order != "aB" {
			t.Errorf("texts are in the order %q, error %v: a store that forgets to ask for code points would not be found out", order, err)
		}
		if err := connect(t, Super(t, database)).QueryRow(t.Context(), "SELECT rolsuper, (SELECT count(*) FROM a) FROM pg_roles WHERE rolname = current_user").Scan(&super, &tables); err != nil || !super {
			t.Errorf("Super is a superuser: %t, error %v", super, err)
		}
	})
	var left int
	name := nameOf(t, database)
	err := connect(t, Super(t, New(t))).QueryRow(t.Context(), "SELECT (SELECT count(*) FROM pg_database WHERE datname = $1) + (SELECT count(*) FROM pg_roles WHERE rolname = $1)", name).Scan(&left)
	if err != nil || left != 0 {
		t.Errorf("%d of the database and its owner are left after the test, error %v", left, err)
	}
}

// TestTerminate: those who are connected to the database lose their connections, others do not.
func TestTerminate(t *testing.T) {
	t.Parallel()
	database, other := New(t), New(t)
	lost, kept := connect(t, database), connect(t, other)
	if n := Terminate(t, database); n != 1 {
		t.Errorf("%d connections ended, want 1", n)
	}
	if err := lost.Ping(t.Context()); err == nil {
		t.Error("the connection goes on")
	}
	if err := kept.Ping(t.Context()); err != nil {
		t.Errorf("a connection to another database: %v", err)
	}
	if err := connect(t, database).Ping(t.Context()); err != nil {
		t.Errorf("a new connection: %v", err)
	}
}

// TestStop: a server of one's own stops and starts at the same address.
func TestStop(t *testing.T) {
	t.Parallel()
	s := Start(t)
	database := s.New(t)
	conn := connect(t, database)
	if _, err := conn.Exec(t.Context(), "CREATE TABLE a (b text)"); err != nil {
		t.Fatal(err)
	}
	s.Stop(t)
	if err := conn.Ping(t.Context()); err == nil {
		t.Error("the connection goes on")
	}
	if _, err := pgx.Connect(t.Context(), database); err == nil {
		t.Error("a stopped server answers")
	}
	s.Restart(t)
	if _, err := connect(t, database).Exec(t.Context(), "SELECT b FROM a"); err != nil {
		t.Errorf("what was committed: %v", err)
	}
}

// TestKilled: a test binary that is killed leaves neither a server nor a file.
func TestKilled(t *testing.T) {
	t.Parallel()
	if *child {
		database := New(t)
		fmt.Printf("child %s %s\n", shared.folder, shared.address())
		conn := connect(t, database)
		_, _ = conn.Exec(t.Context(), "SELECT pg_sleep(600)") // the server is at work when the end comes
		return
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), program, "-test.run=^TestKilled$", "-pgtest.child")
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.Stderr, c.SysProcAttr = os.Stderr, &syscall.SysProcAttr{Setpgid: true}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	folder, address := whereabouts(t, out)
	pid := postmaster(t, folder)
	// All of its group, as the end of a job or Ctrl-C may do it.
	if err := syscall.Kill(-c.Process.Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait()
	deadline := time.Now().Add(30 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for left := "all"; left != ""; <-tick.C {
		left = ""
		if syscall.Kill(pid, 0) == nil {
			left += " process"
		}
		if _, err := os.Stat(folder); err == nil {
			left += " folder"
		}
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			left += " port"
		}
		if time.Now().After(deadline) {
			t.Fatalf("30 s after its test binary was killed, these are left of the server:%s", left)
		}
	}
}

// TestKilledEarly: the test binary is gone before the server has started.
func TestKilledEarly(t *testing.T) {
	t.Parallel()
	s := &Server{}
	if err := s.launch(); err != nil {
		t.Fatal(err)
	}
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.WriteString(s.orders, "start "+strconv.Itoa(port)+"\n")
	if err := errors.Join(err, s.orders.Close(), s.hearing.Close()); err != nil {
		t.Fatal(err)
	}
	_ = s.keeper.Wait() // an error if its answer found nobody
	if _, err := os.Stat(s.folder); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder is left, error %v", err)
	}
}

// whereabouts reads where a child's server is.
func whereabouts(t *testing.T, out io.Reader) (folder, address string) {
	t.Helper()
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if words := strings.Fields(lines.Text()); len(words) == 3 && words[0] == "child" {
			return words[1], words[2]
		}
	}
	t.Fatalf("the child ended without a word, error %v", lines.Err())
	return "", ""
}

func postmaster(t *testing.T, folder string) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, "data", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

func connect(t *testing.T, database string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

// BenchmarkConnect is the cost of a connection.
func BenchmarkConnect(b *testing.B) {
	database := New(b)
	for b.Loop() {
		conn, err := pgx.Connect(b.Context(), database)
		if err != nil {
			b.Fatal(err)
		}
		conn.Close(b.Context())
	}
}
