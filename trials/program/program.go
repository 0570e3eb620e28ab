// Package program finds or builds the binary under trial.
package program

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Variable names the binary under trial. Without it, it is built.
const Variable = "PATCHBAY_BIN"

// Build builds Patchbay from this repository, whose top is root, with a version stamp of its own.
func Build(ctx context.Context, root, binary, stamp string) error {
	command := Command(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w -X main.version="+stamp, "-o", binary, "./cmd/patchbay")
	command.Dir, command.Env = root, append(command.Env, "CGO_ENABLED=0")
	if text, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("build Patchbay: %w: %s", err, text)
	}
	return nil
}

// Find is the binary that the variable names, or one that is built into dir.
func Find(ctx context.Context, root, dir string) (string, error) {
	if binary := os.Getenv(Variable); binary != "" {
		return filepath.Abs(binary)
	}
	binary := filepath.Join(dir, "patchbay")
	return binary, Build(ctx, root, binary, "trial")
}

// Command is a command in this process's own environment without what would be a setting of Patchbay, or an unknown one.
func Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, name, args...) //nolint:gosec // which programs the trials run is up to whoever runs the trials
	command.Env = slices.DeleteFunc(os.Environ(), func(variable string) bool { return strings.HasPrefix(variable, "PATCHBAY_") })
	return command
}
