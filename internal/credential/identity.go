package credential

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// The sizes of RSA keys that are accepted, in bits. Less can be broken; more costs every handshake, and Go's TLS refuses it.
const (
	minRSABits = 2048
	maxRSABits = 8192
)

// identity is what proves a connector: a private key and the certificates from its own up to the root.
type identity struct {
	key   crypto.Signer
	chain []*x509.Certificate // leaf first
}

// newIdentity matches key with the certificate that belongs to it and puts the others in order. All that makes a file
// useless for TLS at now is refused with its reason; a certificate that is not valid yet is not, since certificates are
// rotated in advance.
func newIdentity(key any, certificates []*x509.Certificate, now time.Time) (identity, error) {
	signer, err := usableKey(key)
	if err != nil {
		return identity{}, err
	}
	if len(certificates) == 0 {
		return identity{}, bad("The PKCS#12 file holds no certificate. Export the certificate together with its private key.")
	}
	leaf := leafOf(signer, certificates, now)
	if leaf == nil {
		return identity{}, bad("No certificate in the PKCS#12 file belongs to its private key. Export the key with its own certificate.")
	}
	if now.After(leaf.NotAfter) {
		return identity{}, bad("The certificate expired on %s. Upload one that is still valid.", leaf.NotAfter.UTC().Format(time.RFC3339))
	}
	return identity{key: signer, chain: chainOf(leaf, certificates)}, nil
}

// usableKey refuses private keys that TLS client authentication cannot or should not use.
func usableKey(key any) (crypto.Signer, error) {
	switch k := key.(type) {
	case *rsa.PrivateKey:
		if bits := k.N.BitLen(); bits < minRSABits || bits > maxRSABits {
			return nil, bad("The RSA key in the PKCS#12 file has %d bits; %d to %d are accepted. Make a new key and certificate.", bits, minRSABits, maxRSABits)
		}
		return k, nil
	case *ecdsa.PrivateKey:
		if k.Curve != elliptic.P256() && k.Curve != elliptic.P384() && k.Curve != elliptic.P521() {
			return nil, bad("The elliptic curve %s of the key in the PKCS#12 file is not accepted. Use P-256, P-384 or P-521.", k.Curve.Params().Name)
		}
		return k, nil
	case ed25519.PrivateKey:
		return k, nil
	default:
		return nil, bad("The private key in the PKCS#12 file cannot sign. Use an RSA, an elliptic curve (P-256, P-384, P-521) or an Ed25519 key.")
	}
}

// leafOf finds the certificate of key, wherever in the file it is: nothing makes it the first. A file may hold several
// for one key, after a renewal: one that is valid at now goes first, then the one that is valid longest.
func leafOf(key crypto.Signer, certificates []*x509.Certificate, now time.Time) *x509.Certificate {
	public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok {
		return nil
	}
	valid := func(c *x509.Certificate) bool { return !now.Before(c.NotBefore) && !now.After(c.NotAfter) }
	var leaf *x509.Certificate
	for _, c := range certificates {
		switch {
		case !public.Equal(c.PublicKey):
		case leaf == nil, valid(c) && !valid(leaf), valid(c) == valid(leaf) && c.NotAfter.After(leaf.NotAfter):
			leaf = c
		}
	}
	return leaf
}

// chainOf returns leaf and then each one's issuer, as TLS wants them (RFC 5246 section 7.4.2: each certifies the one
// before it). Certificates that are not on this path are left out: a strict peer would refuse them.
func chainOf(leaf *x509.Certificate, certificates []*x509.Certificate) []*x509.Certificate {
	chain := []*x509.Certificate{leaf}
	for {
		last := chain[len(chain)-1]
		next := slices.IndexFunc(certificates, func(c *x509.Certificate) bool {
			return issued(c, last) && !slices.ContainsFunc(chain, c.Equal)
		})
		if next < 0 {
			return chain
		}
		chain = append(chain, certificates[next])
	}
}

// issued tells whether issuer is the issuer of c, by name and, where both have one, key identifier (RFC 5280 section
// 4.2.1.1). Signatures are for the peer to judge: Go would not check those by SHA-1, which old authorities still have.
func issued(issuer, c *x509.Certificate) bool {
	if bytes.Equal(c.RawIssuer, c.RawSubject) || !bytes.Equal(c.RawIssuer, issuer.RawSubject) {
		return false
	}
	return len(c.AuthorityKeyId) == 0 || len(issuer.SubjectKeyId) == 0 || bytes.Equal(c.AuthorityKeyId, issuer.SubjectKeyId)
}

// certificate returns what is stored of the identity when it is uploaded at now.
func (id identity) certificate(now time.Time) (NewCertificate, error) {
	stored, err := store(id.key, id.chain)
	if err != nil {
		return NewCertificate{}, err
	}
	leaf := id.chain[0]
	return NewCertificate{
		Certificate: apiconn.Certificate{
			Thumbprint: fmt.Sprintf("%X", sha1.Sum(leaf.Raw)),
			NotBefore:  leaf.NotBefore.UTC(),
			NotAfter:   leaf.NotAfter.UTC(),
			Subject:    subject(leaf),
			UploadedAt: now.UTC().Truncate(time.Microsecond),
		},
		Stored: stored,
	}, nil
}

// subject is the certificate's subject for people, as RFC 2253 text: made printable and short, because its octets are
// the uploader's and a database refuses some of them.
func subject(c *x509.Certificate) string {
	const most = 512
	text := []rune(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(c.Subject.String(), "?")))
	if len(text) > most {
		text = append(text[:most-1], '…')
	}
	return string(text)
}

// bad is an Invalid error about a PKCS#12 file.
func bad(format string, args ...any) *apiconn.Error {
	return apiconn.Errorf(apiconn.Invalid, format, args...)
}
