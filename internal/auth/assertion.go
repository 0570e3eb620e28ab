package auth

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lestrrat-go/jwx/v3/jws"

	"github.com/patchbay/patchbay/internal/apiconn"
)

const (
	// maxAssertionLife is how far ahead the exp of a client assertion may lie: Entra's own bound.
	maxAssertionLife = 24 * time.Hour
	// maxAssertionBytes bounds an assertion; one with a whole x5c chain is about 6 KB.
	maxAssertionBytes = 16 << 10
)

// assertionAlgorithms are what Microsoft's clients sign with: PS256 since 2024, RS256 before.
var assertionAlgorithms = []string{"PS256", "RS256"}

// AssertionCheck says what a client assertion must prove.
type AssertionCheck struct {
	ClientID     string
	Audiences    []string // acceptable aud: the token endpoint's URLs
	Certificates [][]byte // the client's registered certificates, DER
	Now          time.Time
}

// VerifyAssertion verifies a client assertion (RFC 7523 section 3, in the shape of contract section 4.5) and returns the
// index of the certificate that signed it. Its errors are Unauthenticated with ReasonAssertionInvalid, or with
// ReasonAssertionKeyUnknown if no registered certificate signed it.
func VerifyAssertion(compact string, check AssertionCheck) (int, error) {
	if len(compact) > maxAssertionBytes {
		return -1, assertionInvalid("The client assertion is too long.", nil)
	}
	t, err := parseToken(compact, true)
	if err != nil {
		return -1, assertionInvalid("The client assertion is not a JWT in compact form.", err)
	}
	if !slices.Contains(assertionAlgorithms, t.header.Algorithm) {
		return -1, assertionInvalid("The client assertion must be signed with PS256 or RS256.", nil)
	}
	index, err := t.signedBy(check.Certificates)
	if err != nil {
		return -1, err
	}
	if err := t.claims.assert(check); err != nil {
		return -1, err
	}
	return index, nil
}

// signedBy finds the certificate that the header names by its thumbprint, and verifies the signature with it.
func (t *token) signedBy(certificates [][]byte) (int, error) {
	index := slices.IndexFunc(certificates, t.header.names)
	if index < 0 {
		return -1, &apiconn.Error{
			Kind: apiconn.Unauthenticated, Reason: apiconn.ReasonAssertionKeyUnknown,
			Message: "The certificate that the client assertion names is not registered on the application. Register it, or send its thumbprint as x5t#S256 or x5t.",
		}
	}
	certificate, err := x509.ParseCertificate(certificates[index])
	if err != nil {
		return -1, fmt.Errorf("read a registered certificate: %w", err)
	}
	alg := algorithms[t.header.Algorithm]
	if !alg.fits(certificate.PublicKey) {
		return -1, assertionInvalid("The registered certificate's key does not fit the assertion's algorithm.", nil)
	}
	if _, err := jws.VerifyCompactFast(certificate.PublicKey, t.compact, alg.jwa); err != nil {
		e := apiconn.Error{
			Kind: apiconn.Unauthenticated, Reason: apiconn.ReasonAssertionKeyUnknown,
			Message: "The client assertion failed signature validation: it was not signed with the key of the certificate it names.",
		}
		return -1, e.Because(err)
	}
	return index, nil
}

// names tells whether the header identifies the certificate: by x5t#S256, which MSAL for Go writes in standard base64 and
// others in base64url; else by x5t; else by a kid that is the SHA-1 thumbprint in hex or base64url, as older clients do.
func (h tokenHeader) names(certificate []byte) bool {
	if h.SHA256 != "" {
		sum := sha256.Sum256(certificate)
		return bytes.Equal(decodeBase64(h.SHA256), sum[:])
	}
	sum := sha1.Sum(certificate)
	if h.SHA1 != "" {
		return bytes.Equal(decodeBase64(h.SHA1), sum[:])
	}
	if h.KeyID == "" {
		return false
	}
	fromHex, _ := hex.DecodeString(h.KeyID)
	return bytes.Equal(fromHex, sum[:]) || bytes.Equal(decodeBase64(h.KeyID), sum[:])
}

// assert checks the claims of a client assertion.
func (c claims) assert(check AssertionCheck) error {
	if c.text("iss") != check.ClientID || c.text("sub") != check.ClientID {
		return assertionInvalid("The iss and sub claims of the client assertion must both be the client_id.", nil)
	}
	if !slices.ContainsFunc(c.audiences(), func(a string) bool { return slices.Contains(check.Audiences, a) }) {
		return assertionInvalid("The aud claim of the client assertion must be the URL of the token endpoint.", nil)
	}
	if c.text("jti") == "" {
		return assertionInvalid("The client assertion must have a jti claim.", nil)
	}
	expires, ok := c.instant("exp")
	switch {
	case !ok:
		return assertionInvalid("The client assertion must have an exp claim.", nil)
	case !check.Now.Before(expires.Add(DefaultClockSkew)):
		return assertionInvalid("The client assertion is not within its valid time range: it has expired.", nil)
	case expires.After(check.Now.Add(maxAssertionLife + DefaultClockSkew)):
		return assertionInvalid("The client assertion may be valid for at most 24 hours.", nil)
	}
	for _, name := range []string{"nbf", "iat"} {
		if _, present := c[name]; !present {
			continue
		}
		if from, ok := c.instant(name); !ok || check.Now.Before(from.Add(-DefaultClockSkew)) {
			return assertionInvalid("The client assertion is not within its valid time range: it is not valid yet.", nil)
		}
	}
	return nil
}

// decodeBase64 reads either alphabet, with or without padding; nil if it is neither.
func decodeBase64(s string) []byte {
	plain := strings.NewReplacer("+", "-", "/", "_").Replace(strings.TrimRight(s, "="))
	b, err := base64.RawURLEncoding.DecodeString(plain)
	if err != nil {
		return nil
	}
	return b
}

func assertionInvalid(message string, cause error) error {
	e := apiconn.Error{Kind: apiconn.Unauthenticated, Reason: apiconn.ReasonAssertionInvalid, Message: message}
	return e.Because(cause)
}
