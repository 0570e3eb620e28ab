package conformance

import (
	"context"
	"crypto/sha1"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/patchbay/patchbay/conformance/harness"
)

// identity is a self-signed certificate with its key, as OpenSSL makes them.
type identity struct {
	certificateFile string // PEM
	pemFile         string // the key and the certificate
	pfxFile         string
	password        string
	thumbprint      string // the SHA-1 of the certificate, 40 upper-case hexadecimal digits
}

func newIdentity(t *testing.T, name, password string) identity {
	t.Helper()
	dir := t.TempDir()
	i := identity{
		certificateFile: filepath.Join(dir, "certificate.pem"), pemFile: filepath.Join(dir, "identity.pem"),
		pfxFile: filepath.Join(dir, "identity.pfx"), password: password,
	}
	key := filepath.Join(dir, "key.pem")
	openssl(t, password, "req", "-x509", "-newkey", "rsa:2048", "-noenc", "-sha256", "-days", "365", "-subj", "/CN="+name, "-keyout", key, "-out", i.certificateFile)
	openssl(t, password, "pkcs12", "-export", "-inkey", key, "-in", i.certificateFile, "-out", i.pfxFile, "-passout", "env:PFX_PASSWORD")
	text, err := os.ReadFile(i.certificateFile)
	if err != nil {
		t.Fatal(err)
	}
	private, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(i.pemFile, append(private, text...), 0o600); err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	i.thumbprint = fmt.Sprintf("%X", sha1.Sum(certificate.Raw))
	return i
}

func openssl(t *testing.T, password string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), harness.ReadyWithin)
	defer cancel()
	command := exec.CommandContext(ctx, "openssl", args...)
	command.Env = append(harness.Environment(), "PFX_PASSWORD="+password)
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("openssl %s: %v: %s", args[0], err, output)
	}
}

// value is the PKCS#12 file in base64.
func (i identity) value(t *testing.T) string {
	t.Helper()
	file, err := os.ReadFile(i.pfxFile)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(file)
}
