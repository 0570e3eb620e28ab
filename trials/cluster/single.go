package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/patchbay/patchbay/trials/program"
)

// single is one `patchbay dev` with SQLite. It is killed and stopped like a node of a cluster; nothing of it can be cut.
type single struct {
	binary, dir, listen, health string

	mu      sync.Mutex
	process *exec.Cmd
}

// readyWithin is how long a node may take to start.
const readyWithin = 30 * time.Second

// Single starts one node in an empty directory, and returns what stops it.
func Single(ctx context.Context, binary, dir string) (c *Cluster, stop func() error, err error) {
	s := &single{binary: binary, dir: filepath.Join(dir, "dev")}
	if s.listen, err = freePort(ctx); err != nil {
		return nil, nil, err
	}
	if s.health, err = freePort(ctx); err != nil {
		return nil, nil, err
	}
	_, port, err := net.SplitHostPort(s.listen)
	if err != nil {
		return nil, nil, err
	}
	c = &Cluster{
		URL: "https://localhost:" + port, Host: "127.0.0.1", CAFile: filepath.Join(s.dir, "ca.pem"), health: plain(),
		Nodes: []Node{{Name: "node1", Base: "https://localhost:" + port, Health: "http://" + s.health}},
		patchbay: func(ctx context.Context, args ...string) *exec.Cmd {
			return program.Command(ctx, binary, append(args, "--data-dir", s.dir)...)
		},
	}
	c.do = func(ctx context.Context, command string, args ...string) (string, error) {
		return "", s.do(ctx, c, command, args)
	}
	c.sql = func(ctx context.Context, statement string) (string, error) {
		return sqliteText(ctx, filepath.Join(s.dir, "patchbay.db"), statement)
	}
	if err := s.start(); err != nil {
		return nil, nil, err
	}
	stop = func() error { return s.end(syscall.SIGTERM) }
	if err := c.AllReady(ctx, readyWithin); err != nil {
		return nil, nil, errors.Join(err, stop())
	}
	return c, stop, nil
}

func freePort(ctx context.Context) (string, error) {
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// do does what deploy/cluster does at the command. What was killed comes back by itself there, so it does here.
func (s *single) do(ctx context.Context, c *Cluster, command string, args []string) error {
	switch command {
	case "kill":
		return errors.Join(s.end(syscall.SIGKILL), s.start())
	case "stop":
		return s.end(syscall.SIGTERM)
	case "start":
		if len(args) == 3 && args[1] == "--binary" {
			s.binary = args[2]
		}
		return s.start()
	case "wait":
		return c.AllReady(ctx, readyWithin)
	}
	return fmt.Errorf("one node with SQLite knows no %q", command)
}

func (s *single) start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	// The process outlives the command that starts it; end ends it.
	s.process = program.Command(context.Background(), s.binary, "dev", "--data-dir", s.dir, "--listen", s.listen, "--health-listen", s.health, "--throttle", "off")
	s.process.Stderr = os.Stderr
	return s.process.Start()
}

func (s *single) end(by syscall.Signal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.process.Process.Signal(by); err != nil {
		return err
	}
	err := s.process.Wait()
	if by == syscall.SIGKILL {
		return nil // Wait says that it was killed
	}
	return err
}
