package credential

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"strings"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// decodeBase64 decodes a pkcs12Value: the standard or the URL alphabet, with or without padding and line breaks
// (contract section 1.1). What people put there by mistake is refused by its name.
func decodeBase64(value string) ([]byte, error) {
	if strings.HasPrefix(value, "eyJ") { // {" in base64; the documentation's own sample is a JWE (contract section 2.5)
		return nil, bad("The value is a JWE or JWT, not a PKCS#12 file. Give the octets of a .pfx or .p12 file, encoded as base64.")
	}
	if strings.Contains(value, "-----BEGIN") {
		return nil, bad("The value is PEM, not a PKCS#12 file. Make one with: openssl pkcs12 -export -in certificate.pem -inkey key.pem -out file.pfx. Then give its octets, encoded as base64.")
	}
	plain := strings.TrimRight(strings.NewReplacer("\r", "", "\n", "", "\t", "", " ", "", "-", "+", "_", "/").Replace(value), "=")
	if base64.RawStdEncoding.DecodedLen(len(plain)) > maxFile {
		return nil, bad("The PKCS#12 file is too large; at most %d octets are accepted. Export only the certificate, its private key and its chain.", maxFile)
	}
	file, err := base64.RawStdEncoding.DecodeString(plain)
	if err != nil {
		return nil, bad("The value is not base64. Give the octets of a .pfx or .p12 file, encoded as base64.").Because(err)
	}
	return file, nil
}

// notPKCS12 says what a file that is not PKCS#12 seems to be instead.
func notPKCS12(file []byte) *apiconn.Error {
	what := "damaged, cut short or something else"
	_, certificateErr := x509.ParseCertificate(file)
	switch {
	case certificateErr == nil:
		what = "a certificate without its private key"
	case bytes.Contains(file, []byte("-----BEGIN")):
		what = "PEM"
	case bytes.HasPrefix(file, []byte("MII")):
		what = "encoded as base64 twice"
	case bytes.HasPrefix(file, []byte{0xfe, 0xed, 0xfe, 0xed}):
		what = "a Java key store (JKS)"
	}
	return bad("The value is not a PKCS#12 file: it is %s. Give the octets of a .pfx or .p12 file, encoded as base64.", what)
}
