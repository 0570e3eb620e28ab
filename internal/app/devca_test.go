package app

import (
	"crypto/x509"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var someDay = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func TestDevTLSIsMadeOnceAndKept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	files := mustDevTLS(t, dir, someDay)
	for path, mode := range map[string]os.FileMode{
		files.CAFile: modePublicFile, files.BundleFile: modePublicFile, files.CertFile: modePublicFile,
		files.KeyFile: modePrivateFile, filepath.Join(dir, "ca-key.pem"): modePrivateFile,
	} {
		wantMode(t, path, mode)
	}
	ca, server := readCertificate(t, files.CAFile), readCertificate(t, files.CertFile)

	mustDevTLS(t, dir, someDay.Add(100*24*time.Hour))
	if !readCertificate(t, files.CAFile).Equal(ca) || !readCertificate(t, files.CertFile).Equal(server) {
		t.Error("a second start made certificates again")
	}
	mustDevTLS(t, dir, someDay.Add(serverLife-renewBefore+time.Minute))
	if !readCertificate(t, files.CAFile).Equal(ca) {
		t.Error("renewing the server certificate replaced the authority")
	}
	if renewed := readCertificate(t, files.CertFile); renewed.Equal(server) {
		t.Error("the server certificate was not renewed before its end")
	}
}

func TestDevTLSVouchesForThisMachineOnly(t *testing.T) {
	t.Parallel()
	files := mustDevTLS(t, t.TempDir(), someDay)
	roots := x509.NewCertPool()
	bundle, err := os.ReadFile(files.BundleFile)
	if err != nil || !roots.AppendCertsFromPEM(bundle) {
		t.Fatalf("no certificates in the bundle: %v", err)
	}
	leaf := readCertificate(t, files.CertFile)
	for _, host := range localHosts {
		if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: host, CurrentTime: someDay}); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
	// A certificate that the authority signs for somebody else's name must be worthless.
	dir := filepath.Dir(files.CAFile)
	ca, err := loadPair(files.CAFile, filepath.Join(dir, "ca-key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	for _, foreign := range []func(*x509.Certificate){
		func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = []string{"graph.microsoft.com"}, nil },
		func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = nil, []net.IP{net.IPv4(192, 0, 2, 1)} },
	} {
		template := serverTemplate(someDay, someDay.Add(serverLife))
		foreign(template)
		pair, err := makePair(filepath.Join(dir, "x.pem"), filepath.Join(dir, "x-key.pem"), template, ca)
		if err != nil {
			t.Fatal(err)
		}
		_, err = pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: someDay})
		if err == nil || !strings.Contains(err.Error(), "not permitted") {
			t.Errorf("accepted for %v %v: %v", template.DNSNames, template.IPAddresses, err)
		}
	}
}

func TestDevTLSRefusesALooseKeyFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	files := mustDevTLS(t, dir, someDay)
	if err := os.Chmod(files.KeyFile, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := ensureDevTLS(dir, someDay); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("got %v", err)
	}
}

func mustDevTLS(t *testing.T, dir string, now time.Time) devTLS {
	t.Helper()
	files, err := ensureDevTLS(dir, now)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func readCertificate(t *testing.T, path string) *x509.Certificate {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		t.Fatalf("%s holds no PEM block", path)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}
