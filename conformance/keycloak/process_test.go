package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// How long things may take. A process lives no longer than processLife, so that a test that hangs leaves nothing behind.
const (
	readyWithin = 2 * time.Minute // Keycloak, while others use the machine too
	processLife = 4 * time.Minute
	stopWithin  = 20 * time.Second
)

// process is a running program.
type process struct {
	command *exec.Cmd
	log     logText // its stderr
	exited  chan struct{}
	exit    error
}

// logText is what a program writes, which can be read while it runs.
type logText struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (l *logText) Write(p []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.text.Write(p)
}

func (l *logText) String() string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.text.String()
}

// prepareProcess makes a program ready to start: it is ended in good order when ctx is.
func prepareProcess(ctx context.Context, environment []string, binary string, args ...string) *process {
	p := &process{exited: make(chan struct{})}
	p.command = exec.CommandContext(ctx, binary, args...)
	p.command.Env = environment
	p.command.Stderr = &p.log
	p.command.Cancel = func() error { return p.command.Process.Signal(syscall.SIGTERM) }
	p.command.WaitDelay = stopWithin
	return p
}

func (p *process) start() error {
	if err := p.command.Start(); err != nil {
		return fmt.Errorf("start %s: %w", p.command.Path, err)
	}
	go func() {
		p.exit = p.command.Wait()
		close(p.exited)
	}()
	return nil
}

// stop ends the program in good order and reports anything else. status is how it ends then.
func (p *process) stop(status int) error {
	if p.command.Process == nil {
		return nil
	}
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.exited:
	case <-time.After(stopWithin):
		_ = p.command.Process.Kill()
		<-p.exited
	}
	if got := p.command.ProcessState.ExitCode(); got != status {
		return fmt.Errorf("%s did not end in good order, but with %d\n%s", p.command.Path, got, &p.log)
	}
	return nil
}

// environment is of this process' own only what any program needs: neither Patchbay nor Keycloak is to find a setting or a
// proxy in it.
func environment(more ...string) []string {
	wanted := []string{"PATH", "HOME", "TMPDIR", "LANG", "TZ", "JAVA_HOME"}
	own := slices.DeleteFunc(os.Environ(), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return !slices.Contains(wanted, name)
	})
	return append(own, more...)
}
