package credential

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "credential")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	shop.dir = dir
	code := m.Run()
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// shop makes keys, certificates and PKCS#12 files with the openssl command, version 3. Keys and certificates are made
// once for all tests of a run.
var shop workshop

type workshop struct {
	dir  string
	once sync.Once
	err  error
}

// run runs openssl in the workshop's directory.
func (w *workshop) run(args ...string) error {
	cmd := exec.Command("openssl", args...)
	cmd.Dir = w.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("openssl %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

// open makes the keys and certificates on first use.
func (w *workshop) open(t testing.TB) {
	t.Helper()
	w.once.Do(func() { w.err = w.makeAll() })
	if w.err != nil {
		t.Fatalf("the openssl command, version 3, is needed: %v", w.err)
	}
}

// file returns a file of the workshop.
func (w *workshop) file(t testing.TB, name string) []byte {
	t.Helper()
	w.open(t)
	content, err := os.ReadFile(filepath.Join(w.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// pfx runs openssl pkcs12 -export with args, a line of words, and returns the file.
func (w *workshop) pfx(t testing.TB, password, args string) []byte {
	t.Helper()
	w.open(t)
	out := filepath.Join(t.TempDir(), "file.pfx")
	words := append([]string{"pkcs12", "-export", "-out", out, "-passout", "pass:" + password}, strings.Fields(args)...)
	if err := w.run(words...); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// makeAll makes <kind>.key and a self-signed <kind>.crt for every kind of key, and a chain root ← middle ← leaf.
func (w *workshop) makeAll() error {
	keys := map[string]string{
		"rsa1024": "RSA -pkeyopt rsa_keygen_bits:1024", "rsa2048": "RSA -pkeyopt rsa_keygen_bits:2048", "rsa4096": "RSA -pkeyopt rsa_keygen_bits:4096",
		"p224": "EC -pkeyopt ec_paramgen_curve:P-224", "p256": "EC -pkeyopt ec_paramgen_curve:P-256",
		"p384": "EC -pkeyopt ec_paramgen_curve:P-384", "p521": "EC -pkeyopt ec_paramgen_curve:P-521",
		"k256": "EC -pkeyopt ec_paramgen_curve:secp256k1", "ed25519": "ED25519", "ed448": "ED448",
	}
	for name, how := range keys {
		if err := w.run(strings.Fields("genpkey -out " + name + ".key -algorithm " + how)...); err != nil {
			return err
		}
		if err := w.run("req", "-x509", "-key", name+".key", "-out", name+".crt", "-subj", "/CN="+name, "-days", "3650"); err != nil {
			return err
		}
	}
	extensions := "basicConstraints=critical,CA:true\nsubjectKeyIdentifier=hash\n[leaf]\nauthorityKeyIdentifier=keyid\n"
	if err := os.WriteFile(filepath.Join(w.dir, "x509.ext"), []byte(extensions), 0o600); err != nil {
		return err
	}
	for _, line := range []string{
		"req -x509 -key p384.key -out root.crt -subj /CN=root -days 3650",
		"req -new -key p521.key -out middle.csr -subj /CN=middle",
		"x509 -req -in middle.csr -CA root.crt -CAkey p384.key -set_serial 2 -days 3650 -extfile x509.ext -out middle.crt",
		"req -x509 -key ed25519.key -out impostor.crt -subj /CN=middle -days 3650",
		"req -new -key p256.key -out leaf.csr -subj /CN=leaf",
		"x509 -req -in leaf.csr -CA middle.crt -CAkey p521.key -set_serial 3 -days 3660 -extfile x509.ext -extensions leaf -out leaf.crt",
		"x509 -in rsa2048.crt -outform DER -out rsa2048.der",
	} {
		if err := w.run(strings.Fields(line)...); err != nil {
			return err
		}
	}
	var others []byte // in the wrong order, with one that does not belong
	for _, name := range []string{"root.crt", "rsa2048.crt", "middle.crt"} {
		text, err := os.ReadFile(filepath.Join(w.dir, name))
		if err != nil {
			return err
		}
		others = append(others, text...)
	}
	return os.WriteFile(filepath.Join(w.dir, "others.pem"), others, 0o600)
}
