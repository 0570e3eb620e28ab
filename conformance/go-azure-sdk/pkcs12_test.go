package conformance

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"
)

// pfx is a self-signed certificate with its key in a PKCS#12 file.
type pfx struct {
	certificate *x509.Certificate
	file        []byte
	password    string
}

func newPFX(t *testing.T, name, password string) pfx {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.Add(365 * 24 * time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	file, err := pkcs12.Modern.Encode(key, certificate, nil, password)
	if err != nil {
		t.Fatal(err)
	}
	return pfx{certificate: certificate, file: file, password: password}
}

// value is the file in base64, as an API connector is given it.
func (p pfx) value() string { return base64.StdEncoding.EncodeToString(p.file) }

// thumbprint is how Graph names a certificate: the SHA-1 of its DER form, 40 upper-case hexadecimal digits.
func (p pfx) thumbprint() string { return fmt.Sprintf("%X", sha1.Sum(p.certificate.Raw)) }

// certificateFile writes the certificate, without its key, as PEM.
func (p pfx) certificateFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "certificate.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.certificate.Raw})
	if err := os.WriteFile(path, block, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
