// Package pgtest is a real PostgreSQL for tests: one server for a test binary, started when a test first asks for a
// database, and a database of its own for each test that asks.
//
// It knows nothing of the program, must not be linked by it, and leaves nothing behind, however the test binary ends.
package pgtest

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// shared is the server of this test binary. A test binary has no other place for what outlives its tests.
var shared = &Server{}

// Run runs the tests and then stops the server, if one of them started it: func TestMain(m *testing.M) {
// os.Exit(pgtest.Run(m)) }. Without it the server ends all the same, soon after the test binary.
func Run(m *testing.M) int {
	defer shared.end()
	return m.Run()
}

// New makes an empty database and returns its URL, which names its owner: a login role that is neither a superuser nor
// above row-level security. Both are gone after the test, whoever is still connected.
func New(t testing.TB) string {
	t.Helper()
	return shared.New(t)
}

// Super turns the URL of a database into a superuser's URL of the same database, for tests that look past the store.
func Super(t testing.TB, database string) string {
	t.Helper()
	return shared.Super(t, database)
}

// Terminate ends every connection to a database but the one that does it, and returns how many those were. What they
// did and had not committed is undone.
func Terminate(t testing.TB, database string) int {
	t.Helper()
	return shared.Terminate(t, database)
}

// Start starts a server for one test, which may stop it while others go on with theirs.
func Start(t testing.TB) *Server {
	t.Helper()
	s := &Server{}
	if err := s.begin(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.end)
	return s
}

// New is the function New on this server.
func (s *Server) New(t testing.TB) string {
	t.Helper()
	if err := s.begin(); err != nil {
		t.Fatal(err)
	}
	owner := s.role(t)
	t.Cleanup(func() { s.super(t, "DROP ROLE "+owner.Username()) })
	return s.database(t, owner, "template0")
}

// role makes a login role and returns its name and password.
func (s *Server) role(t testing.TB) *url.Userinfo {
	t.Helper()
	name, password := fmt.Sprintf("role_%d", s.made.Add(1)), rand.Text()
	s.super(t, "CREATE ROLE "+name+" LOGIN PASSWORD '"+verifier(password)+"'")
	return url.UserPassword(name, password)
}

// database makes a database like another one for the time of a test.
func (s *Server) database(t testing.TB, owner *url.Userinfo, template string) string {
	t.Helper()
	name := fmt.Sprintf("test_%d", s.made.Add(1))
	s.super(t, "CREATE DATABASE "+name+" OWNER "+owner.Username()+" TEMPLATE "+template+" STRATEGY wal_log")
	t.Cleanup(func() { s.super(t, "DROP DATABASE "+name+" WITH (FORCE)") })
	return s.url(owner, name)
}

// Super is the function Super on this server.
func (s *Server) Super(t testing.TB, database string) string {
	t.Helper()
	return s.superURL(nameOf(t, database))
}

// Terminate is the function Terminate on this server.
func (s *Server) Terminate(t testing.TB, database string) int {
	t.Helper()
	const text = `SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()`
	var ended int
	s.as(t, s.superURL("postgres"), func(ctx context.Context, super *pgx.Conn) error {
		return super.QueryRow(ctx, text, nameOf(t, database)).Scan(&ended)
	})
	return ended
}

// super has a superuser do something.
func (s *Server) super(t testing.TB, text string) {
	t.Helper()
	s.as(t, s.superURL("postgres"), func(ctx context.Context, super *pgx.Conn) error {
		_, err := super.Exec(ctx, text)
		return err
	})
}

// as connects to a database, lets do work and disconnects.
func (s *Server) as(t testing.TB, database string, do func(context.Context, *pgx.Conn) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute) // a clean-up's context has ended
	defer cancel()
	conn, err := pgx.Connect(ctx, database)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := conn.Close(ctx); err != nil {
			t.Error(err)
		}
	}()
	if err := do(ctx, conn); err != nil {
		t.Fatal(err)
	}
}

func (s *Server) superURL(database string) string {
	return s.url(url.UserPassword(superuser, s.password), database)
}

func (s *Server) url(user *url.Userinfo, database string) string {
	u := url.URL{Scheme: "postgres", User: user, Host: s.address(), Path: "/" + database, RawQuery: "sslmode=disable"}
	return u.String()
}

// nameOf is the name of the database in a URL.
func nameOf(t testing.TB, database string) string {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal("the URL of the database cannot be read") // the error would show its password
	}
	return strings.TrimPrefix(u.Path, "/")
}
