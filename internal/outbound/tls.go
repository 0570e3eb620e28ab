package outbound

import (
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// cipherSuites are those of TLS 1.2 that the original offers and Go has: six of its eight; Go has no
// AES256-CBC-SHA384 (runtime contract 5.5). Go puts them in its own order and adds those of TLS 1.3.
var cipherSuites = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256,
}

// errNotPinned is why a chain that is trusted is refused.
var errNotPinned = errors.New("no certificate of the server's chain has one of the pinned keys")

// tlsConfig is what the connections of a pool have in common. There is no session cache: each connection proves itself in
// full, so that its receipt says what was asked and presented on it.
func (c *Client) tlsConfig(s apiconn.CallSettings) (*tls.Config, *refusal) {
	config := &tls.Config{
		MinVersion:   tls.VersionTLS12,
		CipherSuites: cipherSuites,
		RootCAs:      c.roots,
		NextProtos:   []string{"h2", "http/1.1"},
		Time:         c.now,
	}
	if s.TrustedRoots != "" {
		roots, err := readRoots(s.TrustedRoots)
		if err != nil {
			return nil, settingsRefusal("trustedRoots: " + err.Error())
		}
		config.RootCAs = roots
	}
	if len(s.PinnedKeys) > 0 {
		pins, err := readPins(s.PinnedKeys)
		if err != nil {
			return nil, settingsRefusal("pinnedKeys: " + err.Error())
		}
		config.VerifyConnection = func(state tls.ConnectionState) error { return checkPins(state, pins) }
	}
	if s.LateCertificate { // TLS 1.3 has no renegotiation, and HTTP/2 forbids it (RFC 9113 section 9.2.1)
		config.MaxVersion = tls.VersionTLS12
		config.NextProtos = []string{"http/1.1"}
		config.Renegotiation = tls.RenegotiateOnceAsClient
	}
	return config, nil
}

// readRoots reads certificates in PEM.
func readRoots(text string) (*x509.CertPool, error) {
	pool, n := x509.NewCertPool(), 0
	for rest := []byte(text); len(bytes.TrimSpace(rest)) > 0; n++ {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return nil, errors.New("after certificate " + fmt.Sprint(n) + " comes something that is not PEM")
		}
		if block.Type != "CERTIFICATE" {
			return nil, errors.New("it holds a PEM block that is not a CERTIFICATE")
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d cannot be read: %w", n+1, err)
		}
		pool.AddCert(certificate)
	}
	if n == 0 {
		return nil, errors.New("it holds no certificate")
	}
	return pool, nil
}

// readPins reads hashes of keys.
func readPins(texts []string) ([][sha256.Size]byte, error) {
	pins := make([][sha256.Size]byte, len(texts))
	for i, text := range texts {
		hash, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(hash) != sha256.Size {
			return nil, fmt.Errorf("pin %d is not the base64 of a SHA-256 hash", i+1)
		}
		copy(pins[i][:], hash)
	}
	return pins, nil
}

// checkPins looks for a pinned key in the verified chains: what a server sends beside them proves nothing.
func checkPins(state tls.ConnectionState, pins [][sha256.Size]byte) error {
	for _, chain := range state.VerifiedChains {
		for _, certificate := range chain {
			if slices.Contains(pins, sha256.Sum256(certificate.RawSubjectPublicKeyInfo)) {
				return nil
			}
		}
	}
	return errNotPinned
}

// tlsFor is the configuration of one connection. The certificate is presented whatever authorities the server names: which
// one to use is the connector's business, and whether it does is the server's.
func (p *pool) tlsFor(c *conn, host string) *tls.Config {
	config := p.tls.Clone()
	config.ServerName = strings.TrimSuffix(host, ".")
	c.mu.Lock()
	c.facts.ServerName = config.ServerName
	c.mu.Unlock()
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		presented := p.who.certificate
		if presented == nil {
			presented = &tls.Certificate{}
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.facts.CertificateAsked = true
		if p.who.certificate != nil {
			c.facts.ClientCertificate = p.who.thumbprint
		}
		if c.done {
			c.facts.LateRenegotiations++
			p.client.log.LogAttrs(context.Background(), slog.LevelWarn, "late client certificate request answered",
				slog.String("connector", p.owner), slog.String("host", host), slog.Bool("presented", p.who.certificate != nil))
		}
		return presented, nil
	}
	return config
}

// learn writes down what a handshake came to; err is why it failed, if it did.
func (c *conn) learn(secured *tls.Conn, err error) {
	state := secured.ConnectionState()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.secured = secured
	c.done = err == nil
	if state.Version != 0 {
		c.facts.Version = tls.VersionName(state.Version)
	}
	if state.CipherSuite != 0 {
		c.facts.CipherSuite = tls.CipherSuiteName(state.CipherSuite)
	}
	peer := state.PeerCertificates
	var unverified *tls.CertificateVerificationError
	if errors.As(err, &unverified) {
		peer = unverified.UnverifiedCertificates
	}
	if len(peer) > 0 {
		c.facts.PeerSubject = peer[0].Subject.String()
		c.facts.PeerThumbprint = fmt.Sprintf("%X", sha1.Sum(peer[0].Raw))
		c.facts.PeerNotAfter = peer[0].NotAfter.UTC().Truncate(time.Microsecond)
	}
}
