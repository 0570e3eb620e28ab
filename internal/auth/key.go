package auth

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwk"
)

// signingKeyBits is the size of a signing key: what Entra uses, and the least that JWT libraries take for RS256.
const signingKeyBits = 2048

// certificateYears is the life of a signing key's self-signed certificate. Verifiers take the key from the JWKS and do
// not look at these dates; they are long so that nobody has to.
const certificateYears = 10

// LocalKey is a signing key of the local authority, opened. It masks itself in fmt and slog.
type LocalKey struct {
	ID          string        // kid: the RFC 7638 thumbprint of the public key
	Private     crypto.Signer // RSA, 2048 bits or more
	Certificate []byte        // self-signed, DER
	CreatedAt   time.Time
	RetireAt    time.Time // zero: in use; else no new token is signed with it, and from then on those it signed are refused
}

// NewLocalKey makes an RSA key with a self-signed certificate, not yet retired. It takes some 100 ms of a core.
func NewLocalKey(now time.Time) (LocalKey, error) {
	private, err := rsa.GenerateKey(rand.Reader, signingKeyBits)
	if err != nil {
		return LocalKey{}, fmt.Errorf("generate a signing key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return LocalKey{}, fmt.Errorf("generate a serial number: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "Patchbay token signing"},
		NotBefore:    now.UTC(),
		NotAfter:     now.UTC().AddDate(certificateYears, 0, 0),
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return LocalKey{}, fmt.Errorf("certify the signing key: %w", err)
	}
	k := LocalKey{Private: private, Certificate: der, CreatedAt: now.UTC().Truncate(time.Microsecond)}
	if k.ID, err = thumbprint(private.Public()); err != nil {
		return LocalKey{}, err
	}
	return k, nil
}

// Format masks the key in every fmt verb.
func (k LocalKey) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "signing key %s", k.ID) }

// MarshalText masks the key in JSON and in slog.
func (k LocalKey) MarshalText() ([]byte, error) { return []byte("signing key " + k.ID), nil }

// PrivateDER returns the private half as PKCS#8: the plaintext that is sealed.
func (k LocalKey) PrivateDER() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(k.Private)
	if err != nil {
		return nil, fmt.Errorf("encode signing key %s: %w", k.ID, err)
	}
	return der, nil
}

// Public returns what may be published of the key.
func (k LocalKey) Public() (PublicKey, error) {
	if k.Private == nil {
		return PublicKey{}, fmt.Errorf("signing key %s has no private half", k.ID)
	}
	public, ok := k.Private.Public().(*rsa.PublicKey)
	if !ok {
		return PublicKey{}, fmt.Errorf("signing key %s is not an RSA key", k.ID)
	}
	return PublicKey{ID: k.ID, RSA: public, Certificate: k.Certificate, RetireAt: k.RetireAt}, nil
}

// ParsePrivateDER opens what PrivateDER wrote.
func ParsePrivateDER(der []byte) (crypto.Signer, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, errors.New("the private half of a signing key is not PKCS#8") // the parser's error may quote the key
	}
	signer, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, errors.New("the private half of a signing key cannot sign")
	}
	return signer, nil
}

// PublicKey is what the JWKS of the local authority shows of a signing key.
type PublicKey struct {
	ID          string
	RSA         *rsa.PublicKey
	Certificate []byte // DER
	RetireAt    time.Time
}

// CertificateThumbprint is the x5t of the key: base64url of the SHA-1 of its certificate (RFC 7515 section 4.1.7).
func (k PublicKey) CertificateThumbprint() string {
	sum := sha1.Sum(k.Certificate)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// JWK is the key as a JWK (RFC 7517): kty, use, kid, n, e and alg.
func (k PublicKey) JWK() ([]byte, error) {
	out, err := json.Marshal(map[string]string{
		"kty": "RSA", "use": "sig", "alg": "RS256", "kid": k.ID,
		"n": base64.RawURLEncoding.EncodeToString(k.RSA.N.Bytes()),
		"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(k.RSA.E)).Bytes()),
	})
	if err != nil {
		return nil, fmt.Errorf("encode the JWK of signing key %s: %w", k.ID, err)
	}
	return out, nil
}

// thumbprint is the RFC 7638 SHA-256 thumbprint of a public key, base64url.
func thumbprint(public crypto.PublicKey) (string, error) {
	key, err := jwk.Import(public)
	if err != nil {
		return "", fmt.Errorf("read a public key: %w", err)
	}
	sum, err := key.Thumbprint(crypto.SHA256)
	if err != nil {
		return "", fmt.Errorf("hash a public key: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(sum), nil
}

// verificationKey is a public key that tokens of one issuer may be signed with.
type verificationKey struct {
	id        string
	public    crypto.PublicKey
	algorithm string    // the JWK's alg; "": any that fits the key type
	issuer    string    // Entra's addition to a JWK: the issuer, possibly with {tenantid}, that alone may use it; "": any
	retireAt  time.Time // zero: none known
}

// keySet is an immutable set of verification keys. A source returns the same pointer for as long as the keys are the
// same ones, so that a pointer is all a remembered token has to compare.
type keySet struct {
	keys        []verificationKey
	fingerprint [sha256.Size]byte
}

// newKeySet makes a set, or returns prior if that holds the same keys.
func newKeySet(prior *keySet, keys []verificationKey) (*keySet, error) {
	hash := sha256.New()
	for _, k := range keys {
		der, err := x509.MarshalPKIXPublicKey(k.public)
		if err != nil {
			return nil, fmt.Errorf("encode public key %q: %w", k.id, err)
		}
		_, _ = fmt.Fprintf(hash, "%q %q %q %d %x\n", k.id, k.algorithm, k.issuer, k.retireAt.UnixMicro(), der)
	}
	set := &keySet{keys: keys, fingerprint: [sha256.Size]byte(hash.Sum(nil))}
	if prior != nil && prior.fingerprint == set.fingerprint {
		return prior, nil
	}
	return set, nil
}

// find returns the key with that kid. A token without a kid is taken only if there is no choice to make.
func (s *keySet) find(kid string) (verificationKey, bool) {
	if kid == "" {
		if len(s.keys) == 1 {
			return s.keys[0], true
		}
		return verificationKey{}, false
	}
	for _, k := range s.keys {
		if k.id == kid {
			return k, true
		}
	}
	return verificationKey{}, false
}
