package pgtest

import (
	"bufio"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

const superuser = "postgres" // keeper.sh makes it

// startAttempts bounds how often a port that was free is taken by somebody else before the server has it.
const startAttempts = 5

// keeper.sh starts and stops the server for a test binary, and outlives it to clean up.
//
//go:embed keeper.sh
var keeper string

// Server is a PostgreSQL of its own, in a temporary folder and on a free port of 127.0.0.1. Its databases sort texts as
// English does, so that a statement that means the order of code points has to say so.
type Server struct {
	mu       sync.Mutex // of what follows, but for made
	begun    bool
	failure  error // why it did not begin
	folder   string
	password string // of the superuser
	port     int
	keeper   *exec.Cmd
	orders   io.WriteCloser // the keeper ends the server and itself when this is closed, also by the end of this process
	answers  *bufio.Reader  // on hearing
	hearing  io.Closer
	made     atomic.Int64 // roles and databases, which are named by it
}

// Stop kills the server as a loss of power would: nobody is asked, and nothing is written. It can be started again.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if answer, err := s.order("stop"); err != nil || answer != "stopped" {
		t.Fatalf("stop PostgreSQL: the keeper says %q, error %v", answer, err)
	}
}

// Restart starts the server after Stop, on the same port.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if answer, err := s.order("start " + strconv.Itoa(s.port)); err != nil || answer != "started" {
		t.Fatalf("start PostgreSQL: the keeper says %q, error %v; its log:\n%s", answer, err, s.log())
	}
}

// begin starts the server if it has not been started.
func (s *Server) begin() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.begun {
		s.begun, s.failure = true, s.start()
	}
	return s.failure
}

// end stops the server, if it was started, and waits until nothing is left of it.
func (s *Server) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.orders == nil {
		return
	}
	_ = s.orders.Close()
	_ = s.keeper.Wait()
	_ = os.RemoveAll(s.folder) // the keeper's work, unless it may not write in the parent
	s.orders = nil
}

func (s *Server) start() error {
	if err := s.launch(); err != nil {
		return err
	}
	return s.listen()
}

// launch starts the keeper, which waits for orders once it has made the folder ready.
func (s *Server) launch() error {
	programs, err := programsAt()
	if err != nil {
		return err
	}
	attributes := &syscall.SysProcAttr{Setsid: true} // what ends the terminal's processes spares the keeper, which cleans up
	temporary := os.TempDir()
	uid, gid := os.Getuid(), os.Getgid()
	if uid == 0 { // PostgreSQL refuses to be root
		if uid, gid, err = unprivileged(); err != nil {
			return err
		}
		attributes.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		temporary = "/tmp" // root's own may stand where nobody else can go
	}
	s.password = rand.Text()
	if s.folder, err = os.MkdirTemp(temporary, "patchbay-postgres-"); err != nil {
		return err
	}
	password := filepath.Join(s.folder, "password")
	if err := errors.Join(os.WriteFile(password, []byte(s.password), 0o600), os.Chown(password, uid, gid), os.Chown(s.folder, uid, gid)); err != nil {
		return errors.Join(err, os.RemoveAll(s.folder))
	}
	s.keeper = exec.Command("/bin/sh", "-c", keeper, "keeper", programs, s.folder)
	s.keeper.Dir, s.keeper.SysProcAttr = s.folder, attributes
	s.keeper.Env = []string{"PATH=/usr/bin:/bin"} // without settings of PostgreSQL's programs that somebody made for others
	orders, err := s.keeper.StdinPipe()
	if err != nil {
		return err
	}
	answers, err := s.keeper.StdoutPipe()
	if err != nil {
		return err
	}
	if err := s.keeper.Start(); err != nil {
		return errors.Join(err, os.RemoveAll(s.folder))
	}
	s.orders, s.answers, s.hearing = orders, bufio.NewReader(answers), answers
	return nil
}

// listen has the server started on a port that is free.
func (s *Server) listen() error {
	for range startAttempts {
		port, err := freePort()
		if err != nil {
			return err
		}
		s.port = port
		answer, err := s.order("start " + strconv.Itoa(s.port))
		if err != nil {
			return err
		}
		if answer == "started" {
			return s.hasten()
		}
	}
	return fmt.Errorf("PostgreSQL does not start; its log:\n%s", s.log())
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return listener.Addr().(*net.TCPAddr).Port, listener.Close()
}

// order has the keeper do something and returns its answer.
func (s *Server) order(order string) (string, error) {
	if _, err := io.WriteString(s.orders, order+"\n"); err != nil {
		return "", fmt.Errorf("the keeper of PostgreSQL is gone: %w; its log:\n%s", err, s.log())
	}
	answer, err := s.answers.ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("the keeper of PostgreSQL is gone: %w; its log:\n%s", err, s.log())
	}
	return strings.TrimSpace(answer), nil
}

// log is what the server and its keeper had to say.
func (s *Server) log() string {
	text, err := os.ReadFile(filepath.Join(s.folder, "log"))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// address is where the server listens, once it has started.
func (s *Server) address() string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port))
}

// programsAt finds the folder of PostgreSQL's programs, which systems that have several versions keep out of the PATH.
func programsAt() (string, error) {
	var folders []string
	if out, err := exec.Command("pg_config", "--bindir").Output(); err == nil {
		folders = append(folders, strings.TrimSpace(string(out)))
	}
	versions, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		return "", err
	}
	slices.SortFunc(versions, func(a, b string) int { return version(b) - version(a) })
	folders = append(folders, versions...)
	if program, err := exec.LookPath("postgres"); err == nil {
		folders = append(folders, filepath.Dir(program))
	}
	for _, folder := range folders {
		if _, err := os.Stat(filepath.Join(folder, "initdb")); err == nil {
			return folder, nil
		}
	}
	return "", errors.New("PostgreSQL's server is not installed: run tools/prepare.sh, or install PostgreSQL 15 or newer")
}

// version is that of a folder /usr/lib/postgresql/version/bin.
func version(folder string) int {
	n, err := strconv.Atoi(filepath.Base(filepath.Dir(folder)))
	if err != nil {
		return 0
	}
	return n
}

// unprivileged is a user that the server can run as.
func unprivileged() (uid, gid int, err error) {
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.Atoi(u.Uid)
		gid, gidErr := strconv.Atoi(u.Gid)
		return uid, gid, errors.Join(uidErr, gidErr)
	}
	return 0, 0, errors.New("PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody")
}
