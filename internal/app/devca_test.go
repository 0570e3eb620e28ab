package app

import (
	"crypto/x509"
	"encoding/pem"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
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
		func(c *x509.Certificate) {
			c.DNSNames, c.IPAddresses, c.EmailAddresses = nil, nil, []string{"a@example.com"}
		},
		func(c *x509.Certificate) {
			c.DNSNames, c.IPAddresses, c.URIs = nil, nil, []*url.URL{{Scheme: "spiffe", Host: "example.com", Path: "/a"}}
		},
	} {
		template := serverTemplate(someDay, someDay.Add(serverLife))
		foreign(template)
		pair, err := makePair(filepath.Join(dir, "x.pem"), filepath.Join(dir, "x-key.pem"), template, ca)
		if err != nil {
			t.Fatal(err)
		}
		_, err = pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: someDay, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
		if err == nil || !strings.Contains(err.Error(), "not permitted") {
			t.Errorf("accepted for %v %v: %v", template.DNSNames, template.IPAddresses, err)
		}
	}
}

// TestDevCAMakesNoClientCertificates: a service that trusts the authority must not take its certificates for clients.
func TestDevCAMakesNoClientCertificates(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	files := mustDevTLS(t, dir, someDay)
	ca, err := loadPair(files.CAFile, filepath.Join(dir, "ca-key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	template := serverTemplate(someDay, someDay.Add(serverLife))
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	pair, err := makePair(filepath.Join(dir, "x.pem"), filepath.Join(dir, "x-key.pem"), template, ca)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca.Leaf)
	_, err = pair.Leaf.Verify(x509.VerifyOptions{
		Roots: roots, CurrentTime: someDay, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err == nil {
		t.Error("a client certificate of the authority is accepted")
	}
}

// TestDevCAOfAnEarlierVersionIsReplaced starts with an authority that might vouch for more than servers.
func TestDevCAOfAnEarlierVersionIsReplaced(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	earlier := caTemplate(someDay)
	earlier.ExtKeyUsage, earlier.PermittedEmailAddresses, earlier.PermittedURIDomains = nil, nil, nil
	ca, err := makePair(filepath.Join(dir, "ca.pem"), filepath.Join(dir, "ca-key.pem"), earlier, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := makePair(filepath.Join(dir, "server.pem"), filepath.Join(dir, "server-key.pem"),
		serverTemplate(someDay, ca.Leaf.NotAfter), ca); err != nil {
		t.Fatal(err)
	}
	files := mustDevTLS(t, dir, someDay)
	made := readCertificate(t, files.CAFile)
	if made.Equal(ca.Leaf) || !slices.Equal(made.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}) {
		t.Errorf("the authority is for the usages %v", made.ExtKeyUsage)
	}
	if err := readCertificate(t, files.CertFile).CheckSignatureFrom(made); err != nil {
		t.Errorf("the server certificate is not of the new authority: %v", err)
	}
}

func TestDevCertificatesAreKnown(t *testing.T) {
	t.Parallel()
	files := mustDevTLS(t, t.TempDir(), someDay)
	for _, path := range []string{files.CertFile, files.CAFile} {
		if !madeByDevCA(readCertificate(t, path)) {
			t.Errorf("%s is not known as a development certificate", filepath.Base(path))
		}
	}
	other := readCertificate(t, files.CertFile)
	other.Issuer.CommonName = "Example CA"
	if madeByDevCA(other) {
		t.Error("the certificate of another authority is taken for a development certificate")
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
