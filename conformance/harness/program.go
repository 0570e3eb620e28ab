package harness

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Root is the top of the repository, from a suite.
func Root() string { return filepath.Join("..", "..") }

// PatchbayBinary is the binary that PATCHBAY_BIN names, or else one built from this repository.
func PatchbayBinary(t *testing.T) string {
	t.Helper()
	return program(t, "PATCHBAY_BIN", Root(), "./cmd/patchbay")
}

// RelayBinary is the binary that RELAY_BIN names, or else one built from ../relay.
func RelayBinary(t *testing.T) string {
	t.Helper()
	return program(t, "RELAY_BIN", filepath.Join(Root(), "conformance", "relay"), ".")
}

// program is the binary that a variable names, or else one built from the package, in the folder of its module.
func program(t *testing.T, variable, dir, packagePath string) string {
	t.Helper()
	if binary := os.Getenv(variable); binary != "" {
		return binary
	}
	binary := filepath.Join(t.TempDir(), strings.ToLower(variable))
	command := exec.CommandContext(t.Context(), "go", "build", "-o", binary, packagePath)
	command.Dir = dir
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", binary, err, output)
	}
	return binary
}

// Prepared is the path that a variable names, or else the one that the suite's build.sh prints.
func Prepared(t *testing.T, variable string) string {
	t.Helper()
	if path := os.Getenv(variable); path != "" {
		return path
	}
	command := exec.CommandContext(t.Context(), "./build.sh")
	command.Stderr = os.Stderr
	printed, err := command.Output()
	if err != nil {
		t.Fatalf("build.sh: %v", err)
	}
	return strings.TrimSpace(string(printed))
}

// Trust joins certificate authorities in one file: Go reads SSL_CERT_FILE once, and each server has its own.
func Trust(t *testing.T, files ...string) string {
	t.Helper()
	var bundle []byte
	for _, file := range files {
		pem, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		bundle = append(append(bundle, pem...), '\n')
	}
	path := filepath.Join(t.TempDir(), "bundle.pem")
	if err := os.WriteFile(path, bundle, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
