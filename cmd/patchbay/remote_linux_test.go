package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// openTerminal returns both ends of a pseudo terminal: the keyboard with the screen, and what a program sees.
func openTerminal(t *testing.T) (keyboard, program *os.File) {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(keyboard.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(keyboard.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = keyboard.Close(); _ = program.Close() })
	return keyboard, program
}

// echoes tells whether the terminal shows what is typed.
func echoes(t *testing.T, terminal *os.File) bool {
	t.Helper()
	state, err := unix.IoctlGetTermios(int(terminal.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return state.Lflag&unix.ECHO != 0
}

// awaitNoEcho waits until the program has silenced the terminal.
func awaitNoEcho(t *testing.T, terminal *os.File) {
	t.Helper()
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for echoes(t, terminal) {
		select {
		case <-ticker.C:
		case <-t.Context().Done():
			t.Fatal("the terminal still shows what is typed")
		}
	}
}

func TestAskShowsNothing(t *testing.T) {
	t.Parallel()
	keyboard, program := openTerminal(t)
	type typed struct {
		secret string
		err    error
	}
	var prompt strings.Builder
	done := make(chan typed)
	go func() {
		secret, err := askPassword(t.Context(), program, &prompt, "Password")
		done <- typed{secret, err}
	}()
	awaitNoEcho(t, program)
	if _, err := keyboard.WriteString("typed-canary\n"); err != nil {
		t.Fatal(err)
	}
	if got := <-done; got.secret != "typed-canary" || got.err != nil {
		t.Errorf("askPassword: %d characters, %v", len(got.secret), got.err)
	}
	if prompt.String() != "Password: \n" {
		t.Errorf("the prompt is %q", prompt.String())
	}
	if _, err := program.WriteString("end\n"); err != nil { // so that there is something to read
		t.Fatal(err)
	}
	screen := make([]byte, 4096)
	n, err := keyboard.Read(screen)
	if err != nil || strings.Contains(string(screen[:n]), "canary") {
		t.Errorf("the screen shows the secret, or nothing: %v", err)
	}
	if !echoes(t, program) {
		t.Error("afterwards the terminal shows nothing that is typed")
	}
}

// TestAskInterrupted checks that an interrupt gives the terminal back as it was.
func TestAskInterrupted(t *testing.T) {
	t.Parallel()
	keyboard, program := openTerminal(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := askPassword(ctx, program, io.Discard, "Password")
		done <- err
	}()
	awaitNoEcho(t, program)
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("askPassword: %v, want it cancelled", err)
	}
	if !echoes(t, program) {
		t.Error("afterwards the terminal shows nothing that is typed")
	}
	if _, err := keyboard.WriteString("\n"); err != nil { // ends the read that is left
		t.Fatal(err)
	}
}
