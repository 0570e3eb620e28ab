package app

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// The lives of the development certificates. Apple's clients accept server certificates of up to 825 days from a CA that
// a user installed, so one year is safe everywhere.
const (
	caLife         = 10 * 365 * 24 * time.Hour
	serverLife     = 365 * 24 * time.Hour
	renewBefore    = 30 * 24 * time.Hour
	clockTolerance = time.Hour // certificates begin this much earlier, for clients whose clock is behind
)

// devTLS is where the development certificates lie.
type devTLS struct {
	CAFile     string // ca.pem: the certificate of the local certificate authority, for everybody
	BundleFile string // ca-bundle.pem: the same and the system's own roots, for SSL_CERT_FILE, which replaces the latter
	CertFile   string // server.pem
	KeyFile    string // server-key.pem
}

// The names of the development certificate authority. `patchbay serve` knows its certificates by them.
const (
	devOrganization = "Patchbay development"
	devCAName       = "Patchbay development CA"
)

// madeByDevCA tells whether the development certificate authority of any data directory made leaf, which may be the
// authority's own certificate.
func madeByDevCA(leaf *x509.Certificate) bool {
	return leaf.Issuer.CommonName == devCAName && slices.Contains(leaf.Issuer.Organization, devOrganization)
}

// localHosts are the names and addresses of the development server certificate.
var localHosts = []string{"localhost", "127.0.0.1", "::1"}

// systemBundles are the places where systems keep their root certificates as one PEM file; the list of crypto/x509.
var systemBundles = []string{
	"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
	"/etc/pki/tls/cacert.pem", "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "/etc/ssl/cert.pem",
}

// ensureDevTLS makes what is missing in dir: a certificate authority that can vouch for this machine's loopback names
// only, and a server certificate of it. The authority is kept for its life, unless it is wider than today's; the
// server certificate is made again when it is near its end, or does not fit the authority any more.
func ensureDevTLS(dir string, now time.Time) (devTLS, error) {
	files := devTLS{
		CAFile:     filepath.Join(dir, "ca.pem"),
		BundleFile: filepath.Join(dir, "ca-bundle.pem"),
		CertFile:   filepath.Join(dir, "server.pem"),
		KeyFile:    filepath.Join(dir, "server-key.pem"),
	}
	caKeyFile := filepath.Join(dir, "ca-key.pem")
	ca, err := loadPair(files.CAFile, caKeyFile)
	if err != nil {
		return devTLS{}, err
	}
	if ca == nil || !now.Before(ca.Leaf.NotAfter) || !confined(ca.Leaf) {
		if ca, err = makePair(files.CAFile, caKeyFile, caTemplate(now), nil); err != nil {
			return devTLS{}, err
		}
	}
	server, err := loadPair(files.CertFile, files.KeyFile)
	if err != nil {
		return devTLS{}, err
	}
	if server == nil || !serves(server.Leaf, ca.Leaf, now) {
		if _, err = makePair(files.CertFile, files.KeyFile, serverTemplate(now, ca.Leaf.NotAfter), ca); err != nil {
			return devTLS{}, err
		}
	}
	return files, writeBundle(files, ca.Leaf)
}

// writeBundle writes the roots of the system, if they are one file, behind the authority's own certificate.
func writeBundle(files devTLS, ca *x509.Certificate) error {
	bundle := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Raw})
	for _, path := range systemBundles {
		if system, err := os.ReadFile(path); err == nil {
			bundle = append(bundle, system...)
			break
		}
	}
	if old, err := os.ReadFile(files.BundleFile); err == nil && slices.Equal(old, bundle) {
		return nil
	}
	return writeFile(files.BundleFile, bundle, modePublicFile)
}

// caTemplate is a certificate authority whose name constraints (RFC 5280 section 4.2.1.10) and extended key usage make
// it worthless for anything but servers with loopback names, should its key get lost.
func caTemplate(now time.Time) *x509.Certificate {
	return &x509.Certificate{
		Subject:                     pkix.Name{CommonName: devCAName, Organization: []string{devOrganization}},
		NotBefore:                   now.Add(-clockTolerance),
		NotAfter:                    now.Add(caLife),
		KeyUsage:                    x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		ExtKeyUsage:                 []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid:       true,
		IsCA:                        true,
		MaxPathLenZero:              true,
		PermittedDNSDomainsCritical: true,
		PermittedDNSDomains:         []string{"localhost"},
		PermittedEmailAddresses:     []string{"localhost"}, // without a constraint on a kind of name, all of it is permitted
		PermittedURIDomains:         []string{"localhost"},
		PermittedIPRanges: []*net.IPNet{
			{IP: net.IPv4(127, 0, 0, 0).To4(), Mask: net.CIDRMask(8, 32)},
			{IP: net.IPv6loopback, Mask: net.CIDRMask(128, 128)},
		},
	}
}

// confined tells whether ca is as narrow as caTemplate makes it now; those of the first version were wider.
func confined(ca *x509.Certificate) bool {
	return slices.Equal(ca.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}) &&
		len(ca.PermittedEmailAddresses) > 0 && len(ca.PermittedURIDomains) > 0
}

func serverTemplate(now, atMost time.Time) *x509.Certificate {
	t := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "localhost", Organization: []string{devOrganization}},
		NotBefore:             now.Add(-clockTolerance),
		NotAfter:              now.Add(serverLife),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	if t.NotAfter.After(atMost) {
		t.NotAfter = atMost
	}
	for _, host := range localHosts {
		if ip := net.ParseIP(host); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, host)
		}
	}
	return t
}

// serves tells whether leaf is a server certificate of ca for all local hosts that will last a while.
func serves(leaf, ca *x509.Certificate, now time.Time) bool {
	lastsAlmostAsLongAsTheCA := !leaf.NotAfter.Before(ca.NotAfter)
	if !now.Add(renewBefore).Before(leaf.NotAfter) && !lastsAlmostAsLongAsTheCA {
		return false
	}
	if leaf.CheckSignatureFrom(ca) != nil {
		return false
	}
	for _, host := range localHosts {
		if leaf.VerifyHostname(host) != nil {
			return false
		}
	}
	return now.Before(leaf.NotAfter)
}

// loadPair reads a certificate and its key; nil if either file is missing, so that both are made again.
func loadPair(certFile, keyFile string) (*tls.Certificate, error) {
	key, err := readPrivateFile(keyFile, "the development key file")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	cert, err := os.ReadFile(certFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the development certificate: %w", err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("%s and %s do not fit together; delete both to have them made again: %w", certFile, keyFile, err)
	}
	return &pair, nil
}

// makePair makes an ECDSA P-256 key and its certificate, signed by parent or by itself, and writes both.
func makePair(certFile, keyFile string, template *x509.Certificate, parent *tls.Certificate) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a development key: %w", err)
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)); err != nil {
		return nil, fmt.Errorf("make a serial number: %w", err)
	}
	var signer crypto.Signer = key
	issuer := template
	if parent != nil {
		issuer = parent.Leaf
		parentKey, ok := parent.PrivateKey.(crypto.Signer)
		if !ok {
			return nil, errors.New("the key of the development CA cannot sign; delete ca.pem and ca-key.pem to have them made again")
		}
		signer = parentKey
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, key.Public(), signer)
	if err != nil {
		return nil, fmt.Errorf("make a development certificate: %w", err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode a development key: %w", err)
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
	if err := errors.Join(writeFile(keyFile, keyPEM, modePrivateFile), writeFile(certFile, certPEM, modePublicFile)); err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, fmt.Errorf("read back a development certificate: %w", err)
	}
	return &pair, nil
}
