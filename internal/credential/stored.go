package credential

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
)

// store writes a private key and its chain, leaf first, as PEM: one PRIVATE KEY (PKCS#8), then the CERTIFICATEs. The
// same key and chain always give the same text. Nothing else of an uploaded file is kept.
func store(key any, chain []*x509.Certificate) (Secret, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Secret{}, fmt.Errorf("encode private key: %w", err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	for _, c := range chain {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return NewSecret(text), nil
}

// ParseStored gives back what NewCertificate.Stored holds: a key pair for TLS, its chain leaf first, Leaf set. It fails
// only on a Secret that did not come from there; the error does not hold it.
func ParseStored(stored Secret) (tls.Certificate, error) {
	text := stored.Reveal()
	pair, err := tls.X509KeyPair(text, text) // each skips the blocks of the other
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("stored certificate and key: %w", err)
	}
	return pair, nil
}
