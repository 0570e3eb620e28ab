package harness

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
	"testing"
	"time"
)

// How long things may take.
const (
	// ReadyWithin is how long a program may take until it listens.
	ReadyWithin = 30 * time.Second
	// StopWithin is how long a program may take to end in good order, unless its Command.WaitDelay is changed.
	StopWithin = 10 * time.Second

	life = 4 * time.Minute // of a program
)

// Process is a running program.
type Process struct {
	Command *exec.Cmd
	Log     Log           // its stderr
	Exited  chan struct{} // closed when it has ended
	Exit    error         // how; only once Exited is closed

	name string // what errors call it
}

// Log is what a program writes, which can be read while it runs.
type Log struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

// Write adds to the text.
func (l *Log) Write(p []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.text.Write(p)
}

// String is the text until now.
func (l *Log) String() string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.text.String()
}

// Life is a context for the programs of a suite. It is not the test's own, which ends before the cleanups run, in which they
// are to end in good order; and they live no longer than it, so that a test that hangs leaves nothing behind.
func Life(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), life)
	t.Cleanup(cancel)
	return ctx
}

// Prepare makes a program ready to start: it is ended in good order when ctx is.
func Prepare(ctx context.Context, environment []string, binary string, args ...string) *Process {
	p := &Process{Exited: make(chan struct{}), name: binary}
	p.Command = exec.CommandContext(ctx, binary, args...)
	p.Command.Env = environment
	p.Command.Stderr = &p.Log
	p.Command.Cancel = func() error { return p.Command.Process.Signal(syscall.SIGTERM) }
	p.Command.WaitDelay = StopWithin
	return p
}

// Start starts the program.
func (p *Process) Start() error {
	if err := p.Command.Start(); err != nil {
		return fmt.Errorf("start %s: %w", p.Command.Path, err)
	}
	go func() {
		p.Exit = p.Command.Wait()
		close(p.Exited)
	}()
	return nil
}

// Stop ends the program in good order, by an interrupt, and reports anything else.
func (p *Process) Stop() error {
	if err := p.end(os.Interrupt); err != nil {
		return err
	}
	if p.Exit != nil {
		return fmt.Errorf("%s did not end in good order: %w\n%s", p.name, p.Exit, &p.Log)
	}
	return nil
}

// Terminate is Stop for a program that is told to end by SIGTERM. status is how it ends then.
func (p *Process) Terminate(status int) error {
	if p.Command.Process == nil {
		return nil
	}
	if err := p.end(syscall.SIGTERM); err != nil {
		return err
	}
	if got := p.Command.ProcessState.ExitCode(); got != status {
		return fmt.Errorf("%s did not end in good order, but with %d\n%s", p.name, got, &p.Log)
	}
	return nil
}

// end tells the program to end, and kills it when it takes too long. One that was never started has ended.
func (p *Process) end(by os.Signal) error {
	if p.Command.Process == nil {
		return nil
	}
	if err := p.Command.Process.Signal(by); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.Exited:
	case <-time.After(p.Command.WaitDelay):
		_ = p.Command.Process.Kill()
		<-p.Exited
	}
	return nil
}

// StopAtEnd stops what was started when t ends.
func StopAtEnd(t *testing.T, started interface{ Stop() error }) {
	t.Helper()
	t.Cleanup(func() {
		if err := started.Stop(); err != nil {
			t.Error(err)
		}
	})
}

// Environment is this process's own without what would become a setting of Patchbay.
func Environment() []string {
	return slices.DeleteFunc(os.Environ(), func(variable string) bool { return strings.HasPrefix(variable, "PATCHBAY_") })
}

// BareEnvironment is of this process's own only what any program needs, and more: nothing is to find a setting or a proxy in it.
func BareEnvironment(more ...string) []string {
	wanted := []string{"PATH", "HOME", "TMPDIR", "LANG", "TZ", "XDG_CACHE_HOME", "JAVA_HOME"}
	own := slices.DeleteFunc(os.Environ(), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return !slices.Contains(wanted, name)
	})
	return append(own, more...)
}
