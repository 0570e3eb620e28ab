// Package pfx makes self-signed certificates as applications prove themselves by, and PKCS#12 files of them.
package pfx

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

// Identity is a self-signed certificate with its key.
type Identity struct {
	Certificate *x509.Certificate
	Key         *rsa.PrivateKey
}

// File is an Identity in a PKCS#12 file, as an API connector is given it.
type File struct {
	Identity
	Bytes    []byte
	Value    string // Bytes in base64
	Password string
}

// NewIdentity makes an identity of that common name, valid for a year.
func NewIdentity(t *testing.T, name string) Identity {
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
	return Identity{Certificate: certificate, Key: key}
}

// New makes an identity of that common name and protects it by the password.
func New(t *testing.T, name, password string) File {
	t.Helper()
	identity := NewIdentity(t, name)
	file, err := pkcs12.Modern.Encode(identity.Key, identity.Certificate, nil, password)
	if err != nil {
		t.Fatal(err)
	}
	return File{Identity: identity, Bytes: file, Value: base64.StdEncoding.EncodeToString(file), Password: password}
}

// Thumbprint is how Graph names a certificate: the SHA-1 of its DER form, 40 upper-case hexadecimal digits.
func (i Identity) Thumbprint() string { return fmt.Sprintf("%X", sha1.Sum(i.Certificate.Raw)) }

// CertificateFile writes the certificate, without its key, as PEM.
func (i Identity) CertificateFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "certificate.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.Certificate.Raw})
	if err := os.WriteFile(path, block, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
