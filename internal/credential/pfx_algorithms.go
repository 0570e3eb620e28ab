package credential

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"hash"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// pbes1 are the schemes of RFC 7292 appendix C that are supported, and how many output blocks of SHA-1 each derives for
// key and IV.
var pbes1 = []struct {
	oid    asn1.ObjectIdentifier
	blocks int
}{
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 1, 3}, 3}, // 3-key triple DES
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 1, 5}, 2}, // 128-bit RC2
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 1, 6}, 2}, // 40-bit RC2
}

var (
	oidPBES2  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}
	oidPBMAC1 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 14}
	oidPBKDF2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}
	oidSHA256 = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
)

// pbes2Ciphers are the ciphers that PBES2 may use, with the size of their keys in octets.
var pbes2Ciphers = []struct {
	oid asn1.ObjectIdentifier
	key int
}{
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 2}, 16},  // AES-128-CBC
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 22}, 24}, // AES-192-CBC
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 42}, 32}, // AES-256-CBC
}

// digests are the hashes a MAC may use, by themselves (RFC 7292) and as HMAC (RFC 8018, RFC 9579). encryption tells
// whether the decoder also takes the HMAC as pseudo-random function of PBES2.
var digests = []struct {
	digest, hmac asn1.ObjectIdentifier
	new          func() hash.Hash
	encryption   bool
}{
	{asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}, asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 7}, sha1.New, true},
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 4}, asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 8}, sha256.New224, false},
	{oidSHA256, asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 9}, sha256.New, true},
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 2}, asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 10}, sha512.New384, false},
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 3}, asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 11}, sha512.New, true},
}

// unsupported names algorithms that some tools write and that are refused, for the error's text.
var unsupported = map[string]string{
	"1.2.840.113549.1.12.1.1":   "128-bit RC4",
	"1.2.840.113549.1.12.1.2":   "40-bit RC4",
	"1.2.840.113549.1.12.1.4":   "2-key triple DES",
	"1.2.840.113549.1.5.1":      "DES with MD2",
	"1.2.840.113549.1.5.3":      "DES with MD5",
	"1.2.840.113549.1.5.10":     "DES with SHA-1",
	"1.2.840.113549.1.5.11":     "RC2 with SHA-1",
	"1.2.840.113549.3.2":        "RC2-CBC",
	"1.2.840.113549.3.7":        "triple DES within PBES2",
	"1.3.14.3.2.7":              "DES",
	"1.2.392.200011.61.1.1.1.2": "Camellia-128",
	"1.2.392.200011.61.1.1.1.3": "Camellia-192",
	"1.2.392.200011.61.1.1.1.4": "Camellia-256",
	"1.2.410.200046.1.1.2":      "ARIA-128",
	"1.2.410.200046.1.1.7":      "ARIA-192",
	"1.2.410.200046.1.1.12":     "ARIA-256",
	"1.3.6.1.4.1.11591.4.11":    "scrypt",
	"1.2.840.113549.2.5":        "MD5",
	"1.2.840.113549.2.8":        "HMAC with SHA-224",
	"1.2.840.113549.2.10":       "HMAC with SHA-384",
	"1.2.840.113549.2.12":       "HMAC with SHA-512/224",
	"1.2.840.113549.2.13":       "HMAC with SHA-512/256",
	"2.16.840.1.101.3.4.1.6":    "AES-128-GCM",
	"2.16.840.1.101.3.4.1.46":   "AES-256-GCM",
}

// The parameters of RFC 7292 appendix C and RFC 8018 appendix A.
type (
	pbes1Params struct {
		Salt       []byte
		Iterations int
	}
	pbes2Params struct {
		KDF    pkix.AlgorithmIdentifier
		Scheme pkix.AlgorithmIdentifier // PBES2: the cipher; PBMAC1: the MAC
	}
	pbkdf2Params struct {
		Salt       asn1.RawValue
		Iterations int
		KeyLength  int                      `asn1:"optional"`
		PRF        pkix.AlgorithmIdentifier `asn1:"optional"`
	}
)

// spend adds what deriving the key of an encryption scheme costs, and refuses a scheme that is not supported.
func (s *scanner) spend(a pkix.AlgorithmIdentifier) error {
	for _, scheme := range pbes1 {
		if !scheme.oid.Equal(a.Algorithm) {
			continue
		}
		var params pbes1Params
		if err := unmarshal(a.Parameters.FullBytes, &params); err != nil {
			return damaged(err)
		}
		return s.spendRounds(params.Iterations, scheme.blocks, len(params.Salt))
	}
	if !a.Algorithm.Equal(oidPBES2) {
		return notSupported("is encrypted", a.Algorithm)
	}
	params, kdf, err := readPBKDF2(a)
	if err != nil {
		return err
	}
	prf, err := prfOf(kdf)
	if err != nil {
		return err
	}
	for _, cipher := range pbes2Ciphers {
		if cipher.oid.Equal(params.Scheme.Algorithm) {
			return s.spendRounds(kdf.Iterations, blocks(cipher.key, prf), len(kdf.Salt.Bytes))
		}
	}
	return notSupported("is encrypted", params.Scheme.Algorithm)
}

// spendMAC adds what checking the MAC costs, and refuses an algorithm that is not supported.
func (s *scanner) spendMAC(m macData) error {
	if !m.Mac.Algorithm.Algorithm.Equal(oidPBMAC1) {
		if digestNamed(m.Mac.Algorithm.Algorithm) == nil {
			return notSupported("is authenticated", m.Mac.Algorithm.Algorithm)
		}
		return s.spendRounds(m.Iterations, 1, len(m.MacSalt))
	}
	params, kdf, err := readPBKDF2(m.Mac.Algorithm)
	if err != nil {
		return err
	}
	prf := hmacNamed(kdf.PRF.Algorithm)
	switch {
	case prf == nil:
		return notSupported("is authenticated", kdf.PRF.Algorithm)
	case hmacNamed(params.Scheme.Algorithm) == nil || len(params.Scheme.Algorithm) == 0:
		return notSupported("is authenticated", params.Scheme.Algorithm)
	case kdf.KeyLength < 20 || kdf.KeyLength > 64: // RFC 9579 sections 4 and 9: too short a key can be forged
		return damaged(errors.New("PBMAC1 key length"))
	}
	return s.spendRounds(kdf.Iterations, blocks(kdf.KeyLength, prf), len(kdf.Salt.Bytes))
}

// spendRounds adds one derivation.
func (s *scanner) spendRounds(iterations, blocks, salt int) error {
	if iterations < 1 || salt > maxSalt {
		return damaged(errors.New("iteration count or salt out of range"))
	}
	if iterations > maxRounds || s.rounds+iterations*blocks > maxRounds {
		return bad("Opening the PKCS#12 file takes too many iterations of key derivation (one count in it is %d). "+
			"Export it again with fewer, for example: openssl pkcs12 -export -iter 2048.", iterations)
	}
	s.rounds += iterations * blocks
	return nil
}

// readPBKDF2 reads the parameters of PBES2 or PBMAC1, whose key derivation must be PBKDF2.
func readPBKDF2(a pkix.AlgorithmIdentifier) (params pbes2Params, kdf pbkdf2Params, err error) {
	if err := unmarshal(a.Parameters.FullBytes, &params); err != nil {
		return params, kdf, damaged(err)
	}
	if !params.KDF.Algorithm.Equal(oidPBKDF2) {
		return params, kdf, notSupported("derives its keys", params.KDF.Algorithm)
	}
	if err := unmarshal(params.KDF.Parameters.FullBytes, &kdf); err != nil {
		return params, kdf, damaged(err)
	}
	if kdf.Salt.Class != asn1.ClassUniversal || kdf.Salt.Tag != asn1.TagOctetString {
		return params, kdf, damaged(errors.New("PBKDF2 salt is no octet string"))
	}
	return params, kdf, nil
}

// prfOf returns the hash of the pseudo-random function that PBES2 uses, if the decoder takes it.
func prfOf(kdf pbkdf2Params) (func() hash.Hash, error) {
	if len(kdf.PRF.Algorithm) == 0 { // the default, HMAC with SHA-1
		return sha1.New, nil
	}
	for _, d := range digests {
		if d.hmac.Equal(kdf.PRF.Algorithm) && d.encryption {
			return d.new, nil
		}
	}
	return nil, notSupported("derives its keys", kdf.PRF.Algorithm)
}

// digestNamed returns the hash of that name, nil if it is unknown.
func digestNamed(oid asn1.ObjectIdentifier) func() hash.Hash {
	for _, d := range digests {
		if d.digest.Equal(oid) {
			return d.new
		}
	}
	return nil
}

// hmacNamed returns the hash of the HMAC of that name: SHA-1 for none (RFC 8018 appendix A.2), nil if it is unknown.
func hmacNamed(oid asn1.ObjectIdentifier) func() hash.Hash {
	if len(oid) == 0 {
		return sha1.New
	}
	for _, d := range digests {
		if d.hmac.Equal(oid) {
			return d.new
		}
	}
	return nil
}

// blocks is how many outputs of h make size octets.
func blocks(size int, h func() hash.Hash) int {
	each := h().Size()
	return (size + each - 1) / each
}

// notSupported is the error about an algorithm, by its name where it has one.
func notSupported(how string, oid asn1.ObjectIdentifier) *apiconn.Error {
	name := unsupported[oid.String()]
	if name == "" {
		name = "the algorithm " + clip(oid.String())
	}
	return bad("The PKCS#12 file %s with %s, which is not supported. Export it again with AES-256 and SHA-256, the defaults of OpenSSL 3.", how, name)
}
