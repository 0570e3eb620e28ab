package main

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

// TestConfirm checks that only yes goes on, and that nobody is asked where nobody can answer.
func TestConfirm(t *testing.T) {
	t.Parallel()
	for typed, goesOn := range map[string]bool{"yes\n": true, "y\n": false, "\n": false, "no\n": false} {
		keyboard, program := openTerminal(t)
		if _, err := keyboard.WriteString(typed); err != nil {
			t.Fatal(err)
		}
		var question strings.Builder
		if err := confirm(t.Context(), program, &question); (err == nil) != goesOn || !strings.Contains(question.String(), "yes") {
			t.Errorf("after %q: %v; was asked %q", typed, err, question.String())
		}
	}
	none, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer none.Close()
	if err := confirm(t.Context(), none, io.Discard); err == nil || !strings.Contains(err.Error(), "--yes") {
		t.Errorf("without a terminal: %v", err)
	}
}

// TestConfirmInterrupted checks that an interrupt is no answer.
func TestConfirmInterrupted(t *testing.T) {
	t.Parallel()
	keyboard, program := openTerminal(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := confirm(ctx, program, io.Discard); !errors.Is(err, context.Canceled) {
		t.Errorf("confirm: %v, want it cancelled", err)
	}
	if _, err := keyboard.WriteString("\n"); err != nil { // ends the read that is left
		t.Fatal(err)
	}
}

// TestProgress checks that there is a bar where something takes long, on a terminal only, and that it goes away.
func TestProgress(t *testing.T) {
	t.Parallel()
	keyboard, program := openTerminal(t)
	soon := &progress{terminal: program}
	soon.report(1, 4, "soon done")
	if soon.bar != nil {
		t.Error("there is a bar at once")
	}
	long := &progress{terminal: program, began: time.Now().Add(-progressAfter)}
	long.report(1, 4, "Loyalty\x1b[2J lookup")
	screen := make([]byte, 4096)
	n, err := keyboard.Read(screen)
	if err != nil {
		t.Fatal(err)
	}
	if text := string(screen[:n]); !strings.Contains(text, "Loyalty?[2J lookup") {
		t.Errorf("the screen shows %q", text)
	}
	long.report(4, 4, "")
	if long.bar != nil || !long.began.IsZero() {
		t.Error("at the end the bar is still there")
	}
	file := &progress{terminal: &strings.Builder{}, began: time.Now().Add(-progressAfter)}
	file.report(1, 4, "to a file")
	if file.bar != nil {
		t.Error("there is a bar where there is no terminal")
	}
}
