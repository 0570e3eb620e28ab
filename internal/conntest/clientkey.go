package conntest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"github.com/google/uuid"
)

// AssertionType is the client_assertion_type of a client assertion.
const AssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// ClientKey is a key with a self-signed certificate, by which an application proves itself. It makes assertions with the
// standard library alone, so that what it makes does not come from the code that reads it.
type ClientKey struct {
	Private     *rsa.PrivateKey
	Certificate []byte // DER
	Now         time.Time
}

// NewClientKey makes a key whose certificate is valid from now on for life.
func NewClientKey(t testing.TB, now time.Time, life time.Duration) *ClientKey {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "client"}, NotBefore: now, NotAfter: now.Add(life),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	return &ClientKey{Private: private, Certificate: der, Now: now}
}

// PEM is the certificate as a file.
func (k *ClientKey) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: k.Certificate})
}

// Assertion is what MSAL for Go makes (contract section 4.5): PS256, x5t#S256 in standard base64 with padding, ten minutes.
func (k *ClientKey) Assertion(t testing.TB, clientID, endpoint string) string {
	t.Helper()
	return k.AssertionIn(t, base64.RawURLEncoding, clientID, endpoint)
}

// AssertionIn is Assertion with its three parts in another form of base64.
func (k *ClientKey) AssertionIn(t testing.TB, form *base64.Encoding, clientID, endpoint string) string {
	t.Helper()
	sum := sha256.Sum256(k.Certificate)
	encode := func(members map[string]any) string {
		raw, err := json.Marshal(members)
		if err != nil {
			t.Fatal(err)
		}
		return form.EncodeToString(raw)
	}
	input := encode(map[string]any{"alg": "PS256", "typ": "JWT", "x5t#S256": base64.StdEncoding.EncodeToString(sum[:])}) + "." +
		encode(map[string]any{
			"aud": endpoint, "iss": clientID, "sub": clientID, "jti": uuid.NewString(),
			"nbf": k.Now.Unix(), "exp": k.Now.Add(10 * time.Minute).Unix(),
		})
	digest := sha256.Sum256([]byte(input))
	signature, err := rsa.SignPSS(rand.Reader, k.Private, crypto.SHA256, digest[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	if err != nil {
		t.Fatal(err)
	}
	return input + "." + form.EncodeToString(signature)
}
